import Runtime

/// Threads for image work, with a bounded queue: what does not fit is refused at once as `busy`.
package struct WorkerPool: Workers {
    private let pool: BlockingPool

    /// - Parameters:
    ///   - threads: calls that are worked on at once.
    ///   - queue: calls that may wait.
    package init(threads: Int, queue: Int) throws(RuntimeError) {
        pool = try BlockingPool(threads: threads, name: "image", maxQueued: queue)
    }

    /// Runs `body` on one of the threads; throws `busy` at once when the queue is full.
    package func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws(StudioError) -> Value
    ) async throws(StudioError) -> Value {
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
            throw StudioError(.busy, "too many image calls are waiting; try again in a moment")
        }
        return try result.get()
    }

    /// Ends the threads once nothing waits.
    package func stop() { pool.stop() }
}
