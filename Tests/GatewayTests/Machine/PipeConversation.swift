import Base
import Glibc
import HTTP
import JSON
import MCP
import Runtime
import Synchronization

@testable import Gateway

/// A client of either era on a pair of real pipes, before a legacy server.
final class PipeConversation: Conversation {
    let book = Notebook()
    private let stand: Stand
    private let era: Era
    private let shared = Shared()
    /// What callbacks touch.
    private final class Shared: Sendable {
        let isUp = Mutex(true)
        /// By their labels.
        let links = Mutex<[String: TalkingServer]>([:])
        let isOver = Mutex(false)
    }

    private let front: StdioFront
    private let echo: Echo
    /// Our ends.
    private var writing: Int32
    private let reading: Int32
    private var unread: [UInt8] = []
    private static let names = ["1": "one", #""1""#: "two", #""m""#: "modern", #""l""#: "listen"]
    private static let sorter = Sorter(names: names)
    private static let ids = Dictionary(uniqueKeysWithValues: names.map { ($1, $0) })
    /// Of the latest answer that has one.
    private var requestState = "none"
    /// What the client was asked and has not answered.
    private var questions: [Int64] = []

    init(_ stand: Stand, client era: Era) async throws {
        (self.stand, self.era) = (stand, era)
        guard let hello = TalkingServer.hello(.legacy) else { throw Stand.Problem("the server's greeting is none") }
        try stand.begin()
        let (book, shared) = (book, shared)
        stand.answers.set { _, client, loop in
            guard shared.isUp.withLock({ $0 }) else { return nil }
            let label = client.era == era ? "server" : "standing"
            let link = TalkingServer(label, hello, book, on: loop)
            shared.links.withLock { $0[label] = link }
            return link
        }
        let (input, output, echo) = (try Self.pipe(), try Self.pipe(), try Self.pipe())
        self.echo = Echo(try ByteStream.adopt(descriptor: echo.read, on: stand.loop), echo.write)
        (writing, reading) = (input.write, output.read)
        front = StdioFront(
            stand.core, stand.options, grant: "gr_1", server: "s",
            input: try ByteStream.adopt(descriptor: input.read, on: stand.loop),
            output: try ByteStream.adopt(descriptor: output.write, on: stand.loop))
        // It has descriptors of its own for them.
        for descriptor in [input.read, output.write, echo.read] { Glibc.close(descriptor) }
        _ = fcntl(reading, F_SETFL, O_NONBLOCK)
        await front.begin()
        Task(executorPreference: stand.loop) { [front] in
            await front.finished()
            shared.isOver.withLock { $0 = true }
            book.note("pipe:end")
        }
    }

    private static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else { throw Stand.Problem("no pipe") }
        return (ends[0], ends[1])
    }

    // MARK: What can be seen

    var state: [String: String] {
        ["sessions": String(stand.core.sessions.count), "over": shared.isOver.withLock { $0 } ? "yes" : "no"]
    }

    var faults: [String] { [] }

    func clear() async {
        hangUp()
        await front.stop()
        await flow()
        if !shared.isOver.withLock({ $0 }) { book.fault("the pipe has no end") }
        Glibc.close(reading)
        echo.close()
    }

    /// Lets everything run, the pipes included, until nothing moves.
    private func flow() async {
        var quiet = 0
        while quiet < 3 {
            let before = book.count + stand.ledger.count
            await echo.turn()
            for _ in 0..<16 { await Task.yield() }
            read()
            quiet = before == book.count + stand.ledger.count ? quiet + 1 : 0
        }
    }

