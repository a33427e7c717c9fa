import Base
import JSON
import MCP
import Synchronization

/// The HTTP sessions by id. Ids are random; a session that was not used for a while is forgotten.
final class SessionTable: Sendable {
    private struct Entry {
        let session: Session
        var lastUsed: TimeSpan
    }

    private let capacity: Int
    private let idleLimit: TimeSpan
    private let make: @Sendable () -> Session
    private let entries = Mutex<[String: Entry]>([:])

    /// - Parameters:
    ///   - capacity: sessions at once; beyond it the one that was idle for longest is forgotten, if it has no calls.
    ///   - idleLimit: how long a session without calls lives.
    init(capacity: Int = 256, idleLimit: TimeSpan = .minutes(60), make: @escaping @Sendable () -> Session) {
        self.capacity = max(1, capacity)
        self.idleLimit = idleLimit
        self.make = make
    }

    /// A session that nobody can name yet; see ``add(_:now:)``.
    func newSession() -> Session { make() }

    /// Gives the session an id. Nil when the table is full of sessions with running calls.
    func add(_ session: Session, now: TimeSpan) -> String? {
        let id = Base64.encodeURL(randomBytes(24))
        return entries.withLock { entries in
            entries = entries.filter {
                now.microseconds - $0.value.lastUsed.microseconds < idleLimit.microseconds
                    || $0.value.session.runningCount > 0
            }
            if entries.count >= capacity {
                let idle = entries.filter { $0.value.session.runningCount == 0 }
                guard let oldest = idle.min(by: { $0.value.lastUsed < $1.value.lastUsed }) else { return nil }
                entries[oldest.key] = nil
            }
            entries[id] = Entry(session: session, lastUsed: now)
            return id
        }
    }

    /// The session; counts as a use.
    func session(_ id: String, now: TimeSpan) -> Session? {
        entries.withLock { entries in
            entries[id]?.lastUsed = now
            return entries[id]?.session
        }
    }

    /// Ends a session and its calls. False: there is none.
    func remove(_ id: String) -> Bool {
        let entry = entries.withLock { $0.removeValue(forKey: id) }
        entry?.session.cancelAll()
        return entry != nil
    }

    /// Calls in flight of all sessions.
    var runningCount: Int {
        entries.withLock { $0.values.reduce(0) { $0 + $1.session.runningCount } }
    }
}
