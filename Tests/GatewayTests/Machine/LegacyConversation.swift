import Base
import HTTP
import JSON
import MCP
import Runtime
import Synchronization

@testable import Gateway

/// A conversation whose every event can be made to happen: docs/session-machine.md names them.
///
/// Used on the stand's loop only.
protocol Conversation: AnyObject {
    /// Makes it happen. Everything that follows from it has followed when it returns.
    func take(_ event: String) async throws
    /// The variables that can be seen in the gateway, as they are.
    var state: [String: String] { get }
    /// Ends all that is left.
    func clear() async
    var book: Notebook { get }
    /// What must never be true, between two events.
    var faults: [String] { get }
}

extension Conversation {
    /// Lets everything that was started run until nothing moves: neither is anything noticed nor written down.
    // COST: a timer would know when nothing waits any more, but it takes a millisecond, and this is done 100,000 times.
    func settle(_ stand: Stand) async {
        var seen = -1
        var quiet = 0
        while quiet < 16 {
            await Task.yield()
            let now = book.count + stand.ledger.count
            quiet = now == seen ? quiet + 1 : 0
            seen = now
        }
    }

    /// The same at the end, when all requests must have been seen to.
    func finish(_ posted: [WatchedReply], _ stand: Stand) async {
        await settle(stand)
        var patience = 10_000
        while patience > 0, posted.contains(where: \.isPending) {
            await settle(stand)
            patience -= 1
        }
        if patience == 0 { book.fault("a request goes on after the end") }
        if posted.contains(where: \.isWaiting) { book.fault("a request has no answer") }
    }
}

/// A legacy client before a server of either era.
final class LegacyConversation: Conversation {
    let book = Notebook()
    private let stand: Stand
    private let version: ProtocolVersion
    private let hello: UpstreamHello
    private var session = "none"
    private var server: TalkingServer?
    private let shared = Shared()
    private var posted: [WatchedReply] = []
    private var calls: [String: WatchedReply] = [:]
    /// The connections that took a call's stream over.
    private var takers: [String: WatchedSink] = [:]
    private var stream: WatchedSink?
    private var listener: CallHandle?
    /// What callbacks touch.
    private final class Shared: Sendable {
        let isUp = Mutex(true)
        let links = Mutex<[TalkingServer]>([])
        /// The latest event id that the client has of each stream.
        let ids = Mutex<[String: String]>([:])
    }