    private func read() {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(reading, &buffer, buffer.count)
            guard count > 0 else { break }
            unread += buffer[..<count]
        }
        while let end = unread.firstIndex(of: 0x0A) {
            let line = Array(unread[..<end])
            unread.removeSubrange(...end)
            book.note(Self.sorter.word(line, book))
            guard let message = try? JSONDocument.parse(line).root else { continue }
            if message["method"] != nil, let id = message["id"]?.int { questions.append(id) }
            if let state = message["result"]?["requestState"]?.string { requestState = state }
        }
    }

    // MARK: The client

    private func write(_ text: String) {
        guard writing >= 0 else { return }
        let line = text.split(separator: "\n").joined() + "\n"
        if Glibc.write(writing, line, line.utf8.count) != line.utf8.count { book.fault("the pipe takes nothing") }
    }

    private func hangUp() {
        guard writing >= 0 else { return }
        Glibc.close(writing)
        writing = -1
    }

    /// - Parameter members: of the parameters, each with a comma after it.
    private func request(_ method: String, _ members: String = "", id: String = "5", isModern: Bool) {
        let more =
            isModern
            ? #","io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{}}"#
            : ""
        write(
            #"{"jsonrpc":"2.0","id":\#(id),"method":"\#(method)","params":{\#(members)"_meta":{"progressToken":\#(id)\#(more)}}}"#
        )
    }

    private func call(_ name: String, tool: String = "t", _ more: String = "", isModern: Bool) {
        let id = Self.ids[name] ?? "5"
        request(
            "tools/call", #""name":"\#(tool)","arguments":{"call":"\#(name)"},\#(more)"#, id: id, isModern: isModern)
    }

    private func notify(_ method: String, _ params: String = "{}") {
        write(#"{"jsonrpc":"2.0","method":"\#(method)","params":\#(params)}"#)
    }

    // MARK: Events

    func take(_ event: String) async throws {
        let name = event.split(separator: " ").last.map(String.init) ?? ""
        let isModern = era == .modern
        let (server, standing) = shared.links.withLock { ($0["server"], $0["standing"]) }
        switch event {
        case "initialize", "bad initialize":
            let version = event == "initialize" ? #""2025-11-25""# : "7"
            write(
                #"{"jsonrpc":"2.0","id":5,"method":"initialize","params":{"protocolVersion":\#(version),"capabilities":{"roots":{"listChanged":true}},"clientInfo":{"name":"c","version":"1"}}}"#
            )
        case "call one", "call two": call(name, isModern: isModern)
        case "modern call": call("modern", isModern: true)
        case "forbidden call": call("none", tool: "forbidden", isModern: isModern)
        case "discover": request("server/discover", isModern: true)
        case "ping": request("ping", isModern: isModern)
        case "notice": notify("notifications/initialized")
        case "roots notice": notify("notifications/roots/list_changed")
        case "batch": write(#"[{"jsonrpc":"2.0","id":5,"method":"ping"}]"#)
        case "junk": write("{")
        case "no message": write(#"{"a":1}"#)
        case "cancel one", "cancel two", "cancel modern", "cancel listen", "cancel other":
            notify("notifications/cancelled", #"{"requestId":\#(Self.ids[name] ?? "77")}"#)
        case "answer":
            let id = questions.isEmpty ? 1 : questions.removeFirst()
            write(#"{"jsonrpc":"2.0","id":\#(id),"result":{"roots":[]}}"#)
        case "retry":
            let answers = (1...20).map { #""ask-\#($0)":{"roots":[]}"# }.joined(separator: ",")
            call(
                "one", #""inputResponses":{\#(answers)},"requestState":"\#(requestState)","#, isModern: true)
        case "listen":
            request(
                "subscriptions/listen", #""notifications":{"toolsListChanged":true},"#, id: #""l""#, isModern: true)
        case "hang up": hangUp()
        case "progress one": server?.progress(name)
        case "result one", "result two": server?.result(name)
        case "result modern": standing?.result(name)
        case "error one": server?.error(name)
        case "log":
            server?.say(
                #"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"d"}}"#)
        case "changed": server?.change()
        case "ask": server?.ask()
        case "die":
            shared.isUp.withLock { $0 = false }
            server?.die()
            standing?.die()
            questions = []
        case "revive":
            shared.isUp.withLock { $0 = true }
            server?.revive()
            standing?.revive()
        case "late sweep":
            let later = TimeSpan(microseconds: stand.loop.now.microseconds + TimeSpan.hours(2).microseconds)
            stand.endpoint.sweep(now: later, on: stand.loop)
        case "grant ends": try stand.endGrant("gr_1")
        case "policy changes": try stand.change { _ in }
        case "definition changes": try stand.redefine("s")
        default: throw Stand.Problem("nobody knows how `\(event)` happens")
        }
        await flow()
    }
}

/// A pipe to ourselves: what was written to others before has been read when it brings something back.
private final class Echo: StreamDelegate {
    private let stream: ByteStream
    private let writing: Int32
    private var waiter: UnsafeContinuation<Void, Never>?

    init(_ stream: ByteStream, _ writing: Int32) {
        (self.stream, self.writing) = (stream, writing)
        stream.start(delegate: self)
    }

    func turn() async {
        await withUnsafeContinuation { continuation in
            waiter = continuation
            if Glibc.write(writing, "x", 1) != 1 { waiter?.resume() }
        }
    }

    func close() {
        Glibc.close(writing)
        stream.close()
    }

    func didRead(_ bytes: UnsafeRawBufferPointer) {
        waiter?.resume()
        waiter = nil
    }
    func didEnd() {}
    func didClose(_ error: RuntimeError?) {}
}
