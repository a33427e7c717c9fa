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
    /// The answer. On a stream the status was sent already.
    func answer(_ message: [UInt8], status: HTTPStatus) async
    /// The answer to `initialize`: names the session.
    func answer(_ message: [UInt8], session: String)
    /// The call was cancelled by the client: it gets no answer, but the exchange has to end.
    func silence()
    /// For notifications and responses.
    func accepted()
    func refuse(_ refusal: Refusal)
    /// A standing stream in place of the answer; nil where there is no way.
    /// - Parameter closed: called once when it ends, from either side.
    func openEvents(closed: @escaping @Sendable () -> Void) -> (any EventSink)?
}

extension ReplyChannel {
    func openEvents(closed: @escaping @Sendable () -> Void) -> (any EventSink)? { nil }
    func answer(_ message: [UInt8]) async { await answer(message, status: .ok) }
}

/// The answer to one POST: JSON, or an event stream once something has to be said before it.
final class HTTPReply: ReplyChannel {
    private var writer: ResponseWriter?
    private var stream: ResponseStream?
    private let requestID: String

    init(_ writer: consuming ResponseWriter, requestID: String) {
        self.writer = consume writer
        self.requestID = requestID
    }

    var isGone: Bool {
        if let stream { return stream.isClosed }
        return switch writer {
        case .some(let writer): writer.isClosed
        case .none: true
        }
    }

    func onGone(_ body: @escaping @Sendable () -> Void) {
        if let stream { return stream.onClose(body) }
        switch writer {
        case .some(let writer): writer.onClose(body)
        case .none: break
        }
    }

    func notify(_ message: [UInt8]) async {
        _ = await events()?.writeEvent(SSEEvent(data: message, event: "message"))
    }

    func answer(_ message: [UInt8], status: HTTPStatus) async {
        if let stream {
            _ = await stream.writeEvent(SSEEvent(data: message, event: "message"))
            stream.end()
        } else if let writer = writer.take() {
            writer.send(status, fields(isJSON: true), message)
        }
    }

    func silence() { events()?.end() }

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
            stream = writer.streamEvents(fields(isJSON: false))
        }
        return stream
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
