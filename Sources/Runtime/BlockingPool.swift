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

    /// Pieces of work that wait for a thread.
    package var waiting: Int { state.withLock { $0.queue.count } }

    /// Refuses new work and ends the threads once what waits is done.
    package func stop() {
        state.broadcast { $0.isStopping = true }
    }

    /// Blocks until the threads have ended. Not from one of them.
    package func join() {
        state.wait { $0.isStopping && $0.threads <= 0 ? () : nil }
    }
}
