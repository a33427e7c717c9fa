import Base
import Imaging
import Synchronization

/// One call while it runs: whether it was cancelled, and where progress goes. Used from the loop and from worker threads.
package final class CallContext: Sendable {
    private let cancelled = Atomic<Bool>(false)
    private let state = Mutex(State())
    private let report: (@Sendable (ProgressReport) -> Void)?
    private let workers: any Workers

    private struct State {
        /// The last step that was told.
        var done = 0
        var total: Int?
        /// What is told of a cancellation, by a number that takes it back.
        var watchers: [Int: @Sendable () -> Void] = [:]
        var lastWatcher = 0
    }

    /// - Parameter report: nil when the caller asked for no progress. Called on any thread.
    package init(workers: any Workers, report: (@Sendable (ProgressReport) -> Void)? = nil) {
        self.workers = workers
        self.report = report
    }

    /// From then on the call ends at its next step, and its answer is thrown away.
    package func cancel() {
        cancelled.store(true, ordering: .relaxed)
        let watchers = state.withLock { state in
            defer { state.watchers = [:] }
            return Array(state.watchers.values)
        }
        for watcher in watchers { watcher() }
    }

    /// Runs `body` (on any thread) when the call is cancelled; at once if it is already.
    /// - Returns: a number for ``forget(_:)``.
    func onCancel(_ body: @escaping @Sendable () -> Void) -> Int {
        let id = state.withLock { state in
            state.lastWatcher += 1
            state.watchers[state.lastWatcher] = body
            return state.lastWatcher
        }
        // Cancelled before the watcher was there: it is told here, and only once, whoever takes it out.
        if isCancelled { state.withLock { $0.watchers.removeValue(forKey: id) }?() }
        return id
    }

    /// Takes back what ``onCancel(_:)`` gave.
    func forget(_ id: Int) {
        state.withLock { _ = $0.watchers.removeValue(forKey: id) }
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
        state.withLock { ($0.done, $0.total) = (done, total) }
        report?(ProgressReport(progress: done, total: total, message: message))
    }

    /// The same for pixel work, which ends with the error of its own module.
    func imagingStep(_ done: Int, of total: Int, _ message: String) throws(ImagingError) {
        do throws(StudioError) { try step(done, of: total, message) } catch {
            throw ImagingError(.cancelled, error.message)
        }
    }

    /// Ends the pixel work of a cancelled call.
    func imagingStep() throws(ImagingError) {
        do throws(StudioError) { try checkCancelled() } catch { throw ImagingError(.cancelled, error.message) }
    }

    /// Tells the caller that one more step is done, when nobody knows how many there will be, or the last one is.
    package func step(_ message: String) throws(StudioError) {
        try checkCancelled()
        let (done, total) = state.withLock { state in
            state.done += 1
            return (state.done, state.total)
        }
        report?(ProgressReport(progress: done, total: total.map { max($0, done) }, message: message))
    }

    /// Runs what blocks on a worker thread.
    /// - Parameter mayRefuse: false for work on what a service has made already: it would be paid for in vain.
    /// - Throws: what `body` throws; `busy` when too many calls wait already.
    package func work<Value: Sendable>(
        mayRefuse: Bool = true, _ body: @escaping @Sendable () throws(StudioError) -> Value
    ) async throws(StudioError) -> Value {
        try checkCancelled()
        return try await workers.run(mayRefuse: mayRefuse) { () throws(StudioError) -> Value in
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
    /// Steps of the whole call; nil when nobody knows.
    package let total: Int?
    /// What was just done.
    package let message: String

    /// A report after `progress` of `total` steps.
    package init(progress: Int, total: Int?, message: String) {
        self.progress = progress
        self.total = total
        self.message = message
    }
}

/// Threads for work that blocks.
package protocol Workers: Sendable {
    /// Runs `body` on another thread. Throws `busy` when the queue is full, unless `mayRefuse` is false.
    func run<Value: Sendable>(
        mayRefuse: Bool, _ body: @escaping @Sendable () throws(StudioError) -> Value
    ) async throws(StudioError) -> Value
}
