import Store
import Synchronization

/// Rows on their way from any thread to the writer's. Bounded; never blocks those who append.
final class LedgerQueue: Sendable {
    /// Rows that the writer takes at once.
    struct Batch: ~Copyable {
        var rows = RowArena()
        /// Where each row starts in `rows`.
        var starts: [Int] = []
        /// As many as `starts`; nil where nobody waits.
        var completions: [LedgerCompletion?] = []
        /// Rows for which somebody waits.
        var awaited = 0

        var isEmpty: Bool { starts.isEmpty }

        mutating func removeAll() {
            rows.removeAll()
            starts.removeAll(keepingCapacity: starts.count <= 4_096)
            completions.removeAll(keepingCapacity: completions.count <= 4_096)
            awaited = 0
        }
    }

    /// What wakes a writer that sleeps.
    private enum Sleep {
        /// It is at work and will look again.
        case none
        /// It waits for this many awaited rows, a moment at most.
        case gathering(Int)
        /// It waits for an awaited row, some milliseconds at most; other rows come along with the next one.
        case light
        /// It waits for any row.
        case deep
    }

    private struct State: ~Copyable {
        var batch = Batch()
        var sleep = Sleep.none
        var isClosed = false
    }

    /// Bytes of rows that may wait, whatever their number.
    private static let maximumBytes = 64 << 20

    private let state = Mutex(State())
    private let capacity: Int
    private let healthy = Atomic<Bool>(true)
    private let wakeUp = WakeUp()

    init(capacity: Int) {
        self.capacity = capacity
    }

    var isHealthy: Bool {
        get { healthy.load(ordering: .acquiring) }
        set { healthy.store(newValue, ordering: .releasing) }
    }

    /// Nil when the row was taken.
    func append(_ row: borrowing LedgerRow, _ completion: LedgerCompletion?) -> StoreError? {
        let (error, mustWake) = state.withLock { state -> (StoreError?, Bool) in
            if state.isClosed {
                return (StoreError(.closed, "the ledger is closed", help: "the gateway is stopping"), false)
            }
            guard state.batch.starts.count < capacity, state.batch.rows.end < LedgerQueue.maximumBytes else {
                return (
                    StoreError(
                        .queueFull, "\(state.batch.starts.count) rows wait to be written to the ledger",
                        help: "try again in a moment"), false
                )
            }
            state.batch.starts.append(state.batch.rows.end)
            state.batch.rows.append(row)
            state.batch.completions.append(completion)
            if completion != nil { state.batch.awaited += 1 }
            let mustWake =
                switch state.sleep {
                case .none: false
                case .gathering(let target): state.batch.awaited >= target
                case .light: completion != nil || state.batch.starts.count >= capacity / 2
                case .deep: true
                }
            if mustWake { state.sleep = .none }
            return (nil, mustWake)
        }
        if mustWake { wakeUp.post() }
        return error
    }

    /// No row is taken from now on; those that wait are still written.
    func close() {
        state.withLock {
            $0.isClosed = true
            $0.sleep = .none
        }
        wakeUp.post()
    }

    // MARK: For the writer only

    /// Swaps what waits into `batch`, which must be empty. False when nothing waits and nothing will come.
    func take(into batch: inout Batch) -> Bool {
        state.withLock { state in
            state.sleep = .none
            swap(&state.batch, &batch)
            return !batch.isEmpty || !state.isClosed
        }
    }

    /// Sleeps until `target` rows are awaited, at most `nanoseconds`.
    func gather(_ target: Int, nanoseconds: Int) {
        let isThere = state.withLock { state in
            if state.isClosed || state.batch.awaited >= target { return true }
            state.sleep = .gathering(target)
            return false
        }
        if !isThere { wakeUp.sleep(nanoseconds: nanoseconds) }
    }

    /// Sleeps until somebody waits for a row, at most `nanoseconds`. False when nothing came at all.
    func doze(nanoseconds: Int) -> Bool {
        let isThere = state.withLock { state in
            if state.isClosed || state.batch.awaited > 0 { return true }
            state.sleep = .light
            return false
        }
        if !isThere { wakeUp.sleep(nanoseconds: nanoseconds) }
        return state.withLock { !$0.batch.isEmpty || $0.isClosed }
    }

    /// Sleeps until a row comes, at most a second.
    func sleep() {
        let isThere = state.withLock { state in
            if state.isClosed || !state.batch.isEmpty { return true }
            state.sleep = .deep
            return false
        }
        if !isThere { wakeUp.sleep(nanoseconds: 1_000_000_000) }
    }
}
