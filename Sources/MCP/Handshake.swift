import JSON

/// What a client says of itself in `initialize`. Self-declared: good for convenience, never for security.
package struct ClientInfo: Sendable, Hashable {
    package let name: String
    package let version: String

    package init(name: String, version: String) {
        self.name = name
        self.version = version
    }

    /// Texts are cut to 128 scalars: they go into the ledger and into policies.
    package init(_ initialize: RPCMessage) {
        func text(_ key: String) -> String {
            let value = initialize.params?["clientInfo"]?[key]?.string ?? ""
            return String(String.UnicodeScalarView(value.unicodeScalars.prefix(128)))
        }
        self.init(name: text("name"), version: text("version"))
    }
}

/// The handshake of the revisions before 2026-07-28.
package enum Handshake {
    /// The version that the client asks for, or nil when the parameters lack it.
    package static func requestedVersion(_ initialize: RPCMessage) -> String? {
        initialize.params?["protocolVersion"]?.string
    }

    /// Our `initialize` to an upstream. We declare no capability: what a server may ask of a client is not relayed yet.
    package static func request(id: Int64, client: ClientInfo) -> [UInt8] {
        RPCWriter.request(
            id: id, method: "initialize",
            params: [
                "protocolVersion": .string(MCPVersion.newest.rawValue),
                "capabilities": [:],
                "clientInfo": ["name": .string(client.name), "version": .string(client.version)],
            ])
    }

    /// The result for a client: the upstream's own words, but only the capabilities that we relay.
    package static func result(version: MCPVersion, upstream: UpstreamHello) -> JSONValue {
        var members = [
            JSONMember("protocolVersion", .string(version.rawValue)),
            JSONMember("capabilities", ["tools": ["listChanged": true]]),
            JSONMember("serverInfo", upstream.serverInfo),
        ]
        if let instructions = upstream.instructions {
            members.append(JSONMember("instructions", .string(instructions)))
        }
        return .object(members)
    }
}

/// What an upstream answered to `initialize`.
package struct UpstreamHello: Sendable {
    package let version: MCPVersion
    package let serverInfo: JSONValue
    package let instructions: String?
    package let hasTools: Bool

    /// Nil when the message is no result, or names a version that we don't speak.
    package init?(_ message: RPCMessage) {
        guard case .response(_, isError: false) = message.kind, let result = message.outcome,
            let text = result["protocolVersion"]?.string, let version = MCPVersion(rawValue: text)
        else { return nil }
        self.version = version
        let info = result["serverInfo"]
        serverInfo = info?.kind == .object ? info?.value ?? [:] : ["name": "unknown", "version": "0"]
        instructions = result["instructions"]?.string
        hasTools = result["capabilities"]?["tools"]?.kind == .object
    }
}

extension UpstreamHello {
    private init(version: MCPVersion, serverInfo: JSONValue, instructions: String?, hasTools: Bool) {
        self.version = version
        self.serverInfo = serverInfo
        self.instructions = instructions
        self.hasTools = hasTools
    }

    /// Stands in until a server has introduced itself.
    package static let unknown = UpstreamHello(
        version: .newest, serverInfo: ["name": "unknown", "version": "0"], instructions: nil, hasTools: false)
}
