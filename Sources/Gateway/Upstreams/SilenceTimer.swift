import Base
import MCP
import Runtime
import Synchronization

/// Fires once when nothing was heard for a while. Made, heard and stopped on the caller's loop.
final class SilenceTimer: Sendable {
    private let span: TimeSpan
    private let loop: EventLoop
    private let fire: @Sendable () -> Void
    private let timer = Mutex<LoopTimer?>(nil)

    init(_ span: TimeSpan, on loop: EventLoop, _ fire: @escaping @Sendable () -> Void) {
        self.span = span
        self.loop = loop
        self.fire = fire
        restart()
    }

    func restart() { restart(after: span) }

    func restart(after span: TimeSpan) {
        let fresh = loop.schedule(after: span, fire)
        timer.withLock { held in
            held?.cancel()
            held = fresh
        }
    }

    func stop() {
        timer.withLock { held in
            held?.cancel()
            held = nil
        }
    }
}

/// Fires once unless it is stopped before, from any thread.
final class Alarm: Sendable {
    private let loop: EventLoop
    private let state = Mutex<(timer: LoopTimer?, isStopped: Bool)>((nil, false))

    init(on loop: EventLoop) {
        self.loop = loop
    }

    /// Once, on its loop.
    func set(after span: TimeSpan, _ fire: @escaping @Sendable () -> Void) {
        let timer = loop.schedule(after: span, fire)
        let isLate = state.withLock { state in
            if !state.isStopped { state.timer = timer }
            return state.isStopped
        }
        if isLate { timer.cancel() }
    }

    func stop() {
        let timer = state.withLock { state in
            state.isStopped = true
            return state.timer.take()
        }
        if let timer { loop.execute { timer.cancel() } }
    }
}

/// How long a call may take: silence ends it, and so does the hard maximum, whatever is heard.
final class Deadline: Sendable {
    private let timer: SilenceTimer
    private let silence: TimeSpan
    private let end: TimeSpan
    private let loop: EventLoop

    init(_ limits: UpstreamLimits, on loop: EventLoop, _ fire: @escaping @Sendable () -> Void) {
        self.loop = loop
        silence = limits.call
        end = TimeSpan(microseconds: loop.now.microseconds + limits.longestCall.microseconds)
        timer = SilenceTimer(min(limits.call, limits.longestCall), on: loop, fire)
    }

    /// Something came: the silence starts anew.
    func heard() {
        let left = TimeSpan(microseconds: max(1, end.microseconds - loop.now.microseconds))
        timer.restart(after: min(silence, left))
    }

    func stop() { timer.stop() }
}

/// The messages of a call on a shared connection: each one that arrives starts the silence anew.
final class TimedStream: UpstreamStream {
    private let inbox: Inbox
    private let deadline: Deadline?
    private let handle: CallHandle
    /// Its place among the calls that may be under way at once, until it is let go of.
    private let pass: Mutex<GatePass?>

    init(_ inbox: Inbox, _ deadline: Deadline?, _ handle: CallHandle, pass: GatePass?) {
        self.inbox = inbox
        self.deadline = deadline
        self.handle = handle
        self.pass = Mutex(pass)
    }

    var status: Int? { nil }

    func next() async throws(UpstreamError) -> RPCMessage {
        do throws(UpstreamError) {
            let message = try await inbox.next()
            if case .response = message.kind { end() } else { deadline?.heard() }
            return message
        } catch {
            end()
            throw error
        }
    }

    private func end() {
        deadline?.stop()
        handle.finish()
        pass.withLock { $0 = nil }
    }
}
