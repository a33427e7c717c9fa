import Synchronization

/// What the event histories of all sessions may hold together. When it is too much the oldest events are forgotten first,
/// whosever they are.
final class EventBudget: Sendable {
    private struct Entry {
        weak var events: SessionEvents?
        let number: UInt64
    }

    /// All events in the order in which they came, and some that their sessions have forgotten by themselves.
    private struct Queue {
        var entries: [Entry] = []
        var head = 0

        var count: Int { entries.count - head }

        mutating func popFirst() -> Entry? {
            guard head < entries.count else { return nil }
            defer { compactIfHalf() }
            head += 1
            return entries[head - 1]
        }

        private mutating func compactIfHalf() {
            guard head * 2 > entries.count else { return }
            entries.removeFirst(head)
            head = 0
        }
    }

    private let capacity: Int
    private let metrics: GatewayMetrics?
    private let queue = Mutex(Queue())
    // Apart from the queue: a session's end gives back what it has, wherever that happens.
    private let bytes = Atomic<Int>(0)
    private let count = Atomic<Int>(0)

    /// - Parameter capacity: in bytes.
    init(capacity: Int, metrics: GatewayMetrics? = nil) {
        self.capacity = capacity
        self.metrics = metrics
    }

    /// What is held now, in bytes.
    var size: Int { bytes.load(ordering: .relaxed) }

    /// A session has noted an event, and has grown by this much; less than nothing if it has forgotten others for it.
    /// Not to be called while the session is locked.
    func note(_ events: SessionEvents, _ number: UInt64, bytes grown: Int, count: Int) {
        give(bytes: grown, count: count)
        let stale = queue.withLock { queue -> [SessionEvents] in
            queue.entries.append(Entry(events: events, number: number))
            return queue.count > 1_024 + 2 * self.count.load(ordering: .relaxed) ? clean(&queue) : []
        }
        // What is dropped here may be the last of a session, whose end comes back to us: not under the lock.
        withExtendedLifetime(stale) {}
        while size > capacity, let oldest = queue.withLock({ $0.popFirst() }) {
            guard let events = oldest.events else { continue }
            let freed = events.forget(through: oldest.number)
            give(bytes: -freed.bytes, count: -freed.count)
            metrics?.forgottenEvents.add(freed.count, ordering: .relaxed)
        }
    }

    /// What a session holds is more by this.
    func give(bytes grown: Int, count: Int) {
        let now = bytes.add(grown, ordering: .relaxed).newValue
        self.count.add(count, ordering: .relaxed)
        metrics?.historyBytes.store(now, ordering: .relaxed)
    }

    /// COST: once for as many events as it keeps, so it is a constant for each.
    private func clean(_ queue: inout Queue) -> [SessionEvents] {
        var alive: [SessionEvents] = []
        queue.entries = queue.entries[queue.head...].filter { entry in
            guard let events = entry.events else { return false }
            alive.append(events)
            return events.keeps(entry.number)
        }
        queue.head = 0
        return alive
    }
}
