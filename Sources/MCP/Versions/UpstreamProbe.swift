import JSON

/// Which era a server speaks, told from its first answers. The verdict is for keeping; a server that does not answer, or is
/// out of order, gives none.
package enum UpstreamProbe {
    package enum Verdict: Sendable, Hashable {
        /// It speaks this version without a handshake.
        case modern(ProtocolVersion)
        /// It is modern, but wants another version: ask again with this one.
        case retry(ProtocolVersion)
        /// It knows nothing of the modern era: send `initialize`, on the same pipe.
        case initialize
        /// The handshake is done.
        case legacy(ProtocolVersion)
        /// Not Streamable HTTP: open an event stream and wait for its `endpoint` (2024-11-05).
        case eventStream
        /// It speaks, but no version that we do.
        case noSharedVersion(String)
        /// It is down, overloaded, or wants other credentials: ask again later.
        case noVerdict
    }

    /// - Parameters:
    ///   - status: the HTTP status; nil on stdio.
    ///   - answer: nil when the body was no message, or when a stdio server was silent for too long.
    package static func afterDiscover(status: UInt16?, answer: RPCMessage?) -> Verdict {
        if let status, isNoVerdict(status) { return .noVerdict }
        guard let answer, case .response(_, let isError) = answer.kind, let outcome = answer.outcome else {
            return .initialize
        }
        if !isError {
            let supported = outcome["supportedVersions"]?.elements.compactMap(\.string) ?? []
            // A server that lists nothing we know may still answer `initialize`: the list has modern versions only.
            return ProtocolVersion.best(among: supported).map(Verdict.modern) ?? .initialize
        }
        switch outcome["code"]?.int {
        case -32_022:
            let supported = outcome["data"]?["supported"]?.elements.compactMap(\.string) ?? []
            return ProtocolVersion.best(among: supported).map(Verdict.retry) ?? .initialize
        // Only modern servers know these; what they dislike is not the version.
        case -32_020, -32_021: return .modern(.newest)
        default: return .initialize
        }
    }

    /// - Parameters: as for `afterDiscover`.
    package static func afterInitialize(status: UInt16?, answer: RPCMessage?) -> Verdict {
        if let status, isNoVerdict(status) { return .noVerdict }
        if let answer, case .response(_, isError: false) = answer.kind {
            let text = answer.outcome?["protocolVersion"]?.string ?? ""
            return ProtocolVersion.accepted(fromInitializeAnswer: text).map(Verdict.legacy) ?? .noSharedVersion(text)
        }
        if let error = answer?.outcome, error["code"]?.int == -32_022 {
            let supported = error["data"]?["supported"]?.elements.compactMap(\.string) ?? []
            return ProtocolVersion.best(among: supported).map(Verdict.modern)
                ?? .noSharedVersion(supported.joined(separator: ", "))
        }
        switch status {
        case 400, 404, 405: return .eventStream
        default: return .noVerdict
        }
    }

    private static func isNoVerdict(_ status: UInt16) -> Bool {
        status >= 500 || [401, 403, 407, 408, 425, 429].contains(status) || (300...399).contains(status)
    }
}
