import Base
import HTTP
import JSON
import MCP
import Runtime
import Synchronization
import Testing

@testable import Gateway

/// What can happen to a legacy client's session.
enum SessionEvent: CaseIterable {
    /// `initialize` whose server answers, and whose server does not.
    case open, openInVain
    case request, requestWithoutSession, notification, response
    case get, delete
    /// The client's stream breaks.
    case disconnect
    case grantEnds
    case sweepSoon, sweepLate
    case serverDies
}

/// What the client gets.
enum SessionOutcome: Equatable {
    case result, failure, accepted, stream, ended, nothing
    /// 404: `initialize` opens a new session.
    case unknown
    /// 400: no session is named.
    case unnamed
}

/// The session as docs and contract describe it, without any of the machinery.
struct SessionModel: Hashable {
    var hasSession = false
    var hasStream = false
    var isServerUp = true

    mutating func take(_ event: SessionEvent) -> SessionOutcome {
        switch event {
        case .open:
            // A second session is another's; the model follows the newest.
            self = SessionModel(hasSession: true, hasStream: false, isServerUp: true)
            return .result
        case .openInVain: return .failure
        case .request: return !hasSession ? .unknown : isServerUp ? .result : .failure
        case .requestWithoutSession: return .unnamed
        case .notification, .response: return hasSession ? .accepted : .unknown
        case .get:
            guard hasSession else { return .unknown }
            hasStream = true
            return .stream
        case .delete:
            guard hasSession else { return .unknown }
            (hasSession, hasStream) = (false, false)
            return .ended
        case .disconnect: hasStream = false
        case .grantEnds: (hasSession, hasStream) = (false, false)
        case .sweepSoon: break
        // Who listens is not idle.
        case .sweepLate: if !hasStream { hasSession = false }
        case .serverDies: isServerUp = false
        }
        return .nothing
    }
}

private final class FakeServer: Sendable {
    private let state = Mutex(true)
    var isUp: Bool {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}

/// The real thing, driven by the same events.
private final class SessionDriver {
    private let stage: Stage
    private let profile: ClientProfile
    private var id = "none"
    private var sink: ListSink?
    private let server = FakeServer()

    init(_ stage: Stage) throws {
        self.stage = stage
        let initialize = #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}"#
        profile = ClientProfile(try Scene.message(initialize), version: .newestLegacy)
    }

    private var endpoint: Endpoint { stage.endpoint }
    var fields: Fields { Fields((.mcpSessionID, id)) }
    var session: ClientSession? { endpoint.sessions.find(id) }

    func post(_ body: String, _ fields: Fields) async -> SessionOutcome {
        let reply = CollectingReply()
        await endpoint.post(stage.arrival(body, fields), reply)
        if let refusal = reply.refusals.first { return outcome(of: refusal) }
        if reply.isAccepted { return .accepted }
        guard reply.answers.count == 1, let json = try? reply.json() else { return .nothing }
        return json["result"] != nil ? .result : .failure
    }

    private func outcome(of refusal: Refusal) -> SessionOutcome {
        switch refusal {
        case .unknownSession: .unknown
        case .noSession: .unnamed
        default: .nothing
        }
    }

    func take(_ event: SessionEvent) async -> SessionOutcome {
        let call = #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}"#
        switch event {
        case .open: return open()
        case .openInVain:
            let text = #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":7}}"#
            return await post(text, Fields())
        case .request: return await post(call, fields)
        case .requestWithoutSession: return await post(call, Fields())
        case .notification:
            return await post(#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, fields)
        case .response: return await post(#"{"jsonrpc":"2.0","id":9,"result":{}}"#, fields)
        case .get, .delete:
            do throws(Refusal) {
                let session = try endpoint.session(of: stage.arrival("", fields))
                guard event == .get else {
                    endpoint.end(session, on: stage.loop)
                    return .ended
                }
                let sink = ListSink()
                let number = session.events.beginStanding(sink)
                session.attach(StandingStream(session.events, number, sink), listener: CallHandle())
                self.sink = sink
                return .stream
            } catch {
                return outcome(of: error)
            }
        case .disconnect: sink?.end()
        case .grantEnds:
            for session in endpoint.sessions.removeAll(where: { _ in true }) { session.end(on: stage.loop) }
        case .sweepSoon: endpoint.sweep(now: stage.loop.now, on: stage.loop)
        case .sweepLate:
            let later = stage.loop.now.microseconds + TimeSpan.hours(2).microseconds
            endpoint.sweep(now: TimeSpan(microseconds: later), on: stage.loop)
        case .serverDies: server.isUp = false
        }
        return .nothing
    }

    /// As `initialize` does once the server has answered.
    private func open() -> SessionOutcome {
        server.isUp = true
        sink = nil
        id = SessionTable.makeID()
        let link = FakeLink { [server] id, request throws(UpstreamError) in
            if request.method == "tools/list" {
                return .response(
                    try Scene.message(#"{"jsonrpc":"2.0","id":\#(id),"result":{"tools":[{"name":"t"}]}}"#), status: 200)
            }
            guard server.isUp else { throw UpstreamError(.lost, mayHaveRun: true, detail: "dead") }
            return .response(try Scene.message(#"{"jsonrpc":"2.0","id":\#(id),"result":{"content":[]}}"#), status: 200)
        }
        let session = ClientSession(
            id: id, caller: stage.caller, server: stage.server, profile: profile, link: link, now: stage.loop.now)
        return endpoint.sessions.add(session) ? .result : .nothing
    }

    /// What is left of it.
    func clear() {
        for session in endpoint.sessions.removeAll(where: { _ in true }) { session.end(on: stage.loop) }
    }

    var hasStream: Bool { sink.map { !$0.isClosed } ?? false }
}

@Suite struct SessionModelTests {
    /// Every event in every state that can be reached, and every three events in a row, with and without a session before.
    @Test func everyEventInEveryStateHasADefinedAnswer() async throws {
        try await onStage(policy: #"{"version":"1","default":"allow"}"#) { stage in
            var reached: Set<SessionModel> = []
            var words = 0
            for start in [[], [SessionEvent.open]] {
                for a in SessionEvent.allCases {
                    for b in SessionEvent.allCases {
                        for c in SessionEvent.allCases {
                            let driver = try SessionDriver(stage)
                            var model = SessionModel()
                            for event in start + [a, b, c] {
                                let expected = model.take(event)
                                let seen = await driver.take(event)
                                reached.insert(model)
                                guard seen == expected, (driver.session != nil) == model.hasSession,
                                    driver.hasStream == model.hasStream
                                else {
                                    Issue.record("\(start) \(a) \(b) \(c): \(event) gave \(seen), not \(expected)")
                                    driver.clear()
                                    return
                                }
                            }
                            driver.clear()
                            words += 1
                        }
                    }
                }
            }
            #expect(words == 2 * 13 * 13 * 13)
            #expect(reached.count == 6, "no session or one, with stream or not, server up or not: \(reached)")
            #expect(stage.endpoint.sessions.count == 0)
        }
    }
}
