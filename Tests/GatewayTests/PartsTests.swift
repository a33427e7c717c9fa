import Base
import HTTP
import JSON
import MCP
import Runtime
import Store
import Synchronization
import Testing

@testable import Gateway

@Suite struct CallHandleTests {
    @Test func cancelsOnceAndLate() {
        let counter = Counter()
        let handle = CallHandle()
        handle.onCancel { counter.add() }
        handle.cancel()
        handle.cancel()
        #expect(counter.value == 1)
        handle.onCancel { counter.add() }
        #expect(counter.value == 2, "a handle that was cancelled before runs its action at once")
        let finished = CallHandle()
        finished.onCancel { counter.add() }
        finished.finish()
        finished.cancel()
        #expect(counter.value == 2)
    }
}

final class Counter: Sendable {
    private let held = Atomic<Int>(0)
    var value: Int { held.load(ordering: .relaxed) }
    func add() { held.add(1, ordering: .relaxed) }
}

/// What can be seen only with two threads at once, as far as one can see it.
@Suite struct OrderTests {
    /// A stream that is the share of something which asks the session, as a merged session does.
    private final class Share: EventSink {
        private let session: ClientSession
        init(_ session: ClientSession) { self.session = session }

        var isClosed: Bool { session.isEnded || !session.isBusy }
        func send(_ message: [UInt8]) {}
        func end() {}
    }

    @Test func aSessionHoldsNoLockWhileItAsksItsStreams() async throws {
        try await onStage { stage in
            let session = try stage.session(
                FakeLink { _, _ throws(UpstreamError) in throw .init(.lost, mayHaveRun: false, detail: "") })
            session.attach(Share(session), listener: CallHandle())
            #expect(session.isIdle(since: .seconds(1_000_000_000)))
            session.end(on: stage.loop)
        }
    }

    @Test func anOlderConfigurationDoesNotTakeTheNewerOnesPlace() async throws {
        try await onStage { stage in
            let old = stage.holder.callers[0].server
            var new = old
            new.allowPrivate.toggle()
            #expect(stage.upstreams.keep(only: [new.name: new], generation: 6))
            #expect(!stage.upstreams.keep(only: [old.name: old], generation: 5))
            _ = try stage.upstreams.server(new)
            #expect(throws: UpstreamError.self) { try stage.upstreams.server(old) }
            #expect(stage.upstreams.keep(only: [old.name: old], generation: 7))
            _ = try stage.upstreams.server(old)
        }
    }
}

/// Sessions of modern clients have names that come again.
@Suite struct SessionTableTests {
    private final class Sink: EventSink {
        let isClosed = false
        let ended = Counter()
        func send(_ message: [UInt8]) {}
        func end() { ended.add() }
    }

    private static func session(_ stage: Stand, _ sink: Sink? = nil) throws -> (ClientSession, AskingLink) {
        let link = AskingLink([])
        let session = try stage.session(link)
        if let sink { session.attach(sink, listener: CallHandle()) }
        return (session, link)
    }

    @Test func oneEndsAndNoOtherOfItsName() async throws {
        try await onStage { stage in
            let table = stage.endpoint.sessions
            let sink = Sink()
            let (old, oldLink) = try Self.session(stage, sink)
            let (new, newLink) = try Self.session(stage)
            #expect(table.add(old))
            #expect(table.replace(new, on: stage.loop))
            // What is displaced ends, as soon as the loop comes to it.
            try await stage.loop.sleep(.zero)
            #expect(old.isEnded && oldLink.state.withLock { $0.closed } && sink.ended.value == 1)
            stage.endpoint.end(old, on: stage.loop)
            #expect(table.find("standing") === new && !new.isEnded)
            #expect(sink.ended.value == 1, "once")
            stage.endpoint.end(new, on: stage.loop)
            #expect(table.count == 0 && newLink.state.withLock { $0.closed })
        }
    }

    @Test func oneThatIsInNoTableEndsAllTheSame() async throws {
        try await onStage { stage in
            let (session, link) = try Self.session(stage)
            stage.endpoint.end(session, on: stage.loop)
            #expect(session.isEnded && link.state.withLock { $0.closed })
        }
    }

