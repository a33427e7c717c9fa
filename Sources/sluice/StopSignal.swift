import Glibc
import Runtime
import Synchronization

/// The wish to stop, from outside: SIGTERM or SIGINT. The second one doesn't wait.
final class StopSignal: Sendable {
    private struct State {
        var watchers: [SignalWatcher] = []
        var isReceived = false
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    private init() {}

    /// Begins to watch, so that a signal that comes before `received()` is not lost.
    static func watch(on loop: EventLoop) async throws -> StopSignal {
        let stop = StopSignal()
        let failure: RuntimeError? = await loop.run {
            do throws(RuntimeError) {
                for number in [SIGTERM, SIGINT] {
                    let watcher = try SignalWatcher(number, on: loop) { stop.take(number) }
                    stop.state.withLock { $0.watchers.append(watcher) }
                }
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
        return stop
    }

    /// Returns once the first signal has come.
    func received() async {
        await withCheckedContinuation { continuation in
            let isReceived = state.withLock { state in
                if !state.isReceived { state.waiting = continuation }
                return state.isReceived
            }
            if isReceived { continuation.resume() }
        }
    }

    private func take(_ number: Int32) {
        let (isSecond, waiting) = state.withLock { state in
            defer {
                state.isReceived = true
                state.waiting = nil
            }
            return (state.isReceived, state.waiting)
        }
        if isSecond { _exit(128 + number) }
        waiting?.resume()
    }
}
