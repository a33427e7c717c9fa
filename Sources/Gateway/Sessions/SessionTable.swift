import Base
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

    /// False when the table is full.
    func add(_ session: ClientSession) -> Bool {
        sessions.withLock { sessions in
            guard sessions.count < capacity else { return false }
            sessions[session.id] = session
            return true
        }
    }

    /// Adds it in place of one of its name; false when the table is full.
    func replace(_ session: ClientSession) -> Bool {
        sessions.withLock { sessions in
            guard sessions[session.id] != nil || sessions.count < capacity else { return false }
            sessions[session.id] = session
            return true
        }
    }

    /// Adds it unless there is one of its name already: the one that is in the table now, or nil when it is full.
    func adopt(_ session: ClientSession) -> ClientSession? {
        sessions.withLock { sessions in
            if let known = sessions[session.id], !known.isEnded, known.server === session.server { return known }
            guard sessions.count < capacity else { return nil }
            sessions[session.id] = session
            return session
        }
    }

    /// Whether any session of the server still wants to hear of a resource.
    func wants(_ uri: String, of server: UpstreamServer) -> Bool {
        let all = sessions.withLock { Array($0.values) }
        return all.contains { $0.server === server && $0.wanted.resourceSubscriptions.contains(uri) }
    }

    func find(_ id: String) -> ClientSession? { sessions.withLock { $0[id] } }

    func remove(_ id: String) -> ClientSession? { sessions.withLock { $0.removeValue(forKey: id) } }

    /// Takes out the sessions that `isOver` picks.
    func removeAll(where isOver: (ClientSession) -> Bool) -> [ClientSession] {
        sessions.withLock { sessions in
            let over = sessions.values.filter(isOver)
            for session in over { sessions[session.id] = nil }
            return over
        }
    }

    /// Ends the sessions whose grant may no longer speak or whose server is another now.
    func keep(only snapshot: GatewaySnapshot, on loop: EventLoop) {
        let now = EventLoop.wallNow
        let over = removeAll { session in
            snapshot.caller(grant: session.grantID, server: session.caller.server.name, at: now) == nil
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

    /// Brings a notification to all sessions, or to those of one server.
    func deliver(_ notification: RPCMessage, toSessionsOf server: String?) {
        let sessions = sessions.withLock { $0.values.filter { server == nil || $0.server.definition.name == server } }
        for session in sessions { session.deliver(notification) }
    }
}
