import Testing

@testable import Runtime

/// TLS without sockets: two engines and the bytes between them.
@Suite struct TLSEngineTests {
    /// Two ends, and a way between them that cuts as it likes.
    final class Pair {
        let client: TLSEngine
        let server: TLSEngine
        var toServer: [UInt8] = []
        var toClient: [UInt8] = []

        init(_ client: TLSContext, _ server: TLSContext, host: String = "localhost") throws {
            self.client = try TLSEngine(client, .client(host: host, port: 443), peer: "")
            self.server = try TLSEngine(server, .server, peer: "test")
        }

        func collect() {
            toServer += Self.output(client)
            toClient += Self.output(server)
        }

        private static func output(_ engine: TLSEngine) -> [UInt8] {
            var all: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                let count = chunk.withUnsafeMutableBytes { engine.takeOutput(into: $0) }
                guard count > 0 else { return all }
                all += chunk[..<count]
            }
        }

        /// Hands over at most so many bytes each way; false: there were none.
        func carry(_ size: Int) -> Bool {
            collect()
            guard !toServer.isEmpty || !toClient.isEmpty else { return false }
            toServer.prefix(size).withUnsafeBytes { server.receive($0) }
            toServer.removeFirst(min(size, toServer.count))
            toClient.prefix(size).withUnsafeBytes { client.receive($0) }
            toClient.removeFirst(min(size, toClient.count))
            return true
        }

        /// Shakes hands over pieces of this size. The client's error, if there is one.
        func shake(pieces size: Int = 1 << 20) -> RuntimeError? {
            while true {
                if !client.isEstablished, case .failed(let error) = client.handshake() {
                    collect()
                    return error
                }
                if !server.isEstablished, case .failed(let error) = server.handshake() { return error }
                if client.isEstablished, server.isEstablished { return nil }
                if !carry(size) { return RuntimeError(.stopped, "nothing left to say") }
            }
        }

