import MCP
import Synchronization

/// The events of a legacy session's streams: their ids, the latest of them, and where those of each stream go now. A stream
/// outlives its connection: a client that comes back takes it over.
final class SessionEvents: Sendable {
    private struct State {
        var history = EventHistory()
        var count: UInt64 = 0
        /// The streams that go on, and who has taken them over.
        var open: [UInt64: (any EventSink)?] = [:]
    }

    private let state = Mutex(State())

    // MARK: Streams

    /// A stream for one request's events and its answer, written by its own connection.
    func beginAnswer() -> UInt64 {
        state.withLock { state in
            state.count += 1
            let number = state.count * 2 + 1
            state.open[number] = .some(nil)
            return number
        }
    }

    /// A stream for what belongs to no request.
    func beginStanding(_ sink: any EventSink) -> UInt64 {
        state.withLock { state in
            state.count += 1
            state.open[state.count * 2] = sink
            return state.count * 2
        }
    }

    /// Notes an event. Returns its id if the stream's own connection has to write it; nil if another has taken over, and has
    /// got it.
    /// - Parameter isLast: the stream ends with it.
    func note(_ message: [UInt8], on stream: UInt64, isLast: Bool = false) -> EventID? {
        state.withLock { state in
            let id = state.history.append(message, stream: stream)
            let taker = state.open[stream] ?? nil
            if isLast { state.open[stream] = nil }
            guard let taker else { return id }
            taker.send(message, id: id.description)
            if isLast { taker.end() }
            return nil
        }
    }

    /// The stream ends without an answer: nothing of it can be had any more.
    func abandon(_ stream: UInt64) {
        state.withLock { state in
            state.history.end(stream: stream)
            let taker = state.open.removeValue(forKey: stream) ?? nil
            taker?.end()
        }
    }

    /// A standing stream's connection is no longer wanted.
    func release(_ stream: UInt64, _ sink: any EventSink) {
        state.withLock { state in
            if let taker = state.open[stream], taker === sink { state.open[stream] = nil }
        }
    }

    // MARK: Coming back

    /// Whether an id is of a request's stream.
    static func isAnswer(_ id: EventID) -> Bool { id.stream % 2 == 1 }

    /// Whether nothing can come any more on the request's stream that the id is of.
    func isOver(_ last: EventID) -> Bool {
        guard Self.isAnswer(last) else { return false }
        return state.withLock { state in
            guard state.open[last.stream] == nil else { return false }
            guard case .events(let missed) = state.history.replay(after: last) else { return true }
            return missed.isEmpty
        }
    }

    /// Sends what was missed, and from now on what comes. False if the stream is not known.
    func resume(after last: EventID, _ sink: any EventSink) -> Bool {
        state.withLock { state in
            let isOpen = state.open[last.stream] != nil
            var missed: [(id: EventID, message: [UInt8])] = []
            var isKnown = false
            if case .events(let events) = state.history.replay(after: last) { (missed, isKnown) = (events, true) }
            guard isKnown || isOpen else { return false }
            for (id, message) in missed where !message.isEmpty { sink.send(message, id: id.description) }
            if Self.isAnswer(last), !isOpen {
                sink.end()
                return true
            }
            let old = state.open.updateValue(sink, forKey: last.stream) ?? nil
            if let old, old !== sink { old.end() }
            return true
        }
    }
}

/// The session's standing stream: what is sent on it can be had again.
final class StandingStream: EventSink {
    private let events: SessionEvents
    private let number: UInt64
    private let sink: any EventSink

    init(_ events: SessionEvents, _ number: UInt64, _ sink: any EventSink) {
        self.events = events
        self.number = number
        self.sink = sink
    }

    var isClosed: Bool { sink.isClosed }
    func send(_ message: [UInt8]) { _ = events.note(message, on: number) }

    func end() {
        events.release(number, sink)
        sink.end()
    }
}
