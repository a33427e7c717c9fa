import JSON
import MCP
import Runtime

/// The requests under way on a connection where everything comes mixed, and which of them a message belongs to.
struct CallBook {
    private struct Entry {
        let inbox: Inbox
        /// The task whose end the request waits for.
        let task: String?
        let isListen: Bool
        /// Servers ask in the middle of these only.
        let mayAsk: Bool
        /// On whose behalf it was sent; nil for the gateway's own.
        let sender: Sender?
        /// What the server has asked in the middle of it and not been told yet.
        var asked: [RequestID] = []
    }

    /// Whose request it is.
    struct Sender: Sendable, Hashable {
        let grant: String
        let session: String
        var era = Era.legacy
    }

    private var entries: [Int64: Entry] = [:]

    mutating func begin(
        _ id: Int64, _ inbox: Inbox, isListen: Bool = false, mayAsk: Bool = false, task: String? = nil,
        sender: Sender? = nil
    ) {
        entries[id] = Entry(inbox: inbox, task: task, isListen: isListen, mayAsk: mayAsk, sender: sender)
    }

    /// The server is told what it has asked.
    mutating func answered(_ asked: RequestID) {
        for id in entries.keys where entries[id]?.asked.contains(asked) == true {
            entries[id]?.asked.removeAll { $0 == asked }
        }
    }

    /// Whether no request is under way.
    var isEmpty: Bool { entries.isEmpty }

    /// Whether the server waits for an answer in the middle of a request.
    var isWaiting: Bool { entries.values.contains { !$0.asked.isEmpty } }

    /// Whether a request is under way in which it might ask.
    var mayBeAsking: Bool { entries.values.contains(where: \.mayAsk) }

    /// The sessions whose requests are under way.
    var senders: Set<Sender> { Set(entries.values.compactMap(\.sender)) }

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
                // What is told of no request under way may be told of a task.
                guard let token = message.params?["progressToken"]?.int, let entry = entries[token] else {
                    return false
                }
                entry.inbox.put(message)
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
        let task = message.params?["_meta"]?[MetaKey.relatedTask]?["taskId"]?.string
        guard let id = task.flatMap(waiter) ?? (guesses ? onlyCall(for: message) : nil) else { return false }
        if case .request(let asked) = message.kind { entries[id]?.asked.append(asked) }
        entries[id]?.inbox.put(message)
        return true
    }

    /// The request that waits for the end of a task.
    private func waiter(for task: String) -> Int64? { entries.first { $0.value.task == task }?.key }

    /// The only request in the middle of which a server can have something to say; lists that are asked beside it don't count.
    /// A log message is not of a call whose server waits for an answer, if there is another: a modern client hears it with a
    /// call or not at all, while a legacy one has a stream for what is nobody's.
    private func onlyCall(for message: RPCMessage) -> Int64? {
        let asking = entries.values.contains { $0.mayAsk }
        let found = entries.filter { !$0.value.isListen && $0.value.mayAsk == asking }
        if found.count <= 1 { return found.first?.key }
        guard message.method == "notifications/message", found.allSatisfy({ $0.value.sender?.era == .modern }) else {
            return nil
        }
        let busy = found.filter { $0.value.asked.isEmpty }
        return busy.count == 1 ? busy.first?.key : nil
    }
}

extension Outgoing {
    /// A request whose answer is a long stream.
    var isListen: Bool { method == "subscriptions/listen" }
    /// Whether it takes one of the places for calls that may be under way at once. What is about a task takes none: it may
    /// wait for hours for a task's end or for a person, and looking at a task or cancelling it must not wait behind that. Nor
    /// does what a server is told again, which had its place.
    var takesPlace: Bool { !isListen && !isAgain && !method.hasPrefix("tasks/") }
    /// A request in the middle of which a server may ask its client something.
    var mayAsk: Bool { MethodTable.mayRequireInput.contains(method) || method == "tasks/result" }
    /// Whether it starts a task, or is about one.
    var isOfTask: Bool { startsTask || method.hasPrefix("tasks/") }
    /// The task whose end is waited for.
    var task: String? { method == "tasks/result" ? name : nil }
}

/// The wait for what comes first of a call on such a connection; silence and cancelling end it.
/// - Parameters:
///   - silence: told when the time ran out.
///   - giveUp: takes the call out of the book and tells the server.
func firstReply(
    to outgoing: Outgoing, _ inbox: Inbox, _ limits: UpstreamLimits, on loop: EventLoop, _ handle: CallHandle,
    pass: GatePass?, silence: Silence? = nil, giveUp: @escaping @Sendable () -> Void
) async throws(UpstreamError) -> UpstreamReply {
    handle.onCancel {
        giveUp()
        inbox.fail(UpstreamError(.cancelled, mayHaveRun: true, detail: "cancelled"))
    }
    let deadline = Deadline(limits, on: loop) {
        silence?.grew()
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
