import HTTP
import JSON
import MCP
import Synchronization

@testable import Gateway

/// What somebody outside notices, in the words of docs/session-machine.md.
final class Notebook: Sendable {
    private let state = Mutex<(words: [String], faults: [String], count: Int)>(([], [], 0))

    func note(_ word: String) {
        // That somebody else's idle session ends is nobody's business here.
        guard word != "stranger:closed", !word.hasPrefix("other ") else { return }
        state.withLock { state in
            state.words.append(word)
            state.count += 1
        }
    }

    /// What must never happen, whatever the event.
    func fault(_ text: String) { state.withLock { $0.faults.append(text) } }

    /// How much was noted so far.
    var count: Int { state.withLock { $0.count } }

    func take() -> (words: [String], faults: [String]) {
        state.withLock { state in
            defer { (state.words, state.faults) = ([], []) }
            return (state.words, state.faults)
        }
    }
}

/// Checks and names the messages that a client gets.
struct Postmark: Sendable {
    /// The id of the request that the stream belongs to, as its client wrote it; nil for a stream of no request.
    let id: String?
    /// The progress token of that request, as its client wrote it.
    let token: String?

    init(id: String?) { self.init(id: id, token: id) }

    init(id: String?, token: String?) {
        self.id = id
        self.token = token
    }

    func word(_ bytes: [UInt8], _ book: Notebook) -> String {
        if bytes.first == UInt8(ascii: "[") { return "batch" }
        guard let message = try? RPCMessage(JSONDocument.parse(bytes)) else {
            book.fault("no message: \(String(decoding: bytes, as: UTF8.self))")
            return "junk"
        }
        switch message.kind {
        case .request: return "ask"
        case .notification:
            switch message.method {
            case "notifications/progress":
                if message.params?["progressToken"].map({ String(decoding: $0.rawBytes, as: UTF8.self) }) != token {
                    book.fault("progress of another: \(String(decoding: bytes, as: UTF8.self)), not \(token ?? "")")
                }
                return "progress"
            case "notifications/message": return "log"
            case "notifications/cancelled": return "withdrawn"
            case "notifications/subscriptions/acknowledged": return "acknowledged"
            default: return "changed"
            }
        case .response(let answered, let isError):
            if let id, answered.map({ String(decoding: $0.raw, as: UTF8.self) }) != id {
                book.fault("the answer to \(id) has the id \(String(describing: answered?.raw))")
            }
            if isError { return "error" }
            if message.outcome?["resultType"]?.string == "input_required" { return "input" }
            return message.outcome?["isError"]?.bool == true ? "denied" : "result"
        }
    }
}

/// Names what comes on a stream that all requests of a client share: each message says what it belongs to.
struct Sorter: Sendable {
    /// What requests are called, by their ids as JSON.
    let names: [String: String]

    func word(_ bytes: [UInt8], _ book: Notebook) -> String {
        guard let message = try? RPCMessage(JSONDocument.parse(bytes)) else {
            return "reply>\(Postmark(id: nil).word(bytes, book))"
        }
        let meta = message.params?["_meta"]?["io.modelcontextprotocol/subscriptionId"]
        var owner: JSONView?
        switch message.kind {
        case .request: break
        case .notification: owner = meta ?? message.params?["progressToken"] ?? message.params?["requestId"]
        case .response(let answered, _):
            let id = answered.map { String(decoding: $0.raw, as: UTF8.self) }
            return "\(id.flatMap { names[$0] } ?? "reply")>\(Postmark(id: id).word(bytes, book))"
        }
        let token = owner.map { String(decoding: $0.rawBytes, as: UTF8.self) }
        return "\(token.flatMap { names[$0] } ?? "stream")>\(Postmark(id: nil, token: token).word(bytes, book))"
    }
}

/// A stream that all requests of a client share.
final class SharedSink: EventSink {
    private let state = Mutex<(isClosed: Bool, closed: (@Sendable () -> Void)?)>((false, nil))
    private let sorter: Sorter
    private let book: Notebook
    /// Told each message.
    private let sent: @Sendable ([UInt8]) -> Void

    init(_ sorter: Sorter, _ book: Notebook, _ sent: @escaping @Sendable ([UInt8]) -> Void) {
        (self.sorter, self.book, self.sent) = (sorter, book, sent)
    }

    var isClosed: Bool { state.withLock { $0.isClosed } }
    func whenClosed(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.closed = body } }

    func send(_ message: [UInt8]) {
        guard !isClosed else { return }
        book.note(sorter.word(message, book))
        sent(message)
    }

    /// From the gateway's side.
    func end() { if close() { book.note("stream:end") } }
    /// From the client's side.
    func hangUp() { _ = close() }

    private func close() -> Bool {
        let (wasOpen, closed) = state.withLock { state in
            defer { state = (true, nil) }
            return (!state.isClosed, state.closed)
        }
        closed?()
        return wasOpen
    }
}

/// A stream of a client that is told what was sent on it.
final class WatchedSink: EventSink {
    private let state = Mutex<(isClosed: Bool, isAnswered: Bool)>((false, false))
    private let label: String
    private let mark: Postmark
    private let book: Notebook
    /// Told the id of each event.
    private let numbered: @Sendable (String) -> Void
    /// What is sent while this is true was missed before.
    let isReplaying = Atomic<Bool>(false)
    private let missed = Atomic<Int>(0)
    private let onClose = Mutex<(@Sendable () -> Void)?>(nil)

    init(_ label: String, _ mark: Postmark, _ book: Notebook, _ numbered: @escaping @Sendable (String) -> Void) {
        self.label = label
        self.mark = mark
        self.book = book
        self.numbered = numbered
    }

    var isClosed: Bool { state.withLock { $0.isClosed } }
    var hasMissed: Bool { missed.load(ordering: .relaxed) > 0 }

