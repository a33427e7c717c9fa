import Base
import Testing

@testable import Runtime

@Suite struct StreamTests {
    @Test func tenThousandMessagesComeBack() async throws {
        try await withLoop { loop in
            let (client, _) = try await connectedPair(loop, echoes: true, keeps: false)
            await client.start()
            for round in 0..<10_000 {
                await client.write("message \(round)\n")
            }
            let expected = (0..<10_000).map { "message \($0)\n" }.joined()
            let received = await client.receive(expected.utf8.count)
            #expect(String(decoding: received, as: UTF8.self) == expected)
            await client.finish()
            _ = await client.untilEnd()
            await client.close()
            #expect(await client.untilClosed() == nil)
        }
    }

    @Test func oneMessageAtATime() async throws {
        try await withLoop { loop in
            let (client, _) = try await connectedPair(loop, echoes: true)
            await client.start()
            for round in 1...1_000 {
                await client.write([UInt8](repeating: UInt8(round & 0xFF), count: 100))
                let all = await client.receive(round * 100)
                #expect(all.count == round * 100)
                #expect(all.last == UInt8(round & 0xFF))
            }
            await client.close()
            _ = await client.untilClosed()
        }
    }

    @Test func partsAreWrittenInOrder() async throws {
        try await withLoop { loop in
            let (client, server) = try await connectedPair(loop)
            await client.start()
            await client.write(parts: [Array("a".utf8), [], Array("bc".utf8)])
            let middle = [UInt8](repeating: 7, count: 100_000)
            await client.write(parts: [[1], middle, [2]])
            let large = [UInt8](repeating: 8, count: 400_000)
            await client.write(parts: [[3], large, [4]])
            await client.finish()
            _ = await server.untilEnd()
            #expect(await server.received == Array("abc".utf8) + [1] + middle + [2, 3] + large + [4])
            await server.close()
            await client.close()
        }
    }

    @Test func halfClosedStreamStillAnswers() async throws {
        try await withLoop { loop in
            let (client, server) = try await connectedPair(loop)
            await client.start()
            await client.write("question")
            await client.finish()
            #expect(await client.write("too late") == false)
            #expect(await server.untilEnd() == "question")
            await server.write("answer")
            await server.closeAfterFlush()
            #expect(await client.untilEnd() == "answer")
            #expect(await server.untilClosed() == nil)
            await client.close()
            _ = await client.untilClosed()
            #expect(await client.closes.count == 1)
        }
    }

    @Test func fastWriterMeetsSlowReader() async throws {
        try await withLoop { loop in
            let (client, server) = try await connectedPair(loop, keeps: false)
            await client.start()
            await server.pause()
            let block = [UInt8](repeating: 1, count: 64 << 10)
            let limit = 64 << 20
            var sent = 0
            var largest = 0
            // The kernel's buffers take some megabytes, then write says stop, and what waits stays bounded.
            func fill() async {
                var more = true
                while more, sent < limit {
                    more = await client.write(block)
                    sent += block.count
                    largest = max(largest, await client.pending)
                }
            }
            await fill()
            #expect(sent < limit)
            await server.resume()
            var round = 0
            while sent < limit {
                round += 1
                await client.untilDrained(round)
                await fill()
            }
            #expect(largest <= (256 + 64) << 10)
            try await client.stream.flushed()
            #expect(await client.pending == 0)
            await client.finish()
            _ = await server.untilEnd()
            #expect(await server.total == sent)
            await server.close()
            await client.close()
        }
    }

    @Test func writeBufferHasACap() async throws {
        try await withLoop { loop in
            let (client, server) = try await connectedPair(loop, keeps: false)
            await client.start()
            await client.setMarks(high: 1 << 10, low: 100, max: 1 << 20)
            await server.pause()
            let block = [UInt8](repeating: 1, count: 1 << 20)
            for _ in 0..<100 { await client.write(block) }
            #expect(await client.untilClosed()?.code == .writeBufferFull)
            await #expect(throws: RuntimeError.self) { try await client.stream.flushed() }
            await server.close()
        }
    }

