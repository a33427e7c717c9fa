import Base
import HTTP
import JSON
import MCP
import Runtime
import Store
import Synchronization

/// A client session's own session with a server of 2024-11-05 over HTTP: everything comes on one event stream, which also
/// names the address that everything is sent to. When the stream breaks, a new session is opened with the next call, or by
/// itself for a client that listens or has subscribed.
final class EventStreamLink: UpstreamLink {
    private struct State {
        var hello = UpstreamHello.unknown
        var endpoint: HTTPURL?
        var book = CallBook()
        var stream: ClientCancel?
        var events: HTTPEvents?
        /// Tells a stream from those before it.
        var generation = 0
        var isUp = false
        var isClosed = false
        var listener: (@Sendable (RPCMessage) -> Void)?
        /// How many listen: the session itself, always, and its client's streams.
        var listening = 0
        /// For what a session beside the first hears outside of its calls.
        var overhears: (@Sendable (RPCMessage) -> Void)?
        /// Those who have chosen it for a request that has no first reply yet.
        var users = 0
        var left: [UnsafeContinuation<Void, Never>] = []
    }

    let route: HTTPRoute
    let client: ClientProfile
    let relays: Relays
    /// Where the stream is read.
    let loop: EventLoop
    /// 0 for the first session with the server, above that for those beside it.
    let number: Int
    let sides = Mutex(Sides())
    /// After which a session beside the first ends that nobody uses.
    let restAfter: TimeSpan
    private let rest = Mutex<SilenceTimer?>(nil)
    let told = Mutex(Told())
    private let opening = SharedWork<Void>()
    private let counter = Atomic<Int64>(0)
    private let posts = Posts()
    private static let firstPause = TimeSpan.seconds(1)
    private static let longestPause = TimeSpan.seconds(30)
    private let state = Mutex(State())

    init(
        _ route: HTTPRoute, client: ClientProfile, relays: Relays, on loop: EventLoop, number: Int = 0,
        restAfter: TimeSpan = .minutes(1)
    ) {
        self.number = number
        self.restAfter = restAfter
        // Requests keep the id that the first session gave them.
        counter.store(Int64(number) << 48, ordering: .relaxed)
        self.route = route
        self.client = client
        self.relays = relays
        self.loop = loop
    }

    static func open(_ route: HTTPRoute, client: ClientProfile, relays: Relays, on loop: EventLoop)
        async throws(UpstreamError) -> EventStreamLink
    {
        let link = EventStreamLink(route, client: client, relays: relays, on: loop)
        do throws(UpstreamError) { try await link.connect() } catch {
            link.close(on: loop)
            throw error
        }
        return link
    }

    var hello: UpstreamHello { state.withLock { $0.hello } }
    var isShared: Bool { false }
    var speaksUnasked: Bool { true }
    var seemsDown: Bool { state.withLock { !$0.isUp } || route.breaker.failuresInARow > 0 }
    var life: Int { state.withLock { 2 * $0.generation + ($0.isUp ? 1 : 0) } }
    func goes(by wanted: @escaping Told.Wanted) { told.withLock { $0.wanted = wanted } }
    func mintID() -> Int64 { counter.add(1, ordering: .relaxed).newValue }

    var isUp: Bool { state.withLock { $0.isUp } }
    var isClosed: Bool { state.withLock { $0.isClosed } }
    /// Whether a call has asked its client something and was not told yet.
    var waits: Bool { state.withLock { $0.book.isWaiting } }
    /// Whether a call is under way in which the server might ask.
    var mayBeAsking: Bool { state.withLock { $0.book.mayBeAsking } }
    /// The server is told what it has asked.
    func answered(_ asked: RequestID) { state.withLock { $0.book.answered(asked) } }

    func prepare() async throws(UpstreamError) {
        if state.withLock({ $0.isUp }) { return }
        try await opening.run { () async throws(UpstreamError) in
            if state.withLock({ $0.isUp }) { return }
            let work = Task(executorPreference: loop) { [self] () -> UpstreamError? in
                do throws(UpstreamError) { try await connect() } catch { return error }
                return nil
            }
            if let error = await work.value { throw error }
        }
    }

