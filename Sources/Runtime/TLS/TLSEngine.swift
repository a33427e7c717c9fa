import Base
import COpenSSL

/// One TLS connection without I/O: records go in and come out of memory. Confined to whoever owns it.
final class TLSEngine {
    /// What a step came to.
    enum Step {
        /// So many bytes were read or written; for a handshake: it is done.
        case done(Int)
        /// More records of the other side are needed.
        case wantsMore
        /// The other side said that nothing more comes.
        case ended
        /// It is over.
        case failed(RuntimeError)
    }

    /// Which side we are.
    enum Role {
        case server
        /// The name in the URL (or an IP address), and its port.
        case client(host: String, port: UInt16)
    }

    /// The handshake is complete.
    private(set) var isEstablished = false
    /// We said that nothing more comes.
    private(set) var hasSaidGoodbye = false
    private var hasFailed = false
    private let context: TLSContext
    private let ssl: OpaquePointer
    private let input: OpaquePointer
    private let output: OpaquePointer
    private let isClient: Bool
    /// Who is on the other side, for error texts and sessions.
    private let peer: String
    private var host = ""
    /// The first thing that was wrong with the other side's certificates.
    private var problem: (code: Int32, certificate: CertificateSummary?)?

    init(_ context: TLSContext, _ role: Role, peer: String) throws(RuntimeError) {
        let memory = BIO_s_mem()
        guard let ssl = SSL_new(context.pointer) else {
            throw RuntimeError(.tls(.brokenProtocol), "\(peer) (\(TLSContext.reason()))")
        }
        guard let input = BIO_new(memory), let output = BIO_new(memory) else {
            SSL_free(ssl)
            throw RuntimeError(.tls(.brokenProtocol), "\(peer) (\(TLSContext.reason()))")
        }
        SSL_set_bio(ssl, input, output)
        self.context = context
        self.ssl = ssl
        self.input = input
        self.output = output
        switch role {
        case .server:
            isClient = false
            self.peer = peer
            SSL_set_accept_state(ssl)
        case .client(let host, let port):
            isClient = true
            self.host = host
            self.peer = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
            SSL_set_connect_state(ssl)
            guard context.expected != nil || expect(host) else {
                throw RuntimeError(.tls(.nameMismatch), "`\(self.peer)` can't be checked: that is no host name")
            }
            if let session = context.sessions.take(for: self.peer) {
                SSL_set_session(ssl, session)
                SSL_SESSION_free(session)
            }
        }
        // The callbacks below find us by it; they come during our own calls only.
        SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit {
        // A connection that just ended is no reason to give its session up; OpenSSL thinks so otherwise.
        if !hasFailed { SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN) }
        SSL_free(ssl)
    }

