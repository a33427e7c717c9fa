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

    func restart() {
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

/// The messages of a call to a child: each one that arrives starts the silence anew.
final class TimedStream: UpstreamStream {
    private let inbox: Inbox
    private let deadline: SilenceTimer
    private let handle: CallHandle

    init(_ inbox: Inbox, _ deadline: SilenceTimer, _ handle: CallHandle) {
        self.inbox = inbox
        self.deadline = deadline
        self.handle = handle
        deadline.restart()
    }

    var status: Int? { nil }

    func next() async throws(UpstreamError) -> RPCMessage {
        do throws(UpstreamError) {
            let message = try await inbox.next()
            if case .response = message.kind {
                deadline.stop()
                handle.finish()
            } else {
                deadline.restart()
            }
            return message
        } catch {
            deadline.stop()
            handle.finish()
            throw error
        }
    }
}