    private var bystander = ""
    private var stranger = ""
    private static let names = ["one": "1", "two": #""1""#]

    init(_ stand: Stand, version: ProtocolVersion, server era: Era = .legacy) async throws {
        self.stand = stand
        self.version = version
        guard let hello = TalkingServer.hello(era) else { throw Stand.Problem("the server's greeting is none") }
        self.hello = hello
        try stand.begin()
        dial("bystander")
        bystander = await initialize(stand.holder)
        dial("stranger")
        stranger = await initialize(stand.stranger)
        dial("server")
        _ = book.take()
        guard !bystander.isEmpty, !stranger.isEmpty else { throw Stand.Problem("no session opens") }
    }

    private func dial(_ label: String) {
        let (book, hello, shared) = (book, hello, shared)
        stand.answers.set { _, client, loop in
            guard shared.isUp.withLock({ $0 }) else { return nil }
            let link = TalkingServer(client.era == .modern ? "modern" : label, hello, book, on: loop)
            shared.links.withLock { $0.append(link) }
            return link
        }
    }

    private func initialize(_ holder: Holder, _ wanted: String? = nil) async -> String {
        let text = #"""
            {"jsonrpc":"2.0","id":7,"method":"initialize","params":{"protocolVersion":\#(wanted ?? "\"\(version.rawValue)\""),
            "capabilities":{"roots":{"listChanged":true},"elicitation":{}},"clientInfo":{"name":"c","version":"1"}}}
            """#
        let reply = WatchedReply("reply", Postmark(id: "7"), book)
        await stand.endpoint.post(stand.arrival(holder, text), reply)
        await settle(stand)
        return reply.opened ?? ""
    }

    // MARK: What can be seen

    private var own: ClientSession? { stand.endpoint.sessions.find(session).flatMap { $0.isEnded ? nil : $0 } }

    var state: [String: String] {
        [
            "session": own != nil ? "open" : session == "none" ? "none" : "ended",
            "calls": String(own?.callCount ?? 0), "ask": String(own?.asks.waiting.count ?? 0),
            "stream": stream.map { $0.isClosed ? "closed" : "open" } ?? "closed",
        ]
    }

    var faults: [String] {
        var faults: [String] = []
        for name in [bystander, stranger] {
            guard let other = stand.endpoint.sessions.find(name), !other.isEnded else { continue }
            if other.callCount != 0 || !other.asks.waiting.isEmpty { faults.append("another's session has changed") }
        }
        return faults
    }

    func clear() async {
        for session in stand.endpoint.sessions.removeAll(where: { _ in true }) { session.end(on: stand.loop) }
        await finish(posted, stand)
    }

    // MARK: The client

    private func post(
        _ body: String, to session: String?, holder: Holder? = nil, _ reply: WatchedReply? = nil,
        version: String? = nil, id: String? = nil
    ) async {
        var fields = Fields()
        if let session { fields.append(.mcpSessionID, session) }
        if let version { fields.append(.mcpProtocolVersion, version) }
        let arrival = stand.arrival(holder ?? stand.holder, body, fields)
        let reply = reply ?? WatchedReply("reply", Postmark(id: id), book)
        posted.append(reply)
        let endpoint = stand.endpoint
        Task(executorPreference: stand.loop) { await endpoint.post(arrival, reply) }
    }

    private func call(_ name: String, tool: String = "t", to session: String?, holder: Holder? = nil) async {
        let id = Self.names[name] ?? "3"
        let label = Self.names[name] == nil ? "reply" : name
        let text = #"""
            {"jsonrpc":"2.0","id":\#(id),"method":"tools/call","params":{"name":"\#(tool)","arguments":{"call":"\#(name)"},
            "_meta":{"progressToken":\#(id)}}}
            """#
        let reply = WatchedReply(label, Postmark(id: id), book) { [shared] id in
            shared.ids.withLock { $0[name] = id }
        }
        if label != "reply" {
            calls[name] = reply
            takers[name] = nil
            shared.ids.withLock { $0[name] = nil }
        }
        await post(text, to: session, holder: holder, reply)
    }

    private func notify(_ method: String, _ params: String = "{}") async {
        await post(#"{"jsonrpc":"2.0","method":"\#(method)","params":\#(params)}"#, to: session)
    }

    private func answer(_ number: Int64, to session: String, holder: Holder? = nil) async {
        await post(#"{"jsonrpc":"2.0","id":\#(number),"result":{"roots":[]}}"#, to: session, holder: holder)
    }

    /// A GET.
    private func open(after last: String?, _ label: String) async {
        let arrival = stand.arrival(stand.holder, "", Fields((.mcpSessionID, session)))
        let found: ClientSession
        do throws(Refusal) { found = try stand.endpoint.session(of: arrival) } catch {
            return book.note("reply:\(error.status.code)")
        }
        let last = last.flatMap { EventID($0) }
        if let last, found.events.isOver(last) { return book.note("reply:405") }
        book.note("reply:stream")
        let sink = WatchedSink(label, Postmark(id: Self.names[label]), book) { [shared] id in
            shared.ids.withLock { $0[label] = id }
        }
        // The gateway listens on for a while when the connection breaks.
        let listener = CallHandle()
        if label == "stream" { stream = sink } else { takers[label] = sink }
        sink.isReplaying.store(true, ordering: .relaxed)
        let standing = found.events.connect(sink, after: last)
        sink.isReplaying.store(false, ordering: .relaxed)
        if let standing {
            found.attach(standing, listener: listener)
            stand.endpoint.listen(.everything(of: found), found, listener, arrival)
        }
        if sink.hasMissed { book.note("\(label)>missed") }
    }

    private func delete(_ holder: Holder) {
        do throws(Refusal) {
            let arrival = stand.arrival(holder, "", Fields((.mcpSessionID, session)))
            stand.endpoint.end(try stand.endpoint.session(of: arrival), on: stand.loop)
            book.note("reply:204")
        } catch {
            book.note("reply:\(error.status.code)")
        }
    }

    private func hangUpOne() {
        calls["one"]?.hangUp()
        takers["one"]?.hangUp()
    }

    private func end(where isOver: @escaping (ClientSession) -> Bool) {
        for session in stand.endpoint.sessions.removeAll(where: isOver) { session.end(on: stand.loop) }
    }

    // MARK: Anything

    func isUnderWay(_ call: String) -> Bool { calls[call]?.isOpen ?? false }

    var isWithinCaps: Bool {
        guard let own else { return true }
        return own.asks.waiting.count <= 64 && own.callCount <= calls.count + requests.count
    }

    /// Requests of anything that the client said.
    private(set) var requests: [WatchedReply] = []

    /// The client says anything, in its session or, of the modern era, in none.
    func say(_ text: String, isModern: Bool) async {
        var mark = Postmark(id: nil)
        if let message = try? RPCMessage(JSONDocument.parse(Array(text.utf8))), case .request(let id) = message.kind {
            mark = Postmark(
                id: id.text, token: message.progressToken.map { String(decoding: $0.rawBytes, as: UTF8.self) })
        }
        let reply = WatchedReply("raw", mark, book)
        requests.append(reply)
        await post(text, to: isModern ? nil : session, reply)
        await settle(stand)
    }

    /// The server writes a line.
    func hear(_ line: [UInt8]) async {
        server?.write(line)
        let modern = shared.links.withLock { $0.last }
        if let modern, modern !== server { modern.write(line) }
        await settle(stand)
    }

    func hangUpLatest() async {
        requests.last { $0.isWaiting }?.hangUp()
        await settle(stand)
    }

    // MARK: Events

    func take(_ event: String) async throws {
        let words = event.split(separator: " ").map(String.init)
        let name = words.last ?? ""
        switch event {
        case "initialize":
            guard own == nil else { return await openAnother() }
            let opened = await initialize(stand.holder)
            guard !opened.isEmpty else { return }
            session = opened
            server = shared.links.withLock { $0.last }
            (calls, takers, stream) = ([:], [:], nil)
            shared.ids.withLock { $0 = [:] }
        case "bad initialize": _ = await initialize(stand.holder, "7")
        case "call one", "call two": await call(name, to: session)
        case "forbidden call": await call("none", tool: "forbidden", to: session)
        case "nameless call": await call("none", to: nil)
        case "stranger's call": await call("none", to: session, holder: stand.stranger)
        case "stranger's delete": delete(stand.stranger)
        case "ping": await post(#"{"jsonrpc":"2.0","id":5,"method":"ping"}"#, to: session, id: "5")
        case "notice": await notify("notifications/initialized")
        case "roots notice": await notify("notifications/roots/list_changed")
        case "unknown version":
            await post(#"{"jsonrpc":"2.0","id":5,"method":"ping"}"#, to: session, version: "1999-01-01")
        case "batch":
            await post(
                #"[{"jsonrpc":"2.0","id":5,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/initialized"}]"#,
                to: session)
        case "modern ping":
            await post(
                #"{"jsonrpc":"2.0","id":5,"method":"ping","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#,
                to: nil, version: "2026-07-28", id: "5")
        case "junk": await post("{", to: session)
        case "no message": await post(#"{"a":1}"#, to: session)
        case "cancel one", "cancel two":
            await notify("notifications/cancelled", #"{"requestId":\#(Self.names[name] ?? "")}"#)
        case "cancel other": await notify("notifications/cancelled", #"{"requestId":"one"}"#)
        case "answer": await answer(own?.asks.waiting.first ?? 0, to: session)
        case "stale answer": await answer((own?.asks.waiting.last ?? 0) + 1, to: session)
        case "bystander's answer": await answer(own?.asks.waiting.first ?? 1, to: bystander)
        case "get": await open(after: nil, "stream")
        case "come back":
            let last = version == .november2025 ? shared.ids.withLock { $0["stream"] } : "998-1"
            await open(after: last, "stream")
        case "resume one":
            // Whoever comes back has given the old connection up.
            let last = shared.ids.withLock { $0["one"] }
            if last != nil { hangUpOne() }
            await open(after: last ?? "999-1", "one")
        case "delete": delete(stand.holder)
        case "hang up one": hangUpOne()
        case "hang up stream": stream?.hangUp()
        default: try takeFromServer(event, name)
        }
        let waiting = own?.asks.waiting.count ?? 0
        await settle(stand)
        if event == "withdraw", own?.asks.waiting.count ?? 0 < waiting { server?.forgetOldest() }
    }

    /// A second session of the same client: it comes and goes, and this one does not notice.
    private func openAnother() async {
        dial("other")
        let opened = await initialize(stand.holder)
        if let session = stand.endpoint.sessions.find(opened) { stand.endpoint.end(session, on: stand.loop) }
        await settle(stand)
        dial("server")
        let (seen, faults) = book.take()
        for word in seen where !word.hasPrefix("other:") { book.note(word) }
        for fault in faults { book.fault(fault) }
    }

    private func takeFromServer(_ event: String, _ name: String) throws {
        switch event {
        case "progress one", "progress two": server?.progress(name)
        case "result one", "result two": server?.result(name)
        case "error one": server?.error(name)
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
            let (endpoint, others) = (stand.endpoint, [bystander, stranger])
            let later = TimeSpan(microseconds: stand.loop.now.microseconds + TimeSpan.hours(2).microseconds)
            for name in others { endpoint.sessions.find(name)?.touch(later) }
            endpoint.sweep(now: later, on: stand.loop)
        case "grant ends":
            let others = [bystander, stranger]
            end { !others.contains($0.id) && $0.profile.era == .legacy }
        case "policy changes": try stand.change { _ in }
        case "definition changes": try stand.redefine("s")
        case "close streams":
            stand.endpoint.sessions.closeStreams()
            shared.ids.withLock { $0["stream"] = nil }
        default: throw Stand.Problem("nobody knows how `\(event)` happens")
        }
    }
}
