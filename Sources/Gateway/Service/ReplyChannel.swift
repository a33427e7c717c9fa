import HTTP
import MCP

/// The one way back to the client for one POST: a JSON answer, or an event stream once something has to be said before it.
/// Used on the connection's loop only.
final class ReplyChannel {
    private var writer: ResponseWriter?
    private var stream: ResponseStream?
    private let requestID: String
    /// Inside a batch answers are collected, and there is no place for notifications.
    private var batch: [[UInt8]]?

    init(_ writer: consuming ResponseWriter, requestID: String) {
        self.writer = consume writer
        self.requestID = requestID
    }

    /// Whether the client has hung up.
    var isGone: Bool {
        if let stream { return stream.isClosed }
        return switch writer {
        case .some(let writer): writer.isClosed
        case .none: true
        }
    }

    func beginBatch() { batch = [] }

    /// Something that belongs to the call and comes before its answer. Waits while the client does not read.
    func notify(_ message: [UInt8]) async {
        guard batch == nil else { return }
        if stream == nil, let writer = writer.take() {
            stream = writer.streamEvents(fields(isJSON: false))
        }
        _ = await stream?.writeEvent(SSEEvent(data: message, event: "message"))
    }

    /// The answer. On a stream the status was sent already.
    func answer(_ message: [UInt8], status: HTTPStatus = .ok) async {
        if batch != nil {
            batch?.append(message)
        } else if let stream {
            _ = await stream.writeEvent(SSEEvent(data: message, event: "message"))
            stream.end()
        } else if let writer = writer.take() {
            writer.send(status, fields(isJSON: true), message)
        }
    }

    /// The call was cancelled by the client: it gets no answer, but the exchange has to end.
    func silence() {
        guard batch == nil else { return }
        if stream == nil, let writer = writer.take() { stream = writer.streamEvents(fields(isJSON: false)) }
        stream?.end()
    }

    /// 202 without a body: for notifications and responses.
    func accepted() {
        guard batch == nil, let writer = writer.take() else { return }
        writer.send(.accepted, fields(isJSON: false))
    }

    func endBatch() async {
        guard let answers = batch else { return }
        batch = nil
        if answers.isEmpty { return accepted() }
        await answer([UInt8(ascii: "[")] + answers.joined(separator: [UInt8(ascii: ",")]) + [UInt8(ascii: "]")])
    }

    func refuse(_ refusal: Refusal) {
        guard let writer = writer.take() else { return }
        writer.send(refusal.response(requestID: requestID))
    }

    /// Answers `initialize`: the session's id goes into the head.
    func answer(_ message: [UInt8], session: String) {
        guard let writer = writer.take() else { return }
        var fields = fields(isJSON: true)
        fields.append(.mcpSessionID, session)
        writer.send(.ok, fields, message)
    }

    private static let jsonFields = Fields((.contentType, "application/json"))

    private func fields(isJSON: Bool) -> Fields {
        var fields = isJSON ? Self.jsonFields : Fields()
        fields.append(.xRequestID, requestID)
        return fields
    }
}
