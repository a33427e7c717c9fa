import Base
import Runtime
import Synchronization

/// One connection of a client: the shell around `ServerConnectionMachine`. An actor on its loop, so that a service's
/// code, the stream's callbacks and the timer all run in one place without a hop.
actor ServerConnection: StreamDelegate {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    let hub: ServerLoop
    let stream: ByteStream
    private let peer: SocketAddress
    var machine: ServerConnectionMachine
    /// What came behind the request in work, from `inputStart` on.
    var input: [UInt8] = []
    var inputStart = 0
    var isReadingPaused = false
    private var isAdvancing = false
    var hasEnded = false
    var isLingering = false
    var isGone = false
    var timer: LoopTimer?
    var bodyClock: BodyClock
    /// Whose body is being read, and how much of it counts by now.
    var bodyHolder = ""
    var heldBytes = 0
    var phase = Phase.none
    /// Set once time is up: how much had come by then. What lies in the socket already is read before that counts.
    var overdue: Int?
    /// What the service found in the last head.
    var known: (likeness: RequestHead.Likeness, facts: (any HeadFacts)?)?
    /// Counts requests, so that a late writer cannot answer for another's.
    var serial = 0
    var hasAnswered = false
    var outgoing: Outgoing?
    /// Told when the client goes away before the answer has begun; moves into `outgoing` with the head.
    var unanswered: [@Sendable () -> Void] = []
    /// The connection's task, while it waits for a request.
    private var worker: UnsafeContinuation<HTTPRequest?, Never>?

    enum Phase { case none, idle, head, body, blocked, lingering }

    init(_ hub: ServerLoop, _ stream: ByteStream) {
        self.hub = hub
        self.stream = stream
        loop = hub.loop
        peer = stream.remote ?? .unix("")
        machine = ServerConnectionMachine(limits: hub.options.limits)
        bodyClock = BodyClock(
            perStep: hub.options.bodyTimeout.microseconds, total: hub.options.wholeBodyTimeout.microseconds)
    }

    /// Begins to read.
    func open(isOverLimit: Bool) {
        // A stream's loop ends before its timers: weak, so that a timer holds nobody.
        timer = loop.schedule(after: hub.options.idleTimeout, repeatable: true) { [weak self] in
            self?.assumeIsolated { $0.clockRanOut() }
        }
        phase = .idle
        stream.start(delegate: self)
        if isOverLimit {
            answerAndClose(.tooManyConnections)
        } else if hub.isDraining {
            drain()
        }
    }

    // MARK: The stream's calls

    nonisolated func didRead(_ bytes: UnsafeRawBufferPointer) { enter(bytes) { $0.take($1) } }

    /// `assumeIsolated` for what happens with every request: asks the loop itself whether this is its thread.
    // COST: the standard library's asks the task system and allocates for the closure: a percent of a request's time.
    // What the body needs is handed to it, since a closure that captures nothing is no allocation.
    @inline(__always)
    nonisolated func enter<Argument>(
        _ argument: Argument, _ body: @escaping (isolated ServerConnection, Argument) -> Void
    ) {
        loop.assertOnLoop()
        // SAFETY: this is the thread of the actor's executor, and the two types differ in isolation alone: what
        // `assumeIsolated` does once it has checked the same.
        unsafeBitCast(body, to: ((ServerConnection, Argument) -> Void).self)(self, argument)
    }

    nonisolated func didEnd() { assumeIsolated { $0.ended() } }

    nonisolated func didClose(_ error: RuntimeError?) { assumeIsolated { $0.closed() } }

    nonisolated func didDrain() { assumeIsolated { $0.drained() } }

    private func take(_ bytes: UnsafeRawBufferPointer) {
        guard !isLingering else { return }
        if machine.isServing || !input.isEmpty {
            input.append(contentsOf: bytes)
            if machine.isServing {
                if input.count - inputStart > hub.options.maxPipelined, !isReadingPaused {
                    isReadingPaused = true
                    stream.pauseReading()
                }
            } else {
                advanceInput()
            }
            return
        }
        var offset = 0
        advance(bytes, &offset)
        if offset < bytes.count, !isLingering, !isGone { input.append(contentsOf: bytes[offset...]) }
        rewind()
    }

    private func ended() {
        hasEnded = true
        tellUnanswered()
        if outgoing != nil {
            // Whoever reads a stream keeps its side open; a stream's client that ends its side has gone.
            abort()
        } else if !machine.isServing {
            stream.closeAfterFlush()
        }
    }

    private func closed() {
        guard !isGone else { return }
        isGone = true
        timer?.cancel()
        timer = nil
        input = []
        _ = hold(0)
        tellGone()
        worker?.resume(returning: nil)
        worker = nil
        hub.remove(self)
    }

    private func tellUnanswered() {
        let waiting = unanswered
        unanswered = []
        for body in waiting { body() }
    }

    private func tellGone() {
        tellUnanswered()
        guard let gone = outgoing else { return }
        outgoing = nil
        for waiter in gone.waiters { waiter.resume(returning: false) }
        for body in gone.onClose { body() }
    }

    private func drained() {
        guard outgoing != nil else { return }
        if phase == .blocked { phase = .none }
        let waiters = outgoing?.waiters ?? []
        outgoing?.waiters = []
        for waiter in waiters { waiter.resume(returning: true) }
    }

    // MARK: Requests

    // COST: a pipelining client's next request costs no copy of those behind it; what is used up goes in large steps.
    private func advanceInput() {
        var bytes = input
        input = []
        var offset = inputStart
        inputStart = 0
        bytes.withUnsafeBytes { advance($0, &offset) }
        if offset < bytes.count, !isLingering, !isGone {
            if offset > hub.options.maxPipelined {
                bytes.removeFirst(offset)
                offset = 0
            }
            input = bytes
            inputStart = offset
        }
        rewind()
    }

    private func advance(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int) {
        isAdvancing = true
        defer { isAdvancing = false }
        while !isLingering, !isGone {
            switch machine.next(bytes, &offset) {
            case .needMore:
                if hasEnded { stream.closeAfterFlush() }
                return
            case .wait: return
            case .close: return finish()
            case .answerAndClose(let problem): return answerAndClose(problem)
            case .sendContinue:
                hub.output.removeAll(keepingCapacity: true)
                HeadWriter.append("HTTP/1.1 100 Continue\r\n\r\n", to: &hub.output)
                flush()
            case .admit(let head): admit(head)
            case .serve(let head, let body):
                serve(HTTPRequest(head: head, body: body, peer: peer, facts: facts(of: head)))
            }
        }
    }

    private func admit(_ head: RequestHead) {
        switch hub.service.admit(head, from: peer) {
        case .accept(let maxBody, let holder):
            bodyHolder = holder
            machine.accept(maxBody: maxBody)
        case .refuse(let response):
            let closes = machine.refuse()
            write(response, close: closes, hasBody: head.method != .head)
            if closes { finish() }
        }
    }

    private func facts(of head: RequestHead) -> (any HeadFacts)? {
        if let known, known.likeness === head.likeness { return known.facts }
        let facts = hub.service.facts(of: head)
        known = (head.likeness, facts)
        return facts
    }

    private func serve(_ request: HTTPRequest) {
        serial += 1
        hasAnswered = false
        phase = .none
        if let worker {
            self.worker = nil
            worker.resume(returning: request)
        } else {
            // COST: one task for all requests of a connection saves making one for each. It prefers the loop, since
            // else each continuation in a service's code would resume on the global pool first, and then come here.
            Task(executorPreference: loop) { await self.work(request) }
        }
    }

    /// Serves request after request until the connection is gone.
    private func work(_ first: consuming HTTPRequest) async {
        await hub.service.respond(to: first, on: loop, ResponseWriter(self, serial))
        // A request is not held while the next one is waited for: an idle connection is small.
        while let request = await nextRequest() {
            await hub.service.respond(to: request, on: loop, ResponseWriter(self, serial))
        }
    }

    /// Nil: the connection is gone, or another task waits already. That happens when a service went on after its answer
    /// and the next request had to get a task of its own.
    private func nextRequest() async -> HTTPRequest? {
        // COST: a task keeps the memory that its calls have needed. What stands open as a stream may do so for days.
        if isGone || worker != nil || outgoing != nil { return nil }
        return await withUnsafeContinuation { worker = $0 }
    }

    // MARK: Answers

    /// Whether the request with this number can still be answered.
    func isOpen(_ number: Int) -> Bool { number == serial && !isGone && !hasEnded && !stream.isClosed }

    /// Sends a whole response.
    func send(_ number: Int, _ response: Response) {
        guard number == serial, !hasAnswered, machine.isServing else { return }
        hasAnswered = true
        unanswered = []
        guard !isGone, !stream.isClosed else { return machine.responseEnded() }
        let closes = machine.responseStarted()
        write(response, close: closes, hasBody: !machine.isHeadRequest)
        responseEnded()
    }

    /// The service let go of its writer without an answer.
    func noAnswer(_ number: Int) {
        guard number == serial, !hasAnswered else { return }
        send(number, refusal(.noAnswer))
    }

    private func write(_ response: Response, close: Bool, hasBody: Bool) {
        hub.output.removeAll(keepingCapacity: true)
        let body: HeadWriter.Body = response.status.hasNoBody ? .none : .length(response.body.count)
        HeadWriter.response(
            hub.opening(of: response.status), response.fields, body: body, close: close, to: &hub.output)
        guard hasBody, !response.status.hasNoBody, !response.body.isEmpty else { return flush() }
        if response.body.count <= 16 * 1024 {
            hub.output.append(contentsOf: response.body)
            flush()
        } else {
            stream.write([hub.output, response.body])
        }
    }

    func flush() {
        _ = hub.output.withUnsafeBytes { stream.write($0) }
    }

    /// The request in work is done: on to the next one.
    func responseEnded() {
        machine.responseEnded()
        if !isAdvancing { advanceInput() }
    }

    private func refusal(_ problem: HTTPProblem) -> Response {
        let id = hub.service.makeRequestID()
        hub.service.didRefuse(problem, from: peer, requestID: id)
        var response = HTTP.problem(problem.status, detail: problem.detail.description, requestID: id)
        if problem.status == .serviceUnavailable { response.fields.append(.retryAfter, "1") }
        return response
    }

    func answerAndClose(_ problem: HTTPProblem) {
        write(refusal(problem), close: true, hasBody: !machine.isHeadRequest)
        finish()
    }

    /// Ends our side and waits a little for the client's: closing at once would let the kernel answer what the client
    /// still sends with a reset, which can destroy the answer on its way.
    private func finish() {
        guard !isLingering, !isGone else { return }
        isLingering = true
        input = []
        _ = hold(0)
        if hasEnded {
            stream.closeAfterFlush()
            return
        }
        stream.shutdownWrite()
        if isReadingPaused {
            isReadingPaused = false
            stream.resumeReading()
        }
        phase = .lingering
        timer?.rearm(after: hub.options.lingerTimeout)
    }

    // MARK: Draining

    /// Finishes what is in work, then closes.
    func drain() {
        for body in outgoing?.onDrain ?? [] { body() }
        // Idle: no answer is on its way that closing could destroy.
        if machine.drain(), !isLingering { stream.closeAfterFlush() }
    }

    /// Closes now.
    func abort() { stream.close() }
}
