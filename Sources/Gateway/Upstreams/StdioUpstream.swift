import Base
import JSON
import MCP
import Runtime
import Store
import Synchronization

/// A server that runs as our child and speaks over its pipes. One child serves all client sessions of the server;
/// it starts with the first call and is started again, with growing pauses, when it ends.
///
/// Lives on one loop; other loops reach it through `execute`.
actor StdioUpstream: UpstreamLink {
    private enum State {
        case stopped(until: TimeSpan, why: UpstreamError?)
        case starting([UnsafeContinuation<Result<UpstreamHello, UpstreamError>, Never>])
        case running
        case closed
    }

    /// Bytes of one message from the child.
    private static let maxLine = JSONLimits.upstream.maxBytes
    /// Bytes that may wait for a child that does not read.
    private static let maxPendingInput = 16 << 20
    private static let longestPause = TimeSpan.seconds(30)

    private nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private nonisolated let counter = Atomic<Int64>(0)
    private nonisolated let latestHello = Mutex<UpstreamHello?>(nil)

    private let name: String
    private let options: ProcessOptions
    private let limits: StdioLimits
    private let log: Log
    private let notified: @Sendable (RPCMessage) -> Void

    private var state = State.stopped(until: .zero, why: nil)
    private var child: ChildProcess?
    /// Tells events of the present child from late ones of its predecessors.
    private var generation = 0
    private var lines = LineSplitter(limit: StdioUpstream.maxLine)
    private var lastWords = LastLines()
    private var pending: [Int64: Inbox] = [:]
    private var failures = 0
    private var hasEnded = (output: false, process: false)
    private var closers: [UnsafeContinuation<Void, Never>] = []

    /// - Parameter notified: takes notifications that belong to no call, on the upstream's loop.
    init(
        name: String, options: ProcessOptions, limits: StdioLimits, on loop: EventLoop, log: Log,
        notified: @escaping @Sendable (RPCMessage) -> Void
    ) {
        self.name = name
        self.options = options
        self.limits = limits
        self.loop = loop
        self.log = log
        self.notified = notified
    }

    nonisolated var hello: UpstreamHello {
        latestHello.withLock { $0 } ?? UpstreamHello.unknown
    }

    nonisolated func prepare() async throws(UpstreamError) { _ = try await ready() }

    nonisolated func mintID() -> Int64 { counter.add(1, ordering: .relaxed).newValue }

    // MARK: Sending

    nonisolated var isShared: Bool { true }

    nonisolated func send(_ outgoing: Outgoing, on callerLoop: EventLoop, handle: CallHandle)
        async throws(UpstreamError) -> UpstreamReply
    {
        let (message, id) = (outgoing.message, outgoing.id)
        let inbox = Inbox()
        let line = Relay.singleLine(message)
        loop.execute { self.assumeIsolated { $0.begin(line, id, inbox) } }
        handle.onCancel { [loop] in loop.execute { self.assumeIsolated { $0.cancel(id, inbox) } } }
        let deadline = SilenceTimer(limits.call, on: callerLoop) { [loop] in
            inbox.fail(UpstreamError(.timeout, mayHaveRun: true, detail: "no answer within the call timeout"))
            loop.execute { self.assumeIsolated { $0.cancel(id, inbox) } }
        }
        do throws(UpstreamError) {
            let first = try await inbox.next()
            if case .response = first.kind {
                deadline.stop()
                handle.finish()
                return .response(first, status: nil)
            }
            return .stream(ResumedStream(first: first, rest: TimedStream(inbox, deadline, handle)))
        } catch {
            deadline.stop()
            handle.finish()
            throw error
        }
    }

    nonisolated func post(_ message: [UInt8], on loop: EventLoop) {
        let line = Relay.singleLine(message)
        self.loop.execute { self.assumeIsolated { $0.writeLine(line) } }
    }

    /// Shared by all sessions: what it sends outside of calls goes through `notified`.
    nonisolated func listen(
        _ filter: ListenFilter, on loop: EventLoop, handle: CallHandle, _ take: @escaping @Sendable (RPCMessage) -> Void
    ) async {}

    /// The child outlives client sessions.
    nonisolated func close(on loop: EventLoop) {}

    private func begin(_ line: [UInt8], _ id: Int64, _ inbox: Inbox) {
        switch state {
        case .running:
            guard let child, child.stdin.pendingWriteBytes < Self.maxPendingInput else {
                return inbox.fail(
                    UpstreamError(.overloaded, mayHaveRun: false, detail: "server `\(name)` does not read its input"))
            }
            pending[id] = inbox
            writeLine(line)
        case .closed:
            inbox.fail(UpstreamError(.unreachable, mayHaveRun: false, detail: "server `\(name)` was removed"))
        case .stopped, .starting:
            // `prepare` had found it running; the call was not sent, and nobody waits for a start after the decision.
            inbox.fail(UpstreamError(.unreachable, mayHaveRun: false, detail: "server `\(name)` has just ended"))
        }
    }

    private func cancel(_ id: Int64, _ inbox: Inbox) {
        guard pending.removeValue(forKey: id) != nil else { return }
        let params: JSONValue = ["requestId": .int(id), "reason": "cancelled by the client"]
        writeLine(RPCWriter.notification(method: "notifications/cancelled", params: params))
        inbox.fail(UpstreamError(.cancelled, mayHaveRun: true, detail: "cancelled"))
    }

    private func writeLine(_ line: [UInt8]) {
        child?.stdin.write([line, [0x0A]])
    }
}

