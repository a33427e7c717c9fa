import COpenSSL
import Synchronization

/// Sessions with servers, to be taken up again: a new connection then costs no certificates and no signatures. Any
/// thread. A session is only ever offered to the name it was made with, by connections with the same trust.
final class TLSSessionCache: Sendable {
    // SAFETY: OpenSSL counts references to sessions atomically and never changes one that was handed out.
    private struct Session: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    private let sessions = Mutex<[String: [Session]]>([:])

    /// Sessions kept for one server: about as many as a pool opens at once.
    private static let perServer = 8
    private static let maxServers = 256

    deinit {
        sessions.withLock { all in
            for session in all.values.joined() { SSL_SESSION_free(session.pointer) }
        }
    }

    /// Takes over one reference.
    func put(_ pointer: OpaquePointer, for server: String) {
        sessions.withLock { all in
            if all[server] == nil, all.count >= Self.maxServers, let other = all.keys.first {
                for session in all.removeValue(forKey: other) ?? [] { SSL_SESSION_free(session.pointer) }
            }
            var kept = all.removeValue(forKey: server) ?? []
            if kept.count >= Self.perServer { SSL_SESSION_free(kept.removeFirst().pointer) }
            kept.append(Session(pointer: pointer))
            all[server] = kept
        }
    }

    /// The youngest, with one reference for the caller.
    /// SPEC: RFC 8446 C.4: a ticket of TLS 1.3 is used once, so that connections can't be linked by it.
    func take(for server: String) -> OpaquePointer? {
        sessions.withLock { all in
            guard let session = all[server]?.last else { return nil }
            if SSL_SESSION_get_protocol_version(session.pointer) >= TLS1_3_VERSION {
                all[server]?.removeLast()
                if all[server]?.isEmpty == true { all[server] = nil }
            } else {
                SSL_SESSION_up_ref(session.pointer)
            }
            return session.pointer
        }
    }

    /// After a handshake that failed: the next one starts afresh.
    func forget(_ server: String) {
        sessions.withLock { all in
            for session in all.removeValue(forKey: server) ?? [] { SSL_SESSION_free(session.pointer) }
        }
    }
}
