import Base
import JSON
import MCP
import Runtime
import Store
import Synchronization

/// All open client sessions, by id.
final class SessionTable: Sendable {
    private let sessions = Mutex<[String: ClientSession]>([:])
    private let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
    }

    /// 256 bits from the system's generator; naming a session never authenticates.
    static func makeID() -> String {
        var generator = SystemRandomNumberGenerator()
        var bytes: [UInt8] = []
        for _ in 0..<4 { withUnsafeBytes(of: generator.next()) { bytes.append(contentsOf: $0) } }
        return Hex.encode(bytes)
    }

    var hasRoom: Bool { sessions.withLock { $0.count < capacity } }
    var count: Int { sessions.withLock { $0.count } }

    // A session takes as long to open as its server to start, and what it lives by may end meanwhile. `isOver` says so: it is
    // looked at once the session is in the table, and can be found there by whoever ends it later. One that is over is taken out
    // again.

    /// False when the table is full, or it is over.
    func add(_ session: ClientSession, unless isOver: () -> Bool = { false }) -> Bool {
        let isIn = sessions.withLock { sessions in
            guard sessions.count < capacity else { return false }
            sessions[session.id] = session
            return true
        }
        guard isIn, isOver() else { return isIn }
        remove(session)
        return false
    }

    /// Adds it in place of one of its name, which ends; false when the table is full, or it is over.
    func replace(_ session: ClientSession, on loop: EventLoop, unless isOver: () -> Bool = { false }) -> Bool {
        let (isIn, old) = sessions.withLock { sessions -> (Bool, ClientSession?) in
            let old = sessions[session.id]
            guard old != nil || sessions.count < capacity else { return (false, nil) }
            sessions[session.id] = session
            return (true, old)
        }
        if let old, old !== session { loop.execute { old.end(on: loop) } }
        guard isIn, isOver() else { return isIn }
        remove(session)
        return false
    }

    /// Adds it unless there is one of its name already: the one that is in the table now, or nil when it is full, or the session
    /// over. One whose server or token is another now ends.
    func adopt(
        _ session: ClientSession, on loop: EventLoop, unless isOver: () -> Bool = { false }
    ) -> ClientSession? {
        let (kept, old) = sessions.withLock { sessions -> (ClientSession?, ClientSession?) in
            let known = sessions[session.id]
            if let known, !known.isEnded, known.server === session.server, known.speaker == session.speaker {
                return (known, nil)
            }
            guard known != nil || sessions.count < capacity else { return (nil, nil) }
            sessions[session.id] = session
            return (session, known)
        }
        if let old { loop.execute { old.end(on: loop) } }
        guard kept === session, isOver() else { return kept }
        remove(session)
        return nil
    }

    /// Whether any session of the server still wants to hear of a resource.
    func wants(_ uri: String, of server: UpstreamServer) -> Bool {
        let all = sessions.withLock { Array($0.values) }
        return all.contains { $0.server === server && $0.wanted.resourceSubscriptions.contains(uri) }
    }

    /// The resources that sessions of a server want to hear of.
    func wanted(of server: String) -> Set<String> {
        let all = sessions.withLock { $0.values.filter { $0.server.definition.name == server } }
        return all.reduce(into: []) { $0.formUnion($1.wanted.resourceSubscriptions) }
    }

    func find(_ id: String) -> ClientSession? { sessions.withLock { $0[id] } }

    /// Takes out this one, and no other of its name.
    func remove(_ session: ClientSession) {
        sessions.withLock { if $0[session.id] === session { $0[session.id] = nil } }
    }

    /// Takes out the sessions that `isOver` picks.
    func removeAll(where isOver: (ClientSession) -> Bool) -> [ClientSession] {
        sessions.withLock { sessions in
            let over = sessions.values.filter(isOver)
            for session in over { sessions[session.id] = nil }
            return over
        }
    }

    /// Ends the sessions of those who may no longer speak, or whose server is another now.
    func keep(only snapshot: GatewaySnapshot, on loop: EventLoop) {
        let now = EventLoop.wallNow
        let over = removeAll { session in
            snapshot.isOver(session.speaker, at: now)
                || snapshot.caller(grant: session.grantID, server: session.caller.server.name, at: now) == nil
                || snapshot.servers[session.server.definition.name] != session.server.definition
        }
        loop.execute { for session in over { session.end(on: loop) } }
    }

    /// Gives back what is kept of tasks whose time is over.
    func forgetExpired(now: Instant) {
        for session in sessions.withLock({ Array($0.values) }) { session.tasks.forgetExpired(now: now) }
    }

    /// Ends the standing streams of all sessions; calls go on.
    func closeStreams() {
        for session in sessions.withLock({ Array($0.values) }) { session.closeStreams() }
    }

    /// Brings a notification to all sessions of one server.
    func deliver(_ notification: RPCMessage, toSessionsOf server: String) {
        let sessions = sessions.withLock { $0.values.filter { $0.server.definition.name == server } }
        for session in sessions { session.deliver(notification) }
    }

    /// Says to those who may see something else now that the lists are others.
    func announce(from old: GatewaySnapshot, to new: GatewaySnapshot) {
        let concerned = sessions.withLock { Array($0.values) }.filter {
            new.differs(from: old, grant: $0.grantID, server: $0.server.definition.name)
        }
        guard !concerned.isEmpty else { return }
        for kind in [ListKind.tools, .prompts, .resources] {
            let text = RPCWriter.notification(method: kind.changeNotification)
            guard let changed = try? RPCMessage(JSONDocument.parse(text)) else { continue }
            for session in concerned { session.deliver(changed) }
        }
    }
}