// MARK: Life of the child

extension StdioUpstream {
    /// Starts the child if it does not run.
    /// - Throws: `unreachable` with the last lines of its standard error.
    func ready() async throws(UpstreamError) -> UpstreamHello {
        switch state {
        case .running:
            return hello
        case .closed:
            throw UpstreamError(.unreachable, mayHaveRun: false, detail: "server `\(name)` was removed")
        case .starting:
            let result = await withUnsafeContinuation { continuation in
                if case .starting(let waiters) = state { state = .starting(waiters + [continuation]) }
            }
            return try result.get()
        case .stopped(let until, let why):
            if let why, loop.now < until { throw why }
            state = .starting([])
            let result: Result<UpstreamHello, UpstreamError>
            do throws(UpstreamError) { result = .success(try await launch()) } catch { result = .failure(error) }
            settleStart(result)
            return try result.get()
        }
    }

    private func settleStart(_ result: Result<UpstreamHello, UpstreamError>) {
        var waiters: [UnsafeContinuation<Result<UpstreamHello, UpstreamError>, Never>] = []
        if case .starting(let waiting) = state { waiters = waiting }
        // The server was removed meanwhile: its waiters have had their answer.
        if case .closed = state {
            child?.terminate()
            return
        }
        switch result {
        case .success(let hello):
            latestHello.withLock { $0 = hello }
            failures = 0
            state = .running
            log(.info, "server started", ("server", name), ("version", hello.version.rawValue))
        case .failure(let error):
            stopped(because: error)
            log(.error, "server did not start", ("server", name), ("reason", error.detail))
        }
        for waiter in waiters { waiter.resume(returning: result) }
    }

    private func stopped(because error: UpstreamError) {
        failures += 1
        let pause = min(Self.longestPause, .milliseconds(250 << Int64(min(failures, 8))))
        if case .closed = state { return }
        state = .stopped(until: TimeSpan(microseconds: loop.now.microseconds + pause.microseconds), why: error)
        child?.terminate()
        child = nil
    }

    private func launch() async throws(UpstreamError) -> UpstreamHello {
        generation += 1
        let generation = generation
        lines = LineSplitter(limit: Self.maxLine)
        lastWords = LastLines()
        hasEnded = (false, false)
        do throws(RuntimeError) {
            let child = try ChildProcess.spawn(options, on: loop) { status in
                self.assumeIsolated { $0.processEnded(generation, status) }
            }
            child.stdin.start(delegate: PipeDelegate())
            child.stdout.start(
                delegate: PipeDelegate(
                    read: { bytes in
                        // SAFETY: the call happens on our loop, within the life of the buffer.
                        nonisolated(unsafe) let bytes = bytes
                        self.assumeIsolated { $0.took(generation, bytes) }
                    },
                    ended: { self.assumeIsolated { $0.outputEnded(generation) } }))
            child.stderr?.start(
                delegate: PipeDelegate(
                    read: { bytes in
                        // SAFETY: as above.
                        nonisolated(unsafe) let bytes = bytes
                        self.assumeIsolated { $0.overheard(generation, bytes) }
                    }))
            self.child = child
        } catch {
            throw UpstreamError(.unreachable, mayHaveRun: false, detail: error.message)
        }
        let id = mintID()
        let inbox = Inbox()
        pending[id] = inbox
        writeLine(Handshake.request(id: id, client: ClientProfile.gateway.introduction))
        let deadline = SilenceTimer(limits.start, on: loop) {
            inbox.fail(UpstreamError(.timeout, mayHaveRun: false, detail: "no answer to initialize in time"))
        }
        defer { deadline.stop() }
        let answer: RPCMessage
        do throws(UpstreamError) {
            answer = try await inbox.next()
        } catch {
            pending[id] = nil
            throw UpstreamError(
                .unreachable, mayHaveRun: false, detail: "server `\(name)`: \(error.detail)\(quotedLastWords)")
        }
        guard let hello = UpstreamHello(answer) else {
            throw UpstreamError(
                .unreachable, mayHaveRun: false,
                detail: "server `\(name)` did not answer initialize with a version that we speak\(quotedLastWords)")
        }
        writeLine(RPCWriter.notification(method: "notifications/initialized"))
        return hello
    }

