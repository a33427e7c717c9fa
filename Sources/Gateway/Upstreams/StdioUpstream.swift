import Base
import JSON
import MCP
import Runtime
import Store
import Synchronization

/// A server that runs as our child and speaks over its pipes. It starts with the first call and is started again, with
/// growing pauses, when it ends. One child serves all client sessions of the server, or each has its own.
///
/// Lives on one loop; other loops reach it through `execute`.
actor StdioUpstream: UpstreamLink {
    enum State {
        case stopped(until: TimeSpan, why: UpstreamError?)
        case starting([UnsafeContinuation<Result<UpstreamHello, UpstreamError>, Never>])
        case running
        case closed
    }

    /// Whose child it is.
    struct Owner: Sendable {
        let isShared: Bool
        /// How the client is introduced, and what it can do: the client's own words, or ours for a shared child.
        let introduction: JSONValue
        let capabilities: @Sendable (ProtocolVersion) -> JSONValue
        /// Takes notifications that belong to no call, on the upstream's loop.
        let heard: @Sendable (RPCMessage) -> Void
        /// Takes a log message of a shared child: with the session that it belongs to, or nil if nobody can say.
        var logged: @Sendable (RPCMessage, String?) -> Void = { _, _ in }
        /// The resources that somebody wants to hear of from a shared child.
        var wanted: Told.Wanted?
        /// Told when a child that is not shared is closed with its session.
        var closed: @Sendable (StdioUpstream) -> Void = { _ in }
    }

    /// Bytes that may wait for a child that does not read.
    private static let maxPendingInput = 16 << 20

    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private nonisolated let counter = Atomic<Int64>(0)
    nonisolated let lives = Atomic<Int>(0)
    nonisolated let latestHello = Mutex<UpstreamHello?>(nil)
    nonisolated let owner: Owner
    nonisolated let limits: UpstreamLimits
    private nonisolated let gate: CallGate
    nonisolated let vitals: UpstreamVitals
    private nonisolated let silence: Silence
    nonisolated let latest = Mutex(ChildVitals())
    private nonisolated let hub: ListenHub
    /// Takes what the child says outside of calls, if it is not shared.
    private nonisolated let listener = Mutex<(@Sendable (RPCMessage) -> Void)?>(nil)

    let name: String
    let options: ProcessOptions
    /// Told of each child's process group.
    let keeper: ProcessKeeper?
    let log: Log
    let memory: EraMemory

    var state = State.stopped(until: .zero, why: nil) { didSet { tellVitals() } }
    var child: ChildProcess? { didSet { tellVitals() } }
    /// Tells events of the present child from late ones of its predecessors.
    var generation = 0
    /// Those that have not ended, by generation.
    var children: [Int: ChildProcess] = [:]
    var lines: LineSplitter
    var lastWords = LastLines()
    var book = CallBook()
    var audience = LogAudience()
    var told = Told()
    var failures = 0
    var started: Instant?
    var hasEnded = (output: false, process: false)
    /// Why we ended the child.
    var endReason: UpstreamError?
    var closers: [UnsafeContinuation<Void, Never>] = []

    init(
        name: String, options: ProcessOptions, keeper: ProcessKeeper?, limits: UpstreamLimits, gate: CallGate,
        memory: EraMemory,
        vitals: UpstreamVitals, silence: Silence, owner: Owner, on loop: EventLoop, log: Log
    ) {
        self.name = name
        self.options = options
        self.keeper = keeper
        self.limits = limits
        self.gate = gate
        self.memory = memory
        self.vitals = vitals
        self.silence = silence
        self.owner = owner
        self.loop = loop
        self.log = log
        told.wanted = owner.wanted
        lines = LineSplitter(limit: limits.maxMessage)
        var always = ListenFilter()
        always.toolsListChanged = true
        hub = ListenHub(
            capabilities: owner.capabilities(.newest), introduction: owner.introduction, always: always,
            all: owner.isShared ? owner.heard : nil)
    }

    nonisolated var hello: UpstreamHello {
        latestHello.withLock { $0 } ?? UpstreamHello.unknown
    }

    nonisolated var isShared: Bool { owner.isShared }
    nonisolated var speaksUnasked: Bool { !owner.isShared }
    nonisolated var seemsDown: Bool { latest.withLock { [.failing, .starting].contains($0.state) } }
    nonisolated var life: Int { lives.load(ordering: .relaxed) }

    nonisolated func prepare() async throws(UpstreamError) { _ = try await ready() }

    nonisolated func goes(by wanted: @escaping Told.Wanted) {
        guard !isShared else { return }
        loop.execute { self.assumeIsolated { $0.told.wanted = wanted } }
    }

    nonisolated func mintID() -> Int64 { counter.add(1, ordering: .relaxed).newValue }

    // MARK: Sending

    nonisolated func send(_ outgoing: Outgoing, on callerLoop: EventLoop, handle: CallHandle)
        async throws(UpstreamError) -> UpstreamReply
    {
        let pass = outgoing.takesPlace ? try await gate.enter(handle, on: callerLoop) : nil
        let id = outgoing.id
        let inbox = Inbox()
        let line = Relay.singleLine(outgoing.message)
        loop.execute { self.assumeIsolated { $0.begin(line, outgoing, inbox) } }
        return try await firstReply(to: outgoing, inbox, limits, on: callerLoop, handle, pass: pass, silence: silence) {
            [loop] in
            loop.execute { self.assumeIsolated { $0.cancel(id) } }
        }
    }

    nonisolated func post(_ message: [UInt8], on loop: EventLoop) {
        let line = Relay.singleLine(message)
        self.loop.execute { self.assumeIsolated { $0.tell(line) } }
    }

    private func tell(_ line: [UInt8]) {
        if let message = try? RPCMessage(JSONDocument.parse(line, limits: .upstream)),
            case .response(let id?, _) = message.kind
        {
            book.answered(id)
        }
        writeLine(line)
    }

    nonisolated func listen(
        _ filter: ListenFilter, on loop: EventLoop, handle: CallHandle, _ take: @escaping @Sendable (RPCMessage) -> Void
    ) async {
        // The first listens for as long as the session lasts; those that follow have wishes of modern servers only.
        if !isShared { listener.withLock { if $0 == nil { $0 = take } } }
        await hub.join(filter, handle, of: self, on: self.loop, take)
    }

    nonisolated func subscribe(_ subscriptions: ListenFilter, on loop: EventLoop) {
        guard !isShared else { return }
        hub.subscribe(subscriptions, of: self, on: self.loop)
    }

    nonisolated func settled() async { if !isShared { await hub.settled() } }

    /// A shared child outlives client sessions.
    nonisolated func close(on loop: EventLoop) {
        guard !isShared else { return }
        owner.closed(self)
        Task(executorPreference: self.loop) { await self.shutDown() }
    }

    private func begin(_ line: [UInt8], _ outgoing: Outgoing, _ inbox: Inbox) {
        switch state {
        case .running:
            guard let child, child.stdin.pendingWriteBytes < Self.maxPendingInput else {
                return inbox.fail(
                    UpstreamError(.overloaded, mayHaveRun: false, detail: "server `\(name)` does not read its input"))
            }
            book.begin(
                outgoing.id, inbox, isListen: outgoing.isListen, mayAsk: outgoing.mayAsk, task: outgoing.task,
                sender: outgoing.sender)
            if let sender = outgoing.sender { audience.uses(sender) }
            if outgoing.isLasting { told.note(outgoing) }
            writeLine(line)
        case .closed:
            inbox.fail(UpstreamError(.unreachable, mayHaveRun: false, detail: "server `\(name)` was removed"))
        case .stopped, .starting:
            // `prepare` had found it running; the call was not sent, and nobody waits for a start after the decision.
            inbox.fail(UpstreamError(.unreachable, mayHaveRun: false, detail: "server `\(name)` has just ended"))
        }
    }

    private func cancel(_ id: Int64) {
        guard book.end(id) != nil else { return }
        let params: JSONValue = ["requestId": .int(id), "reason": "cancelled by the client"]
        writeLine(RPCWriter.notification(method: "notifications/cancelled", params: params))
    }

    func writeLine(_ line: [UInt8]) {
        child?.stdin.write([line, [0x0A]])
    }
}