    // MARK: The stream

    /// On our loop.
    private func connect() async throws(UpstreamError) {
        let cancel = ClientCancel()
        let generation = state.withLock { state -> Int? in
            guard !state.isClosed else { return nil }
            state.generation += 1
            state.stream = cancel
            return state.generation
        }
        guard let generation else {
            throw UpstreamError(.unreachable, mayHaveRun: false, detail: "the session is over")
        }
        do throws(UpstreamError) { try await connect(generation, cancel) } catch {
            giveUp(generation, cancel)
            throw error
        }
    }

    private func connect(_ generation: Int, _ cancel: ClientCancel) async throws(UpstreamError) {
        var request = route.stream(route.streamFields)
        request.headTimeout = route.limits.start
        // The stream's end is that of all calls; and some servers are silent for as long as they have nothing to say.
        request.idleTimeout = max(.minutes(10), route.limits.longestCall)
        let answer = try await route.open(
            request, on: loop, cancel: cancel, isStanding: true, isOpening: true, counts: number == 0)
        guard case .stream(let body) = answer else { throw route.unusable(answer.head).asUnstarted }
        let events = HTTPEvents(body, maxEvent: route.limits.maxMessage, on: loop)
        let isOver = state.withLock { state in
            guard state.generation == generation, !state.isClosed else { return true }
            state.events = events
            return false
        }
        if isOver { events.cancel() }
        let patience = SilenceTimer(route.limits.start, on: loop) { events.cancel() }
        defer { patience.stop() }
        let first = try await events.nextEvent()
        guard first.event == "endpoint" else {
            throw UpstreamError(.broken, mayHaveRun: false, detail: "the stream did not begin with an `endpoint`")
        }
        let endpoint = try route.resolve(String(decoding: first.data, as: UTF8.self))
        state.withLock { $0.endpoint = endpoint }
        Task(executorPreference: loop) { await self.read(events, generation) }
        let id = mintID()
        let inbox = Inbox()
        state.withLock { $0.book.begin(id, inbox) }
        let hello = Handshake.request(
            id: id, capabilities: client.declared(to: .newestLegacy, relays), client: client.introduction)
        deliver(hello, for: id, on: loop)
        let deadline = SilenceTimer(route.limits.start, on: loop) {
            inbox.fail(UpstreamError(.timeout, mayHaveRun: false, detail: "no answer to initialize in time"))
        }
        defer { deadline.stop() }
        guard let introduced = UpstreamHello(try await inbox.next()) else {
            throw UpstreamError(
                .broken, mayHaveRun: false, detail: "initialize was not answered with a version that we speak")
        }
        // SPEC: 2024-11-05 lifecycle: whatever comes before it is refused, so it arrives before anybody else may speak.
        try? await push(
            RPCWriter.notification(method: "notifications/initialized"), as: introduced.version, on: loop)
        let isUp = state.withLock { state in
            // The stream may have ended right behind the answer.
            guard state.generation == generation, !state.isClosed, state.endpoint != nil else { return false }
            (state.hello, state.isUp) = (introduced, true)
            return true
        }
        guard isUp else {
            throw UpstreamError(.lost, mayHaveRun: false, detail: "the event stream ended as soon as it was open")
        }
        // Whoever waits for the stream need not wait for that.
        Task(executorPreference: loop) { [self] in await tell(on: loop) { told.withLock { $0.current } } }
    }

    /// What an opening that failed has left is closed: a server may keep such a stream for ever.
    private func giveUp(_ generation: Int, _ cancel: ClientCancel) {
        let events = state.withLock { state -> HTTPEvents? in
            guard state.generation == generation else { return nil }
            // Its reader has nothing to say any more.
            state.generation += 1
            state.book.endAll(UpstreamError(.lost, mayHaveRun: false, detail: "the session could not be opened"))
            defer { (state.stream, state.events, state.endpoint) = (nil, nil, nil) }
            return state.events
        }
        cancel.cancel()
        events?.cancel()
    }

    private func isPresent(_ generation: Int) -> Bool { state.withLock { $0.generation == generation } }

