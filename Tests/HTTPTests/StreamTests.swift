import Base
import HTTP
import Runtime
import Testing

@Suite(.timeLimit(.minutes(1))) struct StreamTests {
    private let get = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test func eventsAsTheyHappen() async throws {
        let gate = Gate()
        let service = EchoService(answer: { _, _, writer in
            let stream = writer.streamEvents(Fields((.mcpSessionID, "s")))
            #expect(stream.commentNow("hello") == .sent)
            await gate.pass()
            #expect(await stream.writeEvent(SSEEvent(data: Array("a\nb".utf8), id: "1")))
            stream.end()
            stream.end()
            #expect(stream.isClosed)
            #expect(stream.writeNow([1]) == .closed)
        })
        try await withServer(service) { server, loop in
            let wire = try await Wire.connect(to: server.address, on: loop)
            await wire.send(get)
            let head = await wire.text(until: "9\r\n: hello\n\n\r\n")
            #expect(head.contains("Content-Type: text/event-stream\r\n") && head.contains("Mcp-Session-Id: s\r\n"))
            #expect(head.contains("Transfer-Encoding: chunked\r\n"))
            gate.open()
            #expect(await wire.text(until: "0\r\n\r\n") == "17\r\nid: 1\ndata: a\ndata: b\n\n\r\n0\r\n\r\n")
            await wire.send(get)
            #expect(await wire.text(until: "0\r\n\r\n").hasPrefix("HTTP/1.1 200 OK\r\n"))
        }
    }

    @Test func aSlowReaderHoldsTheWriterUp() async throws {
        let total = 16 << 20
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 64 << 10)
        let (written, isFull) = (Counter(), Gate())
        let service = EchoService(answer: { _, _, writer in
            let stream = writer.stream(.ok, .none)
            while stream.writeNow(piece) != .refused { written.add(piece.count) }
            isFull.open()
            while written.value < total {
                guard await stream.write(piece) else { return }
                written.add(piece.count)
            }
        })
        var options = HTTPServerOptions()
        options.maxBufferedOutput = 512 << 10
        try await withServer(service, options: options) { server, loop in
            let wire = try await Wire.connect(to: server.address, on: loop)
            await wire.pause()
            await wire.send(get)
            await isFull.pass()
            // What the kernel's buffers hold, and the cap: far less than what wants to go.
            #expect(written.value < total)
            await wire.resume()
            #expect(await wire.bytes(atLeast: total) >= total)
            _ = await wire.text(until: "0\r\n\r\n")
        }
    }

    @Test func theServiceHearsThatTheClientLeft() async throws {
        for leaves in ["close", "end", "while blocked"] {
            let (left, begun) = (Gate(), Gate())
            let service = EchoService(answer: { _, _, writer in
                let stream = writer.streamEvents()
                stream.onClose { left.open() }
                begun.open()
                if leaves == "while blocked" {
                    while await stream.write([UInt8](repeating: 0, count: 1 << 20)) {}
                } else {
                    await left.pass()
                }
                #expect(stream.isClosed)
                #expect(stream.commentNow("x") == .closed)
            })
            try await withServer(service) { server, loop in
                let wire = try await Wire.connect(to: server.address, on: loop)
                await wire.pause()
                await wire.send(get)
                await begun.pass()
                if leaves == "end" { await wire.endSending() } else { await wire.close() }
                await left.pass()
            }
        }
    }

    @Test func aBlockedSocketHasAClock() async throws {
        let left = Gate()
        let service = EchoService(answer: { _, _, writer in
            let stream = writer.stream(.ok, .none)
            while await stream.write([UInt8](repeating: 0, count: 1 << 20)) {}
            left.open()
        })
        var options = HTTPServerOptions()
        options.writeTimeout = .milliseconds(30)
        try await withServer(service, options: options) { server, loop in
            let wire = try await Wire.connect(to: server.address, on: loop)
            await wire.pause()
            await wire.send(get)
            await left.pass()
        }
    }

    @Test func oldClientsGetTheBodyUpToTheEnd() async throws {
        let service = EchoService(answer: { _, _, writer in
            let stream = writer.stream(.ok, .none)
            #expect(await stream.write(Array("hello ".utf8)))
            #expect(await stream.write(Array("world".utf8)))
        })
        try await withServer(service) { server, loop in
            let wire = try await Wire.connect(to: server.address, on: loop)
            await wire.send("GET / HTTP/1.0\r\n\r\n")
            let rest = await wire.rest()
            #expect(rest.hasSuffix("\r\nConnection: close\r\n\r\nhello world"))
            #expect(!rest.contains("chunked"))
            let head = try await Wire.connect(to: server.address, on: loop)
            await head.send("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(await head.rest().hasSuffix("\r\n\r\n"))
        }
    }

    @Test func drainTellsStreams() async throws {
        let begun = Gate()
        let service = EchoService(answer: { _, _, writer in
            let stream = writer.streamEvents()
            let isDraining = Gate()
            stream.onDrain { isDraining.open() }
            begun.open()
            await isDraining.pass()
            stream.end()
        })
        try await withServer(service) { server, loop in
            let wire = try await Wire.connect(to: server.address, on: loop)
            await wire.send(get)
            await begun.pass()
            async let drained: Void = server.drain()
            #expect(await wire.rest().hasSuffix("0\r\n\r\n"))
            await wire.close()
            await drained
        }
    }

    @Test func pipelinedRequestsWaitBehindAStream() async throws {
        let gate = Gate()
        let service = EchoService(answer: { request, _, writer in
            guard request.head.target.path.equals("/stream") else { return writer.send(.ok, .none, Array("2".utf8)) }
            let stream = writer.stream(.ok, .none)
            await gate.pass()
            #expect(await stream.write(Array("1".utf8)))
        })
        try await withServer(service) { server, loop in
            let wire = try await Wire.connect(to: server.address, on: loop)
            await wire.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n" + get)
            gate.open()
            let bodies = await wire.responses(2).split(separator: "\n").filter { $0.hasPrefix("body") }
            #expect(bodies == ["body 1", "body 2"])
        }
    }
}
