import Base
import HTTP
import JSON
import MCP
import Policy
import Runtime
import Store
import Synchronization

/// `/mcp`: all servers of a grant behind one endpoint. It finds the server that a message is about, puts the message into
/// that server's words, and leaves the rest to the endpoint for one server. A server that can't be reached takes nothing
/// away from the others.
final class MergedEndpoint: Sendable {
    /// The time that one slow server may hold up what concerns all.
    static let patience = TimeSpan.seconds(10)
    /// How often it is looked after the servers, while somebody listens.
    private static let lookInterval = TimeSpan.seconds(5)

    let endpoint: Endpoint
    let sealer: any StateSealer
    let hasher: any KeyedHasher
    let naming: ToolNaming
    /// The grant and its servers as they stand now; nil when it may no longer speak.
    private let currentHolder: CurrentHolder
    private let table = Mutex<[String: MergedSession]>([:])

    typealias CurrentHolder = @Sendable (_ grant: String, _ now: Instant) throws(StoreError) -> Holder?

    /// - Parameter digest: SHA-256; hashed names are the same on every machine.
    init(
        _ endpoint: Endpoint, sealer: any StateSealer, hasher: any KeyedHasher, digest: @escaping ToolNaming.Digest,
        currentHolder: @escaping CurrentHolder
    ) {
        self.currentHolder = currentHolder
        self.endpoint = endpoint
        self.sealer = sealer
        self.hasher = hasher
        naming = ToolNaming(digest: digest)
    }

    // MARK: Sessions

    func session(of arrival: Arrival) throws(Refusal) -> MergedSession {
        let name = try arrival.sessionName()
        guard let session = session(named: name), session.speaker.is(arrival.holder.grant) else {
            throw .unknownSession
        }
        try arrival.checkVersion()
        session.touch(arrival.started)
        return session
    }

    func session(named name: String) -> MergedSession? { table.withLock { $0[name] } }

    func end(_ session: MergedSession, on loop: EventLoop) {
        table.withLock { if $0[session.id] === session { $0[session.id] = nil } }
        for part in session.end() { endpoint.end(part, on: loop) }
    }

    /// Ends sessions that nobody uses. Called from a timer.
    func sweep(now: TimeSpan, on loop: EventLoop) {
        let limit = TimeSpan(microseconds: now.microseconds - endpoint.options.sessionIdle.microseconds)
        endAll(on: loop) { $0.isIdle(since: limit) }
    }

    /// Ends the sessions of those who may no longer speak.
    func keep(on loop: EventLoop, isOver: (Speaker) -> Bool) { endAll(on: loop) { isOver($0.speaker) } }

    private func endAll(on loop: EventLoop, where isOver: (MergedSession) -> Bool) {
        for session in table.withLock({ $0.values.filter(isOver) }) { end(session, on: loop) }
    }

    func closeStreams() {
        for session in table.withLock({ Array($0.values) }) { session.closeStreams() }
    }

    static func standingKey(_ grant: String, _ abilities: String) -> String { "merged:\(grant):\(abilities)" }
    static func partKey(_ session: String, _ server: String) -> String { "\(session):\(server)" }

    /// What stands in for a session of a modern client.
    func standing(_ profile: ClientProfile, _ arrival: Arrival) throws(Refusal) -> MergedSession {
        let key = Self.standingKey(arrival.holder.grant.id, profile.abilities)
        let (session, old) = table.withLock { table -> (MergedSession?, MergedSession?) in
            let old = table[key]
            if let old, !old.isEnded, old.speaker.is(arrival.holder.grant) { return (old, nil) }
            guard old != nil || table.count < endpoint.options.maxSessions else { return (nil, nil) }
            let fresh = MergedSession(
                id: key, speaker: Speaker(arrival.holder.grant), profile: profile, naming: naming,
                history: endpoint.history,
                now: arrival.started)
            table[key] = fresh
            return (fresh, old)
        }
        if let old { end(old, on: arrival.loop) }
        guard let session else { throw .tooManySessions }
        session.touch(arrival.started)
        return session
    }

    /// All of a grant's modern clients.
    func standing(grant: String) -> [MergedSession] {
        table.withLock { table in ClientProfile.allAbilities.compactMap { table[Self.standingKey(grant, $0)] } }
    }

    /// A session of a legacy client, without any server yet.
    func open(_ id: String, _ profile: ClientProfile, _ arrival: Arrival) throws(Refusal) -> MergedSession {
        let session = MergedSession(
            id: id, speaker: Speaker(arrival.holder.grant), profile: profile, naming: naming, history: endpoint.history,
            now: arrival.started)
        let hasRoom = table.withLock { table in
            guard table.count < endpoint.options.maxSessions else { return false }
            table[id] = session
            return true
        }
        guard hasRoom else { throw .tooManySessions }
        return session
    }

