import JSON

/// What a modern request says of itself in `params._meta`.
///
/// SPEC: 2026-07-28, "Request metadata". Everything in it is self-declared: good for convenience, never for security.
package struct RequestEnvelope: Sendable {
    /// The version as written; `version(among:)` judges it.
    package let versionText: String
    /// An object; `{}` is fine.
    package let clientCapabilities: JSONView
    /// An object, if the client introduces itself.
    package let clientInfo: JSONView?
    /// Without it the server must not send `notifications/message`.
    package let logLevel: LogLevel?
    /// A string or an integer, as it stands.
    package let progressToken: JSONView?
    /// W3C trace context, passed on as it is.
    package let traceparent: String?
    package let tracestate: String?
    package let baggage: String?

    /// - Throws: `missingMeta` or `badMeta` (-32602, HTTP 400).
    package init(_ message: RPCMessage) throws(ProtocolFault) {
        guard let meta = message.params?["_meta"] else {
            throw ProtocolFault(
                .missingMeta,
                "params._meta is missing; it must have \(MetaKey.protocolVersion) and "
                    + "\(MetaKey.clientCapabilities)")
        }
        guard meta.kind == .object else { throw ProtocolFault(.badMeta, "params._meta must be an object") }
        guard let version = meta[MetaKey.protocolVersion] else { throw Self.missing(MetaKey.protocolVersion) }
        guard let versionText = version.string else { throw Self.bad(MetaKey.protocolVersion, "a string") }
        guard let capabilities = meta[MetaKey.clientCapabilities] else {
            throw Self.missing(MetaKey.clientCapabilities)
        }
        guard capabilities.kind == .object else { throw Self.bad(MetaKey.clientCapabilities, "an object") }
        let info = meta[MetaKey.clientInfo]
        if let info {
            guard info.kind == .object, info["name"].map({ $0.kind == .string }) ?? true,
                info["version"].map({ $0.kind == .string }) ?? true
            else { throw Self.bad(MetaKey.clientInfo, "an object with the strings name and version") }
        }
        logLevel = try meta[MetaKey.logLevel].map { (level) throws(ProtocolFault) in
            guard let known = level.string.flatMap(LogLevel.init(rawValue:)) else {
                throw Self.bad(MetaKey.logLevel, "one of " + LogLevel.allCases.map(\.rawValue).joined(separator: ", "))
            }
            return known
        }
        let token = meta["progressToken"]
        if let token, token.kind != .string, token.int == nil {
            throw Self.bad("progressToken", "a string or an integer")
        }
        self.versionText = versionText
        clientCapabilities = capabilities
        clientInfo = info
        progressToken = token
        traceparent = meta["traceparent"]?.string
        tracestate = meta["tracestate"]?.string
        baggage = meta["baggage"]?.string
    }

    /// - Throws: `unsupportedVersion` (-32022, HTTP 400).
    package func version(
        among supported: [ProtocolVersion] = ProtocolVersion.modern
    ) throws(ProtocolFault) -> ProtocolVersion {
        guard let version = ProtocolVersion(rawValue: versionText), supported.contains(version) else {
            throw .unsupportedVersion(versionText, supported: supported)
        }
        return version
    }

    /// The ids under `clientCapabilities.extensions`.
    package var extensions: Set<String> { Set(extensionIDs(of: clientCapabilities)) }

    private static func missing(_ key: StaticString) -> ProtocolFault {
        ProtocolFault(.missingMeta, "params._meta[\"\(key)\"] is missing")
    }

    private static func bad(_ key: StaticString, _ rule: String) -> ProtocolFault {
        ProtocolFault(.badMeta, "params._meta[\"\(key)\"] must be \(rule)")
    }
}

/// The ids of the extensions that capabilities declare (those with an object as value).
package func extensionIDs(of capabilities: JSONView) -> [String] {
    guard let extensions = capabilities["extensions"] else { return [] }
    return extensions.members.compactMap { $0.value.kind == .object ? $0.key.string : nil }
}

/// Checks of a modern request, in the order of the protocol: envelope, headers against the body, version, method.
package enum ModernRequest {
    /// - Parameters:
    ///   - headers: nil on stdio.
    ///   - parameters: the header parameters of the tool that is called, when its schema is known.
    ///   - knows: whether the method exists here (after the protocol's own table was asked).
    /// - Throws: the first rung that fails; HTTP 400, or 404 for the method.
    package static func check(
        _ message: RPCMessage, headers: RoutingHeaders?, parameters: [HeaderParameter]? = nil,
        supported: [ProtocolVersion] = ProtocolVersion.modern, serverExtensions: Set<String> = [],
        knows: (String) -> Bool = { _ in true }
    ) throws(ProtocolFault) -> RequestEnvelope {
        let envelope = try RequestEnvelope(message)
        if let headers { try headers.check(message, version: envelope.versionText, parameters: parameters) }
        let version = try envelope.version(among: supported)
        let legality = MethodTable.legality(
            of: message.method, .request, from: .client, in: version,
            extensions: serverExtensions.intersection(envelope.extensions), isHTTP: headers != nil)
        switch legality {
        case .legal, .unknown:
            guard knows(message.method) else {
                throw ProtocolFault(.unknownMethod, "unknown method `\(ProtocolFault.shown(message.method))`")
            }
        case .needsExtension(let id) where serverExtensions.contains(id):
            throw .missingCapability(["extensions": .object([JSONMember(id, [:])])], legality.text)
        default:
            throw ProtocolFault(
                .unknownMethod, "method `\(ProtocolFault.shown(message.method))`: \(legality.text)")
        }
        return envelope
    }
}
