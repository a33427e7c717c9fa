import Synchronization

/// Lets another thread cancel a call that is under way.
final class CallHandle: Sendable {
    private struct State {
        var isCancelled = false
        var action: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// Says what cancelling means from now on. Runs at once if the call was cancelled already.
    func onCancel(_ action: @escaping @Sendable () -> Void) {
        let runNow = state.withLock { state in
            if !state.isCancelled { state.action = action }
            return state.isCancelled
        }
        if runNow { action() }
    }

    func cancel() {
        let action = state.withLock { state in
            state.isCancelled = true
            defer { state.action = nil }
            return state.action
        }
        action?()
    }

    /// The call has ended: cancelling does nothing any more.
    func finish() {
        state.withLock { $0.action = nil }
    }

    var isCancelled: Bool { state.withLock { $0.isCancelled } }
}
