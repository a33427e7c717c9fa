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

    /// Runs `body` when a place is free.
    func run<Value: Sendable>(
        _ call: CallContext, _ body: () async throws(StudioError) -> Value
    ) async throws(StudioError) -> Value {
        try await enter(call)
        defer { leave() }
        return try await body()
    }

    private func enter(_ call: CallContext) async throws(StudioError) {
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
        await turn.wait()
        call.forget(watch)
        // Woken with a place, or by the cancellation while still in line.
        let isStillWaiting = state.withLock { state in
            guard let i = state.waiting.firstIndex(where: { $0 === turn }) else { return false }
            state.waiting.remove(at: i)
            return true
        }
        guard call.isCancelled else { return }
        if !isStillWaiting { leave() }
        try call.checkCancelled()
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
