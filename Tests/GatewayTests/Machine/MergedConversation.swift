import Base
import HTTP
import JSON
import MCP
import Runtime
import Synchronization

@testable import Gateway

/// A legacy client before two legacy servers, `a` and `b`, behind one endpoint.
final class MergedConversation: Conversation {
    let book = Notebook()
    private let stand: Stand
    private let shared = Shared()
    private var posted: [WatchedReply] = []
    private var session = "none"
    private var stream: WatchedSink?
    /// What callbacks touch.
    private final class Shared: Sendable {
        let isUp = Mutex(["a": true, "b": true])
        let links = Mutex<[String: TalkingServer]>([:])
        /// Whose servers are dialled now.
        let owner = Mutex("")
    }

    private var bystander = ""
    private static let names = ["one": "1", "two": #""1""#]

    init(_ stand: Stand) async throws {
        self.stand = stand
        guard let hello = TalkingServer.hello(.legacy) else { throw Stand.Problem("the server's greeting is none") }
        try stand.begin()
        let (book, shared) = (book, shared)
        stand.answers.set { server, _, loop in
            guard shared.isUp.withLock({ $0[server] ?? false }) else { return nil }
            let owner = shared.owner.withLock { $0 }
            let link = TalkingServer(owner + server, hello, book, on: loop)
            if owner.isEmpty { shared.links.withLock { $0[server] = link } }
            return link
        }
        shared.owner.withLock { $0 = "other " }
        bystander = await initialize()
        shared.owner.withLock { $0 = "" }
        _ = book.take()
        guard !bystander.isEmpty else { throw Stand.Problem("no session opens") }
    }

    private func server(_ name: String) -> TalkingServer? { shared.links.withLock { $0[name] } }

    // MARK: What can be seen

    private func find(_ name: String) -> MergedSession? {
        try? stand.merged.session(of: stand.arrival(stand.manifold, "", Fields((.mcpSessionID, name))))
    }

    var state: [String: String] {
        let own = session == "none" ? nil : find(session)
        let calls = own?.parts.reduce(0) { $0 + $1.callCount } ?? 0
        return [
            "session": own != nil ? "open" : session == "none" ? "none" : "ended", "calls": String(calls),
            "ask": String(own?.asks.waiting.count ?? 0),
            "stream": stream.map { $0.isClosed ? "none" : "open" } ?? "none",
            "part": own?.part(of: "a").map { !$0.isEnded } == true ? "open" : "none",
            "dead": own?.dead.contains("a") == true ? "yes" : "no",
        ]
    }

    var faults: [String] {
        guard let other = find(bystander) else { return [] }
        let isTouched = other.parts.contains { $0.callCount > 0 } || !other.asks.waiting.isEmpty || !other.dead.isEmpty
        return isTouched ? ["another's session has changed"] : []
    }

    func clear() async {
        stand.merged.keep(on: stand.loop) { _ in true }
        for session in stand.endpoint.sessions.removeAll(where: { _ in true }) { session.end(on: stand.loop) }
        await finish(posted, stand)
    }

    // MARK: The client

    private func post(_ body: String, to session: String?, _ reply: WatchedReply, holder: Holder? = nil) {
        posted.append(reply)
        var fields = Fields()
        if let session { fields.append(.mcpSessionID, session) }
        let (arrival, merged) = (stand.arrival(holder ?? stand.manifold, body, fields), stand.merged)
        Task(executorPreference: stand.loop) { await merged.post(arrival, reply) }
    }

    private func initialize() async -> String {
        let text = #"""
            {"jsonrpc":"2.0","id":7,"method":"initialize","params":{"protocolVersion":"2025-11-25",
            "capabilities":{"roots":{"listChanged":true}},"clientInfo":{"name":"c","version":"1"}}}
            """#
        let reply = WatchedReply("reply", Postmark(id: "7"), book)
        post(text, to: nil, reply)
        await settle(stand)
        return reply.opened ?? ""
    }

    private func request(_ method: String, _ params: String = "{}", holder: Holder? = nil) -> WatchedReply {
        let reply = WatchedReply("reply", Postmark(id: "5"), book)
        post(
            #"{"jsonrpc":"2.0","id":5,"method":"\#(method)","params":\#(params)}"#, to: session, reply, holder: holder)
        return reply
    }

    private func call(_ name: String, of server: String) {
        let id = Self.names[name] ?? ""
        let text = #"""
            {"jsonrpc":"2.0","id":\#(id),"method":"tools/call","params":{"name":"\#(server)__t",
            "arguments":{"call":"\#(name)"},"_meta":{"progressToken":\#(id)}}}
            """#
        post(text, to: session, WatchedReply(name, Postmark(id: id), book))
    }

    private func say(_ text: String, to session: String? = nil) {
        post(text, to: session ?? self.session, WatchedReply("reply", Postmark(id: nil), book))
    }

    private func open() {
        guard let found = find(session) else { return book.note("reply:404") }
        book.note("reply:stream")
        let sink = WatchedSink("stream", Postmark(id: nil), book) { _ in }
        stream = sink
        if let standing = found.events.connect(sink, after: nil) { found.attach(standing) }
    }

    private func delete(_ holder: Holder) {
        do throws(Refusal) {
            let arrival = stand.arrival(holder, "", Fields((.mcpSessionID, session)))
            stand.merged.end(try stand.merged.session(of: arrival), on: stand.loop)
            book.note("reply:204")
        } catch {
            book.note("reply:\(error.status.code)")
        }
    }

    // MARK: Events

    func take(_ event: String) async throws {
        let name = event.split(separator: " ").last.map(String.init) ?? ""
        var list: WatchedReply?
        switch event {
        case "initialize":
            let isSecond = find(session) != nil
            if isSecond { shared.owner.withLock { $0 = "other " } }
            let opened = await initialize()
            shared.owner.withLock { $0 = "" }
            if isSecond {
                if let other = find(opened) { stand.merged.end(other, on: stand.loop) }
            } else if !opened.isEmpty {
                (session, stream) = (opened, nil)
            }
        case "call one": call("one", of: "a")
        case "call two": call("two", of: "b")
        case "forbidden call": _ = request("tools/call", #"{"name":"b__forbidden","arguments":{}}"#)
        case "nobody's call": _ = request("tools/call", #"{"name":"c__t","arguments":{}}"#)
        case "list": list = request("tools/list")
        case "ping": _ = request("ping")
        case "stranger's call":
            _ = request("tools/call", #"{"name":"a__t","arguments":{}}"#, holder: stand.stranger)
        case "stranger's delete": delete(stand.stranger)
        case "roots notice": say(#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#)
        case "cancel one", "cancel two":
            let id = Self.names[name] ?? ""
            say(#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":\#(id)}}"#)
        case "answer", "bystander's answer":
            let number = find(session)?.asks.waiting.first ?? 1
            let text = #"{"jsonrpc":"2.0","id":\#(number),"result":{"roots":[]}}"#
            say(text, to: event == "answer" ? session : bystander)
        case "get": open()
        case "delete": delete(stand.manifold)
        case "close streams": stand.merged.closeStreams()
        default: try takeFromServers(event, name)
        }
        await settle(stand)
        guard let list, let answer = try? JSONDocument.parse(list.lastAnswer).root["result"]?["tools"] else { return }
        for tool in answer.elements { book.note("\(tool["name"]?.string?.prefix(1) ?? ""):listed") }
    }

    private func takeFromServers(_ event: String, _ name: String) throws {
        switch event {
        case "progress one": server("a")?.progress(name)
        case "result one": server("a")?.result(name)
        case "result two": server("b")?.result(name)
        case "changed": server("a")?.change()
        case "ask": server("a")?.ask()
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
                find(bystander).map { other in
                    other.touch(now)
                    for part in other.parts { part.touch(now) }
                }
            }
            stand.endpoint.sweep(now: now, on: stand.loop)
            stand.merged.sweep(now: now, on: stand.loop)
        case "grant ends":
            guard let own = find(session) else { return }
            stand.merged.end(own, on: stand.loop)
        case "policy changes": try stand.change { _ in }
        case "definition changes": try stand.redefine("a")
        default: throw Stand.Problem("nobody knows how `\(event)` happens")
        }
    }
}
