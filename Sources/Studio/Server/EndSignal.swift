import Synchronization

/// Something that happens once, for one who waits.
package final class EndSignal: Sendable {
    private struct State {
        var hasFired = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// Not fired yet.
    package init() {}

    /// Any thread, any number of times.
    package func fire() {
        let waiter = state.withLock { state in
            state.hasFired = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Returns once ``fire()`` was called. One waiter only.
    package func wait() async {
        await withCheckedContinuation { continuation in
            let hasFired = state.withLock { state in
                if !state.hasFired { state.waiter = continuation }
                return state.hasFired
            }
            if hasFired { continuation.resume() }
        }
    }
}
