import Base
import HTTP
import Runtime
import Testing

/// A server that follows a script: for each connection, what it says to each request, byte by byte.
final class ScriptedServer: Sendable {
    /// What to do when a request's head has come.
    enum Step: Sendable {
        case say(String)
        case sayAndClose(String)
        case close
        case nothing
    }

    let address: SocketAddress
    let connections = Counter()
    let requests = Counter()
    private let listener: Listener

    /// One list of steps for each connection in turn; the last serves all later ones.
    init(on loop: EventLoop, _ scripts: [[Step]]) async throws {
        let (connections, requests) = (connections, requests)
        listener = try await loop.run { () throws(RuntimeError) in
            guard let any = SocketAddress(ip: "127.0.0.1", port: 0) else { throw RuntimeError(.invalidArgument, "") }
            return try Listener.tcp(any, on: loop) { stream in
                let script = scripts[min(connections.value, scripts.count - 1)]
                connections.add(1)
                stream.start(delegate: Player(stream, script, requests))
            }
        }
        let listener = listener
        address = await loop.run { listener.address }
    }

    // SAFETY: touched on the loop's thread only.
    private final class Player: StreamDelegate, @unchecked Sendable {
        let stream: ByteStream
        var steps: ArraySlice<Step>
        let requests: Counter
        var received: [UInt8] = []

        init(_ stream: ByteStream, _ steps: [Step], _ requests: Counter) {
            self.stream = stream
            self.steps = steps[...]
            self.requests = requests
        }

        func didRead(_ bytes: UnsafeRawBufferPointer) {
            received.append(contentsOf: bytes)
            guard received.suffix(4).elementsEqual([13, 10, 13, 10]) else { return }
            received = []
            requests.add(1)
            switch steps.popFirst() ?? .close {
            case .say(let text): stream.write(Array(text.utf8))
            case .sayAndClose(let text):
                stream.write(Array(text.utf8))
                stream.closeAfterFlush()
            case .close: stream.close()
            case .nothing: break
            }
        }

        func didEnd() { stream.close() }
        func didClose(_ error: RuntimeError?) {}
    }
}

private let hello = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

/// A client on a loop of its own against a scripted server on another.
private func withScript(
    _ scripts: [[ScriptedServer.Step]], options: HTTPClientOptions = HTTPClientOptions(),
    _ body: @escaping @Sendable (HTTPClient, HTTPURL, ScriptedServer) async throws -> Void
) async throws {
    let group = try EventLoopGroup(count: 2, name: "script")
    defer { group.stop() }
    let (first, second) = (group.next(), group.next())
    let server = try await ScriptedServer(on: first, scripts)
    let url = try HTTPURL("http://\(server.address)/mcp?x=1", allowPrivate: true)
    try await onLoop(second) {
        let client = HTTPClient(on: second, options: options)
        try await body(client, url, server)
        client.close()
    }
}

/// The error of an exchange.
private func failure(
    of client: HTTPClient, _ request: ClientRequest, cancel: ClientCancel? = nil
) async -> HTTPClientError? {
    do throws(HTTPClientError) {
        _ = try await client.send(request, cancel: cancel)
        return nil
    } catch { return error }
}

