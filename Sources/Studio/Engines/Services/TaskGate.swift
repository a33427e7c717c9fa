import Base
import Runtime
import Synchronization

/// Lets so many tasks run at a service at once; the others wait in line, and leave it when they are cancelled. Services
/// refuse more than their limit, so that waiting here is cheaper than being refused there.
final class TaskGate: Sendable {
    private struct State {
        var running = 0
        /// In the order in which they came; the first takes the next place.
        var waiting: [EndSignal] = []
    }

    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: tasks at once.
    init(limit: Int) {
        self.limit = max(1, limit)
    }

    /// When to leave the line, and with what error.
    struct Patience: Sendable {
        let loop: EventLoop
        /// The loop's time.
        let deadline: TimeSpan
        let error: StudioError

        var left: TimeSpan { TimeSpan(microseconds: max(0, deadline.microseconds - loop.now.microseconds)) }
    }

    /// Runs `body` when a place is free.
    /// - Parameter patience: nil: waits until there is one. With it, called on its loop.
    func run<Value: Sendable>(
        _ call: CallContext, _ patience: Patience? = nil, _ body: () async throws(StudioError) -> Value
    ) async throws(StudioError) -> Value {
        try await enter(call, patience)
        defer { leave() }
        return try await body()
    }

    private func enter(_ call: CallContext, _ patience: Patience?) async throws(StudioError) {
        try call.checkCancelled()
        let turn = EndSignal()
        let hasPlace = state.withLock { state in
            if state.running < limit, state.waiting.isEmpty {
                state.running += 1
                return true
            }
            state.waiting.append(turn)
            return false
        }
        if hasPlace { return }
        let watch = call.onCancel { turn.fire() }
        let timer = patience.map { $0.loop.schedule(after: $0.left) { turn.fire() } }
        await turn.wait()
        timer?.cancel()
        call.forget(watch)
        // Woken with a place, or by the cancellation or the deadline while still in line.
        let isStillWaiting = state.withLock { state in
            guard let i = state.waiting.firstIndex(where: { $0 === turn }) else { return false }
            state.waiting.remove(at: i)
            return true
        }
        if call.isCancelled, !isStillWaiting { leave() }
        try call.checkCancelled()
        if isStillWaiting, let patience { throw patience.error }
    }

    private func leave() {
        let next = state.withLock { state -> EndSignal? in
            guard !state.waiting.isEmpty else {
                state.running -= 1
                return nil
            }
            // The place goes from one to the next.
            return state.waiting.removeFirst()
        }
        next?.fire()
    }
}
