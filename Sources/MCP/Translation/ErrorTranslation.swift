import JSON

/// Errors between the eras: which code stands for which, and the HTTP status of a modern answer.
package enum ErrorTranslation {
    /// The HTTP status that goes with an error in an answer to a modern client.
    ///
    /// Legacy answers put every JSON-RPC error into a 200: some clients end the session on any other status.
    package static func modernStatus(of code: Int) -> UInt16 {
        switch code {
        case -32_700, -32_600, -32_602, -32_020, -32_021, -32_022: 400
        case -32_601: 404
        case RPCErrorCode.upstreamUnreachable.rawValue, RPCErrorCode.upstreamBroken.rawValue: 502
        case RPCErrorCode.upstreamTimeout.rawValue: 504
        case RPCErrorCode.cannotRecord.rawValue, RPCErrorCode.overloaded.rawValue: 503
        default: 200
        }
    }

    /// A legacy server's error for a modern client: -32002 ("resource not found") has become -32602 with the URI in `data`.
    /// - Parameter params: those of the client's request.
    package static func toModern(
        _ error: JSONView, of method: String, params: JSONView?, in splice: inout JSONSplice
    ) {
        guard error["code"]?.int == -32_002 else { return }
        splice.set("code", to: -32_602, in: error)
        guard method == "resources/read", let uri = params?["uri"], uri.kind == .string, error["data"]?["uri"] == nil
        else { return }
        if error["data"] == nil || error["data"]?.kind == .object {
            splice.set(["data", "uri"], to: Array(uri.rawBytes), under: error)
        }
    }

    /// A modern server's error for a legacy client.
    ///
    /// - -32602 to `resources/read` with `data.uri` was -32002.
    /// - -32020 and -32022 are about the gateway's own request: an invalid answer, as far as the client is concerned.
    /// - -32021 names a capability that the client lacks: no legacy code, so one of ours, with `data` as it is.
    /// - -32021 that names tasks is the legacy "this tool runs as a task only", with words that say how to mend it.
    package static func toLegacy(_ error: JSONView, of method: String, in splice: inout JSONSplice) {
        if error["code"]?.int == -32_021, method == "tools/call",
            TaskShape.isDeclared(in: error["data"]?["requiredCapabilities"])
        {
            let reason = Untranslatable.taskRequired
            splice.set("code", to: .int(reason.code(for: .legacy)), in: error)
            splice.set("message", to: .string(reason.text), in: error)
            splice.set(["data", "reason"], to: JSONValue.string(reason.reason).bytes, under: error)
            return
        }
        let code: Int? =
            switch error["code"]?.int {
            case -32_602 where method == "resources/read" && error["data"]?["uri"]?.kind == .string: -32_002
            case -32_020, -32_022: RPCErrorCode.upstreamBroken.rawValue
            case -32_021: RPCErrorCode.untranslatable.rawValue
            default: nil
            }
        if let code { splice.set("code", to: .int(code), in: error) }
    }
}
