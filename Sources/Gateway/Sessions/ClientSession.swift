import Base
import HTTP
import JSON
import MCP
import Policy
import Runtime
import Store
import Synchronization

/// A client's conversation with one server, bound to the grant that opened it. Legacy clients open one by `initialize`;
/// modern clients, whose requests stand alone, share a standing one for each grant and set of capabilities.
///
/// Its requests may come in on any loop.
final class ClientSession: Sendable {
    private struct State {
        /// Two requests may carry the same id at once; cancelling cancels both.
        // COST: a list, since every call comes and goes and hardly any is ever looked for.
        var calls: [(id: RequestID, handle: CallHandle)] = []
        /// Requests that only their own connections can take back, or the end of the session.
        var others: [CallHandle] = []
        var stream: (any EventSink)?
        var listener: CallHandle?
        var isEnded = false
        var logLevel: LogLevel?
        var subscriptions = ListenFilter()
        /// Who has subscribed last.
        var subscriber: Hearer?
        var listens: [ObjectIdentifier: Listen] = [:]
    }

    static let maxListens = 32
    typealias MayHear = @Sendable (_ uri: String, _ session: ClientSession, _ hearer: Hearer) -> Bool

    let id: String
    let caller: Caller
    let server: UpstreamServer
    let profile: ClientProfile
    let link: any UpstreamLink
    /// What servers have asked this client; several sessions behind one endpoint share it.
    let asks: AskBook
    /// What was sent on its streams.
    let events: SessionEvents
    /// Where the pages of lists lead.
    let pages = PageTrail()
    /// What its calls have started that goes on after them.
    let tasks: TaskBook
    /// Room for what its listens name.
    private let listened: FairBudget.Share?
    /// Asks the policy of this moment: it may have changed since somebody began to listen.
    private let mayHear: MayHear
    private let lastUsed: Atomic<Int64>
    private let state = Mutex(State())

    /// - Parameter mayHear: whether somebody may hear of changes of a resource now.
    init(
        id: String, caller: Caller, server: UpstreamServer, profile: ClientProfile, link: any UpstreamLink,
        asks: AskBook = AskBook(), history: EventBudget? = nil, kept: FairBudget? = nil, listened: FairBudget? = nil,
        now: TimeSpan, mayHear: @escaping MayHear
    ) {
        self.id = id
        self.caller = caller
        self.server = server
        self.profile = profile
        self.link = link
        self.asks = asks
        self.mayHear = mayHear
        events = SessionEvents(profile.version, budget: history?.share(of: caller.grant.id))
        self.listened = listened?.share(of: caller.grant.id)
        tasks = TaskBook(budget: kept?.share(of: caller.grant.id))
        lastUsed = Atomic(now.microseconds)
    }

    var grantID: String { caller.grant.id }
    /// Who has opened it.
    var speaker: Speaker { Speaker(caller.grant) }
    /// What limits of scope `session` count by: modern requests of one grant count together, whatever they declare.
    var scopeID: String { profile.era == .modern ? "stateless:\(caller.grant.id)" : id }
    var version: ProtocolVersion { profile.version }
    var client: ClientFacts { profile.facts }

    // MARK: Use

    func touch(_ now: TimeSpan) { lastUsed.store(now.microseconds, ordering: .relaxed) }

    /// Whether nobody has used it since `limit` and no stream is open.
    func isIdle(since limit: TimeSpan) -> Bool {
        guard lastUsed.load(ordering: .relaxed) < limit.microseconds else { return false }
        // Streams are asked outside of the lock: one may be a share of a session's that asks this one under its own.
        let streams = state.withLock { state in
            state.listens.values.map(\.stream) + (state.stream.map { [$0] } ?? [])
        }
        return streams.allSatisfy(\.isClosed) && !isBusy
    }

    /// No request may use it any more.
    var isEnded: Bool { state.withLock { $0.isEnded } }

    /// Ends all that goes on in it, and its way to the server. Once: who comes later finds it done.
    func end(on loop: EventLoop) {
        let ended = state.withLock { state -> ([any EventSink], [CallHandle], [FairBudget.Place])? in
            guard !state.isEnded else { return nil }
            state.isEnded = true
            let listens = Array(state.listens.values)
            defer { (state.stream, state.listener, state.listens) = (nil, nil, [:]) }
            // Calls that outlive their requests come first: what they go on with is among the others.
            return (
                listens.map(\.stream) + (state.stream.map { [$0] } ?? []),
                state.calls.map(\.handle) + state.others + listens.map(\.handle)
                    + (state.listener.map { [$0] } ?? []),
                listens.compactMap(\.place)
            )
        }
        guard let (streams, handles, places) = ended else { return }
        asks.drop(of: link)
        tasks.close()
        for handle in handles { handle.cancel() }
        for stream in streams { stream.end() }
        for place in places { place.leave() }
        link.close(on: loop)
    }
}