        static func read(_ engine: TLSEngine) -> (bytes: [UInt8], last: TLSEngine.Step) {
            var all: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 1 << 14)
            while true {
                let step = chunk.withUnsafeMutableBytes { engine.read(into: $0) }
                guard case .done(let count) = step else { return (all, step) }
                all += chunk[..<count]
            }
        }
    }

    private func contexts(_ name: String = "good") throws -> (client: TLSContext, server: TLSContext) {
        let files = try Shared.certificates.get()
        return (
            try TLSContext.client(authorities: files.authority, isOwnAuthority: true, chain: nil, key: nil),
            try TLSContext.server(chain: "\(files.folder)/\(name).pem", key: "\(files.folder)/\(name).key")
        )
    }

    @Test(arguments: [1, 2, 3, 5, 7, 64, 1000, 1 << 20])
    func recordsMayComeInAnyPieces(_ size: Int) throws {
        let (client, server) = try contexts()
        let pair = try Pair(client, server)
        #expect(pair.shake(pieces: size) == nil)
        #expect(pair.client.version == "TLSv1.3" && pair.server.version == "TLSv1.3")
        let text = (0..<40_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        text.withUnsafeBytes { _ = pair.server.write($0) }
        var read: [UInt8] = []
        while pair.carry(size) { read += Pair.read(pair.client).bytes }
        #expect(read == text)
        pair.server.sayGoodbye()
        while pair.carry(size) {}
        guard case .ended = Pair.read(pair.client).last else {
            Issue.record("the closing message was not heard")
            return
        }
        // Half is closed, half is open.
        [1, 2, 3].withUnsafeBytes { _ = pair.client.write($0) }
        while pair.carry(size) {}
        #expect(!Pair.read(pair.server).bytes.isEmpty)
    }

    @Test func aSessionIsTakenUpAgain() throws {
        let (client, server) = try contexts()
        for round in 0..<4 {
            let pair = try Pair(client, server)
            #expect(pair.shake() == nil)
            #expect(pair.client.isResumed == (round > 0) && pair.server.isResumed == (round > 0))
            // The tickets come behind the handshake.
            while pair.carry(1 << 20) { _ = Pair.read(pair.client) }
        }
        // A session with one name is never offered to another, so that each name is checked.
        let other = try Pair(client, server, host: "127.0.0.1")
        #expect(other.shake() == nil)
        #expect(!other.client.isResumed)
    }

    @Test func damageIsNoticed() throws {
        let (client, server) = try contexts()
        let pair = try Pair(client, server)
        #expect(pair.shake() == nil)
        while pair.carry(1 << 20) { _ = Pair.read(pair.client) }
        [UInt8](repeating: 7, count: 100).withUnsafeBytes { _ = pair.server.write($0) }
        pair.collect()
        pair.toClient[60] ^= 1
        _ = pair.carry(1 << 20)
        guard case .failed(let error) = Pair.read(pair.client).last else {
            Issue.record("a damaged record was taken")
            return
        }
        #expect(error.code == .tls(.brokenProtocol))
    }

    struct Refusal: Sendable {
        let certificate: String
        let host: String
        let failure: TLSFailure
        let says: [String]
    }

    @Test(arguments: [
        Refusal(
            certificate: "expired", host: "localhost", failure: .certificateExpired,
            says: ["`localhost:443`", "CN = expired", "expired on 20", "renew"]),
        Refusal(
            certificate: "elsewhere", host: "localhost", failure: .nameMismatch,
            says: ["`localhost:443` is not for `localhost`", "DNS:elsewhere.example", "IP Address:10.1.2.3"]),
        Refusal(
            certificate: "elsewhere", host: "127.0.0.1", failure: .nameMismatch, says: ["not for `127.0.0.1`"]),
        Refusal(certificate: "good", host: "::1", failure: .nameMismatch, says: ["`[::1]:443` is not for `::1`"]),
        Refusal(certificate: "good", host: "xlocalhost", failure: .nameMismatch, says: []),
    ])
    func badCertificates(_ refusal: Refusal) throws {
        let (client, server) = try contexts(refusal.certificate)
        let pair = try Pair(client, server, host: refusal.host)
        let error = try #require(pair.shake())
        #expect(error.code == .tls(refusal.failure))
        for text in refusal.says { #expect(error.message.contains(text), "\(error.message)") }
        // The server hears of it.
        _ = pair.carry(1 << 20)
        guard case .failed(let heard) = pair.server.handshake() else {
            Issue.record("no alert came")
            return
        }
        #expect(heard.code == .tls(.refusedByPeer))
    }

    @Test func unknownAuthorities() throws {
        let server = try contexts().server
        let system = try TLSContext.client(authorities: nil, isOwnAuthority: false, chain: nil, key: nil)
        let error = try #require(try Pair(system, server).shake())
        #expect(error.code == .tls(.unknownAuthority))
        #expect(error.message.contains("CN = Test authority") && error.message.contains("CA file"))
        // A server's own certificate may be the anchor.
        let folder = try Shared.certificates.get().folder
        let own = try TLSContext.client(
            authorities: folder + "/good.pem", isOwnAuthority: true, chain: nil, key: nil)
        #expect(try Pair(own, server).shake() == nil)
    }

    /// For a program on the server's machine: the server is known by its certificate, whatever its name and age.
    @Test(arguments: ["good", "elsewhere", "expired"])
    func exactlyOneCertificate(_ name: String) throws {
        let files = try Shared.certificates.get()
        let client = try TLSContext.client(exactly: "\(files.folder)/\(name).pem")
        #expect(try Pair(client, try contexts(name).server, host: "127.0.0.1").shake() == nil)
        #expect(try Pair(client, try contexts(name).server, host: "any.example").shake() == nil)
        // Neither another certificate of the same authority, nor one that a chain in the file would vouch for.
        for other in ["good", "elsewhere", "expired"] where other != name {
            #expect(try Pair(client, try contexts(other).server).shake() != nil)
        }
        let authority = try TLSContext.client(exactly: files.authority)
        let error = try #require(try Pair(authority, try contexts("good").server).shake())
        #expect(error.code == .tls(.certificateRefused))
    }

    @Test(arguments: ["localhost", "localhost.", "127.0.0.1"])
    func goodNames(_ host: String) throws {
        let (client, server) = try contexts()
        #expect(try Pair(client, server, host: host).shake() == nil)
    }

    @Test func filesThatCannotBeUsed() throws {
        let files = try Certificates()
        try files.make("a")
        try files.make("b")
        try files.run(
            """
            openssl pkey -in a.key -aes256 -passout pass:x -out locked.key; echo nothing > empty.pem; mkdir folder;
            openssl genrsa -out rsa.key 2048
            """)
        let f = files.folder
        for (certificate, key, says) in [
            ("a.pem", "b.key", ["`\(f)/b.key` does not belong", "`\(f)/a.pem`"]),
            ("a.pem", "rsa.key", ["does not belong"]),
            ("a.pem", "locked.key", ["`\(f)/locked.key` is encrypted", "openssl pkey"]),
            ("a.pem", "empty.pem", ["no private key in `\(f)/empty.pem`", "PEM"]),
            ("a.pem", "none.key", ["key file `\(f)/none.key` is not there"]),
            ("none.pem", "a.key", ["certificate file `\(f)/none.pem` is not there"]),
            ("empty.pem", "a.key", ["no certificate in `\(f)/empty.pem`", "PEM"]),
            ("folder", "a.key", ["is no file of at most"]),
        ] {
            let error = #expect(throws: RuntimeError.self) {
                try TLSIdentity(certificate: "\(f)/\(certificate)", key: "\(f)/\(key)")
            }
            #expect(error?.code == .tls(.badFile))
            for text in says { #expect(error?.message.contains(text) == true, "\(error?.message ?? "")") }
        }
        let good = try TLSIdentity(certificate: f + "/a.pem", key: f + "/a.key")
        #expect(good.certificate?.subject == "CN = a" && good.certificate?.issuer == "CN = Test authority")
        #expect(throws: RuntimeError.self) { try TLSTrust.files(authorities: f + "/empty.pem").check() }
        try TLSTrust.files(authorities: f + "/ca.pem").check()
        try TLSTrust.files(authorities: f + "/ca.pem", certificate: f + "/a.pem", key: f + "/a.key").check()
        #expect(TLSTrust.files() === TLSTrust.system)
    }
}
