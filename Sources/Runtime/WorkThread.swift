import Glibc
import Synchronization

/// A thread of its own as an executor: the home of an actor around a library that blocks (a database, an image codec).
///
/// After ``stop()`` what is enqueued still runs: a thread is made for it, so that nobody waits for ever.
// SAFETY: `state` has a lock; `owner` is atomic.
package final class WorkThread: SerialExecutor, TaskExecutor, @unchecked Sendable {
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

    package func isIsolatingCurrentContext() -> Bool? { isOnThread }

    package func checkIsolated() {
        precondition(isOnThread, "BUG: called off its work thread")
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

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

/// A few threads for short blocking work that needs no actor.
package final class BlockingPool: Sendable {
    private let state: Monitor<State>
    private let maxQueued: Int
    private let name: String

    private struct State {
        var queue = FIFO<@Sendable () -> Void>()
        var isStopping = false
        var threads = 0
    }

    /// Starts `threads` threads, 1 to 256. More than `maxQueued` waiting pieces of work are refused.
    package init(
        threads: Int = EventLoopGroup.cores, name: String = "pool", maxQueued: Int = 1024
    ) throws(RuntimeError) {
        guard (1...256).contains(threads) else { throw RuntimeError(.invalidArgument, "\(threads) pool threads") }
        self.maxQueued = maxQueued
        self.name = name
        let state = Monitor(State())
        self.state = state
        for index in 0..<threads {
            do throws(RuntimeError) {
                try startThread(name: "\(name)-\(index)") {
                    while let work = Self.next(state) { work() }
                    state.broadcast { $0.threads -= 1 }
                }
                state.withLock { $0.threads += 1 }
            } catch {
                state.broadcast { $0.isStopping = true }
                throw error
            }
        }
    }

    deinit {
        state.broadcast { $0.isStopping = true }
    }

    private static func next(_ state: Monitor<State>) -> (@Sendable () -> Void)? {
        state.wait { state -> (@Sendable () -> Void)?? in
            if let work = state.queue.popFirst() { return .some(work) }
            return state.isStopping ? .some(nil) : nil
        }
    }

    /// Runs `body` on one of the threads; the caller goes on where it was. Throws `.overloaded` or `.stopped`.
    package func run<T: Sendable>(_ body: @escaping @Sendable () -> T) async throws(RuntimeError) -> T {
        let result = await withUnsafeContinuation {
            (continuation: UnsafeContinuation<Result<T, RuntimeError>, Never>) in
            let refusal: RuntimeError.Code? = state.signal { state in
                if state.isStopping { return .stopped }
                if state.queue.count >= maxQueued { return .overloaded }
                state.queue.append { continuation.resume(returning: .success(body())) }
                return nil
            }
            if let refusal { continuation.resume(returning: .failure(RuntimeError(refusal, name))) }
        }
        return try result.get()
    }

    /// The same for work that may fail: its own errors come through.
    package func run<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        let result: Result<T, any Error> = try await run { Result { try body() } }
        return try result.get()
    }

    /// Refuses new work and ends the threads once what waits is done.
    package func stop() {
        state.broadcast { $0.isStopping = true }
    }

    /// Blocks until the threads have ended. Not from one of them.
    package func join() {
        state.wait { $0.isStopping && $0.threads <= 0 ? () : nil }
    }
}