    func exposed(_ name: String, of server: String) -> String { naming.exposed(name, of: server) }

    // MARK: Parts

    /// The session with one server, opened if need be.
    func part(_ caller: Caller, _ session: MergedSession, _ arrival: Arrival, profile: ClientProfile? = nil)
        async throws(UpstreamError) -> ClientSession
    {
        let server = caller.server.name
        let former = session.part(of: server)
        if let former, !former.isEnded, former.server.definition == caller.server {
            former.touch(arrival.started)
            return former
        }
        do throws(UpstreamError) {
            let fresh = try await endpoint.open(
                Self.partKey(session.id, server), profile ?? session.profile, arrival.at(caller), asks: session.asks)
            guard let kept = session.adopt(fresh),
                kept !== fresh
                    || endpoint.sessions.replace(
                        fresh, on: arrival.loop, unless: { session.isEnded || endpoint.isOver(fresh) })
            else {
                let isOver = session.isEnded || endpoint.isOver(fresh)
                fresh.end(on: arrival.loop)
                throw isOver
                    ? Self.over : UpstreamError(.overloaded, mayHaveRun: false, detail: "too many sessions")
            }
            // Another request was quicker.
            if kept !== fresh {
                fresh.end(on: arrival.loop)
            } else if session.profile.era == .legacy {
                catchUp(kept, after: former, session, arrival.loop)
                listen(kept, session, arrival.at(caller))
            } else {
                joinLate(kept, session, arrival)
            }
            // One that had only ended is the same as before.
            let isAnother = former.map { $0.server.definition != caller.server } ?? false
            note(server, session, isDead: false, isAnother: isAnother)
            return kept
        } catch {
            // That we are full, or the session is over, says nothing of the server.
            if error.code != .overloaded, error != Self.over { note(server, session, isDead: true) }
            throw error
        }
    }

    /// What was begun in a session that has ended meanwhile.
    static let over = UpstreamError(.cancelled, mayHaveRun: false, detail: "the session is over")

    /// Tells a server that is opened late, or anew, what the client has said before.
    private func catchUp(_ part: ClientSession, after old: ClientSession?, _ session: MergedSession, _ loop: EventLoop)
    {
        if let old { part.follow(old) }
        part.logLevel = session.logLevel
        let wanted = part.wanted
        part.link.subscribe(wanted, on: loop)
        // One that is shared is told what all want together.
        let isShared = part.link.isShared
        // The request that has opened it need not wait for that.
        Task(executorPreference: loop) {
            if isShared, let level = session.logLevel { await part.link.log(from: level, on: loop) }
            await part.link.tell(isAgain: false, on: loop) {
                Told(
                    level: isShared ? nil : session.logLevel, subscriptions: part.wanted.resourceSubscriptions)
            }
        }
    }

    /// What the server says outside of calls goes to the stream that all servers share.
    private func listen(_ part: ClientSession, _ session: MergedSession, _ arrival: Arrival) {
        let handle = CallHandle()
        part.attach(session.sink(for: part.caller.server.name), listener: handle)
        endpoint.listen(.everything(of: part), part, handle, arrival)
    }

    /// Has listens that began without the server hear of it.
    private func joinLate(_ part: ClientSession, _ session: MergedSession, _ arrival: Arrival) {
        for listen in session.listens {
            guard let filter = listen.filter(forLate: part), let share = listen.join(part, filter) else { continue }
            endpoint.listen(filter, part, share.handle, arrival.at(part))
            Task(executorPreference: arrival.loop) { [endpoint, loop = arrival.loop] in
                await endpoint.begin(share, part, on: loop)
            }
        }
    }

    /// Says to the client that a server has gone or come back, once, or that another may have taken its place.
    func note(_ server: String, _ session: MergedSession, isDead: Bool, isAnother: Bool = false) {
        // Nobody is left to be told, and what fails then fails for that.
        guard !session.isEnded else { return }
        let isNews = session.note(server, isDead: isDead)
        guard isNews || isAnother else { return }
        if isNews {
            endpoint.log(
                isDead ? .warning : .info, isDead ? "a server behind /mcp can't be reached" : "a server is back",
                ("server", server))
        }
        if isDead {
            session.learn([], .tools, of: server)
            session.learn([], .prompts, of: server)
        }
        session.announceChange()
    }

