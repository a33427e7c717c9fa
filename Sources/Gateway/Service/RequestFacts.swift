import HTTP
import MCP
import Store

/// What a request's head says, whoever sends it and whenever.
// COST: worked out once for all heads of a connection that say the same: a third of what HTTP costs a call.
final class RequestFacts: HeadFacts {
    enum Place: Sendable {
        case health, readiness
        /// One server's endpoint, or with nil that of all.
        case endpoint(String?)
        /// One of the two paths of the transport of 2024-11-05, of one server or with nil of all.
        case old(String?, SSEFront.Place)
        case unknown
    }

    enum Session: Sendable {
        case none
        case named(String)
        /// Several names, or one that only the gateway itself may have.
        case unusable
    }

    let place: Place
    /// The token's hash; nil if there is not exactly one bearer token.
    let token: TokenHash?
    let session: Session
    /// `MCP-Protocol-Version`.
    let version: VersionHeader?
    /// Why such a head is refused before anything else is asked.
    let hostProblem: Refusal?
    /// Why a POST with such a head is not read.
    let mediaProblem: Refusal?

    init(_ head: RequestHead, hosts: HostRules, hasher: any KeyedHasher) {
        let fields = head.fields
        place = Self.place(head.target.path)
        token = Self.token(fields, hasher)
        session = Self.session(fields)
        version = Self.version(fields)
        hostProblem = Self.problem { () throws(Refusal) in try hosts.admit(head) }
        mediaProblem = Self.problem { () throws(Refusal) in try Self.checkMedia(fields) }
    }

    /// A message that came in without HTTP: its fields name its session, if it has one.
    init(_ fields: Fields) {
        place = .unknown
        token = nil
        session = Self.session(fields)
        version = Self.version(fields)
        hostProblem = nil
        mediaProblem = nil
    }

    var hasSession: Bool { if case .none = session { false } else { true } }

    /// Whether the header names a version of the modern era.
    var isModern: Bool { version?.version?.era == .modern }

    private static func place(_ path: ByteText) -> Place {
        if path.equals("/mcp") { return .endpoint(nil) }
        guard path.hasPrefix("/mcp/") else {
            return path.equals("/healthz") ? .health : path.equals("/readyz") ? .readiness : .unknown
        }
        let name = path.dropFirst(5).string
        // No server has these names.
        if let old = SSEFront.Place(rawValue: name) { return .old(nil, old) }
        // No server's name has a slash.
        guard let slash = name.utf8.firstIndex(of: UInt8(ascii: "/")),
            let old = SSEFront.Place(rawValue: String(name[name.utf8.index(after: slash)...]))
        else { return .endpoint(name) }
        return .old(String(name[..<slash]), old)
    }

    private static func token(_ fields: Fields, _ hasher: any KeyedHasher) -> TokenHash? {
        guard fields.count(of: .authorization) == 1, let field = fields[.authorization],
            field.hasPrefixIgnoringCase("Bearer ")
        else { return nil }
        return field.dropFirst(7).withUnsafeBytes { hasher.tokenHash(UnsafeRawBufferPointer($0)) }
    }

    private static func session(_ fields: Fields) -> Session {
        guard let id = fields[.mcpSessionID] else { return .none }
        // Names with a colon are the gateway's own.
        guard fields.count(of: .mcpSessionID) == 1, !id.bytes.contains(UInt8(ascii: ":")) else { return .unusable }
        return .named(id.string)
    }

    private static func version(_ fields: Fields) -> VersionHeader? {
        fields[.mcpProtocolVersion].map { VersionHeader($0.string) }
    }

    /// SPEC: 2025-11-25 transports: a POST is JSON and its sender reads both kinds of answer.
    private static func checkMedia(_ fields: Fields) throws(Refusal) {
        try checkContent(fields)
        guard accepts(fields, "application/json"), accepts(fields, "text/event-stream") else { throw .notAcceptable }
    }

    static func checkContent(_ fields: Fields) throws(Refusal) {
        // A compressed body is read by nobody here, and must not be taken for what it is not.
        if let coding = fields[.contentEncoding],
            fields.count(of: .contentEncoding) != 1 || !coding.equalsIgnoringCase("identity")
        {
            throw .encoded
        }
        guard let type = fields[.contentType], let media = MediaType(type), media.matches("application/json") else {
            throw .wrongContentType
        }
    }

    private static func problem(_ check: () throws(Refusal) -> Void) -> Refusal? {
        do throws(Refusal) { try check() } catch { return error }
        return nil
    }
}