    private func read(_ events: HTTPEvents, _ generation: Int) async {
        while let event = try? await events.nextEvent(), isPresent(generation) {
            guard event.event == nil || event.event == "message",
                let message = try? RPCMessage(JSONDocument.parse(event.data, limits: .upstream))
            else { continue }
            take(marked(message))
        }
        events.cancel()
        let wasUp = state.withLock { state in
            guard state.generation == generation else { return false }
            defer { (state.isUp, state.endpoint) = (false, nil) }
            state.book.endAll(UpstreamError(.lost, mayHaveRun: true, detail: "the event stream ended"))
            return state.isUp
        }
        // Of one that was still being opened the opener knows.
        if wasUp { await comeBack() }
    }

    /// Whether the client waits for what the server says: it may never ask it for anything again.
    private var isWaitedFor: Bool {
        state.withLock { $0.listening > 1 } || !told.withLock { $0.current }.subscriptions.isEmpty
    }

    private func comeBack() async {
        var pause = Self.firstPause
        while number == 0, !isUp, !isClosed, isWaitedFor {
            guard (try? await loop.sleep(pause)) != nil, !isClosed else { return }
            do throws(UpstreamError) { try await prepare() } catch {
                pause = min(Self.longestPause, TimeSpan(microseconds: 2 * pause.microseconds))
            }
        }
    }

    private func take(_ message: RPCMessage) {
        let (isTaken, listener) = state.withLock { ($0.book.route(message, guesses: true), $0.listener) }
        if isTaken { return }
        if message.method == "notifications/cancelled" { return }
        if let listener {
            guard case .notification = message.kind else { return listener(message) }
            return hear(message, in: number)
        }
        switch message.kind {
        case .request(let id): post(ServerRequest.answer(message.method, id: id), on: loop)
        case .notification: state.withLock { $0.overhears }?(message)
        case .response: break
        }
    }

    /// Some servers tell a change only to the session whose call has made it: then those who listen to the first hear of it.
    func overhear(_ take: @escaping @Sendable (RPCMessage) -> Void) { state.withLock { $0.overhears = take } }

    /// Brings a notice to whoever listens, unless it came in another session already.
    func hear(_ message: RPCMessage, in number: Int) {
        let now = loop.now
        guard !sides.withLock({ $0.isEcho(message, in: number, now) }) else { return }
        state.withLock { $0.listener }?(message)
    }

    // MARK: Sending

    func send(_ outgoing: Outgoing, on loop: EventLoop, handle: CallHandle) async throws(UpstreamError)
        -> UpstreamReply
    {
        if let side = await side(for: outgoing, on: loop) {
            defer { side.used() }
            return try await side.send(outgoing, on: loop, handle: handle)
        }
        let pass = outgoing.takesPlace ? try await route.gate.enter(handle, on: loop) : nil
        let id = outgoing.id
        let inbox = Inbox()
        let isUp = state.withLock { state in
            guard state.isUp else { return false }
            state.book.begin(
                id, inbox, mayAsk: outgoing.mayAsk, task: outgoing.task, sender: outgoing.sender)
            return true
        }
        guard isUp else {
            throw UpstreamError(.unreachable, mayHaveRun: false, detail: "the server's event stream has just ended")
        }
        if outgoing.isLasting { told.withLock { $0.note(outgoing) } }
        deliver(outgoing.message, for: id, on: loop)
        return try await firstReply(to: outgoing, inbox, route.limits, on: loop, handle, pass: pass) { [self] in
            guard state.withLock({ $0.book.end(id) }) != nil else { return }
            let text: JSONValue = ["requestId": .int(id), "reason": "cancelled by the client"]
            post(RPCWriter.notification(method: "notifications/cancelled", params: text), on: loop)
        }
    }

    /// The answer comes on the stream; what the POST itself is answered with only tells whether it arrived.
    private func deliver(_ message: [UInt8], for id: Int64, on loop: EventLoop) {
        Task(executorPreference: loop) { [self] in
            do throws(UpstreamError) { try await push(message, on: loop) } catch {
                state.withLock { $0.book.end(id) }?.fail(error)
            }
        }
    }

