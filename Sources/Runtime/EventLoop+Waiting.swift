import Base
import CUV
import Glibc
import Synchronization

extension EventLoop {
    /// The time of day, in microseconds since 1970. Any thread.
    package static var wallNow: Instant {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Instant(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }

    /// The time of day, in microseconds since 1970. Any thread.
    package var wallClock: Instant { Self.wallNow }

    /// Waits on this loop's clock; throws when the task is cancelled or the loop ends.
    package func sleep(_ span: TimeSpan) async throws(CancellationError) {
        let sleep = Sleep(loop: self)
        let completed = await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Bool, Never>) in
                self.onLoop { sleep.begin(span, continuation) }
            }
        } onCancel: {
            self.execute { sleep.finish(completed: false) }
        }
        guard completed else { throw CancellationError() }
    }

    /// Runs `body` in a task of its own and cancels it after `span`; then throws ``RuntimeError`` `.timedOut`.
    ///
    /// Whatever `body` throws otherwise comes through. A body that ignores its cancellation is waited for.
    package func withDeadline<T: Sendable>(
        _ span: TimeSpan, _ context: String = "", _ body: sending @escaping @isolated(any) () async throws -> T
    ) async throws -> T {
        let task = Task(operation: body)
        let expired = Flag()
        let timer = await run {
            self.schedule(after: span) {
                expired.set()
                task.cancel()
            }
        }
        defer { onLoop { timer.cancel() } }
        do {
            return try await withTaskCancellationHandler {
                try await task.value
            } onCancel: {
                task.cancel()
            }
        } catch {
            if expired.isSet { throw RuntimeError(.timedOut, context) }
            throw error
        }
    }

    /// Runs `body` inline on the loop's thread, else hands it over.
    func onLoop(_ body: @escaping @Sendable () -> Void) {
        if isOnLoop { body() } else { execute(body) }
    }
}

/// A switch that can be set once, from any thread.
final class Flag: Sendable {
    private let value = Atomic<Bool>(false)

    func set() { value.store(true, ordering: .releasing) }

    var isSet: Bool { value.load(ordering: .acquiring) }
}

/// One sleeping task. Finishing may come before beginning, when the task was cancelled already.
// SAFETY: touched on the loop's thread only.
private final class Sleep: @unchecked Sendable {
    private let loop: EventLoop
    private var timer: LoopTimer?
    private var continuation: UnsafeContinuation<Bool, Never>?
    private var isCancelled = false

    init(loop: EventLoop) {
        self.loop = loop
    }

    func begin(_ span: TimeSpan, _ continuation: UnsafeContinuation<Bool, Never>) {
        if isCancelled {
            continuation.resume(returning: false)
            return
        }
        self.continuation = continuation
        timer = loop.schedule(after: span, abandoned: { self.finish(completed: false) }) {
            self.finish(completed: true)
        }
    }

    func finish(completed: Bool) {
        if !completed { isCancelled = true }
        timer?.cancel()
        timer = nil
        let waiting = continuation
        continuation = nil
        waiting?.resume(returning: completed)
    }
}