// MARK: - Calls

extension ClientSession {
    func began(_ id: RequestID, _ handle: CallHandle) {
        begin(handle) { $0.calls.append((id, handle)) }
    }

    func finished(_ id: RequestID, _ handle: CallHandle) {
        state.withLock { state in
            guard let place = state.calls.firstIndex(where: { $0.handle === handle }) else { return }
            state.calls.swapAt(place, state.calls.count - 1)
            state.calls.removeLast()
        }
    }

    /// A modern client's request has come: the session is in use until it has ``left(_:)``.
    func entered(_ handle: CallHandle) {
        begin(handle) { $0.others.append(handle) }
    }

    func left(_ handle: CallHandle) {
        state.withLock { state in
            guard let place = state.others.firstIndex(where: { $0 === handle }) else { return }
            state.others.swapAt(place, state.others.count - 1)
            state.others.removeLast()
        }
    }

    /// What begins after the end is over at once.
    private func begin(_ handle: CallHandle, _ note: (inout State) -> Void) {
        let isLate = state.withLock { state in
            note(&state)
            return state.isEnded
        }
        if isLate { handle.cancel() }
    }

    /// Whether a request is under way.
    var isBusy: Bool { state.withLock { !$0.calls.isEmpty || !$0.others.isEmpty } }

    /// How many requests are under way that their client can take back by name, or that outlive their connections.
    var callCount: Int { state.withLock { $0.calls.count } }

    func cancel(_ id: RequestID) {
        let calls = state.withLock { $0.calls.filter { $0.id == id } }
        for call in calls { call.handle.cancel() }
    }
}

// MARK: - What belongs to no call

/// Who listens: what a policy may look at.
// COST: a class, since most sessions have none.
final class Hearer: Sendable {
    let client: ClientFacts
    let ip: String?

    init(client: ClientFacts, ip: String?) {
        self.client = client
        self.ip = ip
    }
}

/// One `subscriptions/listen` of a modern client.
struct Listen: Sendable {
    /// What a client is told that has too many of them.
    static func refusal(of id: RequestID) -> [UInt8] {
        RPCWriter.error(
            id: id, code: .overloaded,
            message:
                "\(ClientSession.maxListens) listens are open already, or they name too much: end one, or ask for more "
                + "with one.")
    }

    let id: RequestID
    var filter: ListenFilter
    let stream: any EventSink
    let hearer: Hearer
    /// Ends what is listened to for it.
    let handle: CallHandle
    /// What its texts take; its session sees to it.
    fileprivate(set) var place: FairBudget.Place?
}

extension ClientSession {
    var logLevel: LogLevel? {
        get { state.withLock { $0.logLevel } }
        set { state.withLock { $0.logLevel = newValue } }
    }

    /// Notes the level of a modern request. False if one was noted before that brings as much.
    func lowers(logLevel level: LogLevel) -> Bool {
        state.withLock { state in
            if let known = state.logLevel, known <= level { return false }
            state.logLevel = level
            return true
        }
    }

    /// What the client wants to hear of single resources: by `resources/subscribe` or by its listens.
    var wanted: ListenFilter {
        state.withLock { state in
            state.listens.values.reduce(state.subscriptions) { $0.joined(with: $1.filter) }
        }
    }

    /// False when there is no room for another.
    func subscribe(to uri: String, by hearer: Hearer) -> Bool {
        state.withLock { state in
            state.subscriber = hearer
            return state.subscriptions.subscribe(to: uri)
        }
    }
    func unsubscribe(from uri: String) { state.withLock { $0.subscriptions.unsubscribe(from: uri) } }

    /// Takes over what its client has subscribed to in the session that it follows.
    func follow(_ old: ClientSession) {
        let (subscriptions, subscriber) = old.state.withLock { ($0.subscriptions, $0.subscriber) }
        state.withLock { ($0.subscriptions, $0.subscriber) = (subscriptions, subscriber) }
    }

    /// Waits until what listens for the client's stream hears the server.
    func heard() async { await state.withLock { $0.listener }?.begun() }

    /// Takes the place of an older stream: behind proxies a dead one is often not noticed by the server.
    func attach(_ stream: any EventSink, listener: CallHandle) {
        let old = state.withLock { state -> ((any EventSink)?, CallHandle?) in
            defer { (state.stream, state.listener) = (state.isEnded ? nil : stream, state.isEnded ? nil : listener) }
            return state.isEnded ? (stream, listener) : (state.stream, state.listener)
        }
        old.1?.cancel()
        old.0?.end()
    }

    var hasRoomForListen: Bool { state.withLock { $0.listens.count < Self.maxListens } }

