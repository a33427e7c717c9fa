import Base
import COpenSSL
import CUV
import Glibc

/// An OpenSSL context: what all connections with the same files share.
// SAFETY: nobody changes it after its maker returned; OpenSSL guards its own counters and ticket keys by locks.
final class TLSContext: @unchecked Sendable {
    let pointer: OpaquePointer
    /// Sessions of servers that can be taken up again; clients only.
    let sessions = TLSSessionCache()
    /// The one certificate that a server may show, whatever its name; clients only.
    private(set) var expected: ExactCertificate?
    /// Our own certificate, if there is one.
    private(set) var certificate: CertificateSummary?

    private init(_ method: OpaquePointer?) throws(RuntimeError) {
        ERR_clear_error()
        guard let pointer = SSL_CTX_new(method) else {
            throw RuntimeError(.tls(.badFile), "OpenSSL can't be set up: \(Self.reason())")
        }
        self.pointer = pointer
        guard cssl_min_tls12(pointer) == 1, SSL_CTX_set_cipher_list(pointer, Self.ciphers) == 1 else {
            throw RuntimeError(.tls(.badFile), "OpenSSL's configuration leaves no cipher: \(Self.reason())")
        }
        // A renegotiation would let the other side change who it is in the middle of a connection.
        SSL_CTX_set_options(pointer, cssl_no_renegotiation())
        // An idle connection keeps no record buffers.
        cssl_release_buffers(pointer)
    }

    deinit { SSL_CTX_free(pointer) }

    /// For TLS 1.2: forward secrecy and authenticated encryption only. Those of TLS 1.3 all have both.
    private static let ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:!aNULL:!PSK"

    // MARK: Servers

    /// For a listener with this chain (its own certificate first) and key, both PEM.
    static func server(chain: String, key: String) throws(RuntimeError) -> TLSContext {
        let context = try TLSContext(TLS_server_method())
        try context.identify(chain: chain, key: key)
        cssl_cache_mode(context.pointer, Int(SSL_SESS_CACHE_OFF))
        SSL_CTX_set_alpn_select_cb(
            context.pointer,
            { _, chosen, chosenCount, offered, offeredCount, _ in
                TLSContext.choose(chosen, chosenCount, UnsafeBufferPointer(start: offered, count: Int(offeredCount)))
            }, nil)
        return context
    }

    private static let http11 = Array("http/1.1".utf8)

    /// SPEC: RFC 7301 §3.2: one of the client's protocols, or the end.
    private static func choose(
        _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?, _ chosenCount: UnsafeMutablePointer<UInt8>?,
        _ offered: UnsafeBufferPointer<UInt8>
    ) -> Int32 {
        var index = 0
        while index < offered.count {
            let end = index + 1 + Int(offered[index])
            guard end <= offered.count else { break }
            if offered[(index + 1)..<end].elementsEqual(http11) {
                chosen?.pointee = offered.baseAddress.map { $0 + index + 1 }
                chosenCount?.pointee = UInt8(http11.count)
                return SSL_TLSEXT_ERR_OK
            }
            index = end
        }
        return SSL_TLSEXT_ERR_ALERT_FATAL
    }

    // MARK: Clients

    /// For connections to servers that one of `authorities` (a PEM file) vouches for. `isOwnAuthority`: a person named
    /// the file, so each certificate in it is an anchor, be it an authority's or the server's own.
    static func client(
        authorities: String?, isOwnAuthority: Bool, chain: String?, key: String?
    ) throws(RuntimeError) -> TLSContext {
        let context = try TLSContext(TLS_client_method())
        let pointer = context.pointer
        if let authorities {
            if isOwnAuthority { try checkFile(authorities, "CA file", maxBytes: 16 << 20) }
            guard SSL_CTX_load_verify_file(pointer, authorities) == 1 else {
                throw RuntimeError(
                    .tls(.badFile),
                    "no certificate in the CA file `\(authorities)`: it has to be in PEM "
                        + "(-----BEGIN CERTIFICATE-----) (\(reason()))")
            }
            if isOwnAuthority { X509_STORE_set_flags(SSL_CTX_get_cert_store(pointer), UInt(X509_V_FLAG_PARTIAL_CHAIN)) }
        } else if SSL_CTX_set_default_verify_paths(pointer) != 1 {
            throw RuntimeError(.tls(.badFile), "the system's trust store can't be read: \(reason())")
        }
        if let chain, let key { try context.identify(chain: chain, key: key) }
        try context.finishClient()
        return context
    }

    /// For connections to the server whose certificate is the first in a PEM file, and to no other.
    static func client(exactly file: String) throws(RuntimeError) -> TLSContext {
        let context = try TLSContext(TLS_client_method())
        try checkFile(file, "certificate file", maxBytes: 1 << 20)
        guard let expected = ExactCertificate(file) else {
            throw RuntimeError(.tls(.badFile), "no certificate in `\(file)`: it has to be in PEM (\(reason()))")
        }
        let store = SSL_CTX_get_cert_store(context.pointer)
        // The certificate is its own anchor; its dates are for those who know it by its authority.
        guard X509_STORE_add_cert(store, expected.pointer) == 1,
            X509_STORE_set_flags(store, UInt(X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME)) == 1
        else { throw RuntimeError(.tls(.badFile), "the certificate in `\(file)` can't be used: \(reason())") }
        context.expected = expected
        try context.finishClient()
        return context
    }