    func post(_ message: [UInt8], on loop: EventLoop) {
        let (link, message) = addressed(message)
        link.tell(message, on: loop)
    }

    private func tell(_ message: [UInt8], on loop: EventLoop) {
        let parsed = try? RPCMessage(JSONDocument.parse(message, limits: .upstream))
        guard let place = posts.begin(parsed) else { return }
        if case .response(let id?, _) = parsed?.kind { state.withLock { $0.book.answered(id) } }
        Task(executorPreference: loop) { [self] in
            try? await push(message, on: loop)
            posts.end(place)
        }
    }

    /// - Parameter version: what the server has answered `initialize` with; known by itself once the link is up.
    private func push(_ message: [UInt8], as version: ProtocolVersion? = nil, on loop: EventLoop)
        async throws(UpstreamError)
    {
        let (endpoint, version) = state.withLock { ($0.endpoint, $0.isUp ? $0.hello.version : version) }
        guard let endpoint else {
            throw UpstreamError(.lost, mayHaveRun: false, detail: "the server's event stream has just ended")
        }
        var fields = route.postFields
        if let version, version.hasVersionHeader { fields.append(.mcpProtocolVersion, version.rawValue) }
        let answer = try await route.open(
            route.post(message, fields, to: endpoint), on: loop, cancel: ClientCancel(),
            counts: number == 0 || version != nil)
        if case .stream(let body) = answer { body.cancel() }
        guard (200..<300).contains(Int(answer.head.status.code)) else { throw route.unusable(answer.head) }
    }

    // MARK: Listening and the end

    func listen(
        _ filter: ListenFilter, on loop: EventLoop, handle: CallHandle, _ take: @escaping @Sendable (RPCMessage) -> Void
    ) async {
        // The first hears everything until the session is over; those that follow would hear it twice.
        handle.begin()
        state.withLock { $0.listening += 1 }
        handle.onCancel { [self] in state.withLock { $0.listening -= 1 } }
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            let isFirst = state.withLock { state in
                guard state.listener == nil, !state.isClosed else { return false }
                state.listener = take
                state.left.append(continuation)
                return true
            }
            if !isFirst { continuation.resume() }
        }
    }

    func close(on loop: EventLoop) {
        let (stream, events, left) = state.withLock { state in
            state.isClosed = true
            state.isUp = false
            state.generation += 1
            state.listener = nil
            state.book.endAll(UpstreamError(.lost, mayHaveRun: true, detail: "the session is over"))
            defer {
                state.left = []
                state.events = nil
            }
            return (state.stream, state.events, state.left)
        }
        for side in sides.withLock({ $0.links }) { side.close(on: loop) }
        for continuation in left { continuation.resume() }
        self.loop.execute { [self] in
            stream?.cancel()
            events?.cancel()
            rest.withLock { $0.take() }?.stop()
        }
    }
}

// MARK: - Rest

extension EventStreamLink {
    /// It is chosen for a request: until that is ``used()``, and for a while after, it does not end.
    func use() { state.withLock { $0.users += 1 } }

    func used() {
        state.withLock { $0.users -= 1 }
        loop.execute { [self] in
            if let timer = rest.withLock({ $0 }) { return timer.restart() }
            let fresh = SilenceTimer(restAfter, on: loop) { [weak self] in self?.restIfUnused() }
            rest.withLock { $0 = fresh }
        }
    }

    /// Ends the session, unless it is in use. The next use opens another.
    private func restIfUnused() {
        let over = state.withLock { state -> (ClientCancel?, HTTPEvents?)? in
            guard state.isUp, state.users == 0, state.book.isEmpty else { return nil }
            (state.isUp, state.endpoint) = (false, nil)
            state.generation += 1
            defer { (state.stream, state.events) = (nil, nil) }
            return (state.stream, state.events)
        }
        guard let (stream, events) = over else { return rest.withLock { $0 }?.restart() ?? () }
        stream?.cancel()
        events?.cancel()
    }
}

extension UpstreamError {
    /// The same where nothing can have run yet.
    fileprivate var asUnstarted: UpstreamError {
        UpstreamError(code == .broken ? .refused : code, mayHaveRun: false, detail: detail, status: status)
    }
}