    /// False when there is no room for another: all together name no more than one alone may, and all of a grant's sessions no
    /// more than they leave to others.
    func attach(_ listen: Listen) -> Bool {
        var listen = listen
        if let listened {
            guard let place = listened.place(of: listen.filter.size) else { return false }
            listen.place = place
        }
        let isAttached = state.withLock { [listen] state in
            guard !state.isEnded, state.listens.count < Self.maxListens,
                state.listens.values.reduce(listen.filter.size, { $0 + $1.filter.size }) <= ListenFilter.maximumSize
            else { return false }
            state.listens[ObjectIdentifier(listen.stream)] = listen
            return true
        }
        if !isAttached { listen.place?.leave() }
        return isAttached
    }

    /// What a listen is about, less what the server has refused.
    func narrow(_ listen: Listen, without refused: Set<String>) {
        state.withLock { state in
            state.listens[ObjectIdentifier(listen.stream)]?.filter.resourceSubscriptions.removeAll(
                where: refused.contains)
        }
    }

    func detach(_ listen: Listen) {
        state.withLock { $0.listens.removeValue(forKey: ObjectIdentifier(listen.stream)) }?.place?.leave()
    }

    /// Brings a server's notification to whoever of this client wants it. Without a stream it is lost, as the protocol allows.
    func deliver(_ notification: RPCMessage) {
        guard profile.era == .legacy else {
            // What the server asks is judged when the client asks after the task.
            if notification.method == "notifications/tasks", notification.params?["inputRequests"] != nil { return }
            let listens = state.withLock { Array($0.listens.values) }
            for listen in listens where listen.filter.passes(notification) && mayHear(notification, listen.hearer) {
                var splice = JSONSplice(notification.document)
                if let error = notification.params?["error"], RequiredVisits.pages(of: error) != nil,
                    let data = error["data"]
                {
                    // So are the pages that a task's error sends the client to.
                    splice.remove("elicitations", from: data)
                }
                Subscription.stamp(notification, listen.id, in: &splice)
                listen.stream.send(splice.applied())
            }
            return
        }
        switch notification.method {
        case "notifications/message" where !wantsLog(notification): return
        // A shared server reports what any of its clients has asked for, and any server may report what it likes.
        case "notifications/resources/updated":
            guard wanted.passes(notification), mayHear(notification, state.withLock { $0.subscriber }) else { return }
        case "notifications/tasks/status" where link.isShared:
            guard let task = notification.params?["taskId"]?.string, tasks.owns(task) else { return }
        case "notifications/progress":
            // Of a call that was answered long ago: only a task goes on, under the token of its call. Others are dropped: such a
            // token is one of ours, and could be that of another request of the client's.
            if let token = notification.params?["progressToken"]?.int, let client = tasks.clientToken(for: token),
                let progress = Relay.progress(notification, clientToken: client)
            {
                push(progress)
            }
            return
        default: break
        }
        var splice = JSONSplice(notification.document)
        Subscription.unstamp(notification, in: &splice)
        push(splice.isEmpty ? notification.document.bytes : splice.applied())
    }

    /// What may not be read any more is nobody's business, and neither is a part of it that may not.
    private func mayHear(_ notification: RPCMessage, _ hearer: Hearer?) -> Bool {
        guard notification.method == "notifications/resources/updated" else { return true }
        guard let hearer, let uri = notification.params?["uri"]?.string else { return false }
        return mayHear(uri, self, hearer)
    }

    /// Whether a log message is severe enough. A legacy client that set no level leaves it to the server.
    func wantsLog(_ notification: RPCMessage) -> Bool {
        let level = notification.params?["level"]?.string.flatMap(LogLevel.init(rawValue:))
        guard profile.era == .legacy else {
            guard let wanted = profile.logLevel, let level else { return false }
            return level >= wanted
        }
        guard let wanted = logLevel, let level else { return true }
        return level >= wanted
    }

    /// Sends a message of our own on the legacy stream. Returns whether there is one.
    @discardableResult
    func push(_ message: [UInt8]) -> Bool {
        guard let stream = state.withLock({ $0.stream }), !stream.leadsNowhere else { return false }
        stream.send(message)
        return true
    }

    /// Ends the standing streams; calls go on.
    func closeStreams() {
        let (stream, listener, listens) = state.withLock { state in
            let listens = Array(state.listens.values)
            state.listens.removeAll()
            defer { (state.stream, state.listener) = (nil, nil) }
            return (state.stream, state.listener, listens)
        }
        listener?.cancel()
        stream?.end()
        for listen in listens {
            listen.handle.cancel()
            // SPEC: 2026-07-28: a graceful end is the result of the listen.
            listen.stream.end(with: Subscription.end(of: listen.id))
            listen.place?.leave()
        }
    }
}
