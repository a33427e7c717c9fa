package import Base

/// Counters in memory: every entry with its time, so that sliding windows are exact to the microsecond.
///
/// State is bounded: entries leave with their window; a counter beyond `maxEntries` merges neighbours under the later
/// one's time (it may then deny a little early, never late); beyond `maxCounters` or `maxTotal` the answer is
/// `.unavailable`.
package struct QuotaWindows: QuotaLedger, Sendable {
    /// What the counters may grow to.
    package struct Caps: Sendable, Hashable {
        /// Entries of one counter before neighbours are merged.
        package var maxEntries = 262_144
        /// Counters in use at a time.
        package var maxCounters = 200_000
        /// Entries of all counters together; 48 bytes each.
        package var maxTotal = 4_000_000

        /// The defaults.
        package init() {}
    }

    private struct Entry {
        var id: UInt64
        var time: Instant
        var amount: ExactDecimal
        /// Stands for several calls; can't be released any more.
        var isMerged = false
    }

    private struct Counter {
        let key: CounterKey
        let window: QuotaWindow
        // INVARIANT: ids and times ascend; `total` is the sum of `entries[head...]`.
        var entries: [Entry] = []
        var head = 0
        var total = ExactDecimal.zero
        /// Another counter whose key has the same digest.
        var sibling: Int?
        /// The place is free for another counter.
        var isDropped = false

        init(_ key: CounterKey, sibling: Int?) {
            self.key = key
            window = key.window
            self.sibling = sibling
        }

        var live: ArraySlice<Entry> { entries[head...] }
        var count: Int { entries.count - head }

        mutating func append(_ entry: Entry, total: ExactDecimal) {
            entries.append(entry)
            self.total = total
        }

        /// Lets the entries go whose window has ended.
        /// - Returns: how many there were.
        @inline(__always)
        mutating func expire(at latest: Instant) -> Int {
            // COST: one comparison when nothing has ended, whatever the number of entries.
            guard head < entries.count else { return 0 }
            let cut =
                window.algorithm == .sliding ? latest - window.span + .microseconds(1) : window.start(of: latest)
            return entries[head].time < cut ? drop(before: cut) : 0
        }

        private mutating func drop(before cut: Instant) -> Int {
            let first = head
            while head < entries.count, entries[head].time < cut {
                total = total.subtracting(entries[head].amount) ?? total
                head += 1
            }
            let dropped = head - first
            if head == entries.count {
                total = .zero
                entries.removeAll(keepingCapacity: true)
                head = 0
            } else if head > 64 && head > entries.count / 2 {
                entries.removeFirst(head)
                head = 0
            }
            return dropped
        }
    }

    /// Higher ids never come from counters: they could not count on from there.
    private static let highestRestored = UInt64(Int64.max)

    private let caps: Caps
    /// The first counter with each digest; the others hang on it.
    private var index: [UInt64: Int] = [:]
    private var counters: [Counter] = []
    private var free: [Int] = []
    private var entryCount = 0
    private var nextID: UInt64 = 1
    private var sweep = 0
    // INVARIANT: never goes back. A clock that is set back is held here until it has caught up, because windows that end
    // on the new clock's word would give quota back.
    private var latest = Instant(microseconds: .min)

    /// No counter has counted anything yet.
    package init(caps: Caps = Caps()) {
        self.caps = caps
    }

    /// Counters in use, idle ones that have not been dropped yet included.
    package var counterCount: Int { counters.count - free.count }

    // MARK: Reserving

    /// Takes every request, or none; see `QuotaLedger`. Time never goes back: an earlier `now` counts as the latest seen.
    package mutating func reserve(_ requests: [QuotaRequest], at now: Instant) -> QuotaAnswer {
        if latest < now { latest = now }
        let firstID = nextID
        var records: [ReservationRecord] = []
        var remaining: [ExactDecimal] = []
        records.reserveCapacity(requests.count)
        remaining.reserveCapacity(requests.count)
        // COST: by position, because a copy of a request is three references.
        for position in requests.indices {
            let amount = requests[position].amount
            guard !amount.isNegative, let slot = known(requests, position) ?? slot(for: requests[position]) else {
                undo(records)
                return .unavailable
            }
            expire(slot)
            let total = counters[slot].total
            let max = requests[position].max
            guard let sum = total.adding(amount), !(max < sum), let left = max.subtracting(sum) else {
                let retryAfter = wait(slot, requests[position], firstID: firstID)
                let left = max.subtracting(total) ?? .zero
                undo(records)
                return .full(index: position, remaining: left.isNegative ? .zero : left, retryAfter: retryAfter)
            }
            let record = ReservationRecord(id: nextID, key: counters[slot].key, amount: amount, time: latest)
            nextID += 1
            if !amount.isZero {
                guard entryCount < caps.maxTotal else {
                    undo(records)
                    return .unavailable
                }
                counters[slot].append(Entry(id: record.id, time: latest, amount: amount), total: sum)
                entryCount += 1
                // The newest entry is never merged, so it can still be undone and released.
                if counters[slot].count > caps.maxEntries { merge(slot) }
            }
            records.append(record)
            remaining.append(left)
        }
        return .reserved(records, remaining: remaining)
    }

    /// When the request would fit if nobody else called; nil if never.
    private func wait(_ slot: Int, _ request: QuotaRequest, firstID: UInt64) -> TimeSpan? {
        guard !(request.max < request.amount), let room = request.max.subtracting(request.amount) else { return nil }
        let window = request.kind.window
        var total = counters[slot].total
        for entry in counters[slot].live {
            // What this very call has added before does not leave before the call is repeated with the same sum.
            guard entry.id < firstID, let rest = total.subtracting(entry.amount) else { return nil }
            total = rest
            if !(room < total) { return window.end(of: entry.time) - latest }
        }
        return nil
    }

    private mutating func undo(_ records: [ReservationRecord]) {
        for record in records.reversed() where !record.amount.isZero {
            guard let slot = slot(of: record.key), let last = counters[slot].entries.last, last.id == record.id else {
                continue
            }
            counters[slot].entries.removeLast()
            counters[slot].total = counters[slot].total.subtracting(last.amount) ?? counters[slot].total
            entryCount -= 1
        }
    }

    // MARK: Releasing

    /// Takes back exactly these entries, each at most once; see `QuotaLedger`.
    package mutating func release(_ records: [ReservationRecord]) {
        for record in records {
            guard let slot = slot(of: record.key), let position = position(of: record.id, in: slot) else { continue }
            let entry = counters[slot].entries[position]
            guard !entry.isMerged, entry.time == record.time, entry.amount == record.amount,
                let total = counters[slot].total.subtracting(entry.amount)
            else { continue }
            counters[slot].entries.remove(at: position)
            counters[slot].total = total
            entryCount -= 1
        }
    }

    private func position(of id: UInt64, in slot: Int) -> Int? {
        let entries = counters[slot].entries
        var (low, high) = (counters[slot].head, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low < entries.count && entries[low].id == id ? low : nil
    }

    // MARK: Restoring

    /// Puts back what a ledger has kept, in any order, before the first `reserve`. The ids that follow are higher than all
    /// of them. Expired entries leave at the next use.
    package mutating func restore(_ records: [ReservationRecord]) {
        for record in records.sorted(by: { ($0.time, $0.id) < ($1.time, $1.id) }) {
            latest = max(latest, record.time)
            let known = min(record.id, Self.highestRestored)
            nextID = max(nextID, known + 1)
            let request = QuotaRequest(key: record.key, amount: record.amount, max: record.amount)
            guard !record.amount.isNegative, !record.amount.isZero, let slot = slot(for: request) else { continue }
            expire(slot)
            guard let total = counters[slot].total.adding(record.amount) else { continue }
            // Ids must ascend with time even if two runs have handed out the same ones.
            let id = max(known, (counters[slot].entries.last?.id ?? 0) + 1)
            nextID = max(nextID, id + 1)
            counters[slot].entries.append(Entry(id: id, time: record.time, amount: record.amount))
            counters[slot].total = total
            entryCount += 1
            if counters[slot].count > caps.maxEntries { merge(slot) }
        }
    }

    // MARK: Keeping small

    /// Drops everything whose window has ended. Work proportional to the number of counters: for a timer.
    package mutating func prune(at now: Instant) {
        latest = max(latest, now)
        for slot in counters.indices { dropIfIdle(slot) }
    }

    private func slot(of key: CounterKey) -> Int? {
        slot(of: key.kind, owner: key.owner, server: key.server, key.digest)
    }

    private func slot(of kind: CounterKind, owner: String, server: String, _ digest: UInt64) -> Int? {
        var slot = index[digest]
        while let place = slot, !counters[place].key.isMade(of: kind, owner: owner, server: server) {
            slot = counters[place].sibling
        }
        return slot
    }

    @inline(__always)
    private func known(_ requests: [QuotaRequest], _ position: Int) -> Int? {
        requests.withUnsafeBufferPointer {
            slot(of: $0[position].kind, owner: $0[position].owner, server: $0[position].server, $0[position].digest)
        }
    }

    /// The counter for a request, made if there is none. Nil if there can be none.
    private mutating func slot(for request: QuotaRequest) -> Int? {
        let digest = request.digest
        if let slot = slot(of: request.kind, owner: request.owner, server: request.server, digest) { return slot }
        guard request.kind.window.isPossible else { return nil }
        // Each new counter pays for looking at two old ones, so idle counters can't pile up between timers.
        for _ in 0..<2 where !counters.isEmpty {
            sweep = (sweep + 1) % counters.count
            dropIfIdle(sweep)
        }
        if counterCount >= caps.maxCounters { prune(at: latest) }
        guard counterCount < caps.maxCounters else { return nil }
        let counter = Counter(request.key.kept(), sibling: index[digest])
        let slot: Int
        if let reused = free.popLast() {
            slot = reused
            counters[slot] = counter
        } else {
            slot = counters.count
            counters.append(counter)
        }
        index[digest] = slot
        return slot
    }

    private mutating func dropIfIdle(_ slot: Int) {
        guard !counters[slot].isDropped else { return }
        expire(slot)
        guard counters[slot].count == 0 else { return }
        let digest = counters[slot].key.digest
        if index[digest] == slot {
            index[digest] = counters[slot].sibling
        } else {
            var before = index[digest]
            while let place = before, counters[place].sibling != slot { before = counters[place].sibling }
            if let before { counters[before].sibling = counters[slot].sibling }
        }
        counters[slot].isDropped = true
        counters[slot].entries = []
        counters[slot].head = 0
        free.append(slot)
    }

    /// Lets the entries go whose window has ended at `latest`.
    private mutating func expire(_ slot: Int) {
        entryCount -= counters[slot].expire(at: latest)
    }

    /// Halves a counter's entries: each pair becomes one with the later time, so nothing leaves too early.
    private mutating func merge(_ slot: Int) {
        let live = Array(counters[slot].live)
        let kept = min(1_024, caps.maxEntries / 2)
        var merged: [Entry] = []
        merged.reserveCapacity(live.count / 2 + 1)
        var i = 0
        while i < live.count {
            // The newest calls may still be undone or released: they stay as they are.
            if i + 1 < live.count - kept, let sum = live[i].amount.adding(live[i + 1].amount) {
                merged.append(Entry(id: live[i + 1].id, time: live[i + 1].time, amount: sum, isMerged: true))
                i += 2
            } else {
                merged.append(live[i])
                i += 1
            }
        }
        entryCount -= live.count - merged.count
        counters[slot].entries = merged
        counters[slot].head = 0
    }
}
