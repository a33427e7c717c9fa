import Base
import JSON
import MCP
import Runtime
import Synchronization
import Testing

@testable import Gateway

/// A modern server that answers listens as it is told.
private final class ListeningServer: UpstreamLink {
    struct Listen {
        let id: Int64
        let request: RPCMessage
        let inbox: Inbox
        let handle: CallHandle
    }

    let hello: UpstreamHello
    let isShared = false
    private let counter = Atomic<Int64>(0)
    private let held = Mutex<(listens: [Listen], cancelled: [Int64], refusal: UpstreamError?)>(([], [], nil))

    init(_ capabilities: String = #"{"tools":{"listChanged":true},"resources":{"subscribe":true}}"#) throws {
        let text = #"""
            {"jsonrpc":"2.0","id":0,"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":\#(capabilities)}}
            """#
        hello = try #require(UpstreamHello(discovered: try Scene.message(text)))
    }

    var listens: [Listen] { held.withLock { $0.listens } }
    var cancelled: [Int64] { held.withLock { $0.cancelled } }
    func refuse(_ error: UpstreamError?) { held.withLock { $0.refusal = error } }

    func prepare() async throws(UpstreamError) {}
    func mintID() -> Int64 { counter.add(1, ordering: .relaxed).newValue }
    func post(_ message: [UInt8], on loop: EventLoop) {}
    func listen(
        _ filter: ListenFilter, on loop: EventLoop, handle: CallHandle, _ take: @escaping @Sendable (RPCMessage) -> Void
    ) async {}
    func close(on loop: EventLoop) {}

    func send(_ outgoing: Outgoing, on loop: EventLoop, handle: CallHandle) async throws(UpstreamError)
        -> UpstreamReply
    {
        let text = String(decoding: outgoing.message, as: UTF8.self)
        let listen = Listen(id: outgoing.id, request: try Scene.message(text), inbox: Inbox(), handle: handle)
        let refusal = held.withLock { held in
            held.listens.append(listen)
            return held.refusal
        }
        if let refusal { throw refusal }
        handle.onCancel { [self] in
            held.withLock { $0.cancelled.append(listen.id) }
            listen.inbox.fail(UpstreamError(.cancelled, mayHaveRun: true, detail: "cancelled"))
        }
        return .stream(listen.inbox)
    }
}

@Suite struct ListenHubTests {
    private static func notice(_ method: String, _ listen: ListeningServer.Listen) throws -> RPCMessage {
        try Scene.message(
            #"{"jsonrpc":"2.0","method":"\#(method)","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":\#(listen.id)}}}"#
        )
    }

    private static func acknowledge(_ listen: ListeningServer.Listen) throws {
        listen.inbox.put(try notice("notifications/subscriptions/acknowledged", listen))
    }

    private static func wishes(tools: Bool = false, _ uris: String...) -> ListenFilter {
        var filter = ListenFilter()
        filter.toolsListChanged = tools
        filter.resourceSubscriptions = uris
        return filter
    }

    private static func settle() async { for _ in 0..<64 { await Task.yield() } }

    /// A hub on a loop, and one who listens for each filter.
    private func onHub(
        always: ListenFilter = ListenFilter(), _ server: ListeningServer,
        _ body: @escaping @Sendable (ListenHub, EventLoop) async throws -> Void
    ) async throws {
        try await withLoop { loop in
            let hub = ListenHub(capabilities: ["roots": [:]], introduction: ["name": "c"], always: always)
            try await Task(executorPreference: loop) {
                try await body(hub, loop)
                hub.close()
                await Self.settle()
            }.value
        }
    }

    private static func join(
        _ hub: ListenHub, _ filter: ListenFilter, _ server: ListeningServer, _ loop: EventLoop, _ heard: Counter,
        left: Counter = Counter()
    ) async -> CallHandle {
        let handle = CallHandle()
        Task(executorPreference: loop) {
            await hub.join(filter, handle, of: server, on: loop) { _ in heard.add() }
            left.add()
        }
        await settle()
        return handle
    }

    @Test func oneListenForAllWithTheUnionOfTheirWishes() async throws {
        let server = try ListeningServer()
        try await onHub(server) { hub, loop in
            let heard = Counter()
            _ = await Self.join(hub, Self.wishes(tools: true), server, loop, heard)
            #expect(server.listens.count == 1)
            let first = server.listens[0]
            #expect(first.request.params?["notifications"]?["toolsListChanged"]?.bool == true)
            #expect(first.request.params?["_meta"]?["io.modelcontextprotocol/clientCapabilities"]?["roots"] != nil)
            try Self.acknowledge(first)
            _ = await Self.join(hub, Self.wishes(tools: true, "b", "a"), server, loop, heard)
            #expect(server.listens.count == 2)
            let uris = server.listens[1].request.params?["notifications"]?["resourceSubscriptions"]
            #expect(uris?.elements.map(\.string) == ["a", "b"])
            _ = await Self.join(hub, Self.wishes("a"), server, loop, heard)
            #expect(server.listens.count == 2, "nothing new is wanted")
        }
    }

    /// Who has joined hears the server as soon as it has acknowledged that, or is told that it can't be heard for now.
    @Test(arguments: [true, false]) func whoJoinsBeginsWithTheAcknowledgement(isAcknowledged: Bool) async throws {
        let server = try ListeningServer()
        try await onHub(server) { hub, loop in
            let begun = Counter()
            let handle = await Self.join(hub, Self.wishes(tools: true), server, loop, Counter())
            Task(executorPreference: loop) {
                await handle.begun()
                begun.add()
            }
            await Self.settle()
            #expect(begun.value == 0)
            if isAcknowledged {
                try Self.acknowledge(server.listens[0])
            } else {
                server.listens[0].inbox.fail(UpstreamError(.lost, mayHaveRun: false, detail: "gone"))
            }
            await Self.settle()
            #expect(begun.value == 1)
            guard isAcknowledged else { return }
            let second = await Self.join(hub, Self.wishes(tools: true), server, loop, Counter())
            await second.begun()
            #expect(server.listens.count == 1, "what is wanted is heard already")
            let third = await Self.join(hub, Self.wishes("a"), server, loop, Counter())
            third.cancel()
            await third.begun()
        }
    }

    /// What is said between the old listen and the acknowledged new one is heard, and heard once.
    @Test func changesOfWishesLoseNothingAndDoubleNothing() async throws {
        let server = try ListeningServer()
        try await onHub(server) { hub, loop in
            let heard = Counter()
            _ = await Self.join(hub, Self.wishes(tools: true), server, loop, heard)
            let old = server.listens[0]
            try Self.acknowledge(old)
            hub.subscribe(Self.wishes("a"), of: server, on: loop)
            await Self.settle()
            let new = server.listens[1]
            old.inbox.put(try Self.notice("notifications/tools/list_changed", old))
            await Self.settle()
            #expect(heard.value == 1, "the new one is not acknowledged yet")
            #expect(server.cancelled.isEmpty)
            try Self.acknowledge(new)
            await Self.settle()
            #expect(server.cancelled == [old.id])
            old.inbox.put(try Self.notice("notifications/tools/list_changed", old))
            new.inbox.put(try Self.notice("notifications/tools/list_changed", new))
            await Self.settle()
            #expect(heard.value == 2)
        }
    }

    @Test func theLastWhoLeavesEndsTheListen() async throws {
        let server = try ListeningServer()
        try await onHub(server) { hub, loop in
            let (heard, left) = (Counter(), Counter())
            let one = await Self.join(hub, Self.wishes(tools: true), server, loop, heard, left: left)
            let two = await Self.join(hub, Self.wishes(tools: true), server, loop, heard, left: left)
            try Self.acknowledge(server.listens[0])
            one.cancel()
            await Self.settle()
            #expect(left.value == 1 && server.cancelled.isEmpty)
            two.cancel()
            await Self.settle()
            #expect(left.value == 2 && server.cancelled == [server.listens[0].id])
            #expect(server.listens.count == 1)
        }
    }

    @Test func whatTheServerCannotServeIsNotAskedFor() async throws {
        let server = try ListeningServer(#"{"tools":{}}"#)
        try await onHub(server) { hub, loop in
            _ = await Self.join(hub, Self.wishes(tools: true, "a"), server, loop, Counter())
            #expect(server.listens.isEmpty)
        }
    }

    @Test func aRefusalIsNotTriedAgain() async throws {
        let server = try ListeningServer()
        try await onHub(server) { hub, loop in
            _ = await Self.join(hub, Self.wishes(tools: true), server, loop, Counter())
            let listen = server.listens[0]
            listen.inbox.put(
                try Scene.message(#"{"jsonrpc":"2.0","id":\#(listen.id),"error":{"code":-32601,"message":"m"}}"#))
            await Self.settle()
            #expect(server.listens.count == 1)
            // Other wishes are another question.
            hub.subscribe(Self.wishes("a"), of: server, on: loop)
            await Self.settle()
            #expect(server.listens.count == 2)
        }
    }

    @Test func theEndLetsEverybodyGo() async throws {
        let server = try ListeningServer()
        try await onHub(server) { hub, loop in
            let left = Counter()
            for _ in 0..<5 { _ = await Self.join(hub, Self.wishes(tools: true), server, loop, Counter(), left: left) }
            hub.close()
            await Self.settle()
            #expect(left.value == 5 && server.cancelled == [server.listens[0].id])
            _ = await Self.join(hub, Self.wishes(tools: true), server, loop, Counter(), left: left)
            #expect(left.value == 6, "who comes later does not stay")
            hub.update(of: server, on: loop)
            await Self.settle()
            #expect(server.listens.count == 1)
        }
    }

    /// Whoever waits for what is not asked for any more, or for a hub that closes, waits no longer.
    @Test(arguments: [true, false]) func nobodyWaitsInVain(isClosed: Bool) async throws {
        let server = try ListeningServer()
        try await onHub(server) { hub, loop in
            hub.subscribe(Self.wishes("a"), of: server, on: loop)
            let settled = Counter()
            Task(executorPreference: loop) {
                await hub.settled()
                settled.add()
            }
            // Overtaken before it has begun.
            if isClosed {
                await Self.settle()
                hub.close()
            } else {
                Task(executorPreference: loop) { hub.subscribe(ListenFilter(), of: server, on: loop) }
            }
            await Self.settle()
            #expect(settled.value == 1)
        }
    }

    @Test func somethingIsListenedForAlways() async throws {
        let server = try ListeningServer()
        try await onHub(always: Self.wishes(tools: true), server) { hub, loop in
            hub.update(of: server, on: loop)
            await Self.settle()
            #expect(server.listens.count == 1)
            let handle = await Self.join(hub, Self.wishes("a"), server, loop, Counter())
            handle.cancel()
            await Self.settle()
            let last = server.listens[server.listens.count - 1].request.params?["notifications"]
            #expect(last?["toolsListChanged"]?.bool == true && last?["resourceSubscriptions"] == nil)
        }
    }
}
