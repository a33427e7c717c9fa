import Base
import Glibc
import Testing

@testable import Runtime

@Suite struct AdoptedStreamTests {
    @Test func inheritedPipeIsReadAndWritten() async throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let (reading, writing) = (ends[0], ends[1])
        try await withLoop { loop in
            let reader = Peer(
                try await loop.run { () throws(RuntimeError) in try .adopt(descriptor: reading, on: loop) })
            let writer = Peer(
                try await loop.run { () throws(RuntimeError) in try .adopt(descriptor: writing, on: loop) })
            await reader.start()
            await writer.start()
            let text = String(repeating: "0123456789", count: 50_000)
            await writer.write(text)
            try await writer.stream.flushed()
            // Sharing the pipe does not mean sharing our way of waiting.
            #expect(fcntl(reading, F_GETFL) & O_NONBLOCK == 0)
            await writer.close()
            close(writing)
            #expect(await reader.untilEnd() == text)
        }
        close(reading)
    }

    @Test func inheritedSocketWorksBothWays() async throws {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        let (left, right) = (ends[0], ends[1])
        try await withLoop { loop in
            let one = Peer(try await loop.run { () throws(RuntimeError) in try .adopt(descriptor: left, on: loop) })
            let two = Peer(
                try await loop.run { () throws(RuntimeError) in try .adopt(descriptor: right, on: loop) }, echoes: true)
            await one.start()
            await two.start()
            await one.write("there and back")
            #expect(await one.receive(14).count == 14)
        }
        close(left)
        close(right)
    }

    @Test func filesCanStandInForPipes() async throws {
        let folder = try TemporaryFolder()
        let text = String(repeating: "a line of input\n", count: 20_000)
        try folder.write("in", text)
        let input = open(folder.path + "/in", O_RDONLY)
        let output = open(folder.path + "/out", O_WRONLY | O_CREAT, 0o600)
        let nothing = open("/dev/null", O_RDWR)
        try await withLoop { loop in
            let reader = Peer(try await loop.run { () throws(RuntimeError) in try .adopt(descriptor: input, on: loop) })
            await reader.start()
            #expect(await reader.untilEnd() == text)
            for descriptor in [output, nothing] {
                let writer = Peer(
                    try await loop.run { () throws(RuntimeError) in try .adopt(descriptor: descriptor, on: loop) })
                await writer.start()
                await writer.write(text)
                try await writer.stream.flushed()
                await writer.finish()
                await writer.close()
                #expect(await writer.untilClosed() == nil)
            }
            var status = stat()
            #expect(stat(folder.path + "/out", &status) == 0 && Int(status.st_size) == text.utf8.count)
            let full = open("/dev/full", O_WRONLY)
            let writer = Peer(try await loop.run { () throws(RuntimeError) in try .adopt(descriptor: full, on: loop) })
            await writer.start()
            await writer.write(text)
            #expect(await writer.untilClosed()?.code == .other("ENOSPC"))
            close(full)
        }
        for descriptor in [input, output, nothing] { close(descriptor) }
    }

    @Test func whatCanNotBeAStreamIsNamed() async throws {
        let folder = open("/", O_RDONLY)
        try await withLoop { loop in
            for descriptor in [folder, 9_999] {
                let error = await #expect(throws: RuntimeError.self) {
                    try await loop.run { () throws(RuntimeError) in
                        _ = try ByteStream.adopt(descriptor: descriptor, on: loop)
                    }
                }
                #expect(error?.code == .invalidArgument)
                #expect(error?.context.contains("\(descriptor)") == true)
            }
        }
        close(folder)
    }
}
