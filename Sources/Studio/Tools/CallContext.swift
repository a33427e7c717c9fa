import Base
import Synchronization

/// One call while it runs: whether it was cancelled, and where progress goes. Used from the loop and from worker threads.
package final class CallContext: Sendable {
    private let cancelled = Atomic<Bool>(false)
    private let report: (@Sendable (ProgressReport) -> Void)?
    private let workers: any Workers

    /// - Parameter report: nil when the caller asked for no progress. Called on any thread.
    package init(workers: any Workers, report: (@Sendable (ProgressReport) -> Void)? = nil) {
        self.workers = workers
        self.report = report
    }

    /// From then on the call ends at its next step, and its answer is thrown away.
    package func cancel() {
        cancelled.store(true, ordering: .relaxed)
    }

    /// Whether the caller has given up.
    package var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

    /// Ends a cancelled call. Tools call this between their steps.
    package func checkCancelled() throws(StudioError) {
        if isCancelled { throw StudioError(.cancelled, "the call was cancelled") }
    }

    /// Tells the caller that `done` of `total` steps are done, and ends a cancelled call.
    package func step(_ done: Int, of total: Int, _ message: String) throws(StudioError) {
        try checkCancelled()
        report?(ProgressReport(progress: done, total: total, message: message))
    }

    /// Runs what blocks on a worker thread.
    /// - Throws: what `body` throws; `busy` when too many calls wait already.
    package func work<Value: Sendable>(
        _ body: @escaping @Sendable () throws(StudioError) -> Value
    ) async throws(StudioError) -> Value {
        try checkCancelled()
        return try await workers.run { () throws(StudioError) -> Value in
            // A call that was cancelled while it waited is not begun.
            try self.checkCancelled()
            return try body()
        }
    }
}

/// How far a call is.
package struct ProgressReport: Sendable, Equatable {
    /// Steps done; grows with every report of a call.
    package let progress: Int
    /// Steps of the whole call.
    package let total: Int
    /// What was just done.
    package let message: String

    /// A report after `progress` of `total` steps.
    package init(progress: Int, total: Int, message: String) {
        self.progress = progress
        self.total = total
        self.message = message
    }
}

/// Threads for work that blocks.
package protocol Workers: Sendable {
    /// Runs `body` on another thread. Throws `busy` when the queue is full.
    func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws(StudioError) -> Value
    ) async throws(StudioError) -> Value
}