// MARK: - What the child says

extension StdioUpstream {
    func took(_ generation: Int, _ bytes: UnsafeRawBufferPointer) {
        guard generation == self.generation else { return }
        silence.ended()
        lines.feed(bytes) { piece in
            switch piece {
            case .line(let line): take(line)
            case .tooLong:
                log(.error, "server sent a line over the limit; it is ended", ("server", name))
                let why = UpstreamError(
                    .tooLarge, mayHaveRun: true, detail: "it wrote a line of more than \(limits.maxMessage) bytes")
                endReason = why
                // Whose answer it was is not known, and the rest is not waited for.
                book.endAll(why)
                child?.terminate()
            }
        }
    }

    func overheard(_ generation: Int, _ bytes: UnsafeRawBufferPointer) {
        guard generation == self.generation else { return }
        lastWords.append(bytes)
    }

    private func take(_ line: [UInt8]) {
        // Many servers print banners: a line that is no message is passed over.
        guard let document = try? JSONDocument.parse(line, limits: .upstream), let message = try? RPCMessage(document)
        else {
            log(.debug, "server wrote a line that is no message", ("server", name))
            return
        }
        // What a modern server says is of its requests; a legacy one that many share may mean anybody. Of either era, work that
        // a call has left behind logs when it likes.
        let isLog = message.method == "notifications/message"
        let guesses = !isShared || (isLog ? audience.isOne : hello.version.era == .modern)
        if book.route(message, guesses: guesses) { return }
        if case .notification = message.kind {
            // Nobody knows any more whose question is taken back.
            if message.method == "notifications/cancelled" { return }
            if isLog, isShared { return owner.logged(message, audience.session(among: book.senders)) }
            if isShared { return owner.heard(message) }
            if message.method == Endpoint.toolsChanged { owner.heard(message) }
        }
        if let listener = listener.withLock({ $0 }) { return listener(message) }
        if case .request(let id) = message.kind { writeLine(ServerRequest.answer(message.method, id: id)) }
    }

