import JSON

/// What kind of answer a result is.
package enum ResultType: Sendable, Hashable {
    case complete
    /// The server wants something of the client first.
    case inputRequired
    /// The tasks extension: the work goes on, ask later.
    case task
    /// No known kind: an invalid answer, never to be passed on as success.
    case unknown(String)

    /// Servers of the legacy era don't write `resultType`: then the result is complete.
    package init(_ result: JSONView) {
        guard let view = result["resultType"] else {
            self = .complete
            return
        }
        switch view.string {
        case "complete": self = .complete
        case "input_required": self = .inputRequired
        case "task": self = .task
        case let other: self = .unknown(other ?? "")
        }
    }

    /// Whether this kind may answer the method.
    /// - Parameter hasTasks: whether both sides have declared the tasks extension for this request.
    package func mayAnswer(_ method: String, hasTasks: Bool) -> Bool {
        switch self {
        case .complete: true
        case .inputRequired: MethodTable.mayRequireInput.contains(method)
        case .task: method == "tools/call" && hasTasks
        case .unknown: false
        }
    }
}

/// How long and for whom a result may be kept.
package struct CacheHints: Sendable, Hashable {
    package enum Scope: String, Sendable {
        /// For anybody, even behind authentication.
        case `public`
        /// For the same authorization only.
        case `private`
    }

    /// Milliseconds, 0 or more.
    package var ttlMs: Int64
    package var scope: Scope

    package init(ttlMs: Int64, scope: Scope) {
        self.ttlMs = ttlMs
        self.scope = scope
    }

    /// What a legacy server's result is worth: nothing.
    package static let stale = CacheHints(ttlMs: 0, scope: .private)

    /// Nil unless both fields are there and valid.
    package init?(_ result: JSONView) {
        guard let ttl = result["ttlMs"]?.int, ttl >= 0, let scope = result["cacheScope"]?.string.flatMap(Scope.init)
        else { return nil }
        self.init(ttlMs: ttl, scope: scope)
    }

    /// The hints of a result that is made of several.
    package func joined(with other: CacheHints) -> CacheHints {
        CacheHints(
            ttlMs: min(ttlMs, other.ttlMs), scope: scope == .public && other.scope == .public ? .public : .private)
    }

    /// The methods whose complete results must carry both fields.
    package static let methods: Set<String> = [
        "server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list",
        "resources/read",
    ]
}
