import Runtime

/// Threads for image work, with a bounded queue: what does not fit is refused at once as `busy`. What must not be refused
/// waits in the same queue; sessions bound how many calls there are.
package struct WorkerPool: Workers {
    private let pool: BlockingPool
    private let queue: Int

    /// - Parameters:
    ///   - threads: calls that are worked on at once.
    ///   - queue: calls that may wait.
    package init(threads: Int, queue: Int) throws(RuntimeError) {
        self.queue = queue
        pool = try BlockingPool(threads: threads, name: "image", maxQueued: .max)
    }

    /// Runs `body` on one of the threads; throws `busy` at once when the queue is full and it may be refused.
    package func run<Value: Sendable>(
        mayRefuse: Bool = true, _ body: @escaping @Sendable () throws(StudioError) -> Value
    ) async throws(StudioError) -> Value {
        let busy = StudioError(.busy, "too many image calls are waiting; try again in a moment")
        if mayRefuse, pool.waiting >= queue { throw busy }
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
