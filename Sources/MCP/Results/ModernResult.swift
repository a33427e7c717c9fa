import JSON

/// What a result needs before a modern client may see it. What is right already keeps its bytes.
package enum ModernResult {
    /// Asks for the edits of a complete result: `resultType`, the cache fields, `serverInfo`.
    /// - Parameters:
    ///   - method: what the result answers.
    ///   - era: the server's, if it is known. A legacy one has no result types: what it wrote there must not make a client ask a
    ///     person or a model, past the policy. Of others only `task` may pass here; "input required" has a way of its own.
    ///   - serverInfo: a JSON object for `_meta`, put in only where the server did not introduce itself.
    ///   - isPerCaller: whether another caller could get something else, as when a policy filters: the scope is then private.
    ///   - maxTTL: the longest time that a client may keep the result, in milliseconds.
    package static func settle(
        _ result: JSONView, of method: String, in splice: inout JSONSplice, from era: Era? = nil,
        serverInfo: [UInt8]? = nil, isPerCaller: Bool, maxTTL: Int64 = .max
    ) {
        guard result.kind == .object else { return }
        let type = ResultType(result)
        if result["resultType"] == nil || type != .complete && (type != .task || era == .legacy) {
            splice.set("resultType", to: "complete", in: result)
        }
        if CacheHints.methods.contains(method) {
            let given = CacheHints(result)
            var hints = given ?? .stale
            if isPerCaller { hints.scope = .private }
            hints.ttlMs = min(hints.ttlMs, maxTTL)
            if hints.ttlMs != given?.ttlMs { splice.set("ttlMs", to: .int(hints.ttlMs), in: result) }
            if hints.scope != given?.scope {
                splice.set("cacheScope", to: .string(hints.scope.rawValue), in: result)
            }
        }
        guard let serverInfo else { return }
        let meta = result["_meta"]
        guard meta == nil || meta?.kind == .object, meta?[MetaKey.serverInfo] == nil else { return }
        splice.set(["_meta", MetaKey.serverInfo.description], to: serverInfo, under: result)
    }
}
