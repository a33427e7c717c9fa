/// The latest events of a session's streams, for clients that come back with `Last-Event-ID`. Old ones are forgotten when
/// there are too many or too much.
package struct EventHistory: Sendable {
    private struct Event: Sendable {
        let id: EventID
        let message: [UInt8]
    }

    /// What a client has missed on one stream.
    package enum Replay: Sendable {
        /// Oldest first; may be none.
        case events([(id: EventID, message: [UInt8])])
        /// The stream is not known, or some of it is forgotten: it can't be made good.
        case lost
    }

    /// What an event costs beside its message, roughly, in bytes.
    private static let overhead = 64

    private let maximumEvents: Int
    private let maximumBytes: Int
    private var events: [Event] = []
    /// How many of `events`, from the front, are forgotten already.
    private var head = 0
    private var bytes = 0
    private var latest: UInt64 = 0
    /// For each stream the number up to which its events are forgotten. At most `maximumEvents` streams.
    private var forgotten: [UInt64: UInt64] = [:]

    /// - Parameters: what is kept at most, over all streams.
    package init(maximumEvents: Int = 256, maximumBytes: Int = 1 << 20) {
        self.maximumEvents = max(maximumEvents, 1)
        self.maximumBytes = maximumBytes
    }

    /// How many events are kept.
    package var count: Int { events.count - head }
    /// What they cost, in bytes.
    package var size: Int { bytes + count * Self.overhead }

    /// Notes an event that is sent, and gives it its id. An event without a message primes a stream.
    /// - Parameter stream: streams that begin later have higher numbers.
    package mutating func append(_ message: [UInt8] = [], stream: UInt64) -> EventID {
        latest += 1
        let id = EventID(stream: stream, number: latest)
        if forgotten[stream] == nil {
            if forgotten.count >= maximumEvents, let oldest = forgotten.keys.min() { end(stream: oldest) }
            forgotten[stream] = latest - 1
        }
        events.append(Event(id: id, message: message))
        bytes += message.count
        while head < events.count, events.count - head > maximumEvents || bytes > maximumBytes { forgetOldest() }
        return id
    }

    /// Forgets a stream that nobody may resume any more.
    package mutating func end(stream: UInt64) {
        forgotten[stream] = nil
        events = events[head...].filter { $0.id.stream != stream }
        head = 0
        bytes = events.reduce(0) { $0 + $1.message.count }
    }

    /// What came after `last` on its stream, and on that stream only.
    package func replay(after last: EventID) -> Replay {
        guard let forgotten = forgotten[last.stream], last.number >= forgotten, last.number <= latest else {
            return .lost
        }
        let missed = events[head...].filter { $0.id.stream == last.stream && $0.id.number > last.number }
        return .events(missed.map { ($0.id, $0.message) })
    }

    /// What is left of a stream after `last`, oldest first; something before it may be forgotten. Nil if the stream is not
    /// known, or the event never was.
    package func rest(after last: EventID) -> [(id: EventID, message: [UInt8])]? {
        guard forgotten[last.stream] != nil, last.number <= latest else { return nil }
        return events[head...].filter { $0.id.stream == last.stream && $0.id.number > last.number }
            .map { ($0.id, $0.message) }
    }

    /// Whether an event is still there.
    package func keeps(_ number: UInt64) -> Bool { head < events.count && events[head].id.number <= number }

    /// Forgets every event up to this number, of whichever stream.
    package mutating func forget(through number: UInt64) {
        while head < events.count, events[head].id.number <= number { forgetOldest() }
        if head == events.count { (events, head) = ([], 0) }
    }

    /// COST: the front is cut off when half of the array is forgotten, so an event costs a constant on average.
    private mutating func forgetOldest() {
        let oldest = events[head]
        if forgotten[oldest.id.stream] != nil { forgotten[oldest.id.stream] = oldest.id.number }
        bytes -= oldest.message.count
        events[head] = Event(id: oldest.id, message: [])
        head += 1
        if head * 2 > events.count {
            events.removeFirst(head)
            head = 0
        }
    }
}
