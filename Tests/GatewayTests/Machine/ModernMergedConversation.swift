import Base
import HTTP
import JSON
import MCP
import Runtime
import Synchronization

@testable import Gateway

/// A modern client before a legacy server, `a`, and a modern one, `b`, behind one endpoint.
final class ModernMergedConversation: Conversation {
    let book = Notebook()
    private let stand: Stand
    private let shared = Shared()
    /// What callbacks touch.
    private final class Shared: Sendable {
        let isUp = Mutex(["a": true, "b": true])
        let links = Mutex<[String: TalkingServer]>([:])
        let isStranger = Mutex(false)
    }

    private var posted: [WatchedReply] = []
    private var calls: [String: WatchedReply] = [:]
    private var listening: WatchedReply?
    /// The state that the client got last for each call, and the calls that wait for their retry.
    private var tokens: [String: String] = [:]
    private var parked: Set<String> = []
    private static let names = ["one": "1", "two": #""1""#]

    init(_ stand: Stand) async throws {
        self.stand = stand
        guard let legacy = TalkingServer.hello(.legacy), let modern = TalkingServer.hello(.modern) else {
            throw Stand.Problem("the servers' greetings are none")
        }
        try stand.begin()
        let (book, shared) = (book, shared)
        stand.answers.set { server, _, loop in
            guard shared.isUp.withLock({ $0[server] ?? true }) else { return nil }
            let isStranger = shared.isStranger.withLock { $0 }
            let link = TalkingServer(
                isStranger ? "stranger" : server, server == "b" ? modern : legacy, book, on: loop)
            if !isStranger { shared.links.withLock { $0[server] = link } }
            return link
        }
    }

    private func server(_ name: String) -> TalkingServer? { shared.links.withLock { $0[name] } }

    // MARK: What can be seen

    private var own: MergedSession? { stand.merged.standing(grant: "gr_3").first { !$0.isEnded } }

    var state: [String: String] {
        func part(_ server: String) -> String {
            own?.part(of: server).map { $0.isEnded ? "none" : "open" } ?? "none"
        }
        return [
            "session": own == nil ? "none" : "open", "a part": part("a"), "b part": part("b"),
            "dead": own?.dead.contains("a") == true ? "yes" : "no",
            "listen": own?.listens.isEmpty == false ? "open" : "none",
        ]
    }

    var faults: [String] { [] }

    func clear() async {
        stand.merged.keep(on: stand.loop) { _ in true }
        for session in stand.endpoint.sessions.removeAll(where: { _ in true }) { session.end(on: stand.loop) }
        stand.endpoint.desk.lot.close()
        await finish(posted, stand)
    }

    // MARK: The client

    private func request(
        _ method: String, _ params: String = "", id: String = "5", label: String = "reply", holder: Holder? = nil
    ) -> WatchedReply {
        let reply = WatchedReply(label, Postmark(id: id), book) { _ in }
        posted.append(reply)
        let text = #"""
            {"jsonrpc":"2.0","id":\#(id),"method":"\#(method)","params":{\#(params)"_meta":{"progressToken":\#(id),
            "io.modelcontextprotocol/protocolVersion":"2026-07-28",
            "io.modelcontextprotocol/clientCapabilities":{"roots":{},"elicitation":{}}}}}
            """#
        let (arrival, merged) = (stand.arrival(holder ?? stand.manifold, text), stand.merged)
        Task(executorPreference: stand.loop) { await merged.post(arrival, reply) }
        return reply
    }

    private func call(_ name: String, _ more: String = "", label: String? = nil, holder: Holder? = nil) -> WatchedReply
    {
        let tool = name == "one" ? "a__t" : "b__t"
        return request(
            "tools/call", #""name":"\#(tool)","arguments":{"call":"\#(name)"},\#(more)"#, id: Self.names[name] ?? "3",
            label: label ?? name, holder: holder)
    }

    private func retry(_ name: String, holder: Holder? = nil) {
        let isOwn = holder == nil && parked.contains(name)
        let keys = ["k"] + (1...20).map { "ask-\($0)" }
        let answers = keys.map { #""\#($0)":{"roots":[]}"# }.joined(separator: ",")
        // A modern server's state is good for as long as its seal; the one of a call that is over would begin another.
        let state = holder == nil && !isOwn ? "none" : tokens[name] ?? "none"
        let reply = call(
            name, #""inputResponses":{\#(answers)},"requestState":"\#(state)","#, label: isOwn ? name : "reply",
            holder: holder)
        if isOwn { calls[name] = reply }
    }

    // MARK: Events

    func take(_ event: String) async throws {
        let name = event.split(separator: " ").last.map(String.init) ?? ""
        shared.isStranger.withLock { $0 = event.hasPrefix("stranger's") }
        var list: WatchedReply?
        switch event {
        case "call one", "call two": calls[name] = call(name)
        case "forbidden call": _ = request("tools/call", #""name":"b__forbidden","arguments":{},"#)
        case "nobody's call": _ = request("tools/call", #""name":"c__t","arguments":{},"#)
        case "stranger's call":
            _ = request("tools/call", #""name":"a__t","arguments":{},"#, holder: stand.stranger)
        case "discover": _ = request("server/discover")
        case "list": list = request("tools/list")
        case "retry one", "retry two": retry(name)
        case "stranger's retry": retry("one", holder: stand.stranger)
        case "hang up one", "hang up two": calls[name]?.hangUp()
        case "listen":
            listening = request(
                "subscriptions/listen", #""notifications":{"toolsListChanged":true},"#, id: #""l""#, label: "listen")
        case "hang up listen": listening?.hangUp()
        default: try takeFromServers(event, name)
        }
        await settle(stand)
        for (name, call) in calls { if let text = call.requestState { tokens[name] = text } }
        // With its part everything ends that was parked in it.
        if own?.part(of: "a")?.isEnded ?? true { calls["one"] = nil }
        parked = Set(calls.filter { $0.value.requestState != nil }.keys)
        guard let list, let answer = try? JSONDocument.parse(list.lastAnswer).root["result"]?["tools"] else { return }
        for tool in answer.elements { book.note("\(tool["name"]?.string?.prefix(1) ?? ""):listed") }
    }

    private func takeFromServers(_ event: String, _ name: String) throws {
        switch event {
        case "progress one": server("a")?.progress(name)
        case "result one": server("a")?.result(name)
        case "result two": server("b")?.result(name)
        case "want two": server("b")?.want(name)
        case "ask": server("a")?.ask()
        case "a changed": server("a")?.change()
        case "b changed": server("b")?.change()
        case "die":
            shared.isUp.withLock { $0["a"] = false }
            server("a")?.die()
        case "revive":
            shared.isUp.withLock { $0["a"] = true }
            server("a")?.revive()
        case "sweep", "late sweep":
            var now = stand.loop.now
            if event == "late sweep" {
                now = TimeSpan(microseconds: now.microseconds + TimeSpan.hours(2).microseconds)
            }
            stand.endpoint.sweep(now: now, on: stand.loop)
            stand.merged.sweep(now: now, on: stand.loop)
        case "grant ends": try stand.endGrant("gr_3")
        case "close streams":
            stand.core.sessions.closeStreams()
            stand.merged.closeStreams()
        case "policy changes": try stand.change { _ in }
        case "definition changes": try stand.redefine("a")
        default: throw Stand.Problem("nobody knows how `\(event)` happens")
        }
    }
}
