import JSON

/// What a message says about the era of the conversation that it belongs to.
package enum EraEvidence: Sendable, Hashable {
    /// A request of the modern era: judge it by itself.
    case modern
    /// An `initialize`: a legacy conversation opens.
    case opensLegacy
    /// Part of a legacy conversation, or of none.
    case legacy
    /// A message that both eras know (on stdio): the conversation it came in decides.
    case unclear

    /// - Parameters:
    ///   - versionHeader: `MCP-Protocol-Version`; nil without one and on stdio.
    ///   - hasSession: whether the request names a session (`Mcp-Session-Id`); false on stdio.
    ///
    /// A modern request has its version in `params._meta`, or a modern version in the header. A version that nobody knows
    /// and no session is taken for modern: that era has an answer which tells the client what to do (-32022).
    package init(_ message: RPCMessage, versionHeader: VersionHeader?, hasSession: Bool) {
        if case .response = message.kind {
            // SPEC: clients of the modern era never send responses.
            self = .legacy
            return
        }
        if message.params?["_meta"]?[MetaKey.protocolVersion] != nil {
            self = .modern
            return
        }
        if let header = versionHeader, !header.text.isEmpty {
            switch header.version?.era {
            case .modern?: self = .modern
            case nil where !hasSession && message.method != "initialize": self = .modern
            default: self = message.method == "initialize" ? .opensLegacy : .legacy
            }
            return
        }
        if message.method == "initialize" {
            self = .opensLegacy
        } else if case .notification = message.kind, !hasSession {
            self = message.method == "notifications/cancelled" ? .unclear : .legacy
        } else {
            self = .legacy
        }
    }
}

/// The value of `MCP-Protocol-Version`.
package struct VersionHeader: Sendable, Hashable {
    /// Without blanks around it.
    package let text: String
    /// Nil if nobody knows it.
    package let version: ProtocolVersion?

    package init(_ value: String) {
        text = value.trimmedOfBlanks
        version = ProtocolVersion(rawValue: text)
    }
}

extension String {
    /// Without the spaces and tabs at both ends, as HTTP reads a field's value.
    var trimmedOfBlanks: String {
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        let utf8 = utf8
        guard let first = utf8.first, let last = utf8.last, isBlank(first) || isBlank(last) else { return self }
        guard let start = utf8.firstIndex(where: { !isBlank($0) }), let end = utf8.lastIndex(where: { !isBlank($0) })
        else { return "" }
        return String(self[start...end])
    }
}
