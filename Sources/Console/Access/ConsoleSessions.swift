import Base
import HTTP
import Store
import Synchronization

/// The console's sessions, in memory: a restart ends them all. A session stands for an admin token and never for more:
/// whether that token still holds is asked with every request.
final class ConsoleSessions: Sendable {
    /// One browser that has signed in.
    struct Session: Sendable, Equatable {
        /// The hash of the token that it was opened with.
        let token: TokenHash
        /// The end, however busy it is.
        let expires: Instant
        var lastUsed: Instant
    }

    static let cookieName = "sluice_session"

    private let hasher: any KeyedHasher
    private let idle: TimeSpan
    private let lifetime: TimeSpan
    private let capacity: Int
    /// By the keyed hash of the cookie's value, so that looking one up takes the same time whatever was guessed.
    private let sessions = Mutex<[TokenHash: Session]>([:])

    init(hasher: any KeyedHasher, idle: TimeSpan, lifetime: TimeSpan, capacity: Int) {
        self.hasher = hasher
        self.idle = idle
        self.lifetime = lifetime
        self.capacity = capacity
    }

    var count: Int { sessions.withLock { $0.count } }

    /// Opens a session and returns the cookie's value: 64 hexadecimal digits.
    func open(for token: TokenHash, now: Instant) -> (value: String, session: Session) {
        var generator = SystemRandomNumberGenerator()
        var random: [UInt8] = []
        for _ in 0..<4 { withUnsafeBytes(of: generator.next()) { random.append(contentsOf: $0) } }
        let value = Hex.encode(random)
        let session = Session(token: token, expires: now + lifetime, lastUsed: now)
        sessions.withLock { sessions in
            sessions = sessions.filter { isAlive($0.value, now) }
            // Only holders of admin tokens get here, so nobody else's session can be pushed out by strangers.
            while sessions.count >= capacity, let oldest = sessions.min(by: { $0.value.lastUsed < $1.value.lastUsed }) {
                sessions[oldest.key] = nil
            }
            sessions[hasher.tokenHash(value)] = session
        }
        return (value, session)
    }

    /// The living session of a cookie's value, which counts as used now.
    func find(_ value: ByteText, now: Instant) -> Session? {
        let key = hasher.tokenHash(value.bytes)
        return sessions.withLock { sessions -> Session? in
            guard var session = sessions[key] else { return nil }
            guard isAlive(session, now) else {
                sessions[key] = nil
                return nil
            }
            session.lastUsed = max(session.lastUsed, now)
            sessions[key] = session
            return session
        }
    }

    func close(_ value: ByteText) {
        let key = hasher.tokenHash(value.bytes)
        sessions.withLock { $0[key] = nil }
    }

    private func isAlive(_ session: Session, _ now: Instant) -> Bool {
        now < session.expires && now < session.lastUsed + idle
    }

    // MARK: The cookie

    /// The session's value in a request; nil when there is none or more than one.
    static func cookie(in head: RequestHead) -> ByteText? {
        var found: ByteText?
        for field in head.fields.all(.cookie) {
            for part in field.split(UInt8(ascii: ";")) {
                let pair = part.trimmed
                guard pair.hasPrefix("sluice_session=") else { continue }
                guard found == nil else { return nil }
                found = pair.dropFirst(cookieName.utf8.count + 1)
            }
        }
        return found
    }

    /// The field that sets the cookie. `Secure` can't be asked for on the plain HTTP of this machine; behind TLS it is.
    static func setCookie(_ value: String, lifetime: TimeSpan, isSecure: Bool) -> String {
        let age = lifetime.microseconds / 1_000_000
        return "\(cookieName)=\(value); Path=/api/; Max-Age=\(age); HttpOnly; SameSite=Strict"
            + (isSecure ? "; Secure" : "")
    }

    /// The field that takes the cookie away.
    static let clearCookie = "\(cookieName)=; Path=/api/; Max-Age=0; HttpOnly; SameSite=Strict"
}
