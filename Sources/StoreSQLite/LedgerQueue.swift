import Store
import Synchronization

/// Rows on their way from any thread to the writer's. Bounded; never blocks those who append.
final class LedgerQueue: Sendable {
    struct Entry: Sendable {
        let row: LedgerRow
        let completion: LedgerCompletion?
    }

    private struct State {
        var waiting: [Entry] = []
        var isWriterAsleep = false
        var isClosed = false
    }

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
    func append(_ entry: Entry) -> StoreError? {
        let (error, mustWake) = state.withLock { state -> (StoreError?, Bool) in
            if state.isClosed {
                return (StoreError(.closed, "the ledger is closed", help: "the gateway is stopping"), false)
            }
            guard state.waiting.count < capacity else {
                return (
                    StoreError(
                        .queueFull, "\(capacity) rows wait to be written to the ledger", help: "try again in a moment"),
                    false
                )
            }
            state.waiting.append(entry)
            defer { state.isWriterAsleep = false }
            return (nil, state.isWriterAsleep)
        }
        if mustWake { wakeUp.post() }
        return error
    }

    /// No row is taken from now on.
    func close() {
        state.withLock { $0.isClosed = true }
        wakeUp.post()
    }

    /// Swaps what waits into `batch`, which must be empty. False when there is nothing and never will be.
    /// For the writer only; when nothing waits, the next `append` wakes it.
    func take(into batch: inout [Entry]) -> Bool {
        state.withLock { state in
            swap(&state.waiting, &batch)
            if batch.isEmpty {
                if state.isClosed { return false }
                state.isWriterAsleep = true
            }
            return true
        }
    }

    /// Sleeps until a row comes, or a second is over.
    func sleep() { wakeUp.sleep() }
}