    /// The parts of all servers that can be reached, in the grant's order.
    func parts(_ session: MergedSession, _ arrival: Arrival, profile: ClientProfile? = nil) async -> [ClientSession] {
        let loop = arrival.loop
        let found = await withTaskGroup(of: (Int, ClientSession)?.self) { group in
            for (index, caller) in arrival.holder.callers.enumerated() {
                group.addTask(executorPreference: loop) {
                    let part = await within(Self.patience, on: loop) {
                        try? await self.part(caller, session, arrival, profile: profile)
                    }
                    if part == nil { self.note(caller.server.name, session, isDead: true) }
                    return (part ?? nil).map { (index, $0) }
                }
            }
            var found: [(Int, ClientSession)] = []
            for await part in group { if let part { found.append(part) } }
            return found
        }
        return found.sorted { $0.0 < $1.0 }.map(\.1)
    }

    // MARK: The GET stream

    func openStream(_ arrival: Arrival, _ session: MergedSession, _ writer: consuming ResponseWriter) async {
        let last = arrival.fields[.lastEventID].flatMap { EventID($0.string) }
        if let last, session.events.isOver(last) {
            return writer.send(Refusal.streamOver.response(requestID: arrival.requestID))
        }
        if last.map({ !SessionEvents.isAnswer($0) }) ?? true {
            await endpoint.settle(on: arrival.loop) { for part in session.parts { await part.heard() } }
        }
        var fields = Fields()
        fields.append(.xRequestID, arrival.requestID)
        let stream = writer.streamEvents(fields)
        _ = stream.commentNow("open")
        keepAlive(stream, session, arrival)
        guard let standing = session.events.connect(EventStream(stream), after: last) else { return }
        session.attach(standing)
        lookAfter(standing, session, arrival)
    }

    func keepAlive(_ stream: ResponseStream, _ session: MergedSession, _ arrival: Arrival) {
        _ = arrival.loop.schedule(after: Endpoint.keepAlive) { [weak stream] in
            guard let stream, !stream.isClosed else { return }
            session.touch(arrival.loop.now)
            for part in session.parts { part.touch(arrival.loop.now) }
            _ = stream.commentNow("alive")
            self.keepAlive(stream, session, arrival)
        }
    }

    /// While somebody listens, dead servers are tried again, and one that dies is noticed though nobody asks it for anything.
    /// So is one whose definition has changed, which ends the session with it.
    func lookAfter(_ stream: any EventSink, _ session: MergedSession, _ arrival: Arrival) {
        _ = arrival.loop.schedule(after: Self.lookInterval) { [weak stream] in
            guard let stream, !stream.isClosed, !session.isEnded else { return }
            let current: Arrival
            do throws(StoreError) {
                // Servers may have come, gone or changed since the stream was opened.
                guard let holder = try self.currentHolder(session.speaker.grant, EventLoop.wallNow) else { return }
                current = arrival.later(holder)
            } catch {
                return self.lookAfter(stream, session, arrival)
            }
            for caller in current.holder.callers { self.look(after: caller, session, current) }
            self.lookAfter(stream, session, current)
        }
    }

    private func look(after caller: Caller, _ session: MergedSession, _ arrival: Arrival) {
        let (server, loop) = (caller.server.name, arrival.loop)
        if !session.dead.contains(server) {
            guard let part = session.part(of: server),
                part.isEnded || part.server.wantsLook(through: part.link, loop.now)
            else { return }
        }
        guard session.looks(after: server) else { return }
        Task(executorPreference: loop) {
            let isThere =
                await within(Self.patience, on: loop) { await self.isThere(caller, session, arrival) } ?? false
            session.looked(after: server)
            // If the definition has changed meanwhile, that says nothing of the server.
            let current = try? self.currentHolder(session.speaker.grant, EventLoop.wallNow)?.caller(of: server)
            guard isThere || current?.server == caller.server else { return }
            self.note(server, session, isDead: !isThere)
        }
    }

    /// Whether a server answers, whatever. One whose process has ended is started again.
    private func isThere(_ caller: Caller, _ session: MergedSession, _ arrival: Arrival) async -> Bool {
        do throws(UpstreamError) {
            let part = try await part(caller, session, arrival)
            try await part.link.prepare()
            let method = part.link.hello.version.era == .modern ? "server/discover" : "ping"
            _ = try await part.link.ask(method, on: arrival.loop)
            joinLate(part, session, arrival)
            return true
        } catch {
            return false
        }
    }
}

extension ListenFilter {
    /// All that a legacy client hears unasked.
    static func everything(of session: ClientSession) -> ListenFilter {
        var filter = ListenFilter()
        (filter.toolsListChanged, filter.promptsListChanged, filter.resourcesListChanged) = (true, true, true)
        filter.resourceSubscriptions = session.wanted.resourceSubscriptions
        return filter
    }
}
