import Synchronization

/// Lets another thread cancel a call that is under way, or wait until what listens hears its server.
final class CallHandle: Sendable {
    private struct State {
        var isCancelled = false
        var action: (@Sendable () -> Void)?
        var hasBegun = false
        var waiting: [UnsafeContinuation<Void, Never>] = []
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
        begin()
    }

    /// The call has ended: cancelling does nothing any more.
    func finish() {
        state.withLock { $0.action = nil }
    }

    var isCancelled: Bool { state.withLock { $0.isCancelled } }

    // MARK: Listening

    /// Who listens hears the server from now on, or can't for the time being.
    func begin() {
        let waiting = state.withLock { state in
            state.hasBegun = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.resume() }
    }

    /// Waits for `begin`, or until it is cancelled.
    func begun() async {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            let hasBegun = state.withLock { state in
                if !state.hasBegun { state.waiting.append(continuation) }
                return state.hasBegun
            }
            if hasBegun { continuation.resume() }
        }
    }
}
