import Base
import HTTP
import JSON
import MCP
import Runtime
import Store

/// One authenticated message and its surroundings: what the later steps of the journey know.
///
/// COST: a class, because every step takes it along across its waits.
final class Visit: Sendable {
    let requestID: String
    let caller: Caller
    let session: ClientSession
    /// What the client says of itself: in this request, if it is a modern one, else in its session.
    let profile: ClientProfile
    let message: RPCMessage
    /// The id of the request, as the client wrote it.
    let id: RequestID
    let peerIP: String?
    let loop: EventLoop
    /// When the request was complete, on the monotonic clock.
    let started: TimeSpan
    /// How long to wait for somebody who is silent.
    let patience: TimeSpan
    /// What the server gave as `requestState` the last time, taken out of ours.
    let upstreamState: String?
    /// How many rounds of questions this request has had before.
    let round: UInt64
    /// Where the questions of a legacy server wait, if its client is a modern one.
    let parked: ParkedCall?

    init(
        requestID: String, caller: Caller, session: ClientSession, profile: ClientProfile? = nil, message: RPCMessage,
        id: RequestID, peerIP: String?, loop: EventLoop, started: TimeSpan, patience: TimeSpan = .seconds(120),
        upstreamState: String? = nil, round: UInt64 = 0, parked: ParkedCall? = nil
    ) {
        self.requestID = requestID
        self.caller = caller
        self.session = session
        self.profile = profile ?? session.profile
        self.message = message
        self.id = id
        self.peerIP = peerIP
        self.loop = loop
        self.started = started
        self.patience = patience
        self.upstreamState = upstreamState
        self.round = round
        self.parked = parked
    }

    /// The same for a call that outlives its request.
    func parkable(as call: ParkedCall) -> Visit {
        Visit(
            requestID: requestID, caller: caller, session: session, profile: profile, message: message, id: id,
            peerIP: peerIP, loop: loop, started: started, patience: patience, upstreamState: upstreamState,
            round: round, parked: call)
    }

    /// The same in another session of the same grant: the one whose call has started what the request is about.
    func moved(to session: ClientSession) -> Visit {
        Visit(
            requestID: requestID, caller: caller, session: session, profile: profile, message: message, id: id,
            peerIP: peerIP, loop: loop, started: started, patience: patience, upstreamState: upstreamState,
            round: round, parked: parked)
    }

    /// Who listens, if it is a request to hear of something.
    var hearer: Hearer { Hearer(client: profile.facts, ip: peerIP) }

    /// Whose requests the server gets.
    var sender: CallBook.Sender { CallBook.Sender(grant: caller.grant.id, session: session.id, era: profile.era) }

    /// How the request changes on its way.
    var crossing: Crossing {
        let hello = session.link.hello
        var crossing = Crossing(
            message: message, profile: profile, serverVersion: hello.version, relays: caller.relays,
            logLevel: session.logLevel, upstreamState: upstreamState)
        switch (profile.era, hello.version.era) {
        case (.legacy, .modern):
            crossing.offersTasks = profile.version == .november2025 && TaskShape.isDeclared(in: hello.capabilities)
        case (.modern, .legacy) where message.method == "tools/call":
            crossing.needsTask =
                TaskShape.isOffered(by: hello.capabilities)
                && session.server.catalogue.runsAsTaskOnly(message.params?["name"]?.string ?? "")
        default: break
        }
        return crossing
    }

    /// What the server says of itself, for modern clients.
    var introduction: JSONValue { session.link.hello.serverInfo }
}

// MARK: - Its place in the session

extension Visit {
    /// From now on the client can cancel it: by a notification, or, in the modern era, by going away.
    func begin(_ handle: CallHandle, _ reply: any ReplyChannel) {
        if profile.era == .legacy {
            session.began(id, handle)
        } else {
            session.entered(handle)
            reply.onGone { handle.cancel() }
        }
    }

    func finish(_ handle: CallHandle) {
        if profile.era == .legacy { session.finished(id, handle) } else { session.left(handle) }
    }

    /// Whether a cancelled request gets no answer: its client has taken it back. A modern client that is still there has not;
    /// its session has ended, and it is told so.
    func staysSilent(_ failure: UpstreamError, _ reply: any ReplyChannel) -> Bool {
        failure.code == .cancelled && (profile.era == .legacy || reply.isGone)
    }

    /// The HTTP status of an answer.
    func status(of answer: [UInt8]) -> HTTPStatus { Endpoint.status(of: answer, profile.era) }
}

extension Endpoint {
    /// The HTTP status of an answer. Legacy clients get every JSON-RPC error of a server in a 200.
    static func status(of answer: [UInt8], _ era: Era) -> HTTPStatus {
        // An error answer is short; a long one is a result.
        guard era == .modern, answer.count < 64 << 10, let message = try? RPCMessage(JSONDocument.parse(answer)),
            case .response(_, isError: true) = message.kind, let code = message.outcome?["code"]?.int
        else { return .ok }
        return HTTPStatus(ErrorTranslation.modernStatus(of: Int(clamping: code)))
    }
}
