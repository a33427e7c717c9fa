import Base
import Runtime
import Synchronization

/// The value of `body`, or nil if it takes longer than `span`; then it goes on, and its value is lost. On `loop`.
func within<T: Sendable>(_ span: TimeSpan, on loop: EventLoop, _ body: @escaping @Sendable () async -> T) async -> T? {
    let race = Race<T>()
    return await withUnsafeContinuation { continuation in
        race.begin(continuation)
        let timer = loop.schedule(after: span) { race.end(nil) }
        Task(executorPreference: loop) {
            race.end(await body())
            loop.execute { timer.cancel() }
        }
    }
}

/// The first of two ends counts.
private final class Race<T: Sendable>: Sendable {
    private let waiting = Mutex<UnsafeContinuation<T?, Never>?>(nil)

    func begin(_ continuation: UnsafeContinuation<T?, Never>) { waiting.withLock { $0 = continuation } }
    func end(_ value: T?) { waiting.withLock { $0.take() }?.resume(returning: value) }
}
