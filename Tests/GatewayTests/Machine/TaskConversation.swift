import Base
import HTTP
import JSON
import MCP
import Runtime
import Synchronization

@testable import Gateway

/// A client of either era whose calls become tasks of a server of either era.
final class TaskConversation: Conversation {
    let book = Notebook()
    private let stand: Stand
    private let client: Era
    private let server: Era
    private let shared = Shared()
    private var posted: [WatchedReply] = []
    private var results: [WatchedReply] = []
    private var session = ""
    private var bystander = ""
    /// What callbacks touch.
    private final class Shared: Sendable {
        let isUp = Mutex(true)
        let server = Mutex<TaskServer?>(nil)
        /// Whose server is dialled now.
        let owner = Mutex("")
    }

    init(_ stand: Stand, client: Era, server: Era) async throws {
        (self.stand, self.client, self.server) = (stand, client, server)
        guard let hello = TaskServer.hello(server) else { throw Stand.Problem("the server's greeting is none") }
        try stand.begin()
        // Between eras the gateway looks at a task again and again, and nobody counts how often.
        let isMixed = client != server
        let (book, shared) = (book, shared)
        stand.answers.set { _, _, _ in
            guard shared.isUp.withLock({ $0 }) else { return nil }
            let owner = shared.owner.withLock { $0 }
            let link = TaskServer(owner + "server", hello, book, tellsLooks: !isMixed)
            if owner.isEmpty { shared.server.withLock { $0 = link } }
            return link
        }
        guard client == .legacy else { return }
        shared.owner.withLock { $0 = "other " }
        bystander = await initialize()
        shared.owner.withLock { $0 = "" }
        session = await initialize()
        _ = book.take()
        guard !bystander.isEmpty, !session.isEmpty else { throw Stand.Problem("no session opens") }
    }

    private var task: TaskServer? { shared.server.withLock { $0 } }

    // MARK: What can be seen

    private var own: ClientSession? {
        // The digits: roots are declared.
        let name = client == .legacy ? session : "stateless:gr_1:s:00001"
        return stand.endpoint.sessions.find(name).flatMap { $0.isEnded ? nil : $0 }
    }

    var state: [String: String] {
        [
            "session": own == nil ? "none" : "open", "ask": String(own?.asks.waiting.count ?? 0),
            "task": own?.tasks.isEmpty == false ? "known" : "none",
        ]
    }

    var faults: [String] { [] }

    func clear() async {
        for session in stand.endpoint.sessions.removeAll(where: { _ in true }) { session.end(on: stand.loop) }
        stand.endpoint.desk.lot.close()
        await patiently()
        await finish(posted, stand)
    }

    /// Settles, and waits for what the gateway looks for in its own time.
    private func patiently() async {
        await settle(stand)
        guard client != server else { return }
        var patience = 500
        while patience > 0, isExpecting {
            try? await stand.loop.sleep(.milliseconds(10))
            patience -= 1
        }
        await settle(stand)
    }

    private var isExpecting: Bool {
        let isReady = own == nil || task?.isWorking != true && own?.asks.waiting.isEmpty == true
        return posted.contains { reply in reply.isPending && (isReady || !results.contains { $0 === reply }) }
    }

    // MARK: The client

    private func post(_ body: String, to session: String?, _ reply: WatchedReply, holder: Holder? = nil) {
        posted.append(reply)
        var fields = Fields()
        if let session { fields.append(.mcpSessionID, session) }
        let (arrival, endpoint) = (stand.arrival(holder ?? stand.holder, body, fields), stand.endpoint)
        Task(executorPreference: stand.loop) { await endpoint.post(arrival, reply) }
    }

    private func initialize() async -> String {
        let text = #"""
            {"jsonrpc":"2.0","id":7,"method":"initialize","params":{"protocolVersion":"2025-11-25",
            "capabilities":{"roots":{}},"clientInfo":{"name":"c","version":"1"}}}
            """#
        let reply = WatchedReply("reply", Postmark(id: "7"), book)
        post(text, to: nil, reply)
        await settle(stand)
        return reply.opened ?? ""
    }

    private enum Who { case own, bystander, stranger }

    @discardableResult
    private func request(
        _ method: String, _ params: String, by who: Who = .own, label: String = "reply", id: String = "5"
    ) -> WatchedReply {
        let reply = WatchedReply(label, Postmark(id: id), book)
        var params = params
        if client == .modern {
            let roots = who == .bystander ? "" : #""roots":{},"#
            params += params.isEmpty ? "" : ","
            params += #"""
                "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":
                {\#(roots)"extensions":{"io.modelcontextprotocol/tasks":{}}}}
                """#
        }
        let name = client == .modern ? nil : who == .bystander ? bystander : session
        post(
            #"{"jsonrpc":"2.0","id":\#(id),"method":"\#(method)","params":{\#(params)}}"#, to: name, reply,
            holder: who == .stranger ? stand.stranger : nil)
        return reply
    }

    private func say(_ text: String) { post(text, to: session, WatchedReply("reply", Postmark(id: nil), book)) }

    // MARK: Events

    func take(_ event: String) async throws {
        let id = #""taskId":"t1""#
        shared.owner.withLock { $0 = event.contains("'s ") ? "other " : "" }
        switch event {
        case "start":
            let task = client == .legacy ? #","task":{}"# : ""
            request("tools/call", #""name":"t","arguments":{}"# + task)
        case "get": request("tasks/get", id)
        case "bystander's get": request("tasks/get", id, by: .bystander)
        case "stranger's get": request("tasks/get", id, by: .stranger)
        case "result": results.append(request("tasks/result", id, label: "result", id: "6"))
        case "update": request("tasks/update", id + #","inputResponses":{"k":{"roots":[]},"ask-1":{"roots":[]}}"#)
        case "cancel task": request("tasks/cancel", id)
        case "cancel result": say(#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":6}}"#)
        case "answer":
            let number = own?.asks.waiting.first ?? 1
            say(#"{"jsonrpc":"2.0","id":\#(number),"result":{"roots":[]}}"#)
        case "list":
            let list = request("tasks/list", "")
            await patiently()
            let tasks = try? JSONDocument.parse(list.lastAnswer).root["result"]?["tasks"]
            for task in tasks?.elements.map({ $0["taskId"]?.string ?? "" }) ?? [] {
                book.note(task == "t1" ? "task:listed" : "another's:listed")
            }
        case "want": task?.want()
        case "finish": task?.finish()
        case "die":
            shared.isUp.withLock { $0 = false }
            task?.die()
        case "revive":
            shared.isUp.withLock { $0 = true }
            task?.revive()
        case "end": if let own { stand.endpoint.end(own, on: stand.loop) }
        default: throw Stand.Problem("nobody knows how `\(event)` happens")
        }
        await patiently()
    }
}
