import Glibc
import Synchronization

/// Whom a client believes, and who it is itself if a server asks. There is one object for the same files, so that pools
/// can tell by it which connections may be shared. Verification can't be switched off. Any thread.
package final class TLSTrust: Sendable, Hashable {
    private struct Files: Hashable, Sendable {
        var authorities: String?
        var certificate: String?
        var key: String?
        /// The one certificate that is believed.
        var exactly: String?
    }

    private struct Weak {
        weak var trust: TLSTrust?
    }

    private static let known = Mutex<[Files: Weak]>([:])

    /// The authorities this system trusts.
    package static let system = TLSTrust(Files())

    let source: TLSContextSource

    private init(_ files: Files) {
        if let exactly = files.exactly {
            source = TLSContextSource(paths: [exactly], told: { _ in }) { () throws(RuntimeError) in
                try TLSContext.client(exactly: exactly)
            }
            return
        }
        let bundle = files.authorities == nil ? Self.systemBundle : nil
        let paths = [bundle, files.authorities, files.certificate, files.key].compactMap { $0 }
        source = TLSContextSource(paths: paths, told: { _ in }) { () throws(RuntimeError) in
            try TLSContext.client(
                authorities: files.authorities ?? bundle, isOwnAuthority: files.authorities != nil,
                chain: files.certificate, key: files.key)
        }
    }

    /// Trusts the authorities in a PEM file instead of the system's; nil: the system's. A certificate chain and its key
    /// (PEM, both or none) are shown to servers that ask for one. The files are read when they are first needed, and
    /// again when they have changed; `check()` reads them now.
    package static func files(
        authorities: String? = nil, certificate: String? = nil, key: String? = nil
    ) -> TLSTrust {
        precondition((certificate == nil) == (key == nil), "BUG: a certificate without its key, or the other way round")
        let files = Files(authorities: authorities, certificate: certificate, key: key)
        return files == Files() ? system : of(files)
    }

    /// Trusts the server that has the key of the first certificate in a PEM file, whatever names and dates that
    /// certificate has, and no other: for programs on the server's own machine, which know its files and not its name.
    package static func exactly(certificate: String) -> TLSTrust { of(Files(exactly: certificate)) }

    private static func of(_ files: Files) -> TLSTrust {
        known.withLock { known in
            if let trust = known[files]?.trust { return trust }
            known = known.filter { $0.value.trust != nil }
            let trust = TLSTrust(files)
            known[files] = Weak(trust: trust)
            return trust
        }
    }

    /// Reads the files now; blocks for as long as that takes.
    /// - Throws: `.tls(.badFile)` with a text that says which file, what is wrong and how to mend it.
    package func check() throws(RuntimeError) { try source.load() }

    package static func == (a: TLSTrust, b: TLSTrust) -> Bool { a === b }

    package func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }

    /// Where the system keeps the authorities it trusts, in one file; nil: where OpenSSL was built or told to look.
    private static var systemBundle: String? {
        if getenv("SSL_CERT_FILE") != nil || getenv("SSL_CERT_DIR") != nil { return nil }
        return [
            "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
            "/etc/ssl/cert.pem",
        ].first { access($0, R_OK) == 0 }
    }
}
