import JSON

/// The handshake of the revisions before 2026-07-28.
package enum Handshake {
    /// The version that the client asks for, or nil when the parameters lack it.
    package static func requestedVersion(_ initialize: RPCMessage) -> String? {
        initialize.params?["protocolVersion"]?.string
    }

    /// Our `initialize` to an upstream.
    /// - Parameters:
    ///   - capabilities: what `Capabilities.client` made of what the client declared.
    ///   - client: the client's own words, or ours.
    package static func request(
        id: Int64, version: ProtocolVersion = .newestLegacy, capabilities: JSONValue = [:], client: JSONValue
    ) -> [UInt8] {
        RPCWriter.request(
            id: id, method: "initialize",
            params: [
                "protocolVersion": .string(version.rawValue), "capabilities": capabilities, "clientInfo": client,
            ])
    }
}

/// What a server said of itself: the result of `initialize`, or of `server/discover`.
package struct UpstreamHello: Sendable {
    /// What is spoken with it.
    package let version: ProtocolVersion
    /// The whole result; nil while the server has not introduced itself.
    package let result: JSONView?

    /// Nil when the message is no result of `initialize`, or names a version that we don't speak.
    package init?(_ message: RPCMessage) {
        guard case .response(_, isError: false) = message.kind, let result = message.outcome,
            let text = result["protocolVersion"]?.string,
            let version = ProtocolVersion.accepted(fromInitializeAnswer: text)
        else { return nil }
        self.version = version
        self.result = result
    }

    /// Nil when the message is no result of `server/discover`, or the server speaks none of our versions.
    package init?(discovered message: RPCMessage) {
        guard case .response(_, isError: false) = message.kind, let result = message.outcome,
            let supported = result["supportedVersions"], supported.kind == .array,
            let version = ProtocolVersion.best(among: supported.elements.compactMap(\.string))
        else { return nil }
        self.version = version
        self.result = result
    }

    private init(version: ProtocolVersion) {
        self.version = version
        result = nil
    }

    package var capabilities: JSONView? { result?["capabilities"] }

    package var hasTools: Bool { capabilities?["tools"]?.kind == .object }

    /// Whether it can be asked to report of single resources.
    package var hasSubscriptions: Bool { capabilities?["resources"]?["subscribe"]?.bool == true }

    package var instructions: String? { result?["instructions"]?.string }

    package var serverInfo: JSONValue {
        let info = version.era == .modern ? result?["_meta"]?[MetaKey.serverInfo] : result?["serverInfo"]
        return info?.kind == .object ? info?.value ?? [:] : ["name": "unknown", "version": "0"]
    }

    /// The result of `initialize` for a legacy client.
    /// - Parameter version: what was negotiated with it.
    package func initializeResult(version: ProtocolVersion, relays: Relays) -> JSONValue {
        if self.version.era == .modern, let result {
            return LegacyFront.initializeResult(result, version: version, relays: relays)
        }
        var members = [
            JSONMember("protocolVersion", .string(version.rawValue)),
            JSONMember("capabilities", announced(to: version, relays)),
            JSONMember("serverInfo", serverInfo),
        ]
        if let instructions { members.append(JSONMember("instructions", .string(instructions))) }
        if let meta = result?["_meta"], meta.kind == .object { members.append(JSONMember("_meta", meta.value)) }
        return .object(members)
    }

    /// The result of `server/discover` for a modern client.
    package func discoverResult(relays: Relays) -> JSONValue {
        guard version.era == .legacy, let result else {
            var members: [JSONMember] = [
                JSONMember("resultType", "complete"),
                JSONMember("supportedVersions", .array(ProtocolVersion.modern.map { .string($0.rawValue) })),
                JSONMember("capabilities", announced(to: .newest, relays)),
            ]
            if let instructions { members.append(JSONMember("instructions", .string(instructions))) }
            members += [JSONMember("ttlMs", 0), JSONMember("cacheScope", "private")]
            members.append(
                JSONMember("_meta", .object([JSONMember(MetaKey.serverInfo.description, serverInfo)])))
            return .object(members)
        }
        return ModernFront.discoverResult(result, serverVersion: version, relays: relays)
    }

    private func announced(to client: ProtocolVersion, _ relays: Relays) -> JSONValue {
        capabilities.map { Capabilities.server($0, from: version, to: client, relays: relays) } ?? [:]
    }

    /// Stands in until a server has introduced itself.
    package static let unknown = UpstreamHello(version: .newestLegacy)
}
