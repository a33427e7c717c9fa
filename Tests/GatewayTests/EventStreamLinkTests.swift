import Base
import HTTP
import JSON
import MCP
import Runtime
import Store
import Synchronization
import Testing

@testable import Gateway

/// A server of 2024-11-05 with room for so many sessions. Its tool `asks` asks, all others answer.
private final class OldServer: HTTPService {
    private struct State {
        var streams: [Int: ResponseStream] = [:]
        var tried = 0
        /// The sessions in which tools were called.
        var called: [Int] = []
        /// Where it has the answer to `notifications/initialized` wait.
        var isHeld = false
    }

    /// What is wrong with sessions beside the first.
    enum Fault { case none, refusesInitialize, endsWithIt }

    private let state = Mutex(State())
    private let most: Int
    private let fault: Fault
    /// Begin when the second session has begun, and when it has ended.
    let (secondBegan, secondEnded) = (CallHandle(), CallHandle())
    /// Begin when `notifications/initialized` has come, and when it may be answered.
    let (initialized, released) = (CallHandle(), CallHandle())

    init(sessions: Int, fault: Fault = .none) { (most, self.fault) = (sessions, fault) }

    func hold() { state.withLock { $0.isHeld = true } }

    var tried: Int { state.withLock { $0.tried } }
    var called: [Int] { state.withLock { $0.called } }
    var sessions: [Int] { state.withLock { $0.streams.keys.sorted() } }

    func admit(_ head: RequestHead, from peer: SocketAddress) -> Admission { .accept(maxBody: 1 << 20) }
    func makeRequestID() -> String { "r" }
    func didRefuse(_ problem: HTTPProblem, from peer: SocketAddress, requestID: String) {}

