import Base
import Glibc
import HTTP
import Runtime
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct ServerTests {
    private let get = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test func keepsTheConnection() async throws {
        try await withServer { server, loop in
            let wire = try await Wire.connect(to: server.address, on: loop)
            for round in 1...3 {
                await wire.send("GET /\(round) HTTP/1.1\r\nHost: a\r\n\r\n")
                let answer = await wire.responses(1)
                #expect(answer.contains("200 length"))
                #expect(answer.contains("body GET /\(round) "))
                #expect(answer.contains("[Date=") && answer.contains("[Content-Type=text/plain]"))
            }
            #expect(server.connectionCount == 1)
            await wire.send("GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let rest = await wire.rest()
            #expect(rest.contains("Connection: close") && rest.hasSuffix("GET /last "))
        }
    }

    /// A loop that is held up runs its timers before it reads what has come meanwhile.
    @Test func whatIsInTheSocketIsReadBeforeTimeIsUp() async throws {
        final class Place: Sendable { let loop = Mutex<EventLoop?>(nil) }
        let (place, sent, held) = (Place(), Counter(), [Gate(), Gate()])
        // Keeps the loop busy until the clocks have run out and the rest has been sent.
        @Sendable func holdUp(_ round: Int, _ length: Duration) {
            place.loop.withLock { $0 }?.execute {
                held[round].open()
                let end = ContinuousClock.now + length
                while sent.value <= round || ContinuousClock.now < end { usleep(1_000) }
            }
        }
        let service = EchoService(
            refusal: { head in
                if head.method == .post { holdUp(0, .milliseconds(150)) }
                return nil
            },
            answer: { request, loop, writer in
                place.loop.withLock { $0 = loop }
                let path = request.head.target.path
                writer.send(.ok, .none, EchoService.echo(request))
                if path.equals("/idle") { holdUp(1, .milliseconds(3_100)) }
            })
        var options = HTTPServerOptions()
        options.bodyTimeout = .milliseconds(50)
        // Also how long a client on a busy machine may take for its first request.
        options.idleTimeout = .seconds(3)
        try await withServer(service, options: options) { server, loop in
            let body = try await Wire.connect(to: server.address, on: loop)
            await body.send(get)
            #expect(await body.responses(1).contains("200 length"))
            await body.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe")
            await held[0].pass()
            await body.send("llo")
            sent.add(1)
            #expect(await body.responses(1).contains("body POST /x hello"))
            let idle = try await Wire.connect(to: server.address, on: loop)
            await idle.send("GET /idle HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(await idle.responses(1).contains("200 length"))
            await held[1].pass()
            await idle.send(get)
            sent.add(1)
            #expect(await idle.responses(1).contains("body GET /x "))
        }
    }

    @Test func pipelinedAnswersKeepTheirOrder() async throws {
        let gate = Gate()
        let service = EchoService(answer: { request, _, writer in
            if request.head.target.path.equals("/1") { await gate.pass() }
            writer.send(.ok, .none, EchoService.echo(request))
        })
        try await withServer(service) { server, loop in
            let wire = try await Wire.connect(to: server.address, on: loop)
            await wire.send((1...50).map { "GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
            gate.open()
            let bodies = await wire.responses(50).split(separator: "\n").filter { $0.hasPrefix("body ") }
            #expect(bodies.map(String.init) == (1...50).map { "body GET /\($0) " })
        }
    }

    @Test func aFloodOfPipelinedRequestsWaitsOutside() async throws {
        let (gate, begun) = (Gate(), Gate())
        let service = EchoService(answer: { request, _, writer in
            begun.open()
            await gate.pass()
            writer.send(.ok, .none, [])
        })
        try await withServer(service) { server, loop in
            let wire = try await Wire.connect(to: server.address, on: loop)
            let count = 20_000
            await wire.send(String(repeating: get, count: count))
            await begun.pass()
            gate.open()
            let size = Array("HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n".utf8)
                .count
            #expect(await wire.bytes(atLeast: count * size) == count * size)
        }
    }

    @Test func requestsThenTheEndOfInput() async throws {
        try await withServer { server, loop in
            let wire = try await Wire.connect(to: server.address, on: loop)
            await wire.send(get + get)
            await wire.endSending()
            #expect(await wire.rest().split(separator: "200 OK").count == 3)
        }
    }

    @Test func theBodyIsAskedFor() async throws {
        try await withServer { server, loop in
            let wire = try await Wire.connect(to: server.address, on: loop)
            await wire.send("POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            #expect(await wire.text(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            await wire.send("hi")
            #expect(await wire.responses(1).contains("body POST /x hi"))
            await wire.send("POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n")
            let rest = await wire.rest()
            #expect(rest.hasPrefix("HTTP/1.1 413 "))
        }
    }

    @Test func tooLargeIsSaidBeforeTheBodyComes() async throws {
        try await withServer(EchoService(maxBody: 10)) { server, loop in
            for text in [
                "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n",
                "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n6\r\n",
            ] {
                let wire = try await Wire.connect(to: server.address, on: loop)
                await wire.send(text)
                let rest = await wire.rest()
                #expect(rest.hasPrefix("HTTP/1.1 413 Content Too Large\r\n"))
                #expect(rest.contains("X-Request-Id: test-id\r\n"))
                await wire.close()
            }
        }
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/3.0\r\n\r\n", 505), ("POST / HTTP/1.0\r\n\r\n", 411),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501), ("CONNECT a:1 HTTP/1.1\r\n", 501),
        ("GET /\(String(repeating: "a", count: 9000))", 414), ("\u{16}\u{3}\u{1}", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: 40_000))", 431),
        ("GET / HTTP/1.1\r\nHost: a\r\n\(String(repeating: "X: y\r\n", count: 100))", 431),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", 417),
    ])
    func refusalsAreProblemDocuments(_ text: String, _ status: Int) async throws {
        try await withServer { server, loop in
            let wire = try await Wire.connect(to: server.address, on: loop)
            await wire.send(text)
            let rest = await wire.rest()
            #expect(rest.hasPrefix("HTTP/1.1 \(status) "))
            #expect(rest.contains("Content-Type: application/problem+json\r\n"))
            #expect(rest.contains("X-Request-Id: test-id\r\n") && rest.contains("Connection: close\r\n"))
            #expect(rest.contains("\"status\":\(status)") && rest.contains("\"request_id\":\"test-id\""))
        }
    }

    @Test(arguments: [
        ("GET / HT", "HTTP/1.1 408 "), ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhal", "HTTP/1.1 408 "),
        ("", ""),
    ])
    func clocks(_ text: String, _ answer: String) async throws {
        var options = HTTPServerOptions()
        // Only the clock in question is short: on a busy machine another one could be first.
        if text.isEmpty {
            options.idleTimeout = .milliseconds(20)
        } else {
            options.headTimeout = .milliseconds(20)
            options.bodyTimeout = .milliseconds(20)
        }
        try await withServer(options: options) { server, loop in
            let wire = try await Wire.connect(to: server.address, on: loop)
            await wire.send(text)
            let rest = await wire.rest()
            #expect(answer.isEmpty ? rest.isEmpty : rest.hasPrefix(answer))
        }
    }

    @Test func aServiceMayTakeLongerThanAnyClock() async throws {
        var options = HTTPServerOptions()
        // Long enough that a busy machine gets the request in before them.
        options.headTimeout = .milliseconds(1_500)
        options.idleTimeout = .milliseconds(1_500)
        let service = EchoService(answer: { _, loop, writer in
            do { try await loop.sleep(.milliseconds(1_800)) } catch {}
            writer.send(.ok)
        })
        try await withServer(service, options: options) { server, loop in
            let wire = try await Wire.connect(to: server.address, on: loop)
            await wire.send(get)
            #expect(await wire.rest().hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test func bodilessAnswers() async throws {
        let service = EchoService(answer: { request, _, writer in
            writer.send(request.head.target.path.equals("/204") ? .noContent : .ok, .none, Array("hello".utf8))
        })
        try await withServer(service) { server, loop in
            let wire = try await Wire.connect(to: server.address, on: loop)
            await wire.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
            let head = await wire.text(until: "\r\n\r\n")
            #expect(head.contains("Content-Length: 5\r\n"))
            await wire.send("GET /204 HTTP/1.1\r\nHost: a\r\n\r\n")
            let empty = await wire.text(until: "\r\n\r\n")
            #expect(empty.hasPrefix("HTTP/1.1 204 No Content\r\n") && !empty.contains("Content-Length"))
        }
    }

    @Test func aWriterLetGoOfAnswers500() async throws {
        try await withServer(EchoService(answer: { _, _, _ in })) { server, loop in
            let wire = try await Wire.connect(to: server.address, on: loop)
            for _ in 1...2 {
                await wire.send(get)
                #expect(await wire.responses(1).hasPrefix("500 "))
            }
        }
    }

    @Test func refusedByTheService() async throws {
        let service = EchoService(refusal: { $0.target.path.equals("/no") ? Response(.forbidden) : nil })
        try await withServer(service) { server, loop in
            let wire = try await Wire.connect(to: server.address, on: loop)
            await wire.send("POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + get)
            let answers = await wire.responses(2)
            #expect(answers.hasPrefix("403 none keep") && answers.contains("body GET /x "))
            await wire.send("POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n")
            #expect(await wire.rest().hasPrefix("HTTP/1.1 403 "))
        }
    }

    @Test func tooManyConnections() async throws {
        var options = HTTPServerOptions()
        options.maxConnections = 1
        try await withServer(options: options) { server, loop in
            let first = try await Wire.connect(to: server.address, on: loop)
            await first.send(get)
            _ = await first.responses(1)
            let second = try await Wire.connect(to: server.address, on: loop)
            #expect(await second.rest().hasPrefix("HTTP/1.1 503 "))
            await first.send(get)
            #expect(await first.responses(1).hasPrefix("200 "))
        }
    }

    @Test func bodiesThatAreBeingReadHaveACap() async throws {
        var options = HTTPServerOptions()
        options.maxBodyBytes = 450_000
        try await withServer(options: options) { server, loop in
            func head(_ holder: String = "x", _ count: Int = 150_000) -> String {
                "POST /\(holder) HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n"
            }
            let (most, rest) = (String(repeating: "x", count: 100_000), String(repeating: "x", count: 50_000))
            let first = try await Wire.connect(to: server.address, on: loop)
            await first.send(head() + most)
            while server.bodyBytes < most.utf8.count { await loop.run {} }
            let second = try await Wire.connect(to: server.address, on: loop)
            await second.send(head("x", 400_000) + most + most)
            let refused = await second.rest()
            #expect(refused.hasPrefix("HTTP/1.1 503 ") && refused.contains("Retry-After: 1\r\n"))
            let third = try await Wire.connect(to: server.address, on: loop)
            await third.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
            #expect(await third.responses(1, to: .post).hasPrefix("200 "))
            // Nobody else has less room for that.
            let other = try await Wire.connect(to: server.address, on: loop)
            await other.send(head("y") + most)
            while server.bodyBytes < 2 * most.utf8.count { await loop.run {} }
            await other.send(rest)
            #expect(await other.responses(1, to: .post).hasPrefix("200 "))
            await first.send(rest)
            #expect(await first.responses(1, to: .post).hasPrefix("200 "))
            while server.bodyBytes > 0 { await loop.run {} }
            // It is read, so there is room.
            let fourth = try await Wire.connect(to: server.address, on: loop)
            await fourth.send(head() + most + rest)
            #expect(await fourth.responses(1, to: .post).hasPrefix("200 "))
        }
    }

    @Test func largeAnswersArriveWhole() async throws {
        let body = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let service = EchoService(answer: { _, _, writer in writer.send(.ok, .none, body) })
        try await withServer(service) { server, loop in
            let client = HTTPClient(on: loop)
            let url = try HTTPURL("http://\(server.address)/", allowPrivate: true)
            let answer = try await onLoop(loop) { try await client.send(ClientRequest(.get, url)) }
            #expect(answer.body == body)
            await loop.run { client.close() }
        }
    }

    @Test func drainFinishesWhatIsInWork() async throws {
        let (begun, gate) = (Gate(), Gate())
        let service = EchoService(answer: { request, _, writer in
            begun.open()
            await gate.pass()
            writer.send(.ok, .none, Array("done".utf8))
        })
        try await withServer(service) { server, loop in
            let idle = try await Wire.connect(to: server.address, on: loop)
            let busy = try await Wire.connect(to: server.address, on: loop)
            await busy.send(get)
            await begun.pass()
            async let drained: Void = server.drain()
            #expect(await idle.rest() == "")
            gate.open()
            let rest = await busy.rest()
            #expect(rest.contains("Connection: close\r\n") && rest.hasSuffix("done"))
            await busy.close()
            await idle.close()
            await drained
            #expect(server.connectionCount == 0)
            await #expect(throws: RuntimeError.self) { try await Wire.connect(to: server.address, on: loop) }
        }
    }

    @Test func drainEndsAtItsLimit() async throws {
        var options = HTTPServerOptions()
        options.drainLimit = .milliseconds(30)
        let (begun, never) = (Gate(), Gate())
        let service = EchoService(answer: { _, _, writer in
            begun.open()
            await never.pass()
            writer.send(.ok)
        })
        try await withServer(service, options: options) { server, loop in
            let wire = try await Wire.connect(to: server.address, on: loop)
            await wire.send(get)
            await begun.pass()
            await server.drain()
            #expect(server.connectionCount == 0)
            #expect(await wire.rest() == "")
            never.open()
        }
    }
}
