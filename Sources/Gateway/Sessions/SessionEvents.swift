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
    /// Whether each stream begins with an event that has an id and nothing else.
    private let primes: Bool
    private let budget: EventBudget.Share?

    /// - Parameter version: what is spoken with the client.
    init(_ version: ProtocolVersion = .march2025, budget: EventBudget.Share? = nil) {
        // SPEC: 2025-11-25: an event without data tells the client at once where to go on. Older clients would parse it.
        primes = version >= .november2025
        self.budget = budget
    }

    deinit {
        let held = state.withLock { (bytes: $0.history.size, count: $0.history.count) }
        if held.count > 0 { budget?.give(bytes: -held.bytes, count: -held.count) }
    }

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
        let (id, isOurs, grown) = state.withLock { state in
            let before = (bytes: state.history.size, count: state.history.count)
            let id = state.history.append(message, stream: stream)
            let grown = (bytes: state.history.size - before.bytes, count: state.history.count - before.count)
            let taker = state.open[stream] ?? nil
            if isLast { state.open[stream] = nil }
            guard let taker else { return (id, true, grown) }
            taker.send(message, id: id.description)
            if isLast { taker.end() }
            return (id, false, grown)
        }
        budget?.note(self, id.number, bytes: grown.bytes, count: grown.count)
        return isOurs ? id : nil
    }

    /// The event that begins a stream, where there is one.
    func prime(_ stream: UInt64) -> EventID? { primes ? note([], on: stream) : nil }

    /// The stream ends without an answer: nothing of it can be had any more.
    func abandon(_ stream: UInt64) {
        let freed = state.withLock { state in
            let before = (bytes: state.history.size, count: state.history.count)
            state.history.end(stream: stream)
            let taker = state.open.removeValue(forKey: stream) ?? nil
            taker?.end()
            return (bytes: before.bytes - state.history.size, count: before.count - state.history.count)
        }
        budget?.give(bytes: -freed.bytes, count: -freed.count)
    }

    // MARK: The budget

    /// Forgets the events up to this number. Returns what that has freed.
    func forget(through number: UInt64) -> (bytes: Int, count: Int) {
        state.withLock { state in
            let before = (bytes: state.history.size, count: state.history.count)
            state.history.forget(through: number)
            return (before.bytes - state.history.size, before.count - state.history.count)
        }
    }

    func keeps(_ number: UInt64) -> Bool { state.withLock { $0.history.keeps(number) } }

    /// A standing stream's connection is no longer wanted.
    func release(_ stream: UInt64, _ sink: any EventSink) {
        state.withLock { state in
            if let taker = state.open[stream], taker === sink { state.open[stream] = nil }
        }
    }

    // MARK: Coming back

    /// A new connection of the client's takes over the stream that it names, or begins a standing one.
    /// - Returns: the standing stream; nil if the connection has the rest of a request's stream.
    func connect(_ sink: any EventSink, after last: EventID?) -> StandingStream? {
        if let last, Self.isAnswer(last) {
            if !resume(after: last, sink) { sink.end() }
            return nil
        }
        if let last, resume(after: last, sink) { return StandingStream(self, last.stream, sink) }
        let number = beginStanding(sink)
        _ = prime(number)
        return StandingStream(self, number, sink)
    }

    /// Whether an id is of a request's stream.
    static func isAnswer(_ id: EventID) -> Bool { id.stream % 2 == 1 }

    /// Whether nothing can come any more on the request's stream that the id is of.
    func isOver(_ last: EventID) -> Bool {
        guard Self.isAnswer(last) else { return false }
        return state.withLock { state in
            guard state.open[last.stream] == nil else { return false }
            return state.history.rest(after: last)?.isEmpty ?? true
        }
    }

    /// Sends what was missed, as far as it is kept, and from now on what comes. False if the stream is not known.
    func resume(after last: EventID, _ sink: any EventSink) -> Bool {
        state.withLock { state in
            let isOpen = state.open[last.stream] != nil
            let missed = state.history.rest(after: last)
            guard missed != nil || isOpen else { return false }
            for (id, message) in missed ?? [] where !message.isEmpty { sink.send(message, id: id.description) }
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
