import Base
import HTTP
import JSON
import MCP
import Runtime
import Synchronization

@testable import Gateway

/// A modern client before a server of either era.
final class ModernConversation: Conversation {
    let book = Notebook()
    private let stand: Stand
    private let era: Era
    private let shared = Shared()
    /// What callbacks touch.
    private final class Shared: Sendable {
        let isUp = Mutex(true)
        let server = Mutex<TalkingServer?>(nil)
        let isStranger = Mutex(false)
    }

    private var posted: [WatchedReply] = []
    private var calls: [String: WatchedReply] = [:]
    private var listening: WatchedReply?
    /// The state that the client got last for call one, and whether the call is parked by now.
    private var token = "none"
    private var isParked = false
    private static let names = ["one": "1", "two": #""1""#]

    init(_ stand: Stand, server era: Era = .legacy) async throws {
        self.stand = stand
        self.era = era
        guard let hello = TalkingServer.hello(era) else { throw Stand.Problem("the server's greeting is none") }
        try stand.begin()
        let (book, shared) = (book, shared)
        stand.answers.set { _, _, loop in
            guard shared.isUp.withLock({ $0 }) else { return nil }
            guard !shared.isStranger.withLock({ $0 }) else { return TalkingServer("stranger", hello, book, on: loop) }
            let link = TalkingServer("server", hello, book, on: loop)
            shared.server.withLock { $0 = link }
            return link
        }
    }

    // MARK: What can be seen

    private var own: ClientSession? {
        // The digits: forms and roots are declared.
        stand.endpoint.sessions.find("stateless:gr_1:s:10001").flatMap { $0.isEnded ? nil : $0 }
    }

    var state: [String: String] {
        ["session": own == nil ? "none" : "open", "calls": String(own?.callCount ?? 0)]
    }

    var faults: [String] { [] }

    func clear() async {
        for session in stand.endpoint.sessions.removeAll(where: { _ in true }) { session.end(on: stand.loop) }
        stand.endpoint.desk.lot.close()
        await finish(posted, stand)
    }

    // MARK: The client

    private func post(_ body: String, _ reply: WatchedReply, holder: Holder? = nil) {
        posted.append(reply)
        let arrival = stand.arrival(holder ?? stand.holder, body)
        let endpoint = stand.endpoint
        Task(executorPreference: stand.loop) { await endpoint.post(arrival, reply) }
    }

    private func request(
        _ method: String, _ params: String = "", id: String = "5", label: String = "reply", holder: Holder? = nil,
        version: String = "2026-07-28"
    ) -> WatchedReply {
        let reply = WatchedReply(label, Postmark(id: id), book) { _ in }
        let text = #"""
            {"jsonrpc":"2.0","id":\#(id),"method":"\#(method)","params":{\#(params)"_meta":{"progressToken":\#(id),
            "io.modelcontextprotocol/protocolVersion":"\#(version)",
            "io.modelcontextprotocol/clientCapabilities":{"roots":{},"elicitation":{}}}}}
            """#
        post(text, reply, holder: holder)
        return reply
    }

    private func call(
        _ name: String, tool: String = "t", _ more: String = "", label: String? = nil, holder: Holder? = nil
    ) -> WatchedReply {
        request(
            "tools/call", #""name":"\#(tool)","arguments":{"call":"\#(name)"},\#(more)"#, id: Self.names[name] ?? "3",
            label: label ?? name, holder: holder)
    }

    private func retry(_ holder: Holder? = nil, withAnswers: Bool) {
        // A modern server's state is good for as long as its seal; the one of a call that is over would begin another.
        let state = era == .modern && holder == nil && !isParked ? "none" : token
        let keys = ["k"] + (1...20).map { "ask-\($0)" }
        let answers = withAnswers ? keys.map { #""\#($0)":{"roots":[]}"# }.joined(separator: ",") : ""
        let more = #""inputResponses":{\#(answers)},"requestState":"\#(state)","#
        let isOwn = holder == nil && isParked
        let reply = call("one", more, label: isOwn ? "one" : "reply", holder: holder)
        if isOwn { calls["one"] = reply }
    }

    // MARK: Events

    func take(_ event: String) async throws {
        let name = event.split(separator: " ").last.map(String.init) ?? ""
        shared.isStranger.withLock { $0 = event == "stranger's retry" }
        switch event {
        case "call one", "call two":
            calls[name] = call(name)
        case "forbidden call": _ = call("none", tool: "forbidden", label: "reply")
        case "discover": _ = request("server/discover")
        case "ping": _ = request("ping")
        case "unknown version": _ = request("server/discover", version: "2099-01-01")
        case "notice":
            post(
                #"{"jsonrpc":"2.0","method":"notifications/x","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#,
                WatchedReply("reply", Postmark(id: nil), book))
        case "answer":
            post(#"{"jsonrpc":"2.0","id":1,"result":{"roots":[]}}"#, WatchedReply("reply", Postmark(id: nil), book))
        case "retry": retry(withAnswers: true)
        case "empty retry": retry(withAnswers: false)
        case "stranger's retry": retry(stand.stranger, withAnswers: true)
        case "hang up one", "hang up two": calls[name]?.hangUp()
        case "listen":
            listening = request(
                "subscriptions/listen", #""notifications":{"toolsListChanged":true},"#, id: #""l""#, label: "listen")
        case "hang up listen": listening?.hangUp()
        default: try takeFromServer(event, name)
        }
        await settle(stand)
        if event == "withdraw", own?.callCount == 1 { shared.server.withLock { $0 }?.forgetOldest() }
        if let text = calls["one"]?.requestState { token = text }
        // With the session everything ends that was parked in it.
        if own == nil { calls["one"] = nil }
        isParked = calls["one"]?.requestState != nil
    }

    private func takeFromServer(_ event: String, _ name: String) throws {
        let server = shared.server.withLock { $0 }
        switch event {
        case "progress one", "progress two": server?.progress(name)
        case "result one", "result two": server?.result(name)
        case "other result": server?.say(#"{"jsonrpc":"2.0","id":424242,"result":{}}"#)
        case "log":
            server?.say(
                #"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"d"}}"#)
        case "changed": server?.change()
        case "want one": server?.want(name)
        case "ask": server?.ask()
        case "withdraw": server?.withdraw()
        case "die":
            shared.isUp.withLock { $0 = false }
            server?.die()
        case "revive":
            shared.isUp.withLock { $0 = true }
            server?.revive()
        case "sweep": stand.endpoint.sweep(now: stand.loop.now, on: stand.loop)
        case "late sweep":
            let later = TimeSpan(microseconds: stand.loop.now.microseconds + TimeSpan.hours(2).microseconds)
            stand.endpoint.sweep(now: later, on: stand.loop)
        case "grant ends":
            for session in stand.endpoint.sessions.removeAll(where: { $0.grantID == "gr_1" }) {
                session.end(on: stand.loop)
            }
        case "policy changes": try stand.change { _ in }
        case "definition changes": try stand.redefine("s")
        case "close streams": stand.endpoint.sessions.closeStreams()
        default: throw Stand.Problem("nobody knows how `\(event)` happens")
        }
    }
}
