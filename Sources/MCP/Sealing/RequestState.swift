import Base
import JSON

/// What stands in a `requestState` that we give to a client: everything the retry needs, bound to who may send it.
///
/// SPEC: 2026-07-28, multi-round-trip requests: a server must treat the state that comes back as an attacker's.
package struct RequestState: Sendable, Hashable {
    /// Who got the state: the caller's identity as the gateway knows it.
    package var principal: String
    /// The id of the caller's grant.
    package var grant: String
    /// The name of the server that the request goes to.
    package var server: String
    package var method: String
    /// A digest of `RequestState.digestInput(_:)` of the request's parameters.
    package var paramsDigest: [UInt8]
    /// The retry must come before.
    package var expires: Instant
    /// How many rounds the request has had, this one included.
    package var round: UInt64
    /// The server's own `requestState`, to be given back to it unchanged.
    package var upstreamState: String?
    /// A random name under which the gateway keeps what can't travel: a legacy server's open call, an approval.
    package var parked: String?

    package init(
        principal: String, grant: String, server: String, method: String, paramsDigest: [UInt8], expires: Instant,
        round: UInt64, upstreamState: String? = nil, parked: String? = nil
    ) {
        self.principal = principal
        self.grant = grant
        self.server = server
        self.method = method
        self.paramsDigest = paramsDigest
        self.expires = expires
        self.round = round
        self.upstreamState = upstreamState
        self.parked = parked
    }

    /// The longest state of a server's that we wrap, in bytes. Longer ones are a fault of the server.
    package static let maximumUpstreamState = 64 << 10
    /// The longest sealed text that is looked at, in characters.
    package static let maximumText = 128 << 10
    /// Rounds after which a request fails: a server that never has enough must not go on for ever.
    package static let maximumRounds: UInt64 = 16

    /// The bytes that stand for a request's parameters: canonical JSON without `_meta`, `inputResponses` and `requestState`,
    /// which differ in a retry.
    package static func digestInput(_ params: JSONView?) -> [UInt8] {
        var members = (params?.members).map { Array($0) } ?? []
        members.removeAll { key, _ in
            key.equals("_meta") || key.equals("inputResponses") || key.equals("requestState")
        }
        let sorted = members.map { (key: $0.key.string ?? "", value: $0.value) }
            .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        var writer = JSONWriter()
        writer.beginObject()
        for (key, value) in sorted {
            writer.key(key)
            writer.raw(value.canonical())
        }
        writer.endObject()
        return writer.bytes
    }

    // MARK: Sealing

    private static let context = Array("sluice requestState 1".utf8)

    /// The text for `requestState`. Nil if the server's state is too long.
    package func sealed(by sealer: some StateSealer) -> String? {
        guard upstreamState?.utf8.count ?? 0 <= Self.maximumUpstreamState else { return nil }
        return Base64.encodeURL(sealer.seal(encoded, context: Self.context))
    }

    /// - Throws: `unreadable` unless the text is one that `sealed` made with the same key.
    package init(_ text: String, openedBy sealer: some StateSealer) throws(RequestStateFault) {
        guard text.utf8.count <= Self.maximumText, let bytes = Base64.decodeURL(text),
            let plain = sealer.open(bytes, context: Self.context), let state = Self.decoded(plain)
        else { throw .unreadable }
        self = state
    }

    /// Holds the state against the request that brought it back.
    /// - Throws: the first thing that differs.
    package func check(
        principal: String, grant: String, server: String, method: String, paramsDigest: [UInt8], now: Instant
    ) throws(RequestStateFault) {
        guard self.principal == principal else { throw .otherPrincipal }
        guard self.grant == grant else { throw .otherGrant }
        guard self.server == server else { throw .otherServer }
        guard self.method == method else { throw .otherMethod }
        guard self.paramsDigest == paramsDigest else { throw .otherParameters }
        guard now < expires else { throw .expired }
        guard round < Self.maximumRounds else { throw .tooManyRounds }
    }

    private var encoded: [UInt8] {
        var writer = FieldWriter(version: 1)
        for text in [principal, grant, server, method] { writer.field(text) }
        writer.field(paramsDigest)
        writer.integer(UInt64(bitPattern: expires.microseconds))
        writer.integer(round)
        writer.field(upstreamState)
        writer.field(parked)
        return writer.bytes
    }

    private static func decoded(_ bytes: [UInt8]) -> RequestState? {
        guard var reader = FieldReader(bytes, version: 1), let principal = reader.text(), let grant = reader.text(),
            let server = reader.text(), let method = reader.text(), let digest = reader.field(),
            let expires = reader.integer(), let round = reader.integer(), let upstream = reader.optionalText(),
            let parked = reader.optionalText(), reader.isAtEnd
        else { return nil }
        return RequestState(
            principal: principal, grant: grant, server: server, method: method, paramsDigest: digest,
            expires: Instant(microseconds: Int64(bitPattern: expires)), round: round, upstreamState: upstream,
            parked: parked)
    }
}

/// Why a `requestState` is refused: for the log. The client is told no more than that it is not valid.
package enum RequestStateFault: String, Error, Sendable, CaseIterable {
    case unreadable, otherPrincipal, otherGrant, otherServer, otherMethod, otherParameters, expired, tooManyRounds

    /// -32602, HTTP 400.
    package var fault: ProtocolFault {
        switch self {
        case .expired:
            ProtocolFault(.badState, "params.requestState has expired; send the request without it to start again")
        case .tooManyRounds:
            ProtocolFault(.badState, "the server has asked for input \(RequestState.maximumRounds) times; giving up")
        default: ProtocolFault(.badState, "params.requestState is not valid for this request")
        }
    }
}
