import Runtime
import Synchronization

/// Threads for image work, with a bounded queue: what does not fit is refused at once as `busy`. What must not be refused
/// waits in the same queue; sessions bound how many calls there are.
package final class WorkerPool: Workers {
    private let pool: BlockingPool
    /// Pieces of work that may be there at once, waiting ones included.
    private let limit: Int
    /// Pieces of work that were taken on and have not ended.
    private let taken = Mutex(0)

    /// - Parameters:
    ///   - threads: calls that are worked on at once.
    ///   - queue: calls that may wait.
    package init(threads: Int, queue: Int) throws(RuntimeError) {
        limit = threads + queue
        pool = try BlockingPool(threads: threads, name: "image", maxQueued: .max)
    }

    /// Runs `body` on one of the threads; throws `busy` at once when the queue is full and it may be refused.
    package func run<Value: Sendable>(
        mayRefuse: Bool = true, _ body: @escaping @Sendable () throws(StudioError) -> Value
    ) async throws(StudioError) -> Value {
        let busy = StudioError(.busy, "too many image calls are waiting; try again in a moment")
        // Counted here, and not by what waits in the pool: many calls may get this far before the first gets there.
        let isTaken = taken.withLock { taken in
            if mayRefuse, taken >= limit { return false }
            taken += 1
            return true
        }
        guard isTaken else { throw busy }
        defer { taken.withLock { $0 -= 1 } }
        let result: Result<Value, StudioError>
        do {
            result = try await pool.run {
                do throws(StudioError) {
                    return Result.success(try body())
                } catch {
                    return Result.failure(error)
                }
            }
        } catch {
            throw busy
        }
        return try result.get()
    }

    /// Ends the threads once nothing waits.
    package func stop() { pool.stop() }
}
