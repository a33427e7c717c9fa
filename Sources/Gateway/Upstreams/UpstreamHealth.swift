import Base
import MCP
import Runtime
import Synchronization

/// How one server fares, as operators see it: a copy of one moment.
package struct UpstreamHealth: Sendable, Hashable {
    package enum State: String, Sendable, CaseIterable {
        /// Nobody has needed it yet, or nobody does any more.
        case notStarted = "not_started"
        /// It has not introduced itself yet.
        case starting
        case ready
        /// The last try failed, or several calls in a row were left without a word; the next call is another try.
        case failing
        /// It has failed, and calls are refused until `nextTry`.
        case breakerOpen = "breaker_open"
        /// What is registered can't be used: an address, a header.
        case unusable
    }

    package var state = State.notStarted
    /// What it spoke last.
    package var protocolVersion: String?
    /// `legacy` or `modern`.
    package var era: String?
    /// What went wrong last, in one line, and when; it stays when all is well again.
    package var lastError: String?
    package var lastErrorAt: Instant?
    /// Failures since it last worked.
    package var failuresInARow = 0
    package var nextTry: Instant?
    /// The child processes, each the first of its group.
    package var pids: [Int32] = []
    /// Requests under way, and those that wait for one of them to end.
    package var callsInFlight = 0
    package var callsWaiting = 0

    package init() {}

    mutating func note(_ trouble: Trouble?) {
        guard let trouble, lastErrorAt.map({ $0 < trouble.at }) ?? true else { return }
        (lastError, lastErrorAt) = (trouble.text, trouble.at)
    }

    /// - Parameter pause: until when calls are refused.
    mutating func failed(_ failures: Int, until pause: Instant?, now: Instant) {
        failuresInARow = failures
        nextTry = pause.flatMap { now < $0 ? $0 : nil }
        state = nextTry == nil ? .failing : .breakerOpen
    }
}

/// Something that went wrong with a server.
struct Trouble: Sendable, Hashable {
    /// One line. What a child wrote to standard error is for the log alone: it may hold credentials.
    let text: String
    let at: Instant

    init(_ detail: String, at: Instant = EventLoop.wallNow) {
        let told = detail.firstRange(of: UpstreamError.lastWordsMark).map { detail[..<$0.lowerBound] } ?? detail[...]
        text = String(told.prefix(300).map { $0.isNewline ? " " : $0 })
        self.at = at
    }
}

/// How the tries to reach one server went, whichever way. Any thread.
final class UpstreamVitals: Sendable {
    private struct State {
        var version: ProtocolVersion?
        var trouble: Trouble?
        var failures = 0
        var tries = 0
    }

    private let state = Mutex(State())

    /// One more try is under way; `reached` or `failed` says how it went.
    func tries() { state.withLock { $0.tries += 1 } }

    func reached(_ hello: UpstreamHello) {
        state.withLock { state in
            state.tries = max(0, state.tries - 1)
            state.version = hello.version
            state.failures = 0
        }
    }

    /// - Parameter counts: false if nothing new was learned of the server: the try was cancelled, or not made at all.
    func failed(_ error: UpstreamError, counts: Bool = true) {
        state.withLock { state in
            state.tries = max(0, state.tries - 1)
            guard counts else { return }
            state.failures += 1
            state.trouble = Trouble(error.detail)
        }
    }

    /// A child that had started has ended by itself, or a call went wrong in a way that is the server's.
    func troubled(_ error: UpstreamError) { state.withLock { $0.trouble = Trouble(error.detail) } }

    /// What follows from the tries alone.
    var health: UpstreamHealth {
        let state = state.withLock { $0 }
        var health = UpstreamHealth()
        health.protocolVersion = state.version?.rawValue
        health.era = state.version.map { $0.era == .modern ? "modern" : "legacy" }
        health.note(state.trouble)
        health.failuresInARow = state.failures
        if state.failures > 0 {
            health.state = .failing
        } else if state.version != nil {
            health.state = .ready
        } else if state.tries > 0 {
            health.state = .starting
        }
        return health
    }
}

/// Calls in a row that ran out of time while nothing at all was heard of the server: what tells one that hangs from one that
/// is slow now and then. Any thread.
final class Silence: Sendable {
    /// So many mean that it does not answer any more.
    static let threshold = 3

    private let calls = Atomic<Int>(0)

    /// A call ran out of time.
    func grew() { calls.add(1, ordering: .relaxed) }

    /// Something was heard, whatever it was about.
    func ended() {
        // COST: asked for all that servers say.
        if calls.load(ordering: .relaxed) != 0 { calls.store(0, ordering: .relaxed) }
    }

    var count: Int { calls.load(ordering: .relaxed) }
    var isLong: Bool { count >= Self.threshold }
}

/// One child as others may see it at any time, from any thread.
struct ChildVitals: Sendable {
    var state = UpstreamHealth.State.notStarted
    var pid: Int32?
    var failures = 0
    /// Until when it is not started again.
    var pause: Instant?
    var started: Instant?

    /// Whether it has run for so long that earlier failures mean nothing any more.
    func isProven(at now: Instant) -> Bool {
        state == .ready && (started.map { now - $0 >= Self.proof } ?? false)
    }

    static let proof = TimeSpan.seconds(10)
}
