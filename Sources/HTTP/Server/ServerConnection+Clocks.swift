import Base
import Runtime

/// How long a client may take, and how much of what it has not finished may wait.
extension ServerConnection {
    /// Sets the clock that what is awaited now runs against.
    func rewind() {
        guard !isLingering, !isGone else { return }
        if isReadingPaused, input.count - inputStart <= hub.options.maxPipelined, !machine.isServing {
            isReadingPaused = false
            stream.resumeReading()
        }
        guard hold(machine.deadline == .body ? machine.collectedBytes : 0) else {
            machine.dropBody()
            return answerAndClose(.tooManyBodies)
        }
        switch machine.deadline {
        case .none:
            overdue = nil
            if phase != .blocked { phase = .none }
        case .idle:
            phase = .idle
            overdue = nil
            timer?.rearm(after: hub.options.idleTimeout)
        case .head:
            guard phase != .head else { return }
            phase = .head
            overdue = nil
            timer?.rearm(after: hub.options.headTimeout)
        case .body:
            let size = machine.collectedBytes
            let left: Int64?
            if phase == .body {
                left = bodyClock.progress(size: size, now: loop.now.microseconds)
            } else {
                phase = .body
                overdue = nil
                left = bodyClock.start(size: size, now: loop.now.microseconds)
            }
            // Overdue, it has its turn of the loop, and that one only.
            if let left, overdue == nil || left > 0 {
                overdue = nil
                timer?.rearm(after: TimeSpan(microseconds: left))
            }
        }
    }

    /// Says how much of a body waits for the rest of it. False: that is too much, with what the others have.
    // COST: nothing for a request that comes in one piece, or is small.
    func hold(_ size: Int) -> Bool {
        let counted = size > RequestHead.smallBody ? size : 0
        guard counted != heldBytes else { return true }
        let share = hub.shared.bodies.share(of: bodyHolder)
        if counted < heldBytes {
            share.give(heldBytes - counted)
        } else {
            guard share.take(counted - heldBytes) else { return false }
        }
        heldBytes = counted
        return true
    }

    func clockRanOut() {
        guard !isGone else { return }
        switch phase {
        case .none: timer?.rearm(after: hub.options.idleTimeout)
        case .blocked, .lingering: stream.close()
        case .idle, .head, .body:
            // A loop that was held up runs its timers before it reads what has come meanwhile: one turn more, and as
            // many as a large body in the socket needs.
            let size = machine.collectedBytes
            guard let before = overdue, size < before + BodyClock.step else {
                overdue = size
                timer?.rearm(after: .milliseconds(1))
                return
            }
            if let problem = machine.timedOut() { answerAndClose(problem) } else { stream.closeAfterFlush() }
        }
    }
}
