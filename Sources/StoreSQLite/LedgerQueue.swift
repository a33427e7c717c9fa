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

        init() {}

        /// Adds rows as the journal keeps them, behind its own.
        mutating func append(journaled bytes: UnsafeRawBufferPointer) throws(StoreError) {
            starts.append(contentsOf: try rows.append(journaled: bytes))
        }

        /// Adds the rows of `other` behind its own.
        mutating func append(_ other: borrowing Batch) {
            append(rowsOf: other)
            completions.append(contentsOf: other.completions)
            awaited += other.awaited
        }

        /// The same without those who wait for them.
        mutating func append(rowsOf other: borrowing Batch) {
            let offset = rows.end
            rows.append(contentsOf: other.rows)
            for start in other.starts { starts.append(start + offset) }
        }

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
        /// Rows that are in the journal, and not yet in the database.
        var journaled = Batch()
        var sleep = Sleep.none
        var isClosed = false
        /// Somebody writes: only who took the turn may use the writer's connection.
        var isTaken = false
        /// The thread sleeps until the turn is given back.
        var threadWaits = false
        /// Commits need the thread: they may block, or the disk takes none.
        var needsThread: Bool
    }

    /// Bytes of rows that may wait, whatever their number.
    private static let maximumBytes = 64 << 20

    /// Beyond these the thread is woken for rows that are in the journal.
    private static let comfortableBytes = 1 << 20

    private let state: Mutex<State>
    private let capacity: Int
    private let callersCommit: Bool
    private let healthy = Atomic<Bool>(true)
    /// Whether somebody waits for a row; spares those who would commit a lock when nobody does.
    private let isAwaited = Atomic<Bool>(false)
    private let wakeUp = WakeUp()

    /// - Parameter callersCommit: callers use `seize()` soon after they appended, and the thread need not be woken.
    init(capacity: Int, callersCommit: Bool) {
        self.capacity = capacity
        self.callersCommit = callersCommit
        state = Mutex(State(needsThread: !callersCommit))
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
            guard state.batch.starts.count < capacity,
                state.batch.rows.end + state.journaled.rows.end < LedgerQueue.maximumBytes
            else {
                return (
                    StoreError(
                        .queueFull, "\(state.batch.starts.count) rows wait to be written to the ledger",
                        help: "try again in a moment"), false
                )
            }
            state.batch.starts.append(state.batch.rows.end)
            state.batch.rows.append(row)
            state.batch.completions.append(completion)
            if completion != nil {
                state.batch.awaited += 1
                if callersCommit { isAwaited.store(true, ordering: .relaxed) }
            }
            let mustWake =
                switch state.sleep {
                case .none: false
                case .gathering(let target): state.batch.awaited >= target
                case .light: completion != nil && state.needsThread || state.batch.starts.count >= capacity / 2
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

    // MARK: The turn

    /// Takes the turn for a caller that would commit itself. False when there is no need, or somebody else is at it and
    /// will see to the rows that wait.
    func seize() -> Bool {
        guard isAwaited.load(ordering: .relaxed) else { return false }
        return state.withLock { state in
            guard !state.isTaken, !state.needsThread, !state.isClosed, state.batch.awaited > 0 else { return false }
            state.isTaken = true
            return true
        }
    }

    /// Takes the turn for the thread; waits for it.
    func seizeForThread() {
        while true {
            let isFree = state.withLock { state in
                state.sleep = .none
                state.threadWaits = state.isTaken
                guard !state.isTaken else { return false }
                state.isTaken = true
                return true
            }
            if isFree { return }
            wakeUp.sleep(nanoseconds: 1_000_000_000)
        }
    }

    /// Swaps what waits into `batch`, which must be empty. Needs the turn.
    func take(into batch: inout Batch) {
        state.withLock { state in
            swap(&state.batch, &batch)
            isAwaited.store(false, ordering: .relaxed)
        }
    }

    /// Gives the turn back, unless `mayGoOn` and somebody waits for a row by now: then false.
    func giveBack(mayGoOn: Bool) -> Bool {
        let (isGiven, mustWake) = state.withLock { state in
            if mayGoOn, state.batch.awaited > 0 { return (false, false) }
            state.isTaken = false
            // Nobody else looks after rows that came while the turn was taken.
            let mustWake = state.threadWaits || state.batch.awaited > 0
            state.threadWaits = false
            if mustWake { state.sleep = .none }
            return (true, mustWake)
        }
        if mustWake { wakeUp.post() }
        return isGiven
    }

    /// Keeps rows that are in the journal, for the thread to put into the database. Needs the turn.
    func keep(_ batch: borrowing Batch) {
        let mustWake = state.withLock { state in
            state.journaled.append(rowsOf: batch)
            let mustWake =
                switch state.sleep {
                case .none, .gathering: false
                case .light: state.journaled.rows.end >= LedgerQueue.comfortableBytes
                case .deep: true
                }
            if mustWake { state.sleep = .none }
            return mustWake
        }
        if mustWake { wakeUp.post() }
    }

    /// Moves the rows that are in the journal behind those of `batch`.
    func takeJournaled(into batch: inout Batch) {
        state.withLock { state in
            if batch.isEmpty {
                swap(&state.journaled, &batch)
            } else {
                batch.append(rowsOf: state.journaled)
                state.journaled.removeAll()
            }
        }
    }

    /// Puts rows back, before those that came since, and leaves them to the thread. Needs the turn.
    func leaveToThread(_ batch: inout Batch) {
        state.withLock { state in
            batch.append(state.batch)
            swap(&state.batch, &batch)
            state.needsThread = true
            state.threadWaits = true
        }
        batch.removeAll()
    }

    /// Whether commits are the thread's now.
    var needsThread: Bool { state.withLock { $0.needsThread } }

    /// Whether no row will come any more. Those that wait are still to be written.
    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Whether no row waits, for the journal or for the database.
    var isEmpty: Bool { state.withLock { $0.batch.isEmpty && $0.journaled.isEmpty } }

    /// Says after a commit of the thread whether callers may do the next one.
    func wroteOnThread(isWell: Bool) {
        isHealthy = isWell
        state.withLock { $0.needsThread = !callersCommit || !isWell }
    }

    // MARK: The thread's sleep

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
            if state.isClosed || (state.batch.awaited > 0 && state.needsThread) { return true }
            state.sleep = .light
            return false
        }
        if !isThere { wakeUp.sleep(nanoseconds: nanoseconds) }
        return state.withLock { !$0.batch.isEmpty || !$0.journaled.isEmpty || $0.isClosed }
    }

    /// Sleeps until a row comes, at most a second.
    func sleep() {
        let isThere = state.withLock { state in
            if state.isClosed || !state.batch.isEmpty || !state.journaled.isEmpty { return true }
            state.sleep = .deep
            return false
        }
        if !isThere { wakeUp.sleep(nanoseconds: 1_000_000_000) }
    }
}
