import Base
import HTTP
import JSON
import MCP
import Runtime
import Store
import Synchronization

/// The gateway as a server on a pair of pipes: one grant, one server, no HTTP and no tokens. Both eras, on the same pipe:
/// `initialize` opens the one legacy session that a process has, modern requests speak for themselves.
package actor StdioFront {
    /// For calls to end once they were cancelled, and for a slow client to read its last answers.
    private static let goodbye = TimeSpan.seconds(2)

    private let loop: EventLoop
    private let core: GatewayCore
    private let options: GatewayOptions
    private let grant: String
    private let server: String
    private let input: ByteStream
    private let output: PipeOutput
    private let names = RequestNames()
    private var lines: LineSplitter
    private var session: ClientSession?
    private var isOpening = false
    private var replies: [RequestID: [PipeReply]] = [:]
    private var running = 0
    /// Listens that go on after their request was seen to.
    private var standing: [(id: RequestID, reply: PipeReply)] = []
    private var isPaused = false
    private var isEnding = false
    private var isOver = false
    private var waiter: UnsafeContinuation<Void, Never>?

    /// The loop.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - grant: the id of the stored grant that speaks for the client.
    ///   - server: the stored server that it calls.
    ///   - input: what the client says; not started yet.
    ///   - output: what it reads.
    package static func start(
        _ options: GatewayOptions, on group: EventLoopGroup, store: any ConfigurationSource, hasher: any KeyedHasher,
        sealer: any StateSealer, ledger: any Ledger, grant: String, server: String, input: ByteStream,
        output: ByteStream, log: Log = .standardError
    ) async throws(GatewayError) -> StdioFront {
        let core: GatewayCore
        do throws(StoreError) {
            core = try GatewayCore(
                options, on: group, store: store, hasher: hasher, sealer: sealer, ledger: ledger, log: log)
        } catch {
            throw GatewayError(code: .store, message: error.message, help: error.help)
        }
        let front = StdioFront(core, options, grant: grant, server: server, input: input, output: output)
        await front.keepHouse()
        await front.begin()
        return front
    }

    init(
        _ core: GatewayCore, _ options: GatewayOptions, grant: String, server: String, input: ByteStream,
        output: ByteStream
    ) {
        loop = input.loop
        self.core = core
        self.options = options
        self.grant = grant
        self.server = server
        self.input = input
        self.output = PipeOutput(output, on: input.loop)
        lines = LineSplitter(limit: options.maxBody)
    }

    private func keepHouse() { core.keepHouse(on: loop) }

    func begin() {
        output.start(
            drained: { self.assumeIsolated { $0.goOn() } },
            closed: { self.assumeIsolated { $0.leave(.zero) } })
        input.start(
            delegate: PipeDelegate(
                read: { bytes in
                    // SAFETY: the call happens on our loop, within the life of the buffer.
                    nonisolated(unsafe) let bytes = bytes
                    self.assumeIsolated { $0.read(bytes) }
                },
                ended: { self.assumeIsolated { $0.inputEnded() } }))
    }

    // MARK: The end

    /// Returns when the client has gone and everything of its is over: answers written, the server's process ended.
    package func finished() async {
        if !isOver { await withUnsafeContinuation { waiter = $0 } }
        for session in core.sessions.removeAll(where: { _ in true }) { session.end(on: loop) }
        await core.upstreams.shutDown()
        let output = output
        let timer = loop.schedule(after: Self.goodbye) { output.close() }
        await output.flushed()
        timer.cancel()
        input.close()
        output.close()
    }

    /// Ends it now: calls in flight are cancelled.
    package func stop() { leave(.zero) }

    private func inputEnded() {
        guard !isEnding else { return }
        lines.end { take($0) }
        leave(options.drainLimit)
    }

    /// - Parameter patience: for calls in flight.
    private func leave(_ patience: TimeSpan) {
        isEnding = true
        if running == 0 { return finish() }
        if patience > .zero {
            _ = loop.schedule(after: patience) { self.assumeIsolated { $0.leave(.zero) } }
        } else {
            for reply in replies.values.joined() { reply.cancel() }
            for listen in standing { listen.reply.cancel() }
            if let session { core.endpoint.end(session, on: loop) }
            _ = loop.schedule(after: Self.goodbye) { self.assumeIsolated { $0.finish() } }
        }
    }

    private func finish() {
        isOver = true
        waiter?.resume()
        waiter = nil
    }

    // MARK: Reading

    private func read(_ bytes: UnsafeRawBufferPointer) {
        guard !isEnding else { return }
        lines.feed(bytes) { take($0) }
        // A client that does not read its answers is not read either. Nor is there anything else that it has to wait for: what
        // lets its calls end, answers to questions and cancellations, comes the same way.
        if !output.hasRoom {
            isPaused = true
            input.pauseReading()
        }
    }

    private func goOn() {
        guard isPaused, output.hasRoom else { return }
        isPaused = false
        input.resumeReading()
    }

    private func take(_ piece: LineSplitter.Piece) {
        core.metrics.requests.add(1, ordering: .relaxed)
        guard case .line(let line) = piece else {
            return refuse(.notAMessage("it has more than \(options.maxBody) bytes"), nil)
        }
        // A batch can't be told apart by its first byte alone, but only an array begins so.
        if line.first(where: { $0 != 0x20 && $0 != 0x09 }) == UInt8(ascii: "[") {
            see(to: nil, line) { [endpoint = core.endpoint] arrival, reply in await endpoint.post(arrival, reply) }
            return
        }
        do throws(Refusal) { take(try Endpoint.read(line, limit: options.maxBody), line) } catch { refuse(error, nil) }
    }

    private func take(_ message: RPCMessage, _ line: [UInt8]) {
        let endpoint = core.endpoint
        var id: RequestID?
        if case .request(let known) = message.kind { id = known }
        // Of either era: a notification need not say which.
        if message.method == "notifications/cancelled", let id = message.params?["requestId"].flatMap(RequestID.init) {
            for reply in replies[id] ?? [] where reply.isModern { reply.cancel() }
            for listen in standing where listen.id == id { listen.reply.cancel() }
        }
        switch EraEvidence(message, versionHeader: nil, hasSession: session != nil) {
        case .modern:
            see(to: id, line, message, isModern: true) { await endpoint.modern(message, $0, $1) }
        case .opensLegacy:
            guard let id else { return refuse(.notAMessage("`initialize` is a request"), nil) }
            guard session == nil, !isOpening else {
                return refuse(.notAMessage("`initialize` was there before"), id)
            }
            isOpening = see(to: id, line, message) { arrival, reply in
                do throws(Refusal) { try await endpoint.initialize(message, id, arrival, reply) } catch {
                    reply.refuse(error)
                }
            }
        case .legacy, .unclear:
            guard let session else {
                if message.method == "ping", let id { return output.put(RPCWriter.result(id: id, [:])) }
                // Whatever else comes before the session is not for us to answer, requests excepted.
                if let id { refuse(.noSession, id) }
                return
            }
            guard !session.isEnded else {
                if let id { refuse(.unknownSession, id) }
                return
            }
            session.touch(loop.now)
            see(to: id, line, message) { arrival, reply in
                // With its server's definition the session ends, but on another turn of the loop.
                guard session.caller === arrival.caller || session.server.definition == arrival.caller.server else {
                    if reply.id != nil { reply.refuse(.unknownSession) }
                    return
                }
                await endpoint.take(message, session, arrival, reply)
            }
        }
    }

    private func refuse(_ refusal: Refusal, _ id: RequestID?) {
        core.metrics.refusedRequests.add(1, ordering: .relaxed)
        output.put(refusal.line(id: id))
    }

    // MARK: One message

    /// False if it was refused.
    /// - Parameter message: nil for a batch, for which the endpoint finds room itself.
    @discardableResult
    private func see(
        to id: RequestID?, _ line: [UInt8], _ message: RPCMessage? = nil, isModern: Bool = false,
        _ work: @escaping @Sendable (Arrival, PipeReply) async -> Void
    ) -> Bool {
        let reply = PipeReply(output, id: id, isModern: isModern)
        let arrival: Arrival
        let room: FairBudget.Place?
        do throws(Refusal) {
            arrival = try self.arrival(line, isModern: isModern)
            room = try message.flatMap { message throws(Refusal) in
                try core.endpoint.room(for: message, message.document, arrival)
            }
        } catch {
            refuse(error, id)
            return false
        }
        if let id { replies[id, default: []].append(reply) }
        running += 1
        Task(executorPreference: loop) {
            await work(arrival, reply)
            room?.leave()
            if let opened = reply.opened { await self.opened(opened.session, arrival, opened.message) }
            await self.done(id, reply, arrival)
        }
        return true
    }

    /// Legacy messages carry their session as they would in a header.
    private func arrival(_ line: [UInt8], isModern: Bool) throws(Refusal) -> Arrival {
        let snapshot: GatewaySnapshot
        do throws(StoreError) { snapshot = try core.snapshots.snapshot() } catch { throw .configurationUnavailable }
        guard let caller = snapshot.caller(grant: grant, server: server, at: EventLoop.wallNow) else {
            throw .unauthenticated
        }
        var fields = Fields()
        if !isModern, let session { fields.append(.mcpSessionID, session.id) }
        return Arrival(
            requestID: names.next(), holder: Holder(grant: caller.grant, callers: [caller]), caller: caller, body: line,
            fields: fields, facts: RequestFacts(fields), peerIP: nil, loop: loop, started: loop.now)
    }

    private func done(_ id: RequestID?, _ reply: PipeReply, _ arrival: Arrival) {
        running -= 1
        if let id {
            replies[id]?.removeAll { $0 === reply }
            if replies[id]?.isEmpty == true { replies[id] = nil }
            standing.removeAll { !$0.reply.isStanding }
            if reply.isStanding { standing.append((id, reply)) }
        }
        if isOpening, let id, !arrival.facts.hasSession, !reply.isModern, id == reply.id {
            isOpening = false
        }
        if isEnding, running == 0 { finish() }
    }

    /// The pipe is the session's stream as well.
    private func opened(_ name: String, _ arrival: Arrival, _ answer: [UInt8]) async {
        if let session = core.sessions.find(name) {
            let sink = PipeSink(output, listen: nil)
            let listener = CallHandle()
            sink.onClose { listener.cancel() }
            core.endpoint.listen(.everything(of: session), session, listener, arrival)
            await core.endpoint.settle(on: loop) { await listener.begun() }
            session.attach(sink, listener: listener)
            self.session = session
        }
        output.put(answer)
    }
}
