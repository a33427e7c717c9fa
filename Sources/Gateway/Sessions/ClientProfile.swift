import JSON
import MCP
import Policy

/// What a client says of itself: once in `initialize`, or in each request of the modern era. Self-declared.
struct ClientProfile: Sendable {
    /// What is spoken with it.
    let version: ProtocolVersion
    /// The client's own words, an object; nil if it sent none.
    let info: JSONValue?
    /// What it declared: an object.
    let capabilities: JSONView
    /// For policies.
    let facts: ClientFacts
    /// Modern requests only: log messages are wanted from this severity on.
    let logLevel: LogLevel?

    var era: Era { version.era }

    /// From `initialize`.
    init(_ initialize: RPCMessage, version: ProtocolVersion) {
        // COST: a document of their own, since they are kept with the session and the message need not be.
        let declared = initialize.params?["capabilities"].flatMap { declared in
            declared.kind == .object && declared.count > 0
                ? try? JSONDocument.parse(Array(declared.rawBytes)).root : nil
        }
        self.init(version, info: initialize.params?["clientInfo"], capabilities: declared, logLevel: nil)
    }

    /// From a modern request.
    init(_ envelope: RequestEnvelope, version: ProtocolVersion) {
        self.init(
            version, info: envelope.clientInfo, capabilities: envelope.clientCapabilities, logLevel: envelope.logLevel)
    }

    /// The gateway itself, when it asks on nobody's behalf.
    static let gateway = ClientProfile(.newestLegacy, info: nil, capabilities: nil, logLevel: nil)

    private init(_ version: ProtocolVersion, info: JSONView?, capabilities: JSONView?, logLevel: LogLevel?) {
        self.version = version
        self.info = info?.kind == .object ? info?.value : nil
        self.capabilities = capabilities ?? JSONDocument.emptyObject.root
        self.logLevel = logLevel
        // They go into the ledger and into policies.
        func text(_ key: StaticString) -> String {
            String(String.UnicodeScalarView((info?[key]?.string ?? "").unicodeScalars.prefix(128)))
        }
        facts = ClientFacts(name: text("name"), version: text("version"))
    }

    /// What servers may ask this client for, in letters. Two clients with the same share a standing session; anything else
    /// that they declare makes no difference to it, or a client could have as many sessions as it likes.
    var abilities: String {
        String(InputKind.allCases.map { $0.isDeclared(in: capabilities) ? "1" : "0" }.joined())
    }

    /// All that `abilities` can be.
    static let allAbilities: [String] = {
        let count = InputKind.allCases.count
        return (0..<(1 << count)).map { bits in String((0..<count).map { bits >> $0 & 1 == 1 ? "1" : "0" }.joined()) }
    }()

    /// Whether it has declared the tasks extension.
    var hasTasks: Bool { TaskShape.isDeclared(in: capabilities) }

    /// How the client is introduced to servers.
    var introduction: JSONValue { info ?? ["name": "sluice", "version": "1"] }

    /// What a server is told that the client can do.
    func declared(to version: ProtocolVersion, _ relays: Relays) -> JSONValue {
        Capabilities.client(capabilities, from: era, to: version, relays: relays)
    }
}
