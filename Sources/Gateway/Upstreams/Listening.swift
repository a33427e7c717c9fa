import Base
import HTTP
import JSON
import MCP
import Runtime

/// Has a legacy server's standing stream, opens it again when it ends, and brings what comes to its link, until nobody
/// listens any more. Used on one loop.
///
/// No task waits for the server.
// COST: a task keeps the memory that its calls have needed, five kibibytes here, and a server is silent for days.
// SAFETY: confined to the loop, which every callback comes on.
final class Listening: @unchecked Sendable {
    private static let firstPause = TimeSpan.seconds(1)
    private static let longestPause = TimeSpan.seconds(30)

    private let link: LegacyHTTPLink
    /// Cancelled when nobody listens any more.
    private let runner: CallHandle
    private let loop: EventLoop
    private let cancel = ClientCancel()
    private var body: ClientStream?
    private var parser: SSEParser
    private var lastEventID = ""
    /// The name of the session in which there was a stream, and whose events those were.
    // COST: the name alone, not the session.
    private var listened: String?
    /// That of one which was opened for the stream's sake and has none yet.
    private var opened: String?
    private var pause = Listening.firstPause
    private var timer: LoopTimer?

    init(_ link: LegacyHTTPLink, _ runner: CallHandle, on loop: EventLoop) {
        (self.link, self.runner, self.loop) = (link, runner, loop)
        parser = SSEParser(maxEvent: link.route.limits.maxMessage)
    }

    /// On the loop.
    func begin() {
        runner.onCancel { [self] in loop.execute { [self] in stop() } }
        ask()
    }

    /// Ends the stream, for another to be opened. Any thread.
    func hangUp() { loop.execute { self.body?.cancel() } }

    private func stop() {
        timer?.cancel()
        cancel.cancel()
        body?.cancel()
        body = nil
        link.listens(by: nil, runner)
        link.ended(runner)
    }

    // MARK: Opening

    private func ask() {
        guard !runner.isCancelled else { return }
        let session = link.current
        if session.id != listened { lastEventID = "" }
        Task(executorPreference: loop) { [self] in
            let standing = await link.standing(after: lastEventID, session, on: loop, cancel)
            link.begun(runner)
            switch standing {
            case .open(let body): take(body, of: session.id)
            case .notOffered: giveUp()
            case .forgotten:
                // Some servers say 404 when they mean that there is no such stream; one that had one means the session.
                guard let stale = session.id, listened != nil, opened != stale else { return giveUp() }
                guard let fresh = try? await link.renewed(stale, on: loop) else { return askLater() }
                opened = fresh.id
                // What the server says in its new session shall find us there.
                ask()
            case .unreachable:
                pause = min(Self.longestPause, TimeSpan(microseconds: 2 * pause.microseconds))
                askLater()
            }
        }
    }

    /// The server may end the stream at any time; a client then asks again, not at once.
    private func askLater() {
        guard !runner.isCancelled else { return }
        timer = loop.schedule(after: pause) { [self] in ask() }
    }

    private func giveUp() {
        runner.finish()
        link.ended(runner)
    }

    // MARK: Hearing

    private func take(_ body: ClientStream, of session: String?) {
        guard !runner.isCancelled else { return body.cancel() }
        // Of a session that was forgotten while it was asked for.
        guard link.current.id == session else {
            body.cancel()
            return ask()
        }
        (listened, opened) = (session, nil)
        pause = Self.firstPause
        parser = SSEParser(maxEvent: link.route.limits.maxMessage)
        self.body = body
        link.listens(by: self, runner)
        wait(body)
    }

    private func wait(_ body: ClientStream) {
        body.whenReady { [self] in if hear(body) { wait(body) } }
    }

    /// Takes what has come; false if the stream is over.
    private func hear(_ body: ClientStream) -> Bool {
        guard self.body === body else { return false }
        do {
            if let chunk = try body.ready() {
                try parser.feed(chunk) { event in
                    if let message = try? HTTPEvents.message(of: event) { link.hear(message) }
                }
                return true
            }
        } catch {
            body.cancel()
        }
        self.body = nil
        link.listens(by: nil, runner)
        // Hung up for another session's.
        guard link.current.id == listened else {
            ask()
            return false
        }
        if !parser.lastEventID.isEmpty { lastEventID = parser.lastEventID }
        askLater()
        return false
    }
}
