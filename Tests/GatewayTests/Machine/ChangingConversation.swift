import Base
import HTTP
import JSON
import MCP
import Policy
import Runtime
import Store
import Synchronization

@testable import Gateway

/// A client that has a session and a stream open while people change what it may do, at one server's endpoint or at that of
/// all.
final class ChangingConversation: Conversation {
    private static let wide = #"{"version":"1","default":"deny","tools":{"t":{},"prompt:p":{}}}"#
    private static let narrow = #"{"version":"1","default":"deny","tools":{"u":{}}}"#

    let book = Notebook()
    private let stand: Stand
    private let era: Era
    private let isMerged: Bool
    private let shared = Shared()
    /// What callbacks touch.
    private final class Shared: Sendable {
        let server = Mutex<TalkingServer?>(nil)
        /// How often the definition of `t` has changed.
        let version = Mutex(0)
    }

    private var posted: [WatchedReply] = []
    private var session = ""
    private var stream: WatchedSink?
    private var listening: WatchedReply?

    init(_ stand: Stand, client era: Era, isMerged: Bool) async throws {
        (self.stand, self.era, self.isMerged) = (stand, era, isMerged)
        guard let hello = TalkingServer.hello(.legacy, with: #","prompts":{},"completions":{}"#) else {
            throw Stand.Problem("the server's greeting is none")
        }
        try stand.begin()
        try stand.change { $0.policy = Array(Self.wide.utf8) }
        let (book, shared) = (book, shared)
        stand.answers.set { _, _, loop in
            let link = TalkingServer(
                "server", hello, book, on: loop, tools: { Self.tools(shared.version.withLock { $0 }) })
            shared.server.withLock { $0 = link }
            return link
        }
        try await take("open")
        _ = book.take()
        guard state["session"] == "open" else { throw Stand.Problem("no session opens") }
    }

    private static func tools(_ version: Int) -> String { #"{"name":"t","description":"\#(version)"},{"name":"u"}"# }

    private var part: ClientSession? {
        let key = isMerged ? (merged.map { MergedEndpoint.partKey($0.id, "s") } ?? "") : plainKey
        return stand.core.sessions.find(key).flatMap { $0.isEnded ? nil : $0 }
    }

    private var plainKey: String { era == .legacy ? session : "stateless:gr_1:s:00001" }
    private var merged: MergedSession? {
        let known = era == .legacy ? stand.merged.session(named: session) : stand.merged.standing(grant: "gr_1").first
        return known.flatMap { $0.isEnded ? nil : $0 }
    }

    var state: [String: String] {
        let isOpen = isMerged ? merged != nil : part != nil
        let hasStream = era == .legacy ? stream?.isClosed == false : listening?.isStreaming == true
        return ["session": isOpen ? "open" : "none", "stream": hasStream ? "open" : "none"]
    }

    var faults: [String] { [] }

    func clear() async {
        stand.merged.keep(on: stand.loop) { _ in true }
        for session in stand.core.sessions.removeAll(where: { _ in true }) { session.end(on: stand.loop) }
        await finish(posted, stand)
    }

    // MARK: The client

    private func request(_ method: String, _ members: String = "", id: String = "5", label: String = "reply")
        -> WatchedReply
    {
        let reply = WatchedReply(label, Postmark(id: id), book) { _ in }
        posted.append(reply)
        var fields = Fields()
        var meta = ""
        if era == .modern {
            meta =
                #""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{}}}"#
        } else {
            meta = #""_meta":{}"#
            if method != "initialize" { fields.append(.mcpSessionID, session) }
        }
        let arrival = stand.arrival(
            stand.holder, #"{"jsonrpc":"2.0","id":\#(id),"method":"\#(method)","params":{\#(members)\#(meta)}}"#, fields
        )
        let (endpoint, all) = (stand.endpoint, stand.merged)
        Task(executorPreference: stand.loop) { [isMerged] in
            await isMerged ? all.post(arrival, reply) : endpoint.post(arrival, reply)
        }
        return reply
    }

    private var prefix: String { isMerged ? "s__" : "" }

    /// A session and its stream.
    private func open() async {
        guard era == .legacy else {
            if listening?.isStreaming != true {
                listening = request(
                    "subscriptions/listen", #""notifications":{"toolsListChanged":true},"#, id: #""l""#, label: "stream"
                )
            }
            return
        }
        if state["session"] == "none" {
            let reply = request(
                "initialize",
                #""protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"},"#)
            await settle(stand)
            session = reply.opened ?? ""
        }
        guard stream?.isClosed != false else { return }
        let sink = WatchedSink("stream", Postmark(id: nil), book) { _ in }
        if isMerged {
            if let merged, let standing = merged.events.connect(sink, after: nil) { merged.attach(standing) }
        } else if let part, let standing = part.events.connect(sink, after: nil) {
            let listener = CallHandle()
            part.attach(standing, listener: listener)
            stand.endpoint.listen(.everything(of: part), part, listener, stand.arrival(stand.holder, ""))
        }
        stream = sink
    }

    // MARK: Events

    func take(_ event: String) async throws {
        let name = event.split(separator: " ").last.map(String.init) ?? ""
        var list: WatchedReply?
        switch event {
        case "open": await open()
        case "list": list = request("tools/list")
        case "call t", "call u":
            _ = request("tools/call", #""name":"\#(prefix)\#(name)","arguments":{"call":"one"},"#)
            await settle(stand)
            shared.server.withLock { $0 }?.result("one")
        case "complete":
            let ref = #"{"type":"ref/prompt","name":"\#(prefix)p"}"#
            _ = request("completion/complete", #""ref":\#(ref),"argument":{"name":"n","value":""},"#)
        case "widen": try stand.change { $0.policy = Array(Self.wide.utf8) }
        case "narrow": try stand.change { $0.policy = Array(Self.narrow.utf8) }
        case "pin": try pin()
        case "unpin": try stand.change { $0.pins = [:] }
        case "alter":
            shared.version.withLock { $0 += 1 }
            shared.server.withLock { $0 }?.change()
        case "redefine": try stand.redefine("s")
        case "grant ends": try stand.endGrant("gr_1")
        default: throw Stand.Problem("nobody knows how `\(event)` happens")
        }
        await settle(stand)
        guard let list, let answer = try? JSONDocument.parse(list.lastAnswer).root["result"]?["tools"] else { return }
        for tool in answer.elements {
            let name = tool["name"]?.string ?? ""
            book.note("\(name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name):listed")
        }
    }

    /// A person approves what the server says now.
    private func pin() throws {
        let text = "[\(Self.tools(shared.version.withLock { $0 }))]"
        guard let tools = try? JSONDocument.parse(Array(text.utf8)).root else { throw Stand.Problem("no tools") }
        let hashes = tools.elements.map { ($0["name"]?.string ?? "", PinDesk.hash(tool: $0, PlainHasher())) }
        let pins = ServerPins(
            server: "s", onChange: .hide, tools: Dictionary(uniqueKeysWithValues: hashes),
            instructions: PinDesk.hash(instructions: nil, PlainHasher()), stamp: 1)
        try stand.change { $0.pins = ["s": pins] }
    }
}
