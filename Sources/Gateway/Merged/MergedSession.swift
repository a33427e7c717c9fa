import Base
import JSON
import MCP
import Runtime
import Store
import Synchronization

/// A client's conversation with all servers of its grant behind one endpoint: one session for each server, under names of
/// our own, and what they share.
final class MergedSession: Sendable {
    private struct State {
        var parts: [String: ClientSession] = [:]
        /// Servers that could not be reached when last tried.
        var dead: Set<String> = []
        /// Servers that are being looked after at the moment.
        var watched: Set<String> = []
        var tools: NameTable
        var prompts: NameTable
        var stream: (any EventSink)?
        /// What a legacy client wants to be logged.
        var logLevel: LogLevel?
        /// Of modern clients.
        var listens: [ObjectIdentifier: MergedListen] = [:]
        var isEnded = false
    }

    let id: String
    let speaker: Speaker
    let profile: ClientProfile
    let asks = AskBook()
    /// What was sent on its streams.
    let events: SessionEvents
    private let lastUsed: Atomic<Int64>
    private let state: Mutex<State>

    init(
        id: String, speaker: Speaker, profile: ClientProfile, naming: ToolNaming, history: EventBudget, now: TimeSpan
    ) {
        events = SessionEvents(profile.version, budget: history.share(of: speaker.grant))
        self.id = id
        self.speaker = speaker
        self.profile = profile
        lastUsed = Atomic(now.microseconds)
        state = Mutex(State(tools: NameTable(naming), prompts: NameTable(naming)))
    }

    func touch(_ now: TimeSpan) { lastUsed.store(now.microseconds, ordering: .relaxed) }

    /// Whether nobody has used it since `limit`, no stream is open and no call goes on.
    func isIdle(since limit: TimeSpan) -> Bool {
        lastUsed.load(ordering: .relaxed) < limit.microseconds
            && state.withLock { state in
                state.listens.isEmpty && state.stream?.isClosed ?? true
                    && !state.parts.values.contains(where: \.isBusy)
            }
    }

    // MARK: Parts

    func part(of server: String) -> ClientSession? { state.withLock { $0.parts[server] } }
    var parts: [ClientSession] { state.withLock { Array($0.parts.values) } }
    var isEnded: Bool { state.withLock { $0.isEnded } }

    /// The part that is in use now: this one, or one that another request has opened meanwhile. Nil when all is over.
    func adopt(_ part: ClientSession) -> ClientSession? {
        state.withLock { state in
            guard !state.isEnded else { return nil }
            let server = part.caller.server.name
            if let known = state.parts[server], !known.isEnded, known.server === part.server { return known }
            state.parts[server] = part
            return part
        }
    }

    /// Notes whether a server can be reached. True when that is news.
    func note(_ server: String, isDead: Bool) -> Bool {
        state.withLock { isDead ? $0.dead.insert(server).inserted : $0.dead.remove(server) != nil }
    }

    var dead: Set<String> { state.withLock { $0.dead } }

    /// Begins to look after a server; false while somebody does.
    func looks(after server: String) -> Bool { state.withLock { $0.watched.insert(server).inserted } }
    func looked(after server: String) { _ = state.withLock { $0.watched.remove(server) } }

    /// For servers that can be reached only later, too.
    var logLevel: LogLevel? {
        get { state.withLock { $0.logLevel } }
        set { state.withLock { $0.logLevel = newValue } }
    }

    // MARK: Names

    /// Takes over the names that a server has now.
    func learn(_ names: [String], _ kind: ListKind, of server: String) {
        state.withLock { state in
            if kind == .tools { state.tools.set(names, of: server) } else { state.prompts.set(names, of: server) }
        }
    }

    func target(of exposed: String, _ kind: ListKind) -> NameTable.Target? {
        state.withLock { kind == .tools ? $0.tools.target(of: exposed) : $0.prompts.target(of: exposed) }
    }

    /// Nil if two servers' names collide: then neither is shown.
    func exposed(_ name: String, _ kind: ListKind, of server: String) -> String? {
        state.withLock {
            kind == .tools ? $0.tools.exposed(name, of: server) : $0.prompts.exposed(name, of: server)
        }
    }

    // MARK: The standing stream

    func attach(_ stream: any EventSink) {
        let old = state.withLock { state -> (any EventSink)? in
            defer { state.stream = state.isEnded ? nil : stream }
            return state.isEnded ? stream : state.stream
        }
        old?.end()
    }

    /// Each has a place with every server, too.
    var hasRoomForListen: Bool { state.withLock { $0.listens.count < ClientSession.maxListens } }

    /// Holds a listen, whose stream ends with the session; false if that is over, or there is no room for another.
    func hold(_ listen: MergedListen) -> Bool {
        state.withLock { state in
            guard !state.isEnded, state.listens.count < ClientSession.maxListens else { return false }
            state.listens[ObjectIdentifier(listen)] = listen
            return true
        }
    }

    var listens: [MergedListen] { state.withLock { Array($0.listens.values) } }
    func release(_ listen: MergedListen) { state.withLock { $0.listens[ObjectIdentifier(listen)] = nil } }

    /// Ends the standing streams; calls go on.
    func closeStreams() {
        let (stream, listens) = takeStreams()
        stream?.end()
        // SPEC: 2026-07-28: a graceful end is the result of the listen.
        for listen in listens { listen.stream.end(with: Subscription.end(of: listen.id)) }
    }

    private func takeStreams() -> ((any EventSink)?, [MergedListen]) {
        state.withLock { state in
            defer { (state.stream, state.listens) = (nil, [:]) }
            return (state.stream, Array(state.listens.values))
        }
    }

    /// A place for what one server says outside of calls, in the words of this endpoint.
    func sink(for server: String) -> any EventSink { PartSink(self, server) }

    fileprivate func send(_ message: [UInt8]) { state.withLock { $0.stream }?.send(message) }
    fileprivate var hasStream: Bool { state.withLock { !($0.stream?.isClosed ?? true) } }
    /// Whether there is one that somebody may come back for.
    fileprivate var keepsStream: Bool { state.withLock { $0.stream != nil } }

    /// Says that the lists are others now.
    func announceChange() {
        let listens = listens
        for kind in [ListKind.tools, .prompts, .resources] {
            let bytes = RPCWriter.notification(method: kind.changeNotification)
            if profile.era == .legacy { send(bytes) }
            guard !listens.isEmpty, let message = try? RPCMessage(JSONDocument.parse(bytes)) else { continue }
            for listen in listens where listen.granted?.passes(message) == true {
                var splice = JSONSplice(message.document)
                Subscription.stamp(message, listen.id, in: &splice)
                listen.stream.send(splice.applied())
            }
        }
    }

    func end() -> [ClientSession] {
        let parts = state.withLock { state in
            state.isEnded = true
            defer { state.parts = [:] }
            return Array(state.parts.values)
        }
        let (stream, listens) = takeStreams()
        stream?.end()
        for listen in listens { listen.stream.end() }
        return parts
    }
}

/// One server's share of the standing stream.
private final class PartSink: EventSink {
    private weak let session: MergedSession?
    private let server: String

    init(_ session: MergedSession, _ server: String) {
        self.session = session
        self.server = server
    }

    var isClosed: Bool { !(session?.hasStream ?? false) }
    var leadsNowhere: Bool { !(session?.keepsStream ?? false) }
    func send(_ message: [UInt8]) { session?.send(Renaming(server: server).toClient(message, answering: "")) }
    /// The stream is the others' too.
    func end() {}
}
