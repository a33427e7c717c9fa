import Base
import JSON
import MCP
import Runtime
import Store
import Synchronization

/// From the start of a child to its end.
extension StdioUpstream {
    private static let longestPause = TimeSpan.seconds(30)

    /// Starts the child if it does not run.
    /// - Throws: `unreachable` with the last lines of its standard error.
    func ready() async throws(UpstreamError) -> UpstreamHello {
        switch state {
        case .running:
            return hello
        case .closed:
            throw removed
        case .starting:
            let result = await withUnsafeContinuation { continuation in
                if case .starting(let waiters) = state { state = .starting(waiters + [continuation]) }
            }
            return try result.get()
        case .stopped(let until, let why):
            if let why, loop.now < until { throw why }
            state = .starting([])
            vitals.tries()
            let result: Result<UpstreamHello, UpstreamError>
            do throws(UpstreamError) { result = .success(try await launch()) } catch { result = .failure(error) }
            settleStart(result)
            // It is nobody's server any more, however its start went.
            if case .closed = state { throw removed }
            return try result.get()
        }
    }

    private var removed: UpstreamError {
        UpstreamError(.unreachable, mayHaveRun: false, detail: "server `\(name)` was removed")
    }

    private func settleStart(_ result: Result<UpstreamHello, UpstreamError>) {
        var waiters: [UnsafeContinuation<Result<UpstreamHello, UpstreamError>, Never>] = []
        if case .starting(let waiting) = state { waiters = waiting }
        // The server was removed meanwhile: its waiters have had their answer.
        if case .closed = state {
            child?.terminate()
            if case .failure(let error) = result { vitals.failed(error, counts: false) }
            return
        }
        switch result {
        case .success(let hello):
            latestHello.withLock { $0 = hello }
            started = EventLoop.wallNow
            vitals.reached(hello)
            state = .running
            log(.info, "server started", ("server", name), ("version", hello.version.rawValue))
            listenAgain()
            tell(told.current)
        case .failure(let error):
            vitals.failed(error)
            stopped(because: error)
            log(.error, "server did not start", ("server", name), ("reason", error.detail))
        }
        for waiter in waiters { waiter.resume(returning: result) }
    }

    private func stopped(because error: UpstreamError) {
        // One that ends soon after each start is still failing: its pauses grow.
        if latest.withLock({ $0.isProven(at: EventLoop.wallNow) }) { failures = 0 }
        failures += 1
        let pause = min(Self.longestPause, .milliseconds(250 << Int64(min(failures, 8))))
        if case .closed = state { return }
        state = .stopped(until: TimeSpan(microseconds: loop.now.microseconds + pause.microseconds), why: error)
        child?.terminate()
        child = nil
    }

    /// Shows others how it stands, without a visit to our loop.
    func tellVitals() {
        var vitals = ChildVitals()
        vitals.pid = child?.pid
        vitals.failures = failures
        switch state {
        case .stopped(let until, let why):
            guard why != nil else { break }
            vitals.state = .failing
            vitals.pause = EventLoop.wallNow + TimeSpan(microseconds: until.microseconds - loop.now.microseconds)
        case .starting: vitals.state = .starting
        case .running:
            vitals.state = .ready
            vitals.started = started
        case .closed: break
        }
        latest.withLock { $0 = vitals }
    }

    // MARK: The start

    private func launch() async throws(UpstreamError) -> UpstreamHello {
        try spawn()
        var late: Inbox?
        if memory.verdict != .legacy {
            switch try await discover() {
            case .modern(let hello):
                memory.keep(.modern(hello.version))
                return hello
            case .legacy: break
            case .silent(let inbox): late = inbox
            case .gone:
                // Some servers end when the first message is no `initialize`.
                try spawn()
            }
        }
        let answer: RPCMessage
        do throws(UpstreamError) {
            let id = mintID()
            let request = Handshake.request(
                id: id, capabilities: owner.capabilities(.newestLegacy), client: owner.introduction)
            answer = try await ask(request, id, within: limits.start, "initialize")
        } catch {
            if let hello = introduced(late) { return hello }
            memory.forget()
            throw UpstreamError(
                .unreachable, mayHaveRun: false, detail: "server `\(name)`: \(error.detail)\(quotedLastWords)")
        }
        if let hello = UpstreamHello(answer) {
            memory.keep(.legacy)
            writeLine(RPCWriter.notification(method: "notifications/initialized"))
            return hello
        }
        memory.forget()
        // It was still starting when it was asked first.
        if let hello = introduced(late) { return hello }
        if case .modern = UpstreamProbe.afterInitialize(status: nil, answer: answer),
            case .modern(let hello) = try await discover()
        {
            memory.keep(.modern(hello.version))
            return hello
        }
        throw UpstreamError(
            .unreachable, mayHaveRun: false,
            detail: "server `\(name)` did not answer initialize with a version that we speak\(quotedLastWords)")
    }

    private enum Discovered {
        case modern(UpstreamHello)
        case legacy
        /// No answer yet; it may come late.
        case silent(Inbox)
        case gone
    }

