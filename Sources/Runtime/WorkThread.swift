import CUV
import Glibc
import Synchronization

/// A thread of its own as an executor: the home of an actor around a library that blocks (a database, an image codec).
///
/// After ``stop()`` what is enqueued still runs: a thread is made for it, so that nobody waits for ever.
// SAFETY: `state` has a lock; `owner` is atomic.
package final class WorkThread: SerialExecutor, TaskExecutor, @unchecked Sendable {
    /// For thread lists; the kernel keeps 15 bytes.
    package let name: String
    private let owner = Atomic<UInt>(0)
    private let state: Monitor<State>

    private struct State {
        var jobs: [UnownedJob] = []
        var isStopping = false
        var hasThread = true
    }

    /// Starts the thread.
    package init(name: String = "work") throws(RuntimeError) {
        self.name = name
        state = Monitor(State())
        let state = state
        // The thread holds the executor until `stop()`.
        do throws(RuntimeError) { try startThread(name: name) { self.main() } } catch {
            state.withLock { $0.hasThread = false }
            throw error
        }
    }

    /// Any thread; called by the Swift runtime.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let needsThread = state.signal { state in
            state.jobs.append(job)
            guard !state.hasThread else { return false }
            state.hasThread = true
            return true
        }
        guard needsThread else { return }
        do throws(RuntimeError) { try startThread(name: name) { self.main() } } catch {
            state.withLock { $0.hasThread = false }
        }
    }

    private func main() {
        owner.store(UInt(pthread_self()), ordering: .relaxed)
        while true {
            let jobs: [UnownedJob] = state.wait { state in
                if state.jobs.isEmpty {
                    guard state.isStopping else { return nil }
                    owner.store(0, ordering: .relaxed)
                    state.hasThread = false
                    return []
                }
                let jobs = state.jobs
                state.jobs = []
                return jobs
            }
            if jobs.isEmpty { break }
            for job in jobs {
                job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
            }
        }
        state.broadcast { _ in }
    }

    /// True on this thread.
    package var isOnThread: Bool { owner.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// True on this thread.
    package func isIsolatingCurrentContext() -> Bool? { isOnThread }

    /// Traps off this thread.
    package func checkIsolated() {
        precondition(isOnThread, "BUG: called off its work thread")
    }

    /// What an actor of this thread returns as its `unownedExecutor`.
    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    /// What a task that prefers this thread holds.
    package func asUnownedTaskExecutor() -> UnownedTaskExecutor { UnownedTaskExecutor(ordinary: self) }

    /// Ends the thread once nothing waits. Any thread; returns at once.
    package func stop() {
        state.broadcast { $0.isStopping = true }
    }

    /// Blocks until the thread has ended. Not on the thread itself.
    package func join() {
        precondition(!isOnThread, "BUG: a thread can't wait for its own end")
        state.wait { $0.isStopping && !$0.hasThread ? () : nil }
    }
}
