import Base
import HTTP
import JSON
import MCP
import Runtime
import Store
import Synchronization

@testable import Gateway

/// A server that says what it is told to, behind the parts that tell messages apart on a pipe.
final class TalkingServer: UpstreamLink {
    private struct State {
        var book = CallBook()
        var listener: (@Sendable (RPCMessage) -> Void)?
        var isUp = true
        var isClosed = false
        var life = 0
        /// Under which ids calls were sent, by the client's names for them.
        var calls: [String: Int64] = [:]
        /// What a modern one is listened to by, the newest last.
        var listens: [(id: Int64, inbox: Inbox)] = []
        /// What it has asked and not heard of again.
        var asked: [String] = []
        var lastAsk = 0
    }

    static let limits = UpstreamLimits(StdioLimits(start: .seconds(600), call: .seconds(600)), ServerSettings())

    let hello: UpstreamHello
    let isShared = false
    /// A modern one speaks when it is listened to.
    var speaksUnasked: Bool { !isModern }
    private var isModern: Bool { hello.version.era == .modern }
    var life: Int { state.withLock { $0.life } }
    private let label: String
    private let book: Notebook
    private let loop: EventLoop
    private let hub = ListenHub(capabilities: [:], introduction: [:])
    private let state = Mutex(State())
    private let counter = Atomic<Int64>(0)

    /// Its tools, as JSON.
    private let tools: @Sendable () -> String