    @Test func tinyWritesShareTheirMemory() async throws {
        try await withLoop { loop in
            let (client, server) = try await connectedPair(loop)
            await client.start()
            await server.pause()
            let block = [UInt8](repeating: 1, count: 64 << 10)
            var sent = block.count
            while await client.write(block) { sent += block.count }
            for index in 0..<50_000 { await client.write([UInt8(index & 0xFF)]) }
            #expect(await loop.run { client.stream.writes.chunks.count } < 20)
            await server.resume()
            await client.finish()
            _ = await server.untilEnd()
            let tail = await server.received.suffix(50_000)
            #expect(tail.elementsEqual((0..<50_000).map { UInt8($0 & 0xFF) }))
            await client.close()
            await server.close()
        }
    }

    @Test func startingAClosedStreamStillTells() async throws {
        try await withLoop { loop in
            let (client, server) = try await connectedPair(loop)
            await client.close()
            #expect(await server.untilEnd() == "")
            await client.start()
            #expect(await client.untilClosed() == nil)
            #expect(await client.closes.count == 1)
            await server.close()
        }
    }

    @Test func pausedStreamReadsNothing() async throws {
        try await withLoop { loop in
            let (client, server) = try await connectedPair(loop)
            await client.start()
            await server.pause()
            await client.write("held back")
            // Something else that certainly comes later on the same loop.
            let (other, echo) = try await connectedPair(loop, echoes: true)
            await other.start()
            await other.write("x")
            _ = await other.receive(1)
            #expect(await server.total == 0)
            await server.resume()
            #expect(await server.receive(9) == Array("held back".utf8))
            for peer in [client, server, other, echo] { await peer.close() }
        }
    }

    @Test func resetIsReported() async throws {
        try await withLoop { loop in
            let (client, server) = try await connectedPair(loop)
            await client.start()
            // Closing with unread bytes makes the kernel send a reset.
            await server.pause()
            await client.write("unread")
            await client.wait { $0.stream.pendingWriteBytes == 0 }
            await server.close()
            _ = await server.untilClosed()
            let error = await client.untilClosedOrEnded()
            if let error { #expect(error.code == .connectionReset) }
            await client.close()
        }
    }

    @Test func anEarlyAnswerIsReadAlthoughWritingFails() async throws {
        try await withLoop { loop in
            let (client, server) = try await connectedPair(loop)
            await server.write("413 too large")
            await server.closeAfterFlush()
            _ = await server.untilClosed()
            // The other side is gone: the first write earns a reset, later ones fail.
            for _ in 0..<100 { await client.write([UInt8](repeating: 0, count: 10_000)) }
            await client.start()
            let text = await client.untilEnd()
            #expect(text == "413 too large" || text.isEmpty)
            await client.close()
            #expect(await client.closes.count <= 1)
        }
    }

    @Test func addressesAreTrue() async throws {
        try await withLoop { loop in
            let (client, server) = try await connectedPair(loop)
            #expect(await client.remote == server.local)
            #expect(await client.local == server.remote)
            #expect(await client.remote?.isLoopback == true)
            await client.close()
            await server.close()
        }
    }

    @Test func stoppingTheLoopTellsDelegates() async throws {
        let loop = try EventLoop()
        try loop.start()
        let (client, server) = try await connectedPair(loop)
        await client.start()
        loop.stop()
        #expect(await client.untilClosed()?.code == .stopped)
        #expect(await server.untilClosed()?.code == .stopped)
        loop.join()
        // An actor of a loop that has ended still answers.
        #expect(await client.closes.count == 1)
        let late = await #expect(throws: RuntimeError.self) { _ = try await loop.connect(to: anyPort.with(port: 1)) }
        #expect(late?.code == .stopped)
    }

    @Test func acrossTwoLoops() async throws {
        try await withLoop { one in
            try await withLoop { two in
                let (client, server) = try await connectedPair(one, server: two, echoes: true)
                await client.start()
                await client.write("over there")
                #expect(await client.receive(10) == Array("over there".utf8))
                #expect(server.stream.loop === two)
                await client.close()
            }
        }
    }
}

extension Peer {
    func untilClosedOrEnded() async -> RuntimeError? {
        await wait { $0.hasEnded || !$0.closes.isEmpty }
        return closes.first ?? nil
    }
}
