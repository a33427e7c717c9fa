import Base
import Glibc
import JSON
import Runtime
import Studio
import Support
import Synchronization
import Testing

/// The server over lines in memory, with real threads for the work.
@Suite struct StdioServerTests {
    /// A server, and what it wrote.
    private final class Harness: Sendable {
        let group: EventLoopGroup
        let workers: WorkerPool
        let server: StdioServer
        let bench: TestBench
        private let lines: Lines

        init(threads: Int = 2, lineLimit: Int = 1 << 20) throws {
            group = try EventLoopGroup(count: 1)
            workers = try WorkerPool(threads: threads, queue: 16)
            bench = try TestBench()
            let lines = Lines()
            self.lines = lines
            server = StdioServer(
                loop: group.next(), session: bench.session(workers), lineLimit: lineLimit, write: { lines.add($0) })
        }

        deinit {
            workers.stop()
            group.stop()
        }

        func feed(_ text: String) async {
            await server.feed(Array(text.utf8))
        }

        func nextLine() async throws -> JSONView {
            try JSONDocument.parse(await lines.next()).root
        }

        func finish() async -> Int {
            await server.end(grace: .seconds(20))
            return lines.count
        }
    }

    /// Lines that wait to be read.
    private final class Lines: Sendable {
        private struct State {
            var lines: [[UInt8]] = []
            var total = 0
            var reader: CheckedContinuation<[UInt8], Never>?
        }

        private let state = Mutex(State())

        var count: Int { state.withLock { $0.total } }

        func add(_ line: [UInt8]) {
            let reader = state.withLock { state -> CheckedContinuation<[UInt8], Never>? in
                state.total += 1
                guard let reader = state.reader else {
                    state.lines.append(line)
                    return nil
                }
                state.reader = nil
                return reader
            }
            reader?.resume(returning: line)
        }

        func next() async -> [UInt8] {
            await withCheckedContinuation { continuation in
                let line = state.withLock { state -> [UInt8]? in
                    if state.lines.isEmpty {
                        state.reader = continuation
                        return nil
                    }
                    return state.lines.removeFirst()
                }
                if let line { continuation.resume(returning: line) }
            }
        }
    }

    private static let hello = String(decoding: initialize(), as: UTF8.self) + "\n"

