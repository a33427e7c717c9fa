import Runtime
import Synchronization

/// Brings progress from worker threads to the loop, in order and never behind the answer: whoever sends the answer empties
/// the outbox first.
///
/// SPEC: MCP 2025-11-25, progress: notifications stop when the request is completed.
final class ProgressOutbox: Sendable {
    private struct State {
        var waiting: [[UInt8]] = []
        /// Nil: not open yet; what comes waits.
        var write: (@Sendable ([UInt8]) -> Void)?
    }

    private let loop: EventLoop
    private let state = Mutex(State())

    init(_ loop: EventLoop) {
        self.loop = loop
    }

    /// - Parameter write: sends one notification; called on the loop.
    func open(_ write: @escaping @Sendable ([UInt8]) -> Void) {
        state.withLock { $0.write = write }
    }

    /// Takes a notification, from any thread.
    func add(_ notification: [UInt8]) {
        state.withLock { $0.waiting.append(notification) }
        loop.execute { self.empty() }
    }

    /// Sends what waits. On the loop.
    func empty() {
        let (waiting, write) = state.withLock { state in
            guard let write = state.write else { return ([[UInt8]](), nil as (@Sendable ([UInt8]) -> Void)?) }
            defer { state.waiting = [] }
            return (state.waiting, write)
        }
        for notification in waiting { write?(notification) }
    }
}
