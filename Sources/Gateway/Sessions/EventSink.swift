import HTTP
import Runtime
import Synchronization

/// Where messages go that belong to no request: a standing stream of a client, or its pipe. Any thread; never waits.
protocol EventSink: AnyObject, Sendable {
    /// Whether nothing will arrive any more.
    var isClosed: Bool { get }
    /// Sends a message. A client that does not read loses it, and costs no memory beyond the stream's cap.
    func send(_ message: [UInt8])
    /// Ends it after what was sent.
    func end()
}

/// A server-sent event stream.
final class EventStream: EventSink {
    private let stream: ResponseStream
    private let closed = Atomic<Bool>(false)

    /// On the stream's loop.
    init(_ stream: ResponseStream) {
        self.stream = stream
        stream.onClose { [weak self] in self?.closed.store(true, ordering: .relaxed) }
    }

    var isClosed: Bool { closed.load(ordering: .relaxed) }

    func send(_ message: [UInt8]) {
        stream.loop.execute { [stream] in _ = stream.writeEventNow(SSEEvent(data: message, event: "message")) }
    }

    func end() {
        closed.store(true, ordering: .relaxed)
        stream.loop.execute { [stream] in stream.end() }
    }
}