    func respond(to request: HTTPRequest, on loop: EventLoop, _ writer: consuming ResponseWriter) async {
        if case .get = request.head.method { return open(writer) }
        let session = request.head.target.queryValue("session").flatMap { Int($0) } ?? 0
        guard let message = try? RPCMessage(JSONDocument.parse(request.body)) else { return writer.send(.accepted) }
        if message.method == "notifications/initialized" {
            initialized.begin()
            if state.withLock({ $0.isHeld }) { await released.begun() }
        }
        writer.send(.accepted)
        guard case .request(let id) = message.kind else { return }
        switch (message.method, message.params?["name"]?.string) {
        case ("initialize", _) where session > 1 && fault == .refusesInitialize:
            say(#"{"jsonrpc":"2.0","id":\#(id.text),"error":{"code":-32000,"message":"one is enough"}}"#, in: session)
        case ("initialize", _):
            defer { if session > 1, fault == .endsWithIt { end(session) } }
            let hello =
                #""protocolVersion":"2024-11-05","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}"#
            say(#"{"jsonrpc":"2.0","id":\#(id.text),"result":{\#(hello)}}"#, in: session)
        case ("tools/call", "asks"):
            say(#"{"jsonrpc":"2.0","id":1,"method":"roots/list"}"#, in: session)
        default:
            state.withLock { $0.called.append(session) }
            say(#"{"jsonrpc":"2.0","id":\#(id.text),"result":{"content":[]}}"#, in: session)
        }
    }

    private func open(_ writer: consuming ResponseWriter) {
        let number = state.withLock { state in
            state.tried += 1
            return state.streams.count < most ? state.tried : nil
        }
        guard let number else { return writer.send(HTTPStatus(503)) }
        let stream = writer.streamEvents()
        state.withLock { $0.streams[number] = stream }
        stream.onClose { [self] in
            state.withLock { $0.streams[number] = nil }
            if number == 2 { secondEnded.begin() }
        }
        if number == 2 { secondBegan.begin() }
        _ = stream.writeEventNow(SSEEvent(data: Array("/messages?session=\(number)".utf8), event: "endpoint"))
    }

    /// From our side, of which `onClose` says nothing.
    func end(_ session: Int) {
        state.withLock { $0.streams.removeValue(forKey: session) }?.end()
        if session == 2 { secondEnded.begin() }
    }

    func say(_ text: String, in session: Int) {
        _ = state.withLock { $0.streams[session] }?.writeEventNow(SSEEvent(data: Array(text.utf8), event: "message"))
    }
}

@Suite struct EventStreamLinkTests {
    private struct Scenery: Sendable {
        let server: OldServer
        let link: EventStreamLink
        let breaker: CircuitBreaker
        let loop: EventLoop

        func call(_ tool: String) async throws -> UpstreamReply {
            let id = link.mintID()
            let text = #"{"jsonrpc":"2.0","id":\#(id),"method":"tools/call","params":{"name":"\#(tool)"}}"#
            return try await link.send(
                Outgoing(message: Array(text.utf8), id: id, method: "tools/call"), on: loop, handle: CallHandle())
        }

        /// What a call is answered with, and that it is.
        func answered() async throws {
            guard case .response = try await call("echo") else { throw Unexpected() }
        }
    }

    /// A link of a modern client, with a call under way that waits for its client.
    private static func withCall(
        sessions: Int, fault: OldServer.Fault = .none, restAfter: TimeSpan = .hours(1),
        _ body: @escaping @Sendable (Scenery) async throws -> Void
    ) async throws {
        try await withLink(sessions: sessions, fault: fault, restAfter: restAfter) { scenery in
            try await scenery.link.prepare()
            guard case .stream = try await scenery.call("asks") else { throw Unexpected() }
            #expect(scenery.link.waits)
            try await body(scenery)
        }
    }

    /// A link of a modern client that is not open yet.
    private static func withLink(
        sessions: Int, fault: OldServer.Fault = .none, restAfter: TimeSpan = .hours(1),
        _ body: @escaping @Sendable (Scenery) async throws -> Void
    ) async throws {
        let group = try EventLoopGroup(count: 1)
        defer { group.stop() }
        let loop = group.next()
        let server = OldServer(sessions: sessions, fault: fault)
        let address = try #require(SocketAddress(ip: "127.0.0.1", port: 0))
        let http = try await HTTPServer.start(
            on: group, address: address, options: HTTPServerOptions(), service: server)
        let breaker = CircuitBreaker()
        let limits = UpstreamLimits(StdioLimits(start: .seconds(600), call: .seconds(600)), ServerSettings())
        let route = try HTTPRoute(
            "http://\(http.address)/sse", headers: [], allowPrivate: true, trust: .system, limits: limits,
            clients: HTTPClients(group, options: .init()), breaker: breaker, silence: Silence(),
            gate: CallGate(limit: nil, queue: 0, patience: .seconds(600)))
        let envelope =
            #"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{}}}"#
        let profile = ClientProfile(
            try RequestEnvelope(
                try Scene.message(#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":\#(envelope)}}"#)),
            version: .newest)
        let relays = Relays(elicitation: true, sampling: true, roots: true, tasks: true)
        try await Task(executorPreference: loop) {
            let link = EventStreamLink(route, client: profile, relays: relays, on: loop, restAfter: restAfter)
            try await body(Scenery(server: server, link: link, breaker: breaker, loop: loop))
            link.close(on: loop)
        }.value
        await http.drain()
    }

    @Test func aServerWithRoomForOneSessionIsCalledInThat() async throws {
        try await Self.withCall(sessions: 1) { scenery in
            try await scenery.answered()
            try await scenery.answered()
            #expect(scenery.server.called == [1, 1])
            #expect(scenery.server.tried == 2, "another is not tried for each call")
            #expect(scenery.breaker.failuresInARow == 0)
            #expect(!scenery.link.seemsDown)
        }
    }

    @Test func nobodySpeaksBeforeTheServerHasHeardThatItIsReady() async throws {
        try await Self.withLink(sessions: 1) { scenery in
            let (server, link) = (scenery.server, scenery.link)
            server.hold()
            let opening = Task(executorPreference: scenery.loop) { try await link.prepare() }
            await server.initialized.begun()
            #expect(!link.isUp)
            server.released.begin()
            try await opening.value
            try await scenery.answered()
        }
    }

    @Test(arguments: [OldServer.Fault.refusesInitialize, .endsWithIt])
    fileprivate func whatCouldNotBeOpenedIsClosed(fault: OldServer.Fault) async throws {
        try await Self.withCall(sessions: 2, fault: fault) { scenery in
            try await scenery.answered()
            await scenery.server.secondEnded.begun()
            try await scenery.answered()
            #expect(scenery.server.called == [1, 1])
            #expect(scenery.server.sessions == [1])
            #expect(scenery.server.tried == 2)
        }
    }

    @Test func forAClientThatListensTheStreamIsOpenedAgain() async throws {
        try await Self.withCall(sessions: 2) { scenery in
            let (link, loop) = (scenery.link, scenery.loop)
            let handles = [CallHandle(), CallHandle()]
            // The session itself, and its client's stream.
            let listening = handles.map { handle in
                Task(executorPreference: loop) {
                    await link.listen(ListenFilter(), on: loop, handle: handle) { _ in }
                }
            }
            for handle in handles { await handle.begun() }
            scenery.server.end(1)
            await scenery.server.secondBegan.begun()
            link.close(on: loop)
            for task in listening { await task.value }
        }
    }

    @Test func aSessionThatNobodyUsesEndsAndTheNextCallOpensAnother() async throws {
        try await Self.withCall(sessions: 2, restAfter: .milliseconds(1)) { scenery in
            try await scenery.answered()
            await scenery.server.secondEnded.begun()
            #expect(scenery.server.sessions == [1], "the first one stays")
            try await scenery.answered()
            #expect(scenery.server.called == [2, 3])
            #expect(scenery.breaker.failuresInARow == 0)
        }
    }

    @Test func whatAllSessionsAreToldIsHeardOnce() async throws {
        try await Self.withCall(sessions: 2) { scenery in
            let (server, link, loop) = (scenery.server, scenery.link, scenery.loop)
            let heard = Mutex<[String]>([])
            let marks = CallHandle()
            let listening = Task(executorPreference: loop) {
                await link.listen(ListenFilter(), on: loop, handle: CallHandle()) { message in
                    let count = heard.withLock { heard in
                        heard.append(message.method)
                        return heard.count { $0 == "notifications/mark" }
                    }
                    if count == 2 { marks.begin() }
                }
            }
            try await scenery.answered()
            let change = #"{"jsonrpc":"2.0","method":"notifications/resources/list_changed"}"#
            let update = #"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:1"}}"#
            for session in [1, 2] { server.say(change, in: session) }
            server.say(update, in: 2)
            for session in [1, 2] { server.say(#"{"jsonrpc":"2.0","method":"notifications/mark"}"#, in: session) }
            await marks.begun()
            #expect(
                heard.withLock { $0.sorted() } == [
                    "notifications/mark", "notifications/mark", "notifications/resources/list_changed",
                    "notifications/resources/updated",
                ])
            link.close(on: loop)
            await listening.value
        }
    }
}

@Suite struct EchoesTests {
    private static let change = #"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#

    private static func heard(_ hearings: [(ms: Int64, session: Int)], _ text: String = change) throws -> [Bool] {
        var echoes = Echoes()
        let message = try Scene.message(text)
        return hearings.map { !echoes.isEcho(message, in: $0.session, of: 2, .milliseconds($0.ms)) }
    }

    @Test func oneOfEachChangeThatAllAreTold() throws {
        #expect(
            try Self.heard([(1, 0), (1, 1), (2, 1), (2, 0), (2, 0), (3, 1)]) == [true, false, true, false, true, false])
        #expect(try Self.heard([(1, 0), (1, 1), (600, 1), (600, 0)]) == [true, false, true, false])
    }

    @Test func nothingIsLostOfWhatOneIsTold() throws {
        // Nobody else has heard of the first: so the server tells one only.
        #expect(try Self.heard([(1, 0), (600, 1), (600, 0), (600, 1)]) == [true, true, true, true])
    }

    @Test func theirNumberAndLengthHaveAnEnd() throws {
        var echoes = Echoes()
        func heardTwice(_ params: String) throws -> [Bool] {
            let text = #"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"\#(params)"}}"#
            let message = try Scene.message(text)
            return [0, 1].map { !echoes.isEcho(message, in: $0, of: 2, .zero) }
        }
        #expect(try heardTwice(String(repeating: "a", count: 5000)) == [true, true])
        for number in 0..<256 { #expect(try heardTwice("a:\(number)") == [true, false]) }
        // Nothing is lost for want of room.
        #expect(try heardTwice("a:256") == [true, true])
    }

    @Test func otherWordsAreNoEcho() throws {
        #expect(
            try Self.heard([(1, 0), (1, 1)], #"{"jsonrpc":"2.0","method":"notifications/x/list_changed"}"#)
                == [true, true])
        #expect(
            try Self.heard([(1, 0), (1, 1)], #"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#)
                == [true, true])
    }
}
