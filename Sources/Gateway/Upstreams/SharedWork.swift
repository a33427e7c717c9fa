import Synchronization

/// Work that several callers want done at the same moment: one does it, the others wait for what comes of it.
final class SharedWork<Value: Sendable>: Sendable {
    private typealias Waiter = UnsafeContinuation<Result<Value, UpstreamError>?, Never>

    /// Those who wait; nil while nobody works.
    private let waiting = Mutex<[Waiter]?>(nil)

    func run(_ work: () async throws(UpstreamError) -> Value) async throws(UpstreamError) -> Value {
        let isFirst = waiting.withLock { waiting in
            guard waiting == nil else { return false }
            waiting = []
            return true
        }
        guard isFirst else {
            let result = await withUnsafeContinuation {
                (continuation: UnsafeContinuation<Result<Value, UpstreamError>?, Never>) in
                let isOver = waiting.withLock { waiting in
                    waiting?.append(continuation)
                    return waiting == nil
                }
                if isOver { continuation.resume(returning: nil) }
            }
            // It ended between the two looks, and what it found is not known here any more.
            guard let result else { return try await run(work) }
            return try result.get()
        }
        let result: Result<Value, UpstreamError>
        do throws(UpstreamError) { result = .success(try await work()) } catch { result = .failure(error) }
        let all = waiting.withLock { waiting in
            defer { waiting = nil }
            return waiting ?? []
        }
        for waiter in all { waiter.resume(returning: result) }
        return try result.get()
    }
}
