import Base
import HTTP
import JSON
import MCP
import Runtime
import Store
import Synchronization

@testable import Gateway

/// A server whose calls become tasks, one after the other, of either era.
final class TaskServer: UpstreamLink {
    private struct State {
        var status = "none"
        var number = 0
        var isUp = true
        var life = 0
        var isClosed = false
        /// Those who wait for the end of the task, of a legacy server.
        var waiting: [(id: Int64, inbox: Inbox)] = []
        /// What it has asked and not heard of again.
        var asked: [String] = []
        var lastAsk = 0
    }

    let hello: UpstreamHello
    let isShared = false
    var life: Int { state.withLock { $0.life } }
    private let book: Notebook
    private let label: String
    private let state = Mutex(State())
    private let counter = Atomic<Int64>(0)

    private let tellsLooks: Bool

    /// - Parameter tellsLooks: whether it is noted that somebody looks at a task.
    init(_ label: String, _ hello: UpstreamHello, _ book: Notebook, tellsLooks: Bool) {
        (self.label, self.hello, self.book, self.tellsLooks) = (label, hello, book, tellsLooks)
    }

    var isWorking: Bool { state.withLock { $0.isUp && $0.status == "working" } }

    private var isModern: Bool { hello.version.era == .modern }

    static func hello(_ era: Era) -> UpstreamHello? {
        let legacy = #"""
            {"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{},
            "tasks":{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}}},"serverInfo":{"name":"s","version":"1"}}}
            """#
        let modern = #"""
            {"jsonrpc":"2.0","id":0,"result":{"resultType":"complete","supportedVersions":["2026-07-28"],
            "capabilities":{"tools":{},"extensions":{"io.modelcontextprotocol/tasks":{}}},"ttlMs":0,"cacheScope":"private"}}
            """#
        return message(era == .legacy ? legacy : modern).flatMap {
            era == .legacy ? UpstreamHello($0) : UpstreamHello(discovered: $0)
        }
    }

    private static func message(_ text: String) -> RPCMessage? {
        try? RPCMessage(JSONDocument.parse(Array(text.utf8)))
    }

    private static let unreachable = UpstreamError(.unreachable, mayHaveRun: false, detail: "it is down")

    // MARK: The gateway's side

    func prepare() async throws(UpstreamError) {
        guard state.withLock({ $0.isUp && !$0.isClosed }) else { throw Self.unreachable }
    }

    func mintID() -> Int64 { counter.add(1, ordering: .relaxed).newValue }

    func send(_ outgoing: Outgoing, on loop: EventLoop, handle: CallHandle) async throws(UpstreamError)
        -> UpstreamReply
    {
        try await prepare()
        let id = outgoing.id
        if outgoing.method == "tasks/result" { return result(id, handle) }
        guard let request = Self.message(String(decoding: outgoing.message, as: UTF8.self)),
            let answer = Self.message(#"{"jsonrpc":"2.0","id":\#(id),\#(answer(to: request))}"#)
        else { throw Self.unreachable }
        return .response(answer, status: nil)
    }

    private func answer(to request: RPCMessage) -> String {
        let type = isModern ? #""resultType":"complete","# : ""
        switch request.method {
        case "tools/list":
            let tool = #"{"name":"t","inputSchema":{"type":"object"},"execution":{"taskSupport":"required"}}"#
            let more = isModern ? #","ttlMs":0,"cacheScope":"private""# : ""
            return #""result":{\#(type)"tools":[\#(tool)]\#(more)}"#
        case "tools/call":
            book.note("\(label):call")
            let task = state.withLock { state in
                state.number += 1
                state.status = "working"
                return Self.members(state)
            }
            return isModern ? #""result":{"resultType":"task",\#(task)}"# : #""result":{"task":{\#(task)}}"#
        case "tasks/list":
            book.note("\(label):list")
            let known = state.withLock { $0.status == "none" ? "" : "{\(Self.members($0))}," }
            return #""result":{"tasks":[\#(known){"taskId":"another's","status":"working"}]}"#
        case "tasks/cancel":
            book.note("\(label):cancel")
            guard state.withLock({ ["working", "input_required"].contains($0.status) }) else {
                return #""error":{"code":-32602,"message":"it is over"}"#
            }
            over("cancelled")
            guard !isModern else { return #""result":{"resultType":"complete"}"# }
            return #""result":{\#(state.withLock { Self.members($0) })}"#
        case "tasks/update":
            book.note("\(label):update")
            state.withLock { if $0.status == "input_required" { $0.status = "working" } }
            return #""result":{"resultType":"complete"}"#
        default:
            if tellsLooks { book.note("\(label):get") }
            let (members, status, number) = state.withLock { (Self.members($0), $0.status, $0.lastAsk) }
            let more =
                switch status {
                case "completed" where isModern: #","result":{"resultType":"complete","content":[]}"#
                case "input_required" where isModern: #","inputRequests":{"k\#(number)":{"method":"roots/list"}}"#
                default: ""
                }
            return #""result":{\#(type)\#(members)\#(more)}"#
        }
    }

    private static func members(_ state: State) -> String {
        let time = #""createdAt":"2026-01-01T00:00:00Z","lastUpdatedAt":"2026-01-01T00:00:00Z""#
        let spans = #""ttl":60000,"ttlMs":60000,"pollInterval":50,"pollIntervalMs":50"#
        return #""taskId":"t\#(state.number)","status":"\#(state.status)",\#(time),\#(spans)"#
    }

    /// Who asks for the result waits until the task is over.
    private func result(_ id: Int64, _ handle: CallHandle) -> UpstreamReply {
        if tellsLooks { book.note("\(label):result") }
        let inbox = Inbox()
        let status = state.withLock { state in
            state.waiting.append((id, inbox))
            return state.status
        }
        handle.onCancel { [self] in
            let isKnown = state.withLock { state in
                let place = state.waiting.firstIndex { $0.id == id }
                if let place { state.waiting.remove(at: place) }
                return place != nil
            }
            if isKnown, tellsLooks { book.note("\(label):cancelled") }
            inbox.fail(UpstreamError(.cancelled, mayHaveRun: true, detail: "cancelled"))
        }
        if ["completed", "cancelled"].contains(status) { settleAll(status) }
        if status == "input_required" { ask() }
        return .stream(inbox)
    }

    private func settleAll(_ status: String) {
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        let outcome =
            status == "completed" ? #""result":{"content":[]}"# : #""error":{"code":-32603,"message":"cancelled"}"#
        for (id, inbox) in waiting {
            if let answer = Self.message(#"{"jsonrpc":"2.0","id":\#(id),\#(outcome)}"#) { inbox.put(answer) }
        }
    }

    func post(_ message: [UInt8], on loop: EventLoop) {
        guard let message = Self.message(String(decoding: message, as: UTF8.self)),
            case .response(let id, let isError) = message.kind
        else { return }
        let isKnown = state.withLock { state in
            guard let place = state.asked.firstIndex(where: { $0 == id?.text }) else { return false }
            state.asked.remove(at: place)
            if state.status == "input_required" { state.status = "working" }
            return true
        }
        if !isKnown { book.fault("an answer to what \(label) has not asked") }
        book.note("\(label):\(isError ? "refusal" : "answer")")
    }

    func listen(
        _ filter: ListenFilter, on loop: EventLoop, handle: CallHandle, _ take: @escaping @Sendable (RPCMessage) -> Void
    ) async {}

    /// It ends no request, as those over HTTP don't.
    func close(on loop: EventLoop) {
        state.withLock { $0.isClosed = true }
        book.note("\(label):closed")
    }

    // MARK: The server's side

    private func over(_ status: String) {
        state.withLock { $0.status = status }
        settleAll(status)
    }

    func finish() { if state.withLock({ $0.isUp && $0.status == "working" }) { over("completed") } }

    /// The task needs something of the client's.
    func want() {
        let isRight = state.withLock { state in
            guard state.isUp, state.status == "working" else { return false }
            state.status = "input_required"
            // A question that was answered is not asked again under its name.
            if isModern { state.lastAsk += 1 }
            return true
        }
        if isRight, !isModern { ask() }
    }

    /// A legacy server asks whoever waits for the result.
    private func ask() {
        let asked = state.withLock { state -> (Inbox, String, Int)? in
            guard let inbox = state.waiting.last?.inbox, state.asked.isEmpty else { return nil }
            state.lastAsk += 1
            let id = "\"q\(state.lastAsk)\""
            state.asked.append(id)
            return (inbox, id, state.number)
        }
        guard let (inbox, id, number) = asked else { return }
        let meta = #""_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t\#(number)"}}"#
        let text = #"{"jsonrpc":"2.0","id":\#(id),"method":"roots/list","params":{\#(meta)}}"#
        if let message = Self.message(text) { inbox.put(message) }
    }

    private func lose() {
        let waiting = state.withLock { state in
            defer { (state.waiting, state.asked) = ([], []) }
            return state.waiting
        }
        for (_, inbox) in waiting { inbox.fail(UpstreamError(.lost, mayHaveRun: true, detail: "it has gone")) }
    }

    func die() {
        state.withLock { state in
            state.isUp = false
            state.life += 1
        }
        lose()
    }

    func revive() { state.withLock { $0.isUp = true } }
}
