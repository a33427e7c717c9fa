import Base
import HTTP
import Runtime
import Testing

/// Client and server over TLS, on real sockets.
@Suite(.timeLimit(.minutes(2))) struct TLSTests {
    private func files() throws -> Certificates { try Shared.certificates.get() }

    private func url(_ address: SocketAddress, _ path: String = "/x", host: String = "127.0.0.1") throws -> HTTPURL {
        try HTTPURL("https://\(host):\(address.port ?? 0)\(path)", allowPrivate: true, trust: try files().trust)
    }

    /// A client on its loop, closed afterwards.
    private func withClient<Result: Sendable>(
        _ loop: EventLoop, options: HTTPClientOptions = HTTPClientOptions(),
        _ body: @escaping @Sendable (HTTPClient) async throws -> Result
    ) async throws -> Result {
        try await onLoop(loop) {
            let client = HTTPClient(on: loop, options: options)
            let result: Swift.Result<Result, any Error>
            do { result = .success(try await body(client)) } catch { result = .failure(error) }
            client.close()
            return try result.get()
        }
    }

    private func failure(
        _ loop: EventLoop, _ url: HTTPURL, options: HTTPClientOptions = HTTPClientOptions()
    ) async throws -> HTTPClientError {
        try await withClient(loop, options: options) { client in
            do throws(HTTPClientError) {
                _ = try await client.send(ClientRequest(.get, url))
                throw HTTPClientError(.shutDown, .notSent, "it succeeded")
            } catch {
                return error
            }
        }
    }

    @Test func aKeptConnectionShakesHandsOnce() async throws {
        try await withServer(options: try files().options()) { server, loop in
            let url = try url(server.address)
            try await withClient(loop) { client in
                for round in 1...20 {
                    let body = Array("round \(round)".utf8)
                    let response = try await client.send(ClientRequest(.post, url, body: body))
                    #expect(response.body == Array("POST /x ".utf8) + body)
                }
                #expect(client.handshakes == (1, 0))
                #expect(client.connectionCount == 1 && server.connectionCount == 1)
            }
        }
    }

    @Test func newConnectionsTakeUpTheSession() async throws {
        let close = EchoService(answer: { _, _, writer in writer.send(.ok, .none, [1]) })
        var options = HTTPClientOptions()
        options.keepAlive = .microseconds(0)
        try await withServer(close, options: try files().options()) { [options] server, loop in
            let url = try url(server.address, host: "localhost")
            try await withClient(loop, options: options) { client in
                for _ in 1...5 { _ = try await client.send(ClientRequest(.get, url)) }
                #expect(client.handshakes.all == 5 && client.handshakes.resumed == 4)
            }
        }
    }

    @Test func certificatesThatAreRefused() async throws {
        let files = try files()
        for (name, host, says) in [
            ("expired", "127.0.0.1", "expired on"), ("elsewhere", "127.0.0.1", "not for `127.0.0.1`"),
            ("elsewhere", "localhost", "DNS:elsewhere.example"),
        ] {
            try await withServer(options: try files.options(name)) { server, loop in
                let error = try await failure(loop, try url(server.address, host: host))
                #expect(error.code == .untrusted && error.fate == .notSent)
                #expect(error.detail.contains(says) && error.detail.contains("`\(host):"), "\(error.detail)")
            }
        }
        try await withServer(options: try files.options()) { server, loop in
            let url = try HTTPURL("https://127.0.0.1:\(server.address.port ?? 0)", allowPrivate: true)
            let error = try await failure(loop, url)
            #expect(error.code == .untrusted && error.detail.contains("Test authority"))
            let missing = TLSTrust.files(authorities: files.folder + "/none.pem")
            let other = try HTTPURL(
                "https://127.0.0.1:\(server.address.port ?? 0)", allowPrivate: true, trust: missing)
            let badFile = try await failure(loop, other)
            #expect(badFile.code == .tlsFailed && badFile.detail.contains("none.pem` is not there"))
        }
    }

    @Test func plainAndSecureMeet() async throws {
        try await withServer { server, loop in
            let error = try await failure(loop, try url(server.address))
            #expect(error.code == .tlsFailed && error.fate == .notSent)
            #expect(error.detail.contains("check scheme and port"), "\(error.detail)")
        }
        try await withServer(options: try files().options()) { server, loop in
            let wire = try await Wire.connect(to: server.address, on: loop)
            await wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let answer = await wire.rest()
            #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
            #expect(answer.hasSuffix("\r\n\r\nThis port speaks HTTPS: use an https:// URL.\r\n"))
            #expect(answer.contains("Content-Length: 46\r\n"))
            // Neither letters nor a handshake.
            let noise = try await Wire.connect(to: server.address, on: loop)
            await noise.send([0, 1, 2, 3, 4, 5, 6, 7])
            _ = await noise.rest()
        }
    }

    @Test func aSilentClientIsNotWaitedFor() async throws {
        let told = Gate()
        var options = try files().options()
        options.handshakeTimeout = .milliseconds(30)
        options.handshakeFailed = { _, error in
            if error.code == .tls(.handshakeTimeout) { told.open() }
        }
        try await withServer(options: options) { server, loop in
            let wire = try await Wire.connect(to: server.address, on: loop)
            #expect(await wire.rest() == "")
            await told.pass()
        }
    }

    @Test func aSilentServerIsNotWaitedFor() async throws {
        try await withListener({ _ in }) { address, loop in
            var options = HTTPClientOptions()
            options.handshakeTimeout = .milliseconds(30)
            let error = try await failure(loop, try url(address), options: options)
            #expect(error.code == .connectTimeout && error.detail.contains("handshake"))
        }
    }

    /// A listener whose streams are left to `accept`, and the loop of its clients.
    private func withListener(
        _ accept: @escaping @Sendable (ByteStream) -> Void,
        _ body: (SocketAddress, EventLoop) async throws -> Void
    ) async throws {
        let group = try EventLoopGroup(count: 1, name: "both")
        defer { group.stop() }
        let loop = group.next()
        let address = try await loop.run { () throws(RuntimeError) in
            guard let any = SocketAddress(ip: "127.0.0.1", port: 0) else { throw RuntimeError(.invalidArgument, "") }
            return try Listener.tcp(any, on: loop, accept: accept).address
        }
        try await body(address, loop)
    }

    /// Says one thing when something has come, then ends the connection, with TLS's closing message or without.
    // SAFETY: touched on the loop's thread only.
    private final class Saying: StreamDelegate, @unchecked Sendable {
        let stream: ByteStream
        let text: String
        let isPolite: Bool

        init(_ stream: ByteStream, _ text: String, isPolite: Bool) {
            self.stream = stream
            self.text = text
            self.isPolite = isPolite
        }

        func didRead(_ bytes: UnsafeRawBufferPointer) {
            stream.write(Array(text.utf8))
            guard !isPolite else { return stream.closeAfterFlush() }
            // First all has to be with the kernel; then only the end of TCP comes.
            Task { try? await self.endRudely() }
        }

        func endRudely() async throws {
            try await stream.flushed()
            await stream.loop.run { self.stream.close() }
        }

        func didEnd() {}
        func didClose(_ error: RuntimeError?) {}
    }

    @Test(arguments: [true, false])
    func anEndWithoutGoodbyeIsNoEnd(_ isPolite: Bool) async throws {
        let identity = try #require(try files().options().tls)
        try await withListener { stream in
            stream.startTLS(as: identity)
            stream.start(
                delegate: Saying(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it", isPolite: isPolite))
        } _: { address, loop in
            let url = try url(address)
            try await withClient(loop) { client in
                do throws(HTTPClientError) {
                    let response = try await client.send(ClientRequest(.get, url))
                    #expect(isPolite && response.body == Array("all of it".utf8))
                } catch {
                    #expect(!isPolite && error.code == .connectionLost && error.fate == .fateUnknown)
                    #expect(error.detail.contains("closing message"), "\(error.detail)")
                }
            }
        }
    }

    @Test func aHundredAtOnce() async throws {
        try await withServer(options: try files().options()) { server, loop in
            let url = try url(server.address)
            try await withClient(loop) { client in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<100 {
                        group.addTask(executorPreference: loop) {
                            let body = [UInt8](repeating: UInt8(number), count: 1000 * number)
                            let response = try await client.send(ClientRequest(.post, url, body: body))
                            #expect(response.body.count == 8 + body.count && response.body.last ?? 0 == body.last ?? 32)
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(client.handshakes.all <= 64)
            }
        }
    }

    @Test func largeBodiesBothWays() async throws {
        var service = EchoService()
        service.maxBody = 16 << 20
        try await withServer(service, options: try files().options()) { server, loop in
            let url = try url(server.address)
            try await withClient(loop) { client in
                let body = (0..<(5 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 131) }
                for _ in 0..<2 {
                    let response = try await client.send(ClientRequest(.post, url, body: body))
                    #expect(response.body == Array("POST /x ".utf8) + body)
                }
            }
        }
    }

    @Test func aSlowReaderHoldsTheWriterBack() async throws {
        let refused = Gate()
        let chunk = [UInt8](repeating: 5, count: 64 * 1024)
        let written = Counter()
        let service = EchoService(answer: { _, _, writer in
            let stream = writer.stream(.ok, .none)
            var isFirst = true
            for _ in 0..<400 {
                if isFirst, stream.writeNow(chunk) == .refused {
                    isFirst = false
                    refused.open()
                } else if !isFirst {
                    guard await stream.write(chunk) else { return }
                } else {
                    written.add(1)
                    continue
                }
                if !isFirst { written.add(1) }
            }
        })
        try await withServer(service, options: try files().options()) { server, loop in
            let url = try url(server.address)
            try await withClient(loop) { client in
                let stream = try await client.stream(ClientRequest(.get, url))
                // Nobody reads: the server is told to wait, long before it has written all.
                await refused.pass()
                #expect(written.value < 400)
                var count = 0
                while let bytes = try await stream.next() {
                    #expect(bytes.allSatisfy { $0 == 5 })
                    count += bytes.count
                }
                #expect(count >= 399 * chunk.count)
            }
        }
    }

    @Test func halfAConnectionIsEnough() async throws {
        let (gate, begun) = (Gate(), Gate())
        let service = EchoService(answer: { _, _, writer in
            begun.open()
            await gate.pass()
            writer.send(.ok, Fields((.contentType, "text/plain")), Array("late".utf8))
        })
        try await withServer(service, options: try files().options()) { server, loop in
            let wire = try await Wire.connect(to: server.address, on: loop, trusting: try files().trust)
            await wire.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
            await begun.pass()
            await wire.endSending()
            gate.open()
            #expect(await wire.rest().hasSuffix("late"))
        }
    }

    @Test func theCertificateIsReplaced() async throws {
        let files = try Certificates()
        try files.make("now")
        try files.make("next", for: "DNS:next.example,IP:127.0.0.1")
        try files.make("stranger")
        let log = Log()
        let identity = try TLSIdentity(
            certificate: files.folder + "/now.pem", key: files.folder + "/now.key"
        ) { log.add($0) }
        var options = HTTPServerOptions()
        options.tls = identity
        try await withServer(options: options) { server, loop in
            let trust = files.trust
            let byName = try HTTPURL(
                "https://localhost:\(server.address.port ?? 0)", allowPrivate: true, trust: trust)
            let byNumber = try HTTPURL(
                "https://127.0.0.1:\(server.address.port ?? 0)", allowPrivate: true, trust: trust)
            try await withClient(loop) { client in
                // This connection is kept through all that follows.
                #expect(try await client.send(ClientRequest(.get, byName)).head.status == .ok)
                try files.run("cp stranger.key now.key.new && mv now.key.new now.key")
                #expect(try await client.send(ClientRequest(.get, byNumber)).head.status == .ok)
                #expect(client.handshakes.all == 2)
                #expect(log.all == ["kept"])
                try files.run("cp next.key now.key && cp next.pem now.pem.new && mv now.pem.new now.pem")
            }
            let error = try await failure(loop, byName)
            #expect(error.detail.contains("DNS:next.example"), "\(error.detail)")
            #expect(log.all == ["kept", "reloaded CN = next"])
            let status = try await withClient(loop) { try await $0.send(ClientRequest(.get, byNumber)).head.status }
            #expect(status == .ok)
        }
    }

    @Test func manySmallWritesShareARecord() async throws {
        let service = EchoService(answer: { _, _, writer in
            let stream = writer.stream(.ok, .none)
            for _ in 0..<200 { _ = stream.writeNow(Array("0123456789".utf8)) }
            stream.end()
        })
        try await withServer(service, options: try files().options()) { server, loop in
            let reads = Counter()
            let wire = try await Wire.connect(to: server.address, on: loop, trusting: try files().trust, reads: reads)
            await wire.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
            let answer = await wire.text(until: "0\r\n\r\n")
            #expect(answer.split(separator: "0123456789").count >= 200)
            // The head at once, the rest together.
            #expect(reads.value <= 4)
        }
    }
}