    /// A shared child is told the least severe level that anybody wants; it says more to nobody for that.
    nonisolated func log(from level: LogLevel, on loop: EventLoop) async {
        self.loop.execute { self.assumeIsolated { $0.log(from: level) } }
    }

    private func log(from level: LogLevel) {
        if isShared, let known = told.level, known <= level { return }
        told.level = level
        // One that is starting is told when it has introduced itself.
        if case .running = state { tell(Told(level: level)) }
    }

    /// Nobody waits for the answers, and they find nobody.
    func tell(_ told: Told) {
        for word in told.again(to: hello) {
            let (method, params) = word.request
            writeLine(RPCWriter.request(id: mintID(), method: method, params: .object(params)))
        }
    }

    /// Nothing is heard any more.
    nonisolated func deafen() {
        hub.close()
        listener.withLock { $0 = nil }
    }

    /// The child has introduced itself: it is asked anew for what is listened for.
    func listenAgain() { hub.update(of: self, on: loop) }
}

/// What we answer when a server asks the client something.
enum ServerRequest {
    /// A shared server can't know whose user it would ask, so all but `ping` is refused.
    static func answer(_ method: String, id: RequestID) -> [UInt8] {
        method == "ping"
            ? RPCWriter.result(id: id, [:])
            : RPCWriter.error(
                id: id, code: .methodNotFound, message: "the gateway does not relay `\(method.prefix(64))`")
    }
}
