import Glibc
import HTTP
import Runtime
import Support

/// An authority and what it signed, made by the `openssl` program in a folder of the test's own, which goes with it.
final class Certificates: Sendable {
    struct Failure: Error {
        let detail: String
    }

    let folder: String

    /// The authority's certificate.
    var authority: String { folder + "/ca.pem" }

    init() throws {
        var template = Array("/tmp/sluice-tls-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(detail: "no folder in /tmp") }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        try run("openssl req -x509 -newkey \(Self.kind) -keyout ca.key -out ca.pem -subj '/CN=Test authority' -days 30")
    }

    deinit { _ = try? output(ofShell: "rm -rf '\(folder)'") }

    private static let kind = "ec -pkeyopt ec_paramgen_curve:P-256 -nodes"

    /// A certificate and its key, `NAME.pem` and `NAME.key`, for `alternatives` like `DNS:localhost,IP:127.0.0.1`.
    @discardableResult
    func make(
        _ name: String, for alternatives: String = "DNS:localhost,IP:127.0.0.1", days: Int = 30
    ) throws -> (certificate: String, key: String) {
        try run(
            """
            openssl req -newkey \(Self.kind) -keyout \(name).key -out \(name).csr -subj '/CN=\(name)' &&
            printf 'subjectAltName=\(alternatives)' > \(name).ext &&
            openssl x509 -req -in \(name).csr -CA ca.pem -CAkey ca.key -CAcreateserial -days \(days) \
            -extfile \(name).ext -out \(name).pem
            """)
        return ("\(folder)/\(name).pem", "\(folder)/\(name).key")
    }

    /// Runs a command in the folder.
    func run(_ command: String) throws {
        let done = try output(ofShell: "(cd '\(folder)' && \(command)) 2>&1")
        guard done.status == 0 else {
            throw Failure(detail: "`\(command)` failed: \(String(decoding: done.text, as: UTF8.self))")
        }
    }

    /// Server options with the certificate of that name.
    func options(_ name: String = "good") throws -> HTTPServerOptions {
        var options = HTTPServerOptions()
        options.tls = try TLSIdentity(certificate: "\(folder)/\(name).pem", key: "\(folder)/\(name).key")
        return options
    }

    var trust: TLSTrust { TLSTrust.files(authorities: authority) }
}

/// One set of certificates for all tests that don't change them.
enum Shared {
    static let certificates = Result {
        let certificates = try Certificates()
        try certificates.make("good")
        try certificates.make("expired", days: -1)
        try certificates.make("elsewhere", for: "DNS:elsewhere.example,IP:10.1.2.3")
        return certificates
    }
}
