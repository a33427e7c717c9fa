import HTTP
import MCP
import Runtime
import Synchronization

/// The way back for one message that came over a pipe.
final class PipeReply: ReplyChannel, Sendable {
    private struct State {
        var isCancelled = false
        var gone: [@Sendable () -> Void] = []
        var opened: (session: String, message: [UInt8])?
        var sink: PipeSink?
    }

    private let output: PipeOutput
    /// The request's id; nil for what gets no answer, or could not be read.
    let id: RequestID?
    let isModern: Bool
    private let state = Mutex(State())

    init(_ output: PipeOutput, id: RequestID?, isModern: Bool) {
        self.output = output
        self.id = id
        self.isModern = isModern
    }

    /// A `subscriptions/listen` that goes on.
    var isStanding: Bool { state.withLock { $0.sink }.map { !$0.isClosed } ?? false }

    /// The session that an `initialize` has opened, and its answer, which nobody has sent yet.
    var opened: (session: String, message: [UInt8])? { state.withLock { $0.opened } }

    /// The client has taken its request back: it gets no answer.
    func cancel() {
        let (gone, sink) = state.withLock { state in
            state.isCancelled = true
            defer { state.gone.removeAll() }
            return (state.gone, state.sink)
        }
        for body in gone { body() }
        sink?.close()
    }

    var isGone: Bool { state.withLock { $0.isCancelled } || output.isClosed }

    func onGone(_ body: @escaping @Sendable () -> Void) {
        let isCancelled = state.withLock { state in
            if !state.isCancelled { state.gone.append(body) }
            return state.isCancelled
        }
        if isCancelled { body() }
    }

    func notify(_ message: [UInt8]) async {
        if !isGone { await output.send(message) }
    }

    func answer(_ message: [UInt8], status: HTTPStatus) async {
        // SPEC: 2026-07-28: a cancelled request gets no answer.
        if !isGone { await output.send(message) }
    }

    func answer(_ message: [UInt8], session: String) {
        state.withLock { $0.opened = (session, message) }
    }

    func silence() {}
    func accepted() {}
    func refuse(_ refusal: Refusal) { output.put(refusal.line(id: id)) }

    func openEvents(closed: @escaping @Sendable () -> Void) -> (any EventSink)? {
        guard let id else { return nil }
        let sink = PipeSink(output, listen: id)
        sink.onClose(closed)
        let isCancelled = state.withLock { state in
            state.sink = sink
            return state.isCancelled
        }
        if isCancelled { sink.close() }
        return sink
    }
}

extension Refusal {
    /// As one message. Unlike over HTTP there is nothing but the id to tell the client what it is about.
    func line(id: RequestID?) -> [UInt8] {
        let code: RPCErrorCode =
            switch self {
            case .notJSON: .parseError
            case .tooManySessions, .tooMuchUnderWay: .overloaded
            case .configurationUnavailable: .cannotRecord
            default: .invalidRequest
            }
        let text =
            switch self {
            case .unauthenticated: "The grant of this pipe has ended: start `sluice wrap` again."
            case .unknownSession: "The session of this pipe has ended: start `sluice wrap` again."
            case .noSession:
                "Send `initialize` first, or name the protocol version in each request's `_meta`."
            default: message
            }
        return RPCWriter.error(id: id, code: code, message: text)
    }
}