    private static func upload(_ id: Int, _ path: String = "face.png", token: String? = nil) -> String {
        let meta = token.map { #","_meta":{"progressToken":"\#($0)"}"# } ?? ""
        return
            #"{"jsonrpc":"2.0","id":\#(id),"method":"tools/call","params":{"name":"imageUpload","arguments":{"file_path":"\#(path)"}\#(meta)}}"#
            + "\n"
    }

    @Test func messagesMayArriveInAnyPieces() async throws {
        let harness = try Harness()
        let text =
            Self.hello + #"{"jsonrpc":"2.0","id":1,"method":"ping"}"# + "\r\n\n"
            + #"{"jsonrpc":"2.0","id":2,"method":"ping"}"#
        for byte in text.utf8 { await harness.server.feed([byte]) }
        #expect(try await harness.nextLine()["id"]?.int == 0)
        #expect(try await harness.nextLine()["id"]?.int == 1)
        // The last line has no end; the end of input completes it.
        #expect(await harness.finish() == 3)
        #expect(try await harness.nextLine()["id"]?.int == 2)
    }

    @Test func aCallIsAnsweredWithProgressBefore() async throws {
        let harness = try Harness()
        await harness.feed(Self.hello + Self.upload(1, token: "p"))
        #expect(try await harness.nextLine()["id"]?.int == 0)
        var progress: [Int64] = []
        while true {
            let line = try await harness.nextLine()
            guard line["method"]?.string == "notifications/progress" else {
                #expect(line["id"]?.int == 1)
                _ = try success(#require(line["result"]))
                break
            }
            #expect(line["params"]?["progressToken"]?.string == "p")
            progress.append(line["params"]?["progress"]?.int ?? -1)
        }
        #expect(progress == [1, 2])
        #expect(await harness.finish() == 4, "nothing comes after the answer")
    }

    /// The worker may be done before the loop looks at what it told; here it always is.
    @Test func progressComesBeforeTheAnswerHoweverQuickTheWork() async throws {
        let group = try EventLoopGroup(count: 1)
        defer { group.stop() }
        let lines = Lines()
        let bench = try TestBench()
        let server = StdioServer(
            loop: group.next(), session: bench.session(InlineWorkers()), lineLimit: 1 << 20,
            write: { lines.add($0) })
        await server.feed(
            Array((Self.hello + Self.upload(1, "nothing.png", token: "p") + Self.upload(2, token: "p")).utf8))
        await server.end(grace: .seconds(20))
        var kinds: [String] = []
        for _ in 0..<lines.count {
            let line = try JSONDocument.parse(await lines.next()).root
            kinds.append(line["method"]?.string ?? "\(line["id"]?.int ?? -1)")
        }
        let second = try #require(kinds.lastIndex(of: "2"))
        #expect(kinds.count { $0 == "notifications/progress" } == 2)
        #expect(kinds.lastIndex(of: "notifications/progress").map { $0 < second } == true, "\(kinds)")
    }

    @Test func pingIsAnsweredDuringACallAndACancelledCallIsNot() async throws {
        let harness = try Harness(threads: 1)
        await harness.feed(Self.hello)
        #expect(try await harness.nextLine()["id"]?.int == 0)
        // The only worker is held until the ping is answered, so the call can't be over before.
        let gate = Gate()
        let held = Task { try await harness.workers.run { () throws(StudioError) in gate.wait() } }
        await gate.entered()
        await harness.feed(
            Self.upload(1) + Self.upload(2) + #"{"jsonrpc":"2.0","id":"p","method":"ping"}"# + "\n"
                + #"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"reason":"no"}}"# + "\n"
        )
        #expect(try await harness.nextLine()["id"]?.string == "p")
        gate.open()
        try await held.value
        #expect(try await harness.nextLine()["id"]?.int == 2)
        #expect(await harness.finish() == 3)
    }

    @Test func callsInFlightAreFinishedAtTheEnd() async throws {
        let harness = try Harness()
        await harness.feed(Self.hello + (1...10).map { Self.upload($0) }.joined())
        #expect(await harness.finish() == 11)
        await harness.feed(Self.upload(99))
        #expect(await harness.finish() == 11, "nothing is taken after the end")
    }

    @Test func longLinesAreDroppedAndSaid() async throws {
        let harness = try Harness(lineLimit: 300)
        await harness.feed(
            Self.hello + String(repeating: "x", count: 5000) + "\n" + #"{"jsonrpc":"2.0","id":1,"method":"ping"}"#
                + "\n")
        #expect(try await harness.nextLine()["id"]?.int == 0)
        let refusal = try await harness.nextLine()
        #expect(refusal["error"]?["code"]?.int == -32600 && refusal["id"] == nil)
        #expect(try await harness.nextLine()["id"]?.int == 1)
    }

    @Test func linesAreCutAtEveryByte() {
        let text = Array("ab\r\n\n\ncdefgh\nxy\n1234\nz".utf8)
        var expected: [LineSplitter.Piece] = []
        var whole = LineSplitter(limit: 4)
        text.withUnsafeBytes { bytes in whole.feed(bytes) { expected.append($0) } }
        whole.end { expected.append($0) }
        #expect(
            expected == [
                .line(Array("ab".utf8)), .tooLong, .line(Array("xy".utf8)), .line(Array("1234".utf8)), .line([0x7A]),
            ])
        for cut in 0...text.count {
            var pieces: [LineSplitter.Piece] = []
            var splitter = LineSplitter(limit: 4)
            text.withUnsafeBytes { bytes in
                splitter.feed(UnsafeRawBufferPointer(rebasing: bytes[..<cut])) { pieces.append($0) }
                splitter.feed(UnsafeRawBufferPointer(rebasing: bytes[cut...])) { pieces.append($0) }
            }
            splitter.end { pieces.append($0) }
            #expect(pieces == expected, "cut at \(cut)")
        }
    }
}

/// Holds a worker thread until it is opened.
final class Gate: Sendable {
    private let isOpen = Atomic<Bool>(false)
    private let entry = EndSignal()

    func wait() {
        entry.fire()
        while !isOpen.load(ordering: .acquiring) { usleep(100) }
    }

    /// Returns once a thread is held.
    func entered() async { await entry.wait() }

    func open() { isOpen.store(true, ordering: .releasing) }
}
