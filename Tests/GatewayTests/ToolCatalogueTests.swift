import JSON
import MCP
import Policy
import Runtime
import Synchronization
import Testing

@testable import Gateway

@Suite struct ToolCatalogueTests {
    private static func list(_ count: Int, id: Int64) throws(UpstreamError) -> RPCMessage {
        let tools = (0..<count).map {
            #"{"name":"read_\#($0)","description":"Reads file \#($0).","inputSchema":{"type":"object"}}"#
        }
        return try Scene.message(
            #"{"jsonrpc":"2.0","id":\#(id),"result":{"tools":[\#(tools.joined(separator: ","))]}}"#)
    }

    /// The order in which work on a list, and something else that comes to the same loop after it, are done.
    private static func order(_ work: @escaping @Sendable (ToolCatalogue, EventLoop) async throws -> Void) async throws
        -> [String]
    {
        try await withLoop { loop in
            let done = Done()
            let catalogue = ToolCatalogue(of: "s", log: Log { _, _, _ in })
            // Both are there before the first begins.
            try await Task(executorPreference: loop) {
                let list = Task(executorPreference: loop) {
                    try await work(catalogue, loop)
                    done.add("list")
                }
                let ping = Task(executorPreference: loop) { done.add("ping") }
                try await list.value
                await ping.value
            }.value
            return done.words
        }
    }

    @Test func aLongListIsWorkedOnWhileOthersAreAnswered() async throws {
        let asked = try await Self.order { catalogue, loop in
            let link = FakeLink { id, _ throws(UpstreamError) in .response(try Self.list(500, id: id), status: 200) }
            let facts = try await catalogue.facts(of: "read_7", from: link, on: loop)
            #expect(facts?.category != nil)
        }
        #expect(asked == ["ping", "list"])
        let passedBy = try await Self.order { catalogue, loop in
            let link = FakeLink { id, _ throws(UpstreamError) in .response(try Self.list(1, id: id), status: 200) }
            _ = try await catalogue.facts(of: "read_0", from: link, on: loop)
            let page = try #require(ListPage(try Self.list(500, id: 1), .tools))
            await catalogue.learn(page, isWhole: true, askedAt: 0, on: loop)
            #expect(catalogue.definitions?.count == 500)
        }
        #expect(passedBy == ["ping", "list"])
    }

    @Test func whoHasWaitedForAnothersWayInVainAsksOnItsOwn() async throws {
        try await withLoop { loop in
            let catalogue = ToolCatalogue(of: "s", log: Log { _, _, _ in })
            let asked = Done()
            let (answers, ending) = AsyncStream.makeStream(of: Void.self)
            let well = FakeLink { id, _ throws(UpstreamError) in
                asked.add("well")
                return .response(try Self.list(1, id: id), status: 200)
            }
            // The first one's session ends while both wait.
            let stream = EndingStream(answers)
            let ended = FakeLink { _, _ throws(UpstreamError) in
                asked.add("ended")
                return .stream(stream)
            }
            let results = await Task(executorPreference: loop) {
                let first = Task(executorPreference: loop) { () -> UpstreamError.Code? in
                    do throws(UpstreamError) {
                        _ = try await catalogue.facts(of: "read_0", from: ended, on: loop)
                        return nil
                    } catch {
                        return error.code
                    }
                }
                let second = Task(executorPreference: loop) {
                    try? await catalogue.facts(of: "read_0", from: well, on: loop)
                }
                // Both wait by now, the second for the first.
                await Task(executorPreference: loop) {}.value
                ending.finish()
                return (await first.value, await second.value)
            }.value
            #expect(results.0 == .lost)
            #expect(results.1 != nil)
            #expect(asked.words == ["ended", "well"])
        }
    }

    /// A client that follows a server's cursors shows ever more of them.
    @Test func whatPassesByIsLearntUpToSomeBytes() async throws {
        try await withLoop { loop in
            let list = try Self.list(30, id: 1)
            let one = try #require(ListPage(try Self.list(1, id: 1), .tools)?.entries.first).view.rawBytes.count
            let catalogue = ToolCatalogue(of: "s", log: Log { _, _, _ in }, maxBytes: 10 * (one + 2))
            let link = FakeLink { id, _ throws(UpstreamError) in .response(try Self.list(1, id: id), status: 200) }
            _ = try await catalogue.facts(of: "read_0", from: link, on: loop)
            let page = try #require(ListPage(list, .tools))
            for _ in 0..<2 {
                await catalogue.learn(page, isWhole: false, askedAt: 0, on: loop)
                #expect(catalogue.definitions?.count == 10)
            }
        }
    }

    @Test func whatWasSaidBeforeAChangeIsNotLearntAfterIt() async throws {
        try await withLoop { loop in
            let catalogue = ToolCatalogue(of: "s", log: Log { _, _, _ in })
            let link = FakeLink { id, _ throws(UpstreamError) in .response(try Self.list(1, id: id), status: 200) }
            _ = try await catalogue.facts(of: "read_0", from: link, on: loop)
            let page = try #require(ListPage(try Self.list(500, id: 1), .tools))
            // While the list is worked on the server says that it has changed.
            await Task(executorPreference: loop) {
                let learning = Task(executorPreference: loop) {
                    await catalogue.learn(page, isWhole: true, askedAt: 0, on: loop)
                }
                let change = Task(executorPreference: loop) { catalogue.invalidate() }
                await learning.value
                await change.value
            }.value
            #expect(catalogue.definitions == nil)
        }
    }
}

/// A stream that ends without an answer when the test says so.
private final class EndingStream: UpstreamStream {
    private let end: AsyncStream<Void>
    var status: Int? { nil }

    init(_ end: AsyncStream<Void>) { self.end = end }

    func next() async throws(UpstreamError) -> RPCMessage {
        for await _ in end {}
        throw UpstreamError(.lost, mayHaveRun: true, detail: "the end")
    }
}

private final class Done: Sendable {
    private let held = Mutex<[String]>([])
    var words: [String] { held.withLock { $0 } }
    func add(_ word: String) { held.withLock { $0.append(word) } }
}