    private func discover() async throws(UpstreamError) -> Discovered {
        let id = mintID()
        let request = Discovery.request(id: id, version: .newest, client: owner.introduction)
        do throws(UpstreamError) {
            let answer = try await ask(request, id, within: limits.probe, "server/discover")
            if case .modern = UpstreamProbe.afterDiscover(status: nil, answer: answer),
                let hello = UpstreamHello(discovered: answer)
            {
                return .modern(hello)
            }
            return .legacy
        } catch {
            guard error.code == .timeout else { return .gone }
            let inbox = Inbox()
            book.begin(id, inbox)
            return .silent(inbox)
        }
    }

    private func introduced(_ late: Inbox?) -> UpstreamHello? {
        guard let answer = late?.taken(), let hello = UpstreamHello(discovered: answer) else { return nil }
        memory.keep(.modern(hello.version))
        return hello
    }

    private func ask(_ request: [UInt8], _ id: Int64, within span: TimeSpan, _ method: String)
        async throws(UpstreamError) -> RPCMessage
    {
        let inbox = Inbox()
        book.begin(id, inbox)
        writeLine(request)
        let deadline = SilenceTimer(span, on: loop) {
            inbox.fail(UpstreamError(.timeout, mayHaveRun: false, detail: "no answer to \(method) in time"))
        }
        defer {
            deadline.stop()
            book.end(id)
        }
        while true {
            let message = try await inbox.next()
            if case .response = message.kind { return message }
            if case .request(let asked) = message.kind { writeLine(ServerRequest.answer(message.method, id: asked)) }
        }
    }

    private func spawn() throws(UpstreamError) {
        // Removed while it was starting: its first process was ended for that.
        guard case .starting = state else { throw removed }
        generation += 1
        let generation = generation
        child?.terminate()
        lines = LineSplitter(limit: limits.maxMessage)
        lastWords = LastLines()
        audience.begin()
        hasEnded = (false, false)
        endReason = nil
        do throws(RuntimeError) {
            let child = try ChildProcess.spawn(options, on: loop) { status in
                self.assumeIsolated { $0.processEnded(generation, status) }
            }
            children[generation] = child
            if keeper?.watch(child.pid) == false {
                log(.warning, "what the server starts may outlive a gateway that is killed", ("server", name))
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
    }

    // MARK: The end

    private var quotedLastWords: String {
        lastWords.lines.isEmpty ? "" : UpstreamError.lastWordsMark + lastWords.text
    }

    private func processEnded(_ generation: Int, _ status: ProcessExit) {
        guard let former = children.removeValue(forKey: generation) else { return }
        // Its group was ended with it, and its number may be another's soon.
        keeper?.forget(former.pid)
        let why = UpstreamError(.lost, mayHaveRun: true, detail: "the process ended (\(status))")
        // What it wrote last may still be in the pipe; a grandchild may hold the pipe open for ever.
        _ = loop.schedule(after: .seconds(1)) { self.assumeIsolated { $0.part(from: former, generation, why) } }
        guard generation == self.generation else { return }
        hasEnded.process = true
        child = nil
        if hasEnded.output { ended(why) }
    }

    /// Waits for nothing more that a child has said, and gives its pipes back: nobody else would.
    private func part(from former: ChildProcess, _ generation: Int, _ why: UpstreamError) {
        if generation == self.generation, !hasEnded.output {
            hasEnded.output = true
            ended(why)
        }
        former.stdin.close()
        former.stdout.close()
        former.stderr?.close()
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
        lives.add(1, ordering: .relaxed)
        book.endAll(why)
        let why = endReason ?? why
        if case .running = state {
            log(.warning, "server ended", ("server", name), ("reason", why.detail + quotedLastWords))
            let error = UpstreamError(.unreachable, mayHaveRun: false, detail: why.detail + quotedLastWords)
            vitals.troubled(error)
            stopped(because: error)
            Task(executorPreference: loop) { await self.comeBack() }
        }
        for closer in closers { closer.resume() }
        closers.removeAll()
    }

    /// A client that has subscribed waits for what its child says, and may never ask it for anything again. What those have
    /// subscribed to that share one may be nobody's wish any more: that one waits for the next request.
    private func comeBack() async {
        while !isShared, !told.current.subscriptions.isEmpty, case .stopped(let until, _) = state {
            let pause = max(0, until.microseconds - loop.now.microseconds)
            guard (try? await loop.sleep(TimeSpan(microseconds: pause))) != nil else { return }
            // Another may have started it meanwhile, or the session may have ended.
            guard case .stopped = state else { return }
            _ = try? await ready()
        }
    }

    /// Ends the child as the protocol wants it: close its input, then SIGTERM, then SIGKILL.
    func shutDown() async {
        let wasUp = child != nil
        if case .starting(let waiters) = state { for waiter in waiters { waiter.resume(returning: .failure(removed)) } }
        state = .closed
        deafen()
        book.endAll(UpstreamError(.lost, mayHaveRun: true, detail: "the gateway is stopping"))
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
