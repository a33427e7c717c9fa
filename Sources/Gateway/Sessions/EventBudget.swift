import Synchronization

/// What the event histories of all sessions may hold together. When it is too much the grant that has most forgets its oldest
/// events: one grant's traffic does not push out another's answers.
final class EventBudget: Sendable {
    /// What one grant's sessions hold.
    final class Share: Sendable {
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

        private let budget: EventBudget
        fileprivate let grant: String
        private let queue = Mutex(Queue())
        // Apart from the queue: a session's end gives back what it has, wherever that happens.
        private let bytes = Atomic<Int>(0)
        private let count = Atomic<Int>(0)

        fileprivate init(_ budget: EventBudget, _ grant: String) {
            self.budget = budget
            self.grant = grant
        }

        deinit { budget.drop(grant, ObjectIdentifier(self)) }

        /// In bytes.
        fileprivate var size: Int { bytes.load(ordering: .relaxed) }

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
            budget.makeRoom(after: self)
        }

        /// What a session holds is more by this.
        func give(bytes grown: Int, count: Int) {
            bytes.add(grown, ordering: .relaxed)
            self.count.add(count, ordering: .relaxed)
            budget.grew(by: grown)
        }

        /// Forgets the oldest event. False if there is none.
        fileprivate func forgetOldest() -> Bool {
            guard let oldest = queue.withLock({ $0.popFirst() }) else { return false }
            guard let events = oldest.events else { return true }
            let freed = events.forget(through: oldest.number)
            give(bytes: -freed.bytes, count: -freed.count)
            budget.metrics?.forgottenEvents.add(freed.count, ordering: .relaxed)
            return true
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

    // A class: Swift 6.3 reads a weak member of an absent optional struct as if it were there, and writes where it points.
    private final class WeakShare: Sendable {
        weak let share: Share?
        let id: ObjectIdentifier

        init(_ share: Share) {
            self.share = share
            id = ObjectIdentifier(share)
        }
    }

    private struct State {
        var shares: [String: WeakShare] = [:]
        /// Whose part was the biggest when they were last compared, and how far down it is taken before they are again.
        var biggest = ""
        var floor = 0
    }

    private let capacity: Int
    private let metrics: GatewayMetrics?
    private let bytes = Atomic<Int>(0)
    // INVARIANT: no share is let go of under this lock, since its end takes it.
    private let state = Mutex(State())

    /// - Parameter capacity: in bytes.
    init(capacity: Int, metrics: GatewayMetrics? = nil) {
        self.capacity = capacity
        self.metrics = metrics
    }

    /// What is held now, in bytes.
    var size: Int { bytes.load(ordering: .relaxed) }

    /// What the sessions of a grant hold together.
    func share(of grant: String) -> Share {
        state.withLock { state in
            if let known = state.shares[grant]?.share { return known }
            let share = Share(self, grant)
            state.shares[grant] = WeakShare(share)
            return share
        }
    }

    private func drop(_ grant: String, _ id: ObjectIdentifier) {
        state.withLock { state in
            // Another may have come in its place.
            if state.shares[grant]?.id == id { state.shares[grant] = nil }
        }
    }

    private func grew(by grown: Int) {
        let now = bytes.add(grown, ordering: .relaxed).newValue
        metrics?.historyBytes.store(now, ordering: .relaxed)
    }

    private func makeRoom(after noted: Share) {
        while size > capacity {
            guard biggest(or: noted).forgetOldest() || noted.forgetOldest() else { return }
        }
    }

    /// Whose events are forgotten next.
    // COST: all are compared anew only after the biggest was taken down by a quarter; in between it is one look.
    private func biggest(or noted: Share) -> Share {
        let (known, floor) = state.withLock { ($0.shares[$0.biggest]?.share, $0.floor) }
        if let known, known.size >= floor { return noted.size > known.size ? noted : known }
        let all = state.withLock { $0.shares.values.compactMap(\.share) }
        let biggest = all.max { $0.size < $1.size } ?? noted
        state.withLock { ($0.biggest, $0.floor) = (biggest.grant, biggest.size / 4 * 3) }
        return biggest
    }
}
