import Base
import HTTP
import JSON
import MCP
import Policy
import Runtime
import Store
import Synchronization
import Testing

@testable import Gateway

/// A link whose answers the test scripts. Keeps what was sent.
final class FakeLink: UpstreamLink {
    struct State {
        var sent: [[UInt8]] = []
        var posted: [[UInt8]] = []
    }

    let state = Mutex(State())
    let hello: UpstreamHello
    private let counter = Atomic<Int64>(100)
    private let answer: @Sendable (_ id: Int64, _ request: RPCMessage) throws(UpstreamError) -> UpstreamReply

    init(
        hello: UpstreamHello = .unknown,
        _ answer: @escaping @Sendable (Int64, RPCMessage) throws(UpstreamError) -> UpstreamReply
    ) {
        self.hello = hello
        self.answer = answer
    }

    func prepare() async throws(UpstreamError) {}
    func mintID() -> Int64 { counter.add(1, ordering: .relaxed).newValue }

    var isShared: Bool { false }

    func send(_ outgoing: Outgoing, on loop: EventLoop, handle: CallHandle) async throws(UpstreamError)
        -> UpstreamReply
    {
        let (message, id) = (outgoing.message, outgoing.id)
        state.withLock { $0.sent.append(message) }
        guard let request = try? RPCMessage(JSONDocument.parse(message)) else {
            throw UpstreamError(.broken, mayHaveRun: false, detail: "the gateway sent no message")
        }
        return try answer(id, request)
    }

    func post(_ message: [UInt8], on loop: EventLoop) { state.withLock { $0.posted.append(message) } }
    func listen(
        _ filter: ListenFilter, on loop: EventLoop, handle: CallHandle, _ take: @escaping @Sendable (RPCMessage) -> Void
    ) async {}
    func close(on loop: EventLoop) {}
}

/// A stream that hands out the given messages and then fails.
final class ScriptedStream: UpstreamStream {
    private let messages: Mutex<[RPCMessage]>
    private let end: UpstreamError
    var status: Int? { 200 }

    init(_ messages: [RPCMessage], end: UpstreamError = UpstreamError(.lost, mayHaveRun: true, detail: "end")) {
        self.messages = Mutex(messages)
        self.end = end
    }

    func next() async throws(UpstreamError) -> RPCMessage {
        guard let message = messages.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else { throw end }
        return message
    }
}

/// One call's surroundings, around a scripted link and a policy text.
struct Scene {
    let quotas = Quotas()
    let ledger = FakeLedger()
    let visit: Visit
    let errand: Errand
    let link: FakeLink
    var recorder: Recorder { Recorder(ledger: ledger, hasher: PlainHasher(), quotas: quotas) }
    var judge: Judge { Self.judge(quotas) }
    var forwarder: Forwarder {
        let hasher = PlainHasher()
        return Forwarder(
            exchange: Exchange(
                desk: AskDesk(judge: judge, recorder: recorder, metrics: GatewayMetrics()),
                states: RequestStates(sealer: PlainSealer(), hasher: hasher)))
    }

    static func judge(_ quotas: Quotas) -> Judge { Judge(quotas: quotas, pins: pins) { session, _ in session.caller } }

    static let pins = PinDesk(hasher: PlainHasher(), ledger: FakeLedger(), log: Log { _, _, _ in })

    static let limited = #"{"version":"1","default":"deny","tools":{"t":{"limits":[{"window":"minute","max":1}]}}}"#
    static let start = Instant(microseconds: 1_800_000_000_000_000)

    init(
        _ loop: EventLoop, policy text: String = Scene.limited, tool: String = "t",
        progressToken: String? = nil, tools: [String] = ["t"],
        answer: @escaping @Sendable (Int64, RPCMessage) throws(UpstreamError) -> UpstreamReply = { id, _ in
            .response(try Scene.message(#"{"jsonrpc":"2.0","id":\#(id),"result":{"content":[]}}"#), status: 200)
        }
    ) throws {
        let list = tools.map { #"{"name":"\#($0)"}"# }.joined(separator: ",")
        link = FakeLink { id, request throws(UpstreamError) in
            if request.method == "tools/list" {
                return .response(
                    try Self.message(#"{"jsonrpc":"2.0","id":\#(id),"result":{"tools":[\#(list)]}}"#), status: 200)
            }
            return try answer(id, request)
        }
        let load = PolicyDocument.load(Array(text.utf8), name: "p", version: 1)
        let server = Server(
            name: "s", transport: .stdio(command: ["/bin/true"], inherit: [], variables: [], directory: nil),
            allowPrivate: false, created: Self.start)
        let grant = Grant(
            id: "gr_1", server: "s", policy: "p", label: "l", identity: nil, created: Self.start, expires: nil,
            revoked: nil, rotated: nil)
        let token = progressToken.map { #","_meta":{"progressToken":\#($0)}"# } ?? ""
        let message = try Self.message(
            #"{"jsonrpc":"2.0","id":"c1","method":"tools/call","params":{"name":"\#(tool)","arguments":{"b":1,"a":2}\#(token)}}"#
        )
        errand = try #require(try Errand(message))
        let group = try EventLoopGroup(count: 1)
        let upstream = UpstreamServer(
            server, limits: StdioLimits(start: .seconds(1), call: .seconds(1)),
            clients: HTTPClients(group, options: .init()), on: loop, log: Log { _, _, _ in }, notified: { _, _ in })
        let caller = Caller(grant: grant, server: server, policy: load.policy)
        let session = ClientSession(
            id: "session", caller: caller, server: upstream, profile: .gateway, link: link, now: .zero,
            mayHear: { _, _, _ in true })
        guard case .request(let id) = message.kind else { throw Unexpected() }
        visit = Visit(
            requestID: "r1", caller: caller, session: session,
            message: message, id: id, peerIP: "127.0.0.1", loop: loop, started: .zero)
    }

    static func message(_ text: String) throws(UpstreamError) -> RPCMessage {
        guard let message = try? RPCMessage(JSONDocument.parse(Array(text.utf8))) else {
            throw UpstreamError(.broken, mayHaveRun: false, detail: "the test's own text is no message: \(text)")
        }
        return message
    }

    /// Judges, records and forwards, as the journey does.
    func run(at time: Instant = Scene.start, notify: @escaping ([UInt8]) -> Void = { _ in }) async throws
        -> ForwardedCall?
    {
        switch try await judge.judge(errand, visit, clock: { time }) {
        case .permitted(let permit):
            let recorded = try await recorder.record(permit, errand, visit, now: time)
            let forwarded = await forwarder.forward(recorded, errand, visit, handle: CallHandle()) {
                notify($0)
                return true
            }
            recorder.settle(forwarded, visit, now: time)
            return forwarded
        case .refused(let refusal):
            try await recorder.record(refusal, errand, visit, now: time)
            return nil
        case .undecided:
            throw Unexpected()
        }
    }
}

struct Unexpected: Error {}

/// A loop for one test; ends with it.
func withLoop<R>(_ body: (EventLoop) async throws -> R) async throws -> R {
    let group = try EventLoopGroup(count: 1)
    defer { group.stop() }
    return try await body(group.next())
}