    init(
        _ label: String, _ hello: UpstreamHello, _ book: Notebook, on loop: EventLoop,
        tools: @escaping @Sendable () -> String = { #"{"name":"t"},{"name":"forbidden"}"# }
    ) {
        self.tools = tools
        self.loop = loop
        self.label = label
        self.hello = hello
        self.book = book
    }

    static let legacy = #"""
        {"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true},
        "logging":{}},"serverInfo":{"name":"s","version":"1"}}}
        """#

    static let modern = #"""
        {"jsonrpc":"2.0","id":0,"result":{"resultType":"complete","supportedVersions":["2026-07-28"],
        "capabilities":{"tools":{"listChanged":true},"logging":{}},"ttlMs":0,"cacheScope":"private"}}
        """#

    /// - Parameter more: capabilities, each with a comma before it.
    static func hello(_ era: Era, with more: String = "") -> UpstreamHello? {
        let text = (era == .legacy ? legacy : modern).split(separator: #""logging":{}"#).joined(
            separator: #""logging":{}"# + more)
        return message(Array(text.utf8)).flatMap {
            era == .legacy ? UpstreamHello($0) : UpstreamHello(discovered: $0)
        }
    }

    // MARK: The gateway's side

    func prepare() async throws(UpstreamError) {
        guard state.withLock({ $0.isUp }) else { throw Self.unreachable }
    }

    private static let unreachable = UpstreamError(.unreachable, mayHaveRun: false, detail: "it is down")

    func mintID() -> Int64 { counter.add(1, ordering: .relaxed).newValue }

    func send(_ outgoing: Outgoing, on loop: EventLoop, handle: CallHandle) async throws(UpstreamError)
        -> UpstreamReply
    {
        let id = outgoing.id
        guard let request = Self.message(outgoing.message) else { throw Self.unreachable }
        if outgoing.method == "tools/list" {
            let more = isModern ? #""resultType":"complete","ttlMs":0,"cacheScope":"private","# : ""
            let text = #"{"jsonrpc":"2.0","id":\#(id),"result":{\#(more)"tools":[\#(tools())]}}"#
            guard let list = Self.message(Array(text.utf8)) else { throw Self.unreachable }
            return .response(list, status: nil)
        }
        if outgoing.method == "completion/complete" {
            book.note("\(label):complete")
            let text = #"{"jsonrpc":"2.0","id":\#(id),"result":{"completion":{"values":[]}}}"#
            guard let answer = Self.message(Array(text.utf8)) else { throw Self.unreachable }
            return .response(answer, status: nil)
        }
        let name = request.params?["arguments"]?["call"]?.string ?? ""
        let inbox = Inbox()
        let isUp = state.withLock { state in
            guard state.isUp, !state.isClosed else { return false }
            state.book.begin(id, inbox, isListen: outgoing.isListen, mayAsk: outgoing.mayAsk)
            state.calls[name] = id
            return true
        }
        guard isUp else { throw Self.unreachable }
        if let token = request.params?["_meta"]?["progressToken"], token.int != id {
            book.fault("the progress token is not ours")
        }
        book.note(request.params?["inputResponses"] == nil ? "\(label):call" : "\(label):retry")
        return try await firstReply(to: outgoing, inbox, Self.limits, on: loop, handle, pass: nil) { [self] in
            guard state.withLock({ $0.book.end(id) }) != nil else { return }
            book.note("\(label):cancelled")
        }
    }

    func post(_ message: [UInt8], on loop: EventLoop) {
        let (isUp, isClosed) = state.withLock { ($0.isUp, $0.isClosed) }
        guard !isClosed else { return book.fault("\(label) is told something after its end") }
        guard isUp, let message = Self.message(message) else { return }
        switch message.kind {
        case .request: book.fault("a request without a call")
        case .notification: book.note("\(label):notice")
        case .response(let id, let isError):
            let isKnown = state.withLock { state in
                guard let place = state.asked.firstIndex(where: { $0 == id?.text }) else { return false }
                state.asked.remove(at: place)
                return true
            }
            if !isKnown { book.fault("an answer to what \(label) has not asked: \(id?.text ?? "")") }
            book.note("\(label):\(isError ? "refusal" : "answer")")
        }
    }

    func listen(
        _ filter: ListenFilter, on loop: EventLoop, handle: CallHandle, _ take: @escaping @Sendable (RPCMessage) -> Void
    ) async {
        if !isModern { state.withLock { if $0.listener == nil { $0.listener = take } } }
        await hub.join(filter, handle, of: Ears(self), on: loop, take)
    }

    func subscribe(_ subscriptions: ListenFilter, on loop: EventLoop) {
        hub.subscribe(subscriptions, of: Ears(self), on: loop)
    }

    /// `subscriptions/listen`. It is opened and stays open although the server is down: trying again takes time, and there is
    /// no time here. What is said meanwhile is not heard.
    fileprivate func open(listen id: Int64, _ handle: CallHandle) throws(UpstreamError) -> UpstreamReply {
        let acknowledged =
            #"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{\#(Self.stamp(id))}}"#
        guard let message = Self.message(Array(acknowledged.utf8)) else { throw Self.unreachable }
        let inbox = Inbox()
        inbox.put(message)
        state.withLock { $0.listens.append((id, inbox)) }
        handle.onCancel { [self] in
            state.withLock { $0.listens.removeAll { $0.id == id } }
            inbox.fail(UpstreamError(.cancelled, mayHaveRun: false, detail: "nobody listens"))
        }
        return .stream(inbox)
    }

    private static func stamp(_ id: Int64) -> String {
        #""_meta":{"io.modelcontextprotocol/subscriptionId":\#(id)}"#
    }

    /// The server's lists have changed.
    func change() {
        let method = "notifications/tools/list_changed"
        guard isModern else { return say(#"{"jsonrpc":"2.0","method":"\#(method)"}"#) }
        let (isUp, listen) = state.withLock { ($0.isUp && !$0.isClosed, $0.listens.last) }
        guard isUp, let listen else { return }
        let text = #"{"jsonrpc":"2.0","method":"\#(method)","params":{\#(Self.stamp(listen.id))}}"#
        if let message = Self.message(Array(text.utf8)) { listen.inbox.put(message) }
    }

    /// Like that of a server over HTTP, or of a process that several share, it ends no call: who closes it has to.
    func close(on loop: EventLoop) {
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            state.listener = nil
            state.asked = []
            return !state.isClosed
        }
        guard isFirst else { return book.fault("\(label) is closed twice") }
        hub.close()
        book.note("\(label):closed")
    }

    // MARK: The server's side

    private static func message(_ bytes: [UInt8]) -> RPCMessage? { try? RPCMessage(JSONDocument.parse(bytes)) }

    /// What a line of the server becomes.
    func say(_ text: String) {
        guard let message = Self.message(Array(text.utf8)) else { return book.fault("the server says junk: \(text)") }
        let (isTaken, listener) = state.withLock { state -> (Bool, (@Sendable (RPCMessage) -> Void)?) in
            guard state.isUp, !state.isClosed else { return (true, nil) }
            return (state.book.route(message, guesses: true), state.listener)
        }
        guard !isTaken, message.method != "notifications/cancelled" else { return }
        if let listener { return listener(message) }
        if case .request(let id) = message.kind { post(ServerRequest.answer(message.method, id: id), on: loop) }
    }

    /// What the server writes, whatever it is. A line that is no message is passed over.
    func write(_ line: [UInt8]) {
        guard let message = Self.message(line) else { return }
        if case .request(let id) = message.kind {
            state.withLock { state in
                if state.isUp, !state.isClosed { state.asked.append(id.text) }
            }
        }
        say(String(decoding: line, as: UTF8.self))
    }

    private func id(of call: String) -> Int64 { state.withLock { $0.calls[call] ?? -1 } }

    func progress(_ call: String) {
        say(
            #"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":\#(id(of: call)),"progress":1}}"#
        )
    }

    func result(_ call: String) {
        let type = isModern ? #""resultType":"complete","# : ""
        say(#"{"jsonrpc":"2.0","id":\#(id(of: call)),"result":{\#(type)"content":[]}}"#)
    }

    /// A modern one asks by its answer.
    func want(_ call: String) {
        let asked = #""inputRequests":{"k":{"method":"roots/list"}},"requestState":"of the server""#
        say(#"{"jsonrpc":"2.0","id":\#(id(of: call)),"result":{"resultType":"input_required",\#(asked)}}"#)
    }

    func error(_ call: String) {
        say(#"{"jsonrpc":"2.0","id":\#(id(of: call)),"error":{"code":-32603,"message":"m"}}"#)
    }

    func ask(_ method: String = "roots/list") {
        let id = state.withLock { state -> String? in
            guard state.isUp, !state.isClosed else { return nil }
            state.lastAsk += 1
            let id = "\"q\(state.lastAsk)\""
            state.asked.append(id)
            return id
        }
        guard let id else { return }
        say(#"{"jsonrpc":"2.0","id":\#(id),"method":"\#(method)"}"#)
    }

    /// Takes its oldest question back.
    func withdraw() {
        let id = state.withLock { $0.asked.first ?? "\"q0\"" }
        say(#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":\#(id)}}"#)
    }

    /// The oldest is really taken back: no answer to it may come any more.
    func forgetOldest() { state.withLock { if !$0.asked.isEmpty { $0.asked.removeFirst() } } }

    func die() {
        state.withLock { state in
            state.isUp = false
            state.life += 1
            state.asked = []
            // A new process counts from the start again.
            state.lastAsk = 0
            state.book.endAll(UpstreamError(.lost, mayHaveRun: true, detail: "it died"))
        }
    }

    func revive() { state.withLock { $0.isUp = true } }
}

extension RequestID {
    /// As JSON.
    var text: String { String(decoding: raw, as: UTF8.self) }
}

/// How a modern server is listened to: a way that never fails.
private final class Ears: UpstreamLink {
    private let server: TalkingServer
    init(_ server: TalkingServer) { self.server = server }

    var hello: UpstreamHello { server.hello }
    var isShared: Bool { server.isShared }
    func prepare() async throws(UpstreamError) {}
    func mintID() -> Int64 { server.mintID() }
    func send(_ outgoing: Outgoing, on loop: EventLoop, handle: CallHandle) async throws(UpstreamError)
        -> UpstreamReply
    { try server.open(listen: outgoing.id, handle) }
    func post(_ message: [UInt8], on loop: EventLoop) {}
    func listen(
        _ filter: ListenFilter, on loop: EventLoop, handle: CallHandle, _ take: @escaping @Sendable (RPCMessage) -> Void
    ) async {}
    func close(on loop: EventLoop) {}
}