@Suite(.timeLimit(.minutes(1))) struct ClientTests {
    @Test func connectionsAreUsedAgain() async throws {
        try await withScript([[.say(hello), .say(hello), .say(hello)]]) { client, url, server in
            for _ in 1...3 {
                let answer = try await client.send(ClientRequest(.get, url))
                #expect(answer.head.status == .ok && answer.body == Array("hi".utf8))
            }
            #expect(server.connections.value == 1)
        }
    }

    @Test func aClosedIdleConnectionIsNoticed() async throws {
        // It says "keep-alive" and closes all the same: the second request must not fail, whatever its method.
        try await withScript([[.sayAndClose(hello)], [.say(hello)]]) { client, url, server in
            _ = try await client.send(ClientRequest(.get, url))
            while client.connectionCount > 0 { try await client.loop.sleep(.milliseconds(1)) }
            _ = try await client.send(ClientRequest(.delete, url))
            #expect(server.connections.value == 2)
        }
    }

    @Test func aReusedConnectionThatBreaksIsTriedOnceMoreIfThatDoesNoHarm() async throws {
        try await withScript([[.say(hello), .close], [.say(hello)]]) { client, url, server in
            _ = try await client.send(ClientRequest(.get, url))
            let answer = try await client.send(ClientRequest(.get, url))
            #expect(answer.body == Array("hi".utf8))
            #expect(server.connections.value == 2 && server.requests.value == 3)
        }
        try await withScript([[.say(hello), .close], [.close]]) { client, url, server in
            _ = try await client.send(ClientRequest(.get, url))
            let error = await failure(of: client, ClientRequest(.get, url))
            #expect(error?.code == .connectionLost && error?.fate == .fateUnknown)
            #expect(server.requests.value == 3)
        }
    }

    @Test func aCallIsNotRepeatedAndItsFateIsUnknown() async throws {
        try await withScript([[.say(hello), .close], [.say(hello)]]) { client, url, server in
            _ = try await client.send(ClientRequest(.post, url))
            let error = await failure(of: client, ClientRequest(.post, url))
            #expect(error?.code == .connectionLost && error?.fate == .fateUnknown)
            #expect(server.requests.value == 2)
            var harmless = ClientRequest(.post, url)
            harmless.isReplaySafe = true
            _ = try await client.send(harmless)
        }
    }

    @Test func nobodyThere() async throws {
        try await withScript([[]]) { client, _, _ in
            let port = try await client.loop.run { () throws(RuntimeError) -> UInt16 in
                guard let any = SocketAddress(ip: "127.0.0.1", port: 0) else { return 1 }
                let listener = try Listener.tcp(any, on: client.loop) { $0.close() }
                defer { listener.close() }
                return listener.address.port ?? 1
            }
            let url = try HTTPURL("http://127.0.0.1:\(port)/", allowPrivate: true)
            let error = await failure(of: client, ClientRequest(.get, url))
            #expect(error?.code == .connectFailed && error?.fate == .notSent)
        }
    }

    @Test(arguments: [
        "http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/", "http://10.0.0.1/",
        "http://169.254.169.254/latest", "http://0.0.0.0:9/", "http://[::ffff:127.0.0.1]:9/",
    ])
    func privateAddressesNeedLeave(_ text: String) async throws {
        try await withScript([[]]) { client, _, _ in
            let error = await failure(of: client, ClientRequest(.get, try HTTPURL(text)))
            #expect(error?.code == .refusedAddress && error?.fate == .notSent)
        }
    }

    /// DNS rebinding: what an address was judged to be counts for that connection only, not for the name.
    @Test func eachConnectionIsJudgedAnew() async throws {
        var options = HTTPClientOptions()
        let judged = Counter()
        options.addressCheck = { _, _ in
            judged.add(1)
            return judged.value == 1
        }
        try await withScript([[.say(hello), .sayAndClose(hello)]], options: options) { client, url, server in
            for _ in 1...2 { #expect(await failure(of: client, ClientRequest(.get, url)) == nil) }
            #expect(judged.value == 1, "a kept connection goes where it went")
            while client.connectionCount > 0 { try await client.loop.sleep(.milliseconds(1)) }
            let error = await failure(of: client, ClientRequest(.get, url))
            #expect(error?.code == .refusedAddress && error?.fate == .notSent)
            #expect(judged.value == 2 && server.connections.value == 1)
        }
    }

    @Test(arguments: [
        ("", HTTPClientError.Code.headTimeout), ("HTTP/1.1 200 OK\r\n", .headTimeout),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", .idleTimeout),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", .bodyTooLarge),
        ("HTTP/1.1 200 OK\r\nContent-Length: +9\r\n\r\n", .malformedResponse), ("SSH-2.0-x\r\n", .malformedResponse),
    ])
    func badAnswers(_ text: String, _ code: HTTPClientError.Code) async throws {
        var options = HTTPClientOptions()
        // Only the clock in question is short: on a busy machine it could be first.
        if code == .headTimeout { options.headTimeout = .milliseconds(30) }
        if code == .idleTimeout { options.idleTimeout = .milliseconds(30) }
        options.maxBody = 1000
        try await withScript([[text.isEmpty ? .nothing : .say(text)]], options: options) { client, url, _ in
            let error = await failure(of: client, ClientRequest(.post, url))
            #expect(error?.code == code)
            #expect(error?.fate == .fateUnknown)
        }
    }

    @Test func anAnswerUpToTheEndOfTheConnection() async throws {
        try await withScript([[.sayAndClose("HTTP/1.1 200 OK\r\n\r\nall of it")]]) { client, url, _ in
            let answer = try await client.send(ClientRequest(.get, url))
            #expect(answer.body == Array("all of it".utf8))
        }
        try await withScript([[.sayAndClose("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nnot all")]]) {
            client, url, _ in
            #expect(await failure(of: client, ClientRequest(.get, url))?.code == .connectionLost)
        }
    }

    @Test func aFullPoolQueuesThenRefuses() async throws {
        var options = HTTPClientOptions()
        options.maxPerOrigin = 1
        options.maxWaiting = 1
        options.poolTimeout = .milliseconds(30)
        try await withScript([[.nothing]], options: options) { client, url, _ in
            let cancel = ClientCancel()
            async let first = failure(of: client, ClientRequest(.post, url), cancel: cancel)
            while client.connectionCount == 0 { try await client.loop.sleep(.milliseconds(1)) }
            async let second = failure(of: client, ClientRequest(.post, url))
            let second_ = await second
            #expect(second_?.code == .poolTimeout && second_?.fate == .notSent)
            cancel.cancel()
            let first_ = await first
            #expect(first_?.code == .cancelled && first_?.fate == .fateUnknown)
        }
    }

    @Test func waitersAreServedInTurn() async throws {
        var options = HTTPClientOptions()
        options.maxPerOrigin = 2
        try await withScript([Array(repeating: .say(hello), count: 100)], options: options) { client, url, server in
            await withTaskGroup(of: HTTPClientError?.self) { group in
                for _ in 1...40 {
                    group.addTask(executorPreference: client.loop) {
                        await failure(of: client, ClientRequest(.get, url))
                    }
                }
                for await error in group { #expect(error == nil) }
            }
            #expect(server.connections.value <= 2)
            #expect(server.requests.value == 40)
        }
    }

    @Test func cancellingBeforeAndAfterClosing() async throws {
        try await withScript([[.nothing]]) { client, url, server in
            let cancel = ClientCancel()
            cancel.cancel()
            let error = await failure(of: client, ClientRequest(.post, url), cancel: cancel)
            #expect(error?.code == .cancelled && error?.fate == .notSent)
            #expect(server.connections.value == 0)
            async let pending = failure(of: client, ClientRequest(.post, url))
            while client.connectionCount == 0 { try await client.loop.sleep(.milliseconds(1)) }
            client.close()
            #expect(await pending?.code == .shutDown)
            #expect(await failure(of: client, ClientRequest(.get, url))?.code == .shutDown)
        }
    }

    @Test func requestsArriveAsTheyWereMeant() async throws {
        let service = EchoService(answer: { request, _, writer in
            let fields = request.head.fields
            var text = "\(request.head.methodText) \(request.head.target.raw) \(request.body.count)"
            for index in 0..<fields.count { text += " [\(fields.name(at: index))=\(fields.value(at: index))]" }
            writer.send(.ok, .none, Array(text.utf8))
        })
        try await withServer(service) { server, loop in
            try await onLoop(loop) {
                let client = HTTPClient(on: loop)
                let url = try HTTPURL("http://\(server.address)/a%20b?c", allowPrivate: true)
                func body(_ request: ClientRequest) async throws -> String {
                    String(decoding: try await client.send(request).body, as: UTF8.self)
                }
                #expect(try await body(ClientRequest(.get, url)) == "GET /a%20b?c 0 [Host=\(server.address)]")
                #expect(
                    try await body(ClientRequest(.post, url, fields: Fields((.accept, "a/b")), body: [1, 2]))
                        == "POST /a%20b?c 2 [Host=\(server.address)] [Accept=a/b] [Content-Length=2]")
                #expect(
                    try await body(ClientRequest(.post, url))
                        == "POST /a%20b?c 0 [Host=\(server.address)] [Content-Length=0]")
                let large = [UInt8](repeating: 7, count: 900_000)
                #expect(try await body(ClientRequest(.put, url, body: large)).hasPrefix("PUT /a%20b?c 900000 "))
                let head = try await client.send(ClientRequest(.head, url))
                #expect(head.body.isEmpty && head.head.fields.contains(.contentLength))
                client.close()
            }
        }
    }

    @Test func streams() async throws {
        let count = 2_000
        let service = EchoService(answer: { request, _, writer in
            guard request.head.target.path.equals("/events") else { return writer.send(.ok, .none, [1]) }
            let stream = writer.streamEvents()
            for number in 1...count {
                let data = Array("\(number) ".utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: 1000)
                guard await stream.writeEvent(SSEEvent(data: data)) else { return }
            }
        })
        try await withServer(service) { server, loop in
            try await onLoop(loop) {
                let client = HTTPClient(on: loop)
                let url = try HTTPURL("http://\(server.address)/events", allowPrivate: true)
                guard case .stream(let stream) = try await client.open(ClientRequest(.get, url)) else {
                    Issue.record("no stream")
                    return
                }
                #expect(stream.head.status == .ok)
                var parser = SSEParser()
                var next = 1
                while let bytes = try await stream.next() {
                    try parser.feed(bytes) { event in
                        #expect(event.data.starts(with: "\(next) ".utf8))
                        next += 1
                    }
                }
                #expect(next == count + 1)
                // The connection goes back to the pool, and what is no event stream is collected.
                let plain = try HTTPURL("http://\(server.address)/", allowPrivate: true)
                guard case .complete(let response) = try await client.open(ClientRequest(.get, plain)) else {
                    Issue.record("not collected")
                    return
                }
                #expect(response.body == [1])
                #expect(client.connectionCount == 1)
                client.close()
            }
        }
    }

    @Test func aStreamThatNobodyReadsStopsItsServer() async throws {
        let (left, written) = (Gate(), Counter())
        let service = EchoService(answer: { _, _, writer in
            let stream = writer.streamEvents()
            while await stream.write([UInt8](repeating: 0, count: 64 << 10)) { written.add(64 << 10) }
            left.open()
        })
        var options = HTTPServerOptions()
        options.writeTimeout = .milliseconds(50)
        try await withServer(service, options: options) { server, loop in
            try await onLoop(loop) {
                let client = HTTPClient(on: loop)
                let url = try HTTPURL("http://\(server.address)/", allowPrivate: true)
                let stream = try await client.stream(ClientRequest(.get, url))
                // The server gives up because its socket stays full: back-pressure has reached it.
                await left.pass()
                var read = 0
                do throws(HTTPClientError) {
                    while let bytes = try await stream.next() { read += bytes.count }
                    Issue.record("the stream was cut off and seemed whole")
                } catch {
                    #expect(error.code == .connectionLost)
                }
                #expect(read <= written.value + (64 << 10))
                client.close()
            }
        }
    }

    @Test func aStreamCanBeCancelled() async throws {
        for way in ["cancel", "drop"] {
            let left = Gate()
            let service = EchoService(answer: { _, _, writer in
                let stream = writer.streamEvents()
                stream.onClose { left.open() }
                #expect(stream.commentNow("x") == .sent)
                await left.pass()
            })
            try await withServer(service) { server, loop in
                try await onLoop(loop) {
                    let client = HTTPClient(on: loop)
                    let url = try HTTPURL("http://\(server.address)/", allowPrivate: true)
                    do {
                        let stream = try await client.stream(ClientRequest(.get, url))
                        _ = try await stream.next()
                        if way == "cancel" {
                            stream.cancel()
                            await #expect(throws: HTTPClientError.self) { _ = try await stream.next() }
                        }
                    }
                    await left.pass()
                    client.close()
                }
            }
        }
    }
}