    /// The certificate has to be for this name or address. SPEC: RFC 9525: alternative names only, whole wildcards.
    private func expect(_ host: String) -> Bool {
        let parameters = SSL_get0_param(ssl)
        if SocketAddress(ip: host, port: 0) != nil { return X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1 }
        let name = host.hasSuffix(".") ? String(host.dropLast()) : host
        X509_VERIFY_PARAM_set_hostflags(
            parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT))
        return !name.isEmpty && X509_VERIFY_PARAM_set1_host(parameters, name, 0) == 1
            && cssl_server_name(ssl, name) == 1
    }

    /// Whether the handshake took up an earlier session.
    var isResumed: Bool { SSL_session_reused(ssl) == 1 }

    /// For example `TLSv1.3`.
    var version: String { String(cString: SSL_get_version(ssl)) }

    // MARK: Records

    /// Takes what came from the other side.
    func receive(_ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty else { return }
        BIO_write(input, bytes.baseAddress, Int32(clamping: bytes.count))
    }

    /// Gives what has to go to the other side; 0: nothing.
    func takeOutput(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        max(0, Int(BIO_read(output, buffer.baseAddress, Int32(clamping: buffer.count))))
    }

    // MARK: Steps

    /// Goes on with the handshake.
    func handshake() -> Step {
        ERR_clear_error()
        let status = SSL_do_handshake(ssl)
        guard status == 1 else {
            let step = outcome(status)
            if case .failed = step { context.sessions.forget(peer) }
            return step
        }
        // Belt and braces: OpenSSL has checked it all.
        if isClient, SSL_get_verify_result(ssl) != Int(X509_V_OK) {
            return .failed(fail(RuntimeError(.tls(.certificateRefused), "`\(peer)` did not pass verification")))
        }
        if let expected = context.expected, !expected.isShown(on: ssl) {
            let text = "`\(peer)` is another one than the one in the file that names it"
            return .failed(fail(RuntimeError(.tls(.certificateRefused), text)))
        }
        isEstablished = true
        return .done(0)
    }

    /// Reads decrypted bytes.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Step {
        ERR_clear_error()
        let count = SSL_read(ssl, buffer.baseAddress, Int32(clamping: buffer.count))
        return count > 0 ? .done(Int(count)) : outcome(count)
    }

    /// Encrypts bytes, all of them.
    func write(_ bytes: UnsafeRawBufferPointer) -> Step {
        ERR_clear_error()
        let count = SSL_write(ssl, bytes.baseAddress, Int32(clamping: bytes.count))
        return count > 0 ? .done(Int(count)) : outcome(count)
    }

    /// Says that nothing more comes.
    func sayGoodbye() {
        guard isEstablished, !hasFailed, !hasSaidGoodbye else { return }
        hasSaidGoodbye = true
        ERR_clear_error()
        SSL_shutdown(ssl)
        ERR_clear_error()
    }

    private func outcome(_ status: Int32) -> Step {
        switch SSL_get_error(ssl, status) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: .wantsMore
        case SSL_ERROR_ZERO_RETURN: .ended
        default: .failed(fail(reason()))
        }
    }

    private func fail(_ error: RuntimeError) -> RuntimeError {
        hasFailed = true
        return error
    }

    // MARK: Reasons

    private func reason() -> RuntimeError {
        if let problem { return certificateError(problem.code, problem.certificate) }
        let number = cssl_reason(ERR_peek_last_error())
        let text = TLSContext.reason()
        // Reasons from 1000 on are alerts of the other side.
        if number >= SSL_AD_REASON_OFFSET {
            return RuntimeError(.tls(.refusedByPeer), "`\(peer)` was refused by the other side: \(text)\(hint(text))")
        }
        switch number {
        case SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST, SSL_R_UNSUPPORTED_PROTOCOL,
            SSL_R_NO_SHARED_CIPHER, SSL_R_VERSION_TOO_LOW, SSL_R_NO_PROTOCOLS_AVAILABLE, SSL_R_UNKNOWN_PROTOCOL:
            return RuntimeError(.tls(.noCommonProtocol), "`\(peer)` (\(text))")
        default:
            return RuntimeError(.tls(.brokenProtocol), "`\(peer)` (\(text))")
        }
    }

    private func hint(_ alert: String) -> String {
        guard isClient else { return "" }
        if alert.contains("certificate") || alert.contains("handshake failure") {
            return " (a server that asks for a client certificate says so this way)"
        }
        return ""
    }

    private func certificateError(_ code: Int32, _ certificate: CertificateSummary?) -> RuntimeError {
        let subject = certificate.map { " (\($0.subject))" } ?? ""
        switch code {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            let when = certificate?.notAfter.map { " on \($0.iso8601)" } ?? ""
            return RuntimeError(.tls(.certificateExpired), "`\(peer)`\(subject) expired\(when)")
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return RuntimeError(.tls(.certificateNotYetValid), "`\(peer)`\(subject) is not valid yet")
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            let names = certificate.map { $0.names.isEmpty ? "no name at all" : $0.names } ?? "other names"
            return RuntimeError(.tls(.nameMismatch), "`\(peer)` is not for `\(host)` but for \(names)")
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_CERT_UNTRUSTED:
            let issuer = certificate.map { " (\($0.issuer))" } ?? ""
            return RuntimeError(
                .tls(.unknownAuthority), "`\(peer)` is signed by an authority\(issuer) not trusted here")
        default:
            let text = String(cString: X509_verify_cert_error_string(Int(code)))
            return RuntimeError(.tls(.certificateRefused), "`\(peer)`\(subject) is refused: \(text)")
        }
    }

    // MARK: Callbacks

    private static func of(_ ssl: OpaquePointer) -> TLSEngine? {
        SSL_get_ex_data(ssl, 0).map { Unmanaged<TLSEngine>.fromOpaque($0).takeUnretainedValue() }
    }

    /// OpenSSL found something wrong with a certificate of the other side.
    static func noteProblem(_ store: OpaquePointer) {
        guard let data = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
            let engine = of(OpaquePointer(data)), engine.problem == nil
        else { return }
        let certificate = X509_STORE_CTX_get_current_cert(store).map { CertificateSummary($0) }
        engine.problem = (X509_STORE_CTX_get_error(store), certificate)
    }

    /// The server gave a session to be taken up later. True: we keep it.
    static func keep(_ session: OpaquePointer, of ssl: OpaquePointer) -> Bool {
        guard let engine = of(ssl), engine.isClient, SSL_SESSION_is_resumable(session) == 1 else { return false }
        engine.context.sessions.put(session, for: engine.peer)
        return true
    }
}