    func whenClosed(_ body: @escaping @Sendable () -> Void) { onClose.withLock { $0 = body } }

    func send(_ message: [UInt8]) { send(message, id: "") }

    func send(_ message: [UInt8], id: String) {
        guard !isClosed else { return }
        if !id.isEmpty { numbered(id) }
        guard !message.isEmpty else { return }
        let word = mark.word(message, book)
        if mark.id != nil, ["result", "error", "denied", "input"].contains(word) {
            let isSecond = state.withLock { state in
                defer { state.isAnswered = true }
                return state.isAnswered
            }
            if isSecond { book.fault("\(label) is answered twice") }
        }
        guard !isReplaying.load(ordering: .relaxed) else { return _ = missed.add(1, ordering: .relaxed) }
        book.note("\(label)>\(word)")
    }

    /// From the gateway's side.
    func end() {
        let (wasOpen, isAnswered) = state.withLock { state in
            defer { state.isClosed = true }
            return (!state.isClosed, state.isAnswered)
        }
        guard wasOpen else { return }
        if mark.id == nil { book.note("\(label):end") } else if !isAnswered { book.note("\(label):silence") }
        onClose.withLock { $0.take() }?()
    }

    /// From the client's side.
    func hangUp() {
        state.withLock { $0.isClosed = true }
        onClose.withLock { $0.take() }?()
    }
}

/// The way back for one request, as `HTTPReply` is one, without a connection.
// SAFETY: used on the stand's loop only.
final class WatchedReply: ReplyChannel, @unchecked Sendable {
    private enum Phase { case fresh, streaming, over }
    private let label: String
    private let mark: Postmark
    private let book: Notebook
    private let numbered: @Sendable (String) -> Void
    private var phase = Phase.fresh
    private var hasHungUp = false
    /// Another connection has the stream.
    private var isTakenOver = false
    private var kept: SessionEvents?
    private var number: UInt64 = 0
    private var gone: [@Sendable () -> Void] = []
    private var sink: WatchedSink?

    init(
        _ label: String, _ mark: Postmark, _ book: Notebook, _ numbered: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.label = label
        self.mark = mark
        self.book = book
        self.numbered = numbered
    }

    var isGone: Bool {
        switch phase {
        case .fresh: hasHungUp
        case .streaming: kept == nil && hasHungUp
        case .over: true
        }
    }

    /// Whether the gateway has not done with it, whoever still listens.
    var isOpen: Bool { phase != .over }

    /// Whether somebody still sees to it, a standing stream aside.
    var isPending: Bool { phase != .over && sink == nil }

    /// Whether its standing stream goes on.
    var isStreaming: Bool { sink.map { !$0.isClosed } ?? false }

    /// Whether its client still waits for an answer.
    var isWaiting: Bool { !hasHungUp && (phase == .fresh || phase == .streaming && sink == nil && !isTakenOver) }

    func onGone(_ body: @escaping @Sendable () -> Void) {
        if hasHungUp { body() } else if phase != .over { gone.append(body) }
    }

    func hangUp() {
        guard phase != .over, !hasHungUp else { return }
        hasHungUp = true
        let bodies = gone
        gone = []
        for body in bodies { body() }
        sink?.hangUp()
    }

    func keep(in events: SessionEvents) { kept = events }

    private func begin() {
        guard phase == .fresh else { return }
        phase = .streaming
        guard let kept else { return }
        number = kept.beginAnswer()
        if let id = kept.prime(number), !hasHungUp { numbered(id.description) }
    }

    private func write(_ message: [UInt8], isLast: Bool) {
        if isLast {
            phase = .over
            learn(message)
        }
        if let kept {
            guard let id = kept.note(message, on: number, isLast: isLast) else { return isTakenOver = true }
            if !hasHungUp { numbered(id.description) }
        }
        if !hasHungUp { book.note("\(label)>\(mark.word(message, book))") }
    }

    func notify(_ message: [UInt8]) async {
        guard phase == .streaming || phase == .fresh && !hasHungUp else { return }
        begin()
        write(message, isLast: false)
    }

    func answer(_ message: [UInt8], status: HTTPStatus) async {
        switch phase {
        case .streaming: write(message, isLast: true)
        case .fresh:
            phase = .over
            learn(message)
            if !hasHungUp { book.note("\(label):\(mark.word(message, book))") }
        case .over: book.fault("\(label) is answered twice")
        }
    }

    /// What the answer wants to have back with the retry; nil if it wants none.
    private(set) var requestState: String?
    private(set) var lastAnswer: [UInt8] = []

    private func learn(_ answer: [UInt8]) {
        lastAnswer = answer
        requestState = (try? JSONDocument.parse(answer))?.root["result"]?["requestState"]?.string
    }

    func answer(_ message: [UInt8], session: String) {
        opened = session
        phase = .over
        book.note("\(label):session")
    }
    /// The session that `initialize` has opened.
    private(set) var opened: String?

    func silence() {
        if phase == .streaming { kept?.abandon(number) }
        let isOurs = phase != .over && !hasHungUp && !isTakenOver
        phase = .over
        kept = nil
        if isOurs { book.note("\(label):silence") }
    }

    func accepted() {
        phase = .over
        book.note("\(label):202")
    }

    func refuse(_ refusal: Refusal) {
        phase = .over
        book.note("\(label):\(refusal.status.code)")
    }

    func openEvents(closed: @escaping @Sendable () -> Void) -> (any EventSink)? {
        guard phase == .fresh, !hasHungUp else { return nil }
        phase = .streaming
        let sink = WatchedSink(label, mark, book, numbered)
        sink.whenClosed(closed)
        self.sink = sink
        return sink
    }
}
