import HTTP
import MCP

/// The one way back to the client for one message. Used on its loop only.
protocol ReplyChannel: AnyObject {
    /// Whether the client has hung up.
    var isGone: Bool { get }
    /// Calls `body` once if the client hangs up before the answer.
    func onGone(_ body: @escaping @Sendable () -> Void)
    /// Something that belongs to the request and comes before its answer. Waits while the client does not read.
    func notify(_ message: [UInt8]) async
    /// Whether `answer` will not wait for the client to read.
    var answersAtOnce: Bool { get }
    /// The answer. On a stream the status was sent already.
    func answer(_ message: [UInt8], status: HTTPStatus) async
    /// The answer to `initialize`: names the session.
    func answer(_ message: [UInt8], session: String)
    /// The call was cancelled by the client: it gets no answer, but the exchange has to end.
    func silence()
    /// For notifications and responses.
    func accepted()
    func refuse(_ refusal: Refusal)
    /// Should the answer become a stream, its events can be had again.
    func keep(in events: SessionEvents)
    /// A standing stream in place of the answer; nil where there is no way.
    /// - Parameter closed: called once when the client ends it.
    func openEvents(closed: @escaping @Sendable () -> Void) -> (any EventSink)?
}

extension ReplyChannel {
    var answersAtOnce: Bool { false }
    func openEvents(closed: @escaping @Sendable () -> Void) -> (any EventSink)? { nil }
    func answer(_ message: [UInt8]) async { await answer(message, status: .ok) }
    func keep(in events: SessionEvents) {}
}

/// The answer to one POST: JSON, or an event stream once something has to be said before it.
final class HTTPReply: ReplyChannel {
    private var writer: ResponseWriter?
    private var stream: ResponseStream?
    private let requestID: String
    /// Where the stream's events are kept, and the stream's number there.
    private var kept: SessionEvents?
    private var number: UInt64 = 0

    init(_ writer: consuming ResponseWriter, requestID: String) {
        self.writer = consume writer
        self.requestID = requestID
    }

    var isGone: Bool {
        // A client can come back for a stream that is kept.
        if let stream { return kept == nil && stream.isClosed }
        return switch writer {
        case .some(let writer): writer.isClosed
        case .none: true
        }
    }

    var answersAtOnce: Bool { stream == nil }

    func onGone(_ body: @escaping @Sendable () -> Void) {
        if let stream { return stream.onClose(body) }
        switch writer {
        case .some(let writer): writer.onClose(body)
        case .none: break
        }
    }

    func notify(_ message: [UInt8]) async {
        // Who went away before the stream began can't know its name, and never comes back for it.
        if stream == nil, isGone { return }
        if let stream = events() { await write(message, on: stream) }
    }

    private func write(_ message: [UInt8], on stream: ResponseStream, isLast: Bool = false) async {
        guard let kept else {
            _ = await stream.writeEvent(SSEEvent(data: message, event: "message"))
            return
        }
        guard let id = kept.note(message, on: number, isLast: isLast) else { return stream.end() }
        _ = await stream.writeEvent(SSEEvent(data: message, event: "message", id: id.description))
    }

    func keep(in events: SessionEvents) { kept = events }

    func answer(_ message: [UInt8], status: HTTPStatus) async {
        if let stream {
            await write(message, on: stream, isLast: true)
            stream.end()
        } else if let writer = writer.take() {
            var fields = fields(isJSON: true)
            if status.code == 503 { fields.append(.retryAfter, Refusal.pause) }
            writer.send(status, fields, message)
        }
    }

    func silence() {
        if stream != nil { kept?.abandon(number) }
        kept = nil
        events()?.end()
    }

    func accepted() {
        guard let writer = writer.take() else { return }
        writer.send(.accepted, fields(isJSON: false))
    }

    func refuse(_ refusal: Refusal) {
        guard let writer = writer.take() else { return }
        writer.send(refusal.response(requestID: requestID))
    }

    func answer(_ message: [UInt8], session: String) {
        guard let writer = writer.take() else { return }
        var fields = fields(isJSON: true)
        fields.append(.mcpSessionID, session)
        writer.send(.ok, fields, message)
    }

    func openEvents(closed: @escaping @Sendable () -> Void) -> (any EventSink)? {
        guard let stream = events() else { return nil }
        stream.onClose(closed)
        return EventStream(stream)
    }

    /// Makes the answer an event stream.
    func events() -> ResponseStream? {
        if stream == nil, let writer = writer.take() {
            let fresh = writer.streamEvents(fields(isJSON: false))
            stream = fresh
            if let kept { begin(fresh, kept) }
        }
        return stream
    }

    private func begin(_ stream: ResponseStream, _ events: SessionEvents) {
        number = events.beginAnswer()
        guard let id = events.prime(number) else { return }
        _ = stream.writeEventNow(SSEEvent(data: [], id: id.description))
    }

    private static let jsonFields = Fields((.contentType, "application/json"))

    private func fields(isJSON: Bool) -> Fields {
        var fields = isJSON ? Self.jsonFields : Fields()
        fields.append(.xRequestID, requestID)
        return fields
    }
}

/// One message of a batch: answers are collected, and there is no place for anything else.
final class BatchReply: ReplyChannel {
    private let whole: any ReplyChannel
    private var answers: [[UInt8]] = []

    init(_ whole: any ReplyChannel) {
        self.whole = whole
    }

    var isGone: Bool { whole.isGone }
    func onGone(_ body: @escaping @Sendable () -> Void) { whole.onGone(body) }
    func notify(_ message: [UInt8]) async {}
    func answer(_ message: [UInt8], status: HTTPStatus) async { answers.append(message) }
    func answer(_ message: [UInt8], session: String) { answers.append(message) }
    func silence() {}
    func accepted() {}
    func refuse(_ refusal: Refusal) {}

    /// All messages were seen to.
    func end() async {
        if answers.isEmpty { return whole.accepted() }
        let list = answers.joined(separator: [UInt8(ascii: ",")])
        await whole.answer([UInt8(ascii: "[")] + list + [UInt8(ascii: "]")])
    }
}