    @Test func whoComesSecondGetsTheFirstUnlessThatHasEnded() async throws {
        try await onStage { stage in
            let table = stage.endpoint.sessions
            let (first, _) = try Self.session(stage)
            let (second, _) = try Self.session(stage)
            #expect(table.adopt(first, on: stage.loop) === first)
            #expect(table.adopt(second, on: stage.loop) === first)
            first.end(on: stage.loop)
            #expect(table.adopt(second, on: stage.loop) === second)
        }
    }

    /// A part of a session that ends just then: who ends it has looked for the part before it was there.
    @Test func whatIsOverIsTakenOutAgain() async throws {
        try await onStage { stage in
            let table = stage.endpoint.sessions
            let (session, _) = try Self.session(stage)
            let isIn = table.replace(session, on: stage.loop) {
                #expect(table.find("standing") === session, "who ends it from now on finds it")
                return true
            }
            #expect(!isIn && table.count == 0)
            #expect(table.replace(session, on: stage.loop) { false })
            #expect(table.count == 1)
            table.remove(session)
            for isIn in [
                table.add(session) { table.find("standing") === session },
                table.adopt(session, on: stage.loop) { table.find("standing") === session } != nil,
            ] { #expect(!isIn && table.count == 0) }
            #expect(table.add(session) { false })
            let (other, _) = try Self.session(stage)
            #expect(table.adopt(other, on: stage.loop) { true } === session, "it was there before")
        }
    }

    /// Not even in many sessions: each set of abilities that a client declares has one of its own.
    @Test func listensNameNoMoreThanThereIsRoomFor() async throws {
        try await onStage { stage in
            let caller = stage.holder.callers[0]
            let budget = FairBudget(capacity: 300)
            let sessions = try (0..<3).map { number in
                ClientSession(
                    id: "\(number)", caller: caller, server: try stage.upstreams.server(caller.server),
                    profile: .gateway,
                    link: AskingLink([]), listened: budget, now: .zero, mayHear: { _, _, _ in true })
            }
            func listen(_ count: Int) -> Listen {
                var filter = ListenFilter()
                filter.resourceSubscriptions = [String(repeating: "u", count: count)]
                return Listen(
                    id: RequestID(1), filter: filter, stream: Sink(),
                    hearer: Hearer(client: sessions[0].client, ip: nil),
                    handle: CallHandle())
            }
            let (first, second) = (listen(100), listen(50))
            #expect(sessions[0].attach(first) && sessions[1].attach(second) && budget.size == 150)
            #expect(!sessions[2].attach(listen(1)), "half of it is for others")
            sessions[0].detach(first)
            sessions[0].detach(first)
            #expect(budget.size == 50, "once")
            #expect(sessions[2].attach(listen(40)) && sessions[2].attach(listen(10)))
            sessions[1].closeStreams()
            #expect(budget.size == 50)
            sessions[2].end(on: stage.loop)
            #expect(budget.size == 0 && !sessions[2].attach(listen(1)) && budget.size == 0)
        }
    }

    /// A server that refuses or is silent is not asked a thousand times, and nobody is asked for a client that has gone.
    @Test func aListenIsBegunNoLongerThanItsServerAndItsClientTakePart() async throws {
        try await onStage { stage in
            for leavesAfter in [nil, 3] {
                let (asked, handle) = (Counter(), CallHandle())
                let link = FakeLink { _, request throws(UpstreamError) in
                    #expect(request.method == "resources/subscribe")
                    asked.add()
                    if asked.value == leavesAfter { handle.cancel() }
                    throw UpstreamError(.timeout, mayHaveRun: true, detail: "silence")
                }
                let session = try stage.session(link)
                var filter = ListenFilter()
                filter.resourceSubscriptions = (0..<100).map { "a:\($0)" }
                let listen = Listen(
                    id: RequestID(1), filter: filter, stream: Sink(), hearer: Hearer(client: session.client, ip: nil),
                    handle: handle)
                handle.begin()
                let refused = await stage.endpoint.begin(listen, session, on: stage.loop)
                #expect(refused.isEmpty && asked.value == leavesAfter ?? Told.maxFailures)
            }
        }
    }

    /// What begins when the session is over already, and what it was that goes on: neither outlives it.
    @Test func whatIsUnderWayEndsWithItWhateverItsEra() async throws {
        try await onStage { stage in
            let (session, _) = try Self.session(stage)
            let (legacy, modern, late, lateModern) = (CallHandle(), CallHandle(), CallHandle(), CallHandle())
            session.began(RequestID(1), legacy)
            session.entered(modern)
            #expect(session.isBusy)
            session.end(on: stage.loop)
            session.began(RequestID(2), late)
            session.entered(lateModern)
            let isOver = [legacy, modern, late, lateModern].map(\.isCancelled)
            #expect(isOver == [true, true, true, true])
            session.finished(RequestID(1), legacy)
            session.finished(RequestID(2), late)
            session.left(modern)
            session.left(lateModern)
            #expect(!session.isBusy)
        }
    }

    @Test func onlyThoseWhoMaySeeSomethingElseAreToldOfAChange() async throws {
        try await onStage { stage in
            let (session, _) = try Self.session(stage)
            let said = Counter()
            var filter = ListenFilter()
            filter.toolsListChanged = true
            let hearer = Hearer(client: session.client, ip: nil)
            let listen = Listen(
                id: RequestID(1), filter: filter, stream: Heard(said), hearer: hearer, handle: CallHandle())
            #expect(session.attach(listen) && stage.endpoint.sessions.add(session))
            let before = said.value
            // The double's policy has the number of each configuration.
            try stage.change { _ in }
            #expect(said.value == before + 1)
            session.end(on: stage.loop)
        }
        func snapshot(policy version: Int = 1, _ grants: [Grant], _ servers: [Server], stamp: Int64 = 1)
            -> GatewaySnapshot
        {
            let policy = PolicyVersion(
                name: "p", server: "s", version: version, bytes: Array(Scene.limited.utf8), created: Scene.start)
            let pins = ServerPins(server: "s", onChange: .hide, tools: [:], instructions: nil, stamp: stamp)
            return GatewaySnapshot(
                Configuration(
                    generation: 1, servers: Dictionary(uniqueKeysWithValues: servers.map { ($0.name, $0) }),
                    policies: ["p": policy], identities: [:],
                    grants: Dictionary(
                        uniqueKeysWithValues: grants.map { grant in
                            (Array(grant.id.utf8).withUnsafeBytes { PlainHasher().tokenHash($0) }, grant)
                        }), adminTokens: [:], pins: ["s": pins]), log: Log { _, _, _ in })
        }
        func grant(_ id: String) -> Grant {
            Grant(
                id: id, server: "s", policy: "p", label: id, identity: nil, created: Scene.start, expires: nil,
                also: [Grant.Part(server: "t", policy: "p")])
        }
        func server(_ name: String) -> Server {
            Server(
                name: name, transport: .stdio(command: ["/bin/true"], inherit: [], variables: [], directory: nil),
                created: Scene.start)
        }
        let (one, s) = (grant("one"), server("s"))
        let old = snapshot([one], [s])
        let others: [(GatewaySnapshot, Bool, Comment)] = [
            (snapshot([one], [s]), false, "nothing"),
            (snapshot([one, grant("two")], [s, server("u")]), false, "a grant of somebody else's, and its server"),
            (snapshot(policy: 2, [one], [s]), true, "another version of the policy"),
            (snapshot([one], [s], stamp: 2), true, "another approval"),
            (snapshot([one], [s, server("t")]), true, "another of the grant's servers is there"),
            (snapshot([], [s]), true, "no grant any more"),
        ]
        for (new, differs, what) in others {
            #expect(new.differs(from: old, grant: "one", server: "s") == differs, what)
        }
    }

    private final class Heard: EventSink {
        let isClosed = false
        private let said: Counter
        init(_ said: Counter) { self.said = said }
        func send(_ message: [UInt8]) { said.add() }
        func end() {}
    }
}

@Suite struct ReservedNameTests {
    @Test func aServerThatHasOneIsToldOf() {
        let lines = Mutex<[String]>([])
        let log = Log { level, text, fields in
            lines.withLock { $0.append("\(level) \(text) \(fields.map { "\($0.0)=\($0.1)" })") }
        }
        func server(_ name: String) -> Server {
            Server(
                name: name, transport: .stdio(command: ["/bin/true"], inherit: [], variables: [], directory: nil),
                allowPrivate: false, created: Scene.start)
        }
        let servers = Dictionary(uniqueKeysWithValues: ["sse", "s", "messages"].map { ($0, server($0)) })
        _ = GatewaySnapshot(
            Configuration(
                generation: 1, servers: servers, policies: [:], identities: [:], grants: [:], adminTokens: [:]),
            log: log)
        let told = lines.withLock { $0 }
        #expect(told.count == 2 && told[0].contains("server=messages") && told[1].contains("server=sse"))
        #expect(told.allSatisfy { $0.contains("error") && $0.contains("another name") })
    }
}

@Suite struct PostsTests {
    @Test func anAnswerIsNotDroppedForNotifications() throws {
        let posts = Posts()
        let notification = try Scene.message(#"{"jsonrpc":"2.0","method":"notifications/x"}"#)
        let answer = try Scene.message(#"{"jsonrpc":"2.0","id":1,"result":{}}"#)
        for _ in 0..<16 { #expect(posts.begin(notification) == .notification) }
        #expect(posts.begin(notification) == nil)
        for _ in 0..<256 { #expect(posts.begin(answer) == .answer) }
        #expect(posts.begin(answer) == nil)
        posts.end(.notification)
        #expect(posts.begin(answer) == nil && posts.begin(notification) == .notification)
    }
}

@Suite struct RequestNamesTests {
    @Test func areShortUniqueAndPlain() {
        let names = RequestNames()
        let drawn = (0..<10_000).map { _ in names.next() }
        #expect(Set(drawn).count == drawn.count)
        #expect(
            drawn.allSatisfy { $0.utf8.count == 15 && $0.allSatisfy { $0.isASCII && ($0.isNumber || $0.isLowercase) } })
        #expect(RequestNames().next() != RequestNames().next())
    }
}

@Suite struct RefusalTests {
    @Test(arguments: [
        (Refusal.unauthenticated, 401), (.wrongServer, 403), (.unknownServer("x"), 404), (.unknownPath, 404),
        (.methodNotAllowed, 405), (.methodOfOldPath(.stream), 405), (.wrongContentType, 415), (.notAcceptable, 406),
        (.foreignOrigin, 403),
        (.foreignHost, 403), (.notJSON("r"), 400), (.notAMessage("r"), 400), (.noSession, 400),
        (.unknownSession, 404), (.wrongVersion("v"), 400), (.tooManySessions, 503), (.configurationUnavailable, 503),
    ])
    func saysWhatAndHowToMend(refusal: Refusal, status: Int) throws {
        let response = refusal.response(requestID: "r1")
        #expect(Int(response.status.code) == status)
        let body = try JSONDocument.parse(response.body).root
        #expect(body["error"]?["message"]?.string == refusal.message)
        #expect(body["error"]?["data"]?["requestId"]?.string == "r1")
        #expect(body["id"] == nil)
        if status == 401 { #expect(response.fields[.wwwAuthenticate]?.string.hasPrefix("Bearer") == true) }
    }

    @Test func upstreamCodesLieOutsideTheReservedRange() throws {
        for code in UpstreamError.Code.allCases {
            let failure = UpstreamError(code, mayHaveRun: true, detail: "secret host")
            let (message, status) = UpstreamAnswer.error(failure, id: RequestID(3), requestID: "r")
            let body = try JSONDocument.parse(message).root
            let number = try #require(body["error"]?["code"]?.int)
            #expect(!(-32_768 ... -32_000).contains(number))
            #expect(body["id"]?.int == 3)
            // What our own words can't say in the client's version is no fault of the connection; its text is ours.
            guard code != .untranslatable else {
                #expect(status == .ok)
                continue
            }
            #expect([502, 503, 504].contains(Int(status.code)))
            #expect(!String(decoding: message, as: UTF8.self).contains("secret host"))
        }
    }
}
