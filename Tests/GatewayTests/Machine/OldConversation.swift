import Base
import HTTP
import JSON
import MCP
import Runtime
import Synchronization

@testable import Gateway

/// A client of the transport of 2024-11-05 before a legacy server.
final class OldConversation: Conversation {
    let book = Notebook()
    private let stand: Stand
    private let shared = Shared()
    /// What callbacks touch.
    private final class Shared: Sendable {
        let isUp = Mutex(true)
        let server = Mutex<TalkingServer?>(nil)
        /// What the client was asked and has not answered.
        let questions = Mutex<[Int64]>([])
    }

    /// The stream, and what the gateway knows of it.
    private var stream: (sink: SharedSink, channel: SSEChannel)?
    private static let names = ["1": "one", #""1""#: "two"]
    private static let sorter = Sorter(names: names)
    private static let ids = Dictionary(uniqueKeysWithValues: names.map { ($1, $0) })

    init(_ stand: Stand) async throws {
        self.stand = stand
        guard let hello = TalkingServer.hello(.legacy) else { throw Stand.Problem("the server's greeting is none") }
        try stand.begin()
        let (book, shared) = (book, shared)
        stand.answers.set { _, _, loop in
            guard shared.isUp.withLock({ $0 }) else { return nil }
            let link = TalkingServer("server", hello, book, on: loop)
            shared.server.withLock { $0 = link }
            return link
        }
    }

    // MARK: What can be seen

    var state: [String: String] {
        [
            "session": stand.core.sessions.count == 0 ? "none" : "open",
            "stream": stream.map { $0.sink.isClosed ? "none" : "open" } ?? "none",
        ]
    }

    var faults: [String] { [] }

    func clear() async {
        if let stream { stand.front.close(stream.channel, on: stand.loop) }
        await settle(stand)
        if stand.core.sessions.count > 0 { book.fault("a session is left") }
    }

    // MARK: The client

    private func open() -> (SharedSink, SSEChannel) {
        let (shared, front, loop) = (shared, stand.front, stand.loop)
        let sink = SharedSink(Self.sorter, book) { message in
            guard let message = try? JSONDocument.parse(message).root, message["method"] != nil,
                let id = message["id"]?.int
            else { return }
            shared.questions.withLock { $0.append(id) }
        }
        let channel = front.open(stand.arrival(stand.holder, ""), of: "s", sink)
        // As a connection says it.
        sink.whenClosed { front.close(channel, on: loop) }
        return (sink, channel)
    }

    private func post(_ body: String, holder: Holder? = nil, isNamed: Bool = true) {
        let arrival = stand.arrival(holder ?? stand.holder, body)
        do throws(Refusal) {
            let delivery = try stand.front.admit(
                arrival, of: "s", session: isNamed ? stream?.channel.id ?? "of no stream" : nil)
            book.note("reply:202")
            stand.front.take(delivery, arrival)
        } catch {
            book.note("reply:\(error.status.code)")
        }
    }

    private func request(_ method: String, _ members: String = "", id: String = "5", holder: Holder? = nil) {
        post(
            #"{"jsonrpc":"2.0","id":\#(id),"method":"\#(method)","params":{\#(members)"_meta":{"progressToken":\#(id)}}}"#,
            holder: holder)
    }

    private func call(_ name: String, tool: String = "t", holder: Holder? = nil) {
        let id = Self.ids[name] ?? "5"
        request("tools/call", #""name":"\#(tool)","arguments":{"call":"\#(name)"},"#, id: id, holder: holder)
    }

    private func notify(_ method: String, _ params: String = "{}") {
        post(#"{"jsonrpc":"2.0","method":"\#(method)","params":\#(params)}"#)
    }

    private func answer(_ id: Int64) { post(#"{"jsonrpc":"2.0","id":\#(id),"result":{"roots":[]}}"#) }

    // MARK: Events

    func take(_ event: String) async throws {
        let name = event.split(separator: " ").last.map(String.init) ?? ""
        switch event {
        case "open":
            book.note("reply:stream")
            let fresh = open()
            // Another stream is another client's, as far as anybody knows.
            if let stream, !stream.sink.isClosed { fresh.0.hangUp() } else { stream = fresh }
        case "hang up": stream?.sink.hangUp()
        case "initialize", "bad initialize":
            let version = event == "initialize" ? #""2024-11-05""# : "7"
            post(
                #"{"jsonrpc":"2.0","id":5,"method":"initialize","params":{"protocolVersion":\#(version),"capabilities":{"roots":{"listChanged":true}},"clientInfo":{"name":"c","version":"1"}}}"#
            )
        case "call one", "call two": call(name)
        case "forbidden call": call("none", tool: "forbidden")
        case "stranger's call": call("none", holder: stand.stranger)
        case "nameless call": post(#"{"jsonrpc":"2.0","id":5,"method":"ping"}"#, isNamed: false)
        case "ping": request("ping")
        case "notice": notify("notifications/initialized")
        case "roots notice": notify("notifications/roots/list_changed")
        case "junk": post("{")
        case "batch": post(#"[{"jsonrpc":"2.0","id":5,"method":"ping"}]"#)
        case "cancel one", "cancel two", "cancel other":
            notify("notifications/cancelled", #"{"requestId":\#(Self.ids[name] ?? "77")}"#)
        case "answer": answer(shared.questions.withLock { $0.isEmpty ? 1 : $0.removeFirst() })
        case "stale answer": answer(77)
        default: try takeFromServer(event, name)
        }
        await settle(stand)
        if state["session"] == "none" { shared.questions.withLock { $0 = [] } }
    }

    private func takeFromServer(_ event: String, _ name: String) throws {
        let server = shared.server.withLock { $0 }
        switch event {
        case "progress one": server?.progress(name)
        case "result one", "result two": server?.result(name)
        case "error one": server?.error(name)
        case "log":
            server?.say(
                #"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"d"}}"#)
        case "changed": server?.change()
        case "ask": server?.ask()
        case "die":
            shared.isUp.withLock { $0 = false }
            server?.die()
            shared.questions.withLock { $0 = [] }
        case "revive":
            shared.isUp.withLock { $0 = true }
            server?.revive()
        case "late sweep":
            let later = TimeSpan(microseconds: stand.loop.now.microseconds + TimeSpan.hours(2).microseconds)
            stand.endpoint.sweep(now: later, on: stand.loop)
        case "grant ends": try stand.endGrant("gr_1")
        case "close streams":
            stand.core.sessions.closeStreams()
            stand.front.closeStreams()
        case "policy changes": try stand.change { _ in }
        case "definition changes": try stand.redefine("s")
        default: throw Stand.Problem("nobody knows how `\(event)` happens")
        }
    }
}
