import JSON
import MCP
import Runtime

/// The requests under way on a connection where everything comes mixed, and which of them a message belongs to.
struct CallBook {
    private struct Entry {
        let inbox: Inbox
        let isListen: Bool
        /// Servers ask in the middle of these only.
        let mayAsk: Bool
    }

    private var entries: [Int64: Entry] = [:]

    mutating func begin(_ id: Int64, _ inbox: Inbox, isListen: Bool = false, mayAsk: Bool = false) {
        entries[id] = Entry(inbox: inbox, isListen: isListen, mayAsk: mayAsk)
    }

    /// Nil when it has had its answer.
    @discardableResult
    mutating func end(_ id: Int64) -> Inbox? { entries.removeValue(forKey: id)?.inbox }

    /// The connection is over.
    mutating func endAll(_ why: UpstreamError) {
        for entry in entries.values { entry.inbox.fail(why) }
        entries.removeAll()
    }

    /// Puts a message into the inbox of its request. Answers and progress that nobody waits for (any more) are dropped:
    /// a server may answer twice, or after a call was cancelled.
    /// - Parameter guesses: what names no request belongs to the only one that is under way.
    /// - Returns: false if it belongs to no request.
    mutating func route(_ message: RPCMessage, guesses: Bool) -> Bool {
        switch message.kind {
        case .response(let id, _):
            if let id = id?.int { end(id)?.put(message) }
            return true
        case .notification:
            switch message.method {
            case "notifications/progress":
                if let token = message.params?["progressToken"]?.int { entries[token]?.inbox.put(message) }
                return true
            case "notifications/cancelled":
                guard let id = message.params?["requestId"]?.int, entries[id]?.isListen == true else { break }
                end(id)?.fail(UpstreamError(.lost, mayHaveRun: false, detail: "the server ended the subscription"))
                return true
            case "notifications/message": break
            default:
                guard let id = Subscription.id(of: message)?.int, let entry = entries[id], entry.isListen else {
                    return false
                }
                entry.inbox.put(message)
                return true
            }
        case .request: break
        }
        guard guesses, let only = onlyCall else { return false }
        only.put(message)
        return true
    }

    /// The only request in the middle of which a server can have something to say; lists that are asked beside it don't count.
    private var onlyCall: Inbox? {
        var found: Inbox?
        let asking = entries.values.contains { $0.mayAsk }
        for entry in entries.values where !entry.isListen && entry.mayAsk == asking {
            guard found == nil else { return nil }
            found = entry.inbox
        }
        return found
    }
}

extension Outgoing {
    /// A request whose answer is a long stream.
    var isListen: Bool { method == "subscriptions/listen" }
    /// A request in the middle of which a server may ask its client something.
    var mayAsk: Bool { MethodTable.mayRequireInput.contains(method) }
}

/// The wait for what comes first of a call on such a connection; silence and cancelling end it.
/// - Parameter giveUp: takes the call out of the book and tells the server.
func firstReply(
    to outgoing: Outgoing, _ inbox: Inbox, _ limits: UpstreamLimits, on loop: EventLoop, _ handle: CallHandle,
    pass: GatePass?, giveUp: @escaping @Sendable () -> Void
) async throws(UpstreamError) -> UpstreamReply {
    handle.onCancel {
        giveUp()
        inbox.fail(UpstreamError(.cancelled, mayHaveRun: true, detail: "cancelled"))
    }
    let deadline = Deadline(limits, on: loop) {
        giveUp()
        inbox.fail(UpstreamError(.timeout, mayHaveRun: true, detail: "no answer within the call timeout"))
    }
    do throws(UpstreamError) {
        let first = try await inbox.next()
        if case .response = first.kind {
            deadline.stop()
            handle.finish()
            return .response(first, status: nil)
        }
        // A subscription may be silent for days.
        if outgoing.isListen { deadline.stop() } else { deadline.heard() }
        let rest = TimedStream(inbox, outgoing.isListen ? nil : deadline, handle, pass: pass)
        return .stream(ResumedStream(first: first, rest: rest))
    } catch {
        deadline.stop()
        handle.finish()
        throw error
    }
}
