import HTTP
import Runtime
import Synchronization

/// Where messages go that belong to no request: a standing stream of a client, or its pipe. Any thread; never waits.
protocol EventSink: AnyObject, Sendable {
    /// Whether nothing will arrive any more.
    var isClosed: Bool { get }
    /// Whether what is sent can't arrive later either: nobody has come for it yet.
    var leadsNowhere: Bool { get }
    /// Sends a message. A client that does not read loses it, and costs no memory beyond the stream's cap.
    func send(_ message: [UInt8])
    /// The same under an id, by which a client that comes back says how far it got.
    func send(_ message: [UInt8], id: String)
    /// Sends a message, and waits while the client does not read.
    func write(_ message: [UInt8]) async
    /// Ends it after what was sent.
    func end()
    /// Ends it with a last message.
    func end(with last: [UInt8])
}

extension EventSink {
    var leadsNowhere: Bool { false }
    func send(_ message: [UInt8], id: String) { send(message) }
    func write(_ message: [UInt8]) async { send(message) }

    func end(with last: [UInt8]) {
        send(last)
        end()
    }
}

/// A listen's stream, on which nothing comes before the acknowledgement.
final class Gate: EventSink {
    private let sink: any EventSink
    private let isOpen = Atomic<Bool>(false)

    init(_ sink: any EventSink) { self.sink = sink }

    var isClosed: Bool { sink.isClosed }

    /// SPEC: 2026-07-28: the acknowledgement is the first message.
    func open(with acknowledgement: [UInt8]) {
        sink.send(acknowledgement)
        isOpen.store(true, ordering: .releasing)
    }

    func send(_ message: [UInt8]) { if isOpen.load(ordering: .acquiring) { sink.send(message) } }
    func send(_ message: [UInt8], id: String) { if isOpen.load(ordering: .acquiring) { sink.send(message, id: id) } }
    func end() { sink.end() }
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

    /// - Parameter message: empty for an event that does nothing but say how far the stream is.
    func send(_ message: [UInt8], id: String) {
        let event = SSEEvent(data: message, event: message.isEmpty ? nil : "message", id: id)
        stream.loop.execute { [stream] in _ = stream.writeEventNow(event) }
    }

    func write(_ message: [UInt8]) async {
        let event = SSEEvent(data: message, event: "message")
        await Task(executorPreference: stream.loop) { [stream] in _ = await stream.writeEvent(event) }.value
    }

    func end() {
        closed.store(true, ordering: .relaxed)
        stream.loop.execute { [stream] in stream.end() }
    }
}