    private func finishClient() throws(RuntimeError) {
        // INVARIANT: there is no other mode. The callback only takes notes.
        SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER) { isGood, store in
            if isGood == 0, let store { TLSEngine.noteProblem(store) }
            return isGood
        }
        cssl_cache_mode(pointer, Int(SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL))
        SSL_CTX_sess_set_new_cb(pointer) { ssl, session in
            guard let ssl, let session else { return 0 }
            return TLSEngine.keep(session, of: ssl) ? 1 : 0
        }
        let protocols = [UInt8(Self.http11.count)] + Self.http11
        guard SSL_CTX_set_alpn_protos(pointer, protocols, UInt32(protocols.count)) == 0 else {
            throw RuntimeError(.tls(.badFile), "OpenSSL can't be set up: \(Self.reason())")
        }
    }

    // MARK: Files

    private func identify(chain: String, key: String) throws(RuntimeError) {
        try Self.checkFile(chain, "certificate file", maxBytes: 1 << 20)
        try Self.checkFile(key, "key file", maxBytes: 1 << 20)
        ERR_clear_error()
        guard SSL_CTX_use_certificate_chain_file(pointer, chain) == 1 else {
            throw RuntimeError(
                .tls(.badFile),
                "no certificate in `\(chain)`: it has to be in PEM (-----BEGIN CERTIFICATE-----), the "
                    + "server's own first, then those that lead to its authority (\(Self.reason()))")
        }
        certificate = SSL_CTX_get0_certificate(pointer).map { CertificateSummary($0) }
        var wasAskedForPassword = false
        let isKey = withUnsafeMutablePointer(to: &wasAskedForPassword) { flag in
            SSL_CTX_set_default_passwd_cb(pointer) { _, _, _, flag in
                flag?.assumingMemoryBound(to: Bool.self).pointee = true
                return -1
            }
            SSL_CTX_set_default_passwd_cb_userdata(pointer, flag)
            defer {
                SSL_CTX_set_default_passwd_cb(pointer, nil)
                SSL_CTX_set_default_passwd_cb_userdata(pointer, nil)
            }
            return SSL_CTX_use_PrivateKey_file(pointer, key, SSL_FILETYPE_PEM) == 1
        }
        if wasAskedForPassword {
            throw RuntimeError(
                .tls(.badFile),
                "the key in `\(key)` is encrypted: store it without a password, readable by this user "
                    + "only (`openssl pkey -in ENCRYPTED -out \(key)`)")
        }
        let reason = Int32(truncatingIfNeeded: cssl_reason(ERR_peek_last_error()))
        guard isKey || reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH else {
            throw RuntimeError(
                .tls(.badFile),
                "no private key in `\(key)`: it has to be in PEM (-----BEGIN PRIVATE KEY-----) "
                    + "(\(Self.reason()))")
        }
        guard isKey, SSL_CTX_check_private_key(pointer) == 1 else {
            throw RuntimeError(
                .tls(.badFile),
                "the key in `\(key)` does not belong to the first certificate in `\(chain)`: give the "
                    + "two that were made together")
        }
    }

    /// Gives a clear error where OpenSSL would say little, and keeps pipes and devices from being waited for.
    private static func checkFile(_ path: String, _ what: String, maxBytes: Int) throws(RuntimeError) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            let text = errno == EACCES ? "may not be read: check owner and mode" : "is not there: check the path"
            throw RuntimeError(.tls(.badFile), "the \(what) `\(path)` \(text)")
        }
        guard status.st_mode & S_IFMT == S_IFREG, status.st_size <= maxBytes else {
            throw RuntimeError(.tls(.badFile), "the \(what) `\(path)` is no file of at most \(maxBytes >> 20) MiB")
        }
        guard access(path, R_OK) == 0 else {
            throw RuntimeError(.tls(.badFile), "the \(what) `\(path)` may not be read: check owner and mode")
        }
    }

    /// The last error of this thread's queue, in OpenSSL's words.
    static func reason() -> String {
        let error = ERR_peek_last_error()
        ERR_clear_error()
        return ERR_reason_error_string(error).map { String(cString: $0) } ?? "no reason given"
    }
}

/// One certificate, read from a file.
// SAFETY: nobody changes it; OpenSSL counts references with atomics.
final class ExactCertificate: @unchecked Sendable {
    let pointer: OpaquePointer

    /// The first in a PEM file.
    init?(_ file: String) {
        ERR_clear_error()
        guard let bio = BIO_new_file(file, "r") else { return nil }
        defer { BIO_free(bio) }
        guard let pointer = PEM_read_bio_X509(bio, nil, nil, nil) else { return nil }
        self.pointer = pointer
    }

    deinit { X509_free(pointer) }

    /// Whether that connection's other side has shown this very certificate.
    func isShown(on ssl: OpaquePointer) -> Bool {
        guard let shown = SSL_get0_peer_certificate(ssl) else { return false }
        return X509_cmp(shown, pointer) == 0
    }
}