    private var quotedLastWords: String {
        lastWords.lines.isEmpty ? "" : "; its last lines on standard error:\n\(lastWords.text)"
    }

    private func processEnded(_ generation: Int, _ status: ProcessExit) {
        guard generation == self.generation else { return }
        hasEnded.process = true
        child = nil
        let why = UpstreamError(.lost, mayHaveRun: true, detail: "the process ended (\(status))")
        // What it wrote last may still be in the pipe; a grandchild may hold the pipe open for ever.
        if hasEnded.output { return ended(why) }
        _ = loop.schedule(after: .seconds(1)) {
            self.assumeIsolated { if $0.generation == generation { $0.ended(why) } }
        }
    }

    private func outputEnded(_ generation: Int) {
        guard generation == self.generation, !hasEnded.output else { return }
        hasEnded.output = true
        if hasEnded.process {
            ended(UpstreamError(.lost, mayHaveRun: true, detail: "the process ended"))
        } else {
            child?.terminate()
        }
    }

    private func ended(_ why: UpstreamError) {
        for inbox in pending.values { inbox.fail(why) }
        pending.removeAll()
        if case .running = state {
            log(.warning, "server ended", ("server", name), ("reason", why.detail + quotedLastWords))
            stopped(because: UpstreamError(.unreachable, mayHaveRun: false, detail: why.detail + quotedLastWords))
        }
        for closer in closers { closer.resume() }
        closers.removeAll()
    }

    /// Ends the child as the protocol wants it: close its input, then SIGTERM, then SIGKILL.
    func shutDown() async {
        let wasUp = child != nil
        let removed = UpstreamError(.unreachable, mayHaveRun: false, detail: "server `\(name)` was removed")
        if case .starting(let waiters) = state { for waiter in waiters { waiter.resume(returning: .failure(removed)) } }
        state = .closed
        for inbox in pending.values {
            inbox.fail(UpstreamError(.lost, mayHaveRun: true, detail: "the gateway is stopping"))
        }
        pending.removeAll()
        guard wasUp, let child else { return }
        child.stdin.closeAfterFlush()
        let generation = generation
        let patience = loop.schedule(after: limits.goodbye) {
            self.assumeIsolated { if $0.generation == generation { $0.child?.terminate(grace: .seconds(1)) } }
        }
        await withUnsafeContinuation { closers.append($0) }
        patience.cancel()
    }
}

// MARK: What the child says

extension StdioUpstream {
    private func took(_ generation: Int, _ bytes: UnsafeRawBufferPointer) {
        guard generation == self.generation else { return }
        lines.feed(bytes) { piece in
            switch piece {
            case .line(let line): take(line)
            case .tooLong:
                log(.error, "server sent a line over the limit; it is ended", ("server", name))
                child?.terminate()
            }
        }
    }

    private func overheard(_ generation: Int, _ bytes: UnsafeRawBufferPointer) {
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
        switch message.kind {
        case .response(let id, _):
            guard let id = id?.int, let inbox = pending.removeValue(forKey: id) else { return }
            inbox.put(message)
        case .notification where message.method == "notifications/progress":
            guard let token = message.params?["progressToken"]?.int else { return }
            pending[token]?.put(message)
        case .notification:
            notified(message)
        case .request(let id):
            writeLine(ServerRequest.answer(message.method, id: id))
        }
    }
}

/// Time limits of a child.
struct StdioLimits: Sendable {
    var start: TimeSpan
    var call: TimeSpan
    /// Between closing its input and SIGTERM.
    var goodbye = TimeSpan.seconds(2)
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
