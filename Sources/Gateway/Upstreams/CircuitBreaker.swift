import Base
import Runtime
import Synchronization

/// Keeps calls away from a server that has failed several times in a row, so that nobody waits for it in vain. After a pause
/// one call is let through; if it fails, too, the next pause is longer.
final class CircuitBreaker: Sendable {
    private struct State {
        var until = TimeSpan.zero
        var isProbing = false
        var why = ""
        /// `until` by the clock on the wall, for operators.
        var nextTry: Instant?
        /// Stays when all is well again.
        var trouble: Trouble?
    }

    /// Failures in a row.
    static let threshold = 5
    private static let longestPause = TimeSpan.seconds(30)

    // COST: a healthy server's calls look at this number only.
    private let failures = Atomic<Int>(0)
    private let state = Mutex(State())

    /// - Returns: whether this is the one call that tries the server after a pause.
    /// - Throws: `unreachable` while calls are kept away.
    @discardableResult
    func admit(_ now: TimeSpan) throws(UpstreamError) -> Bool {
        let count = failures.load(ordering: .relaxed)
        guard count >= Self.threshold else { return false }
        let refusal = state.withLock { state -> String? in
            guard now >= state.until, !state.isProbing else { return state.why }
            state.isProbing = true
            return nil
        }
        guard let refusal else { return true }
        throw UpstreamError(
            .unreachable, mayHaveRun: false,
            detail: "\(count) failures in a row; it is left alone for a while (\(refusal))")
    }

    func succeeded() {
        guard failures.load(ordering: .relaxed) > 0 else { return }
        failures.store(0, ordering: .relaxed)
        state.withLock { $0 = State(trouble: $0.trouble) }
    }

    /// - Parameter isTry: what `admit` said. A call that was let through before all of them were kept away may end while
    ///   another tries the server; that one is still the only one.
    func failed(_ why: String, _ now: TimeSpan, isTry: Bool = true) {
        let count = failures.add(1, ordering: .relaxed).newValue
        let doublings = Int64(max(0, min(count - Self.threshold, 5)))
        let pause = min(Self.longestPause, .seconds(1 << doublings))
        let trouble = Trouble(why)
        state.withLock { state in
            if isTry { state.isProbing = false }
            state.why = why
            state.trouble = trouble
            state.nextTry = count >= Self.threshold ? trouble.at + pause : nil
            state.until = TimeSpan(microseconds: now.microseconds + pause.microseconds)
        }
    }

    /// It was cancelled: nothing is known of the server.
    func unknown(isTry: Bool = true) {
        guard isTry, failures.load(ordering: .relaxed) > 0 else { return }
        state.withLock { $0.isProbing = false }
    }

    /// Why it is kept away from; nil if all is well.
    var complaint: String? {
        failures.load(ordering: .relaxed) == 0 ? nil : state.withLock { $0.why }
    }

    /// How it stands, as operators see it.
    func describe(in health: inout UpstreamHealth) {
        let (nextTry, trouble) = state.withLock { ($0.nextTry, $0.trouble) }
        health.note(trouble)
        let count = failuresInARow
        if count > 0 { health.failed(max(count, health.failuresInARow), until: nextTry, now: EventLoop.wallNow) }
    }

    var failuresInARow: Int { failures.load(ordering: .relaxed) }
}
