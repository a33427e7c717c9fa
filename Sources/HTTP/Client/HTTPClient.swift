import Base
import Runtime

/// A client with a pool of connections to each origin. It belongs to one loop and is used there.
// SAFETY: touched on the loop's thread only, which `open` checks.
package final class HTTPClient: @unchecked Sendable {
    /// Its loop.
    package let loop: EventLoop
    let options: HTTPClientOptions
    /// Where requests are put together for one write.
    var output: [UInt8] = []
    private var pools: [Origin: Pool] = [:]
    /// The pool that was asked for last.
    private var recent: Pool?
    private var connections: [ObjectIdentifier: ClientConnection] = [:]
    private var waiters: [Int: UnsafeContinuation<Turn, Never>] = [:]
    private var lastWaiter = 0
    private var sweeper: LoopTimer?
    private var isClosed = false

    /// The connections to one origin.
    // COST: an object, so that its changes in place cost one look-up, and the same origin's next request none.
    private final class Pool {
        let origin: Origin
        var machine: PoolMachine<ClientConnection>

        init(_ origin: Origin, _ machine: PoolMachine<ClientConnection>) {
            self.origin = origin
            self.machine = machine
        }
    }

    private func pool(_ origin: Origin) -> Pool? {
        if let recent, recent.origin == origin { return recent }
        guard let pool = pools[origin] else { return nil }
        recent = pool
        return pool
    }

    private func poolOrNew(_ origin: Origin) -> Pool {
        if let pool = pool(origin) { return pool }
        let pool = Pool(
            origin,
            PoolMachine(maxConnections: options.maxPerOrigin, maxIdle: options.maxIdle, maxWaiting: options.maxWaiting))
        pools[origin] = pool
        recent = pool
        return pool
    }

    /// What a waiter is told.
    private enum Turn {
        case use(ClientConnection)
        case connect
        case failed(HTTPClientError)
    }

    /// A client without connections. May be made anywhere.
    package init(on loop: EventLoop, options: HTTPClientOptions = HTTPClientOptions()) {
        self.loop = loop
        self.options = options
    }

    /// Sends a request and collects its response, whatever its type.
    /// - Throws: an error that says whether the server may have acted.
    package func send(
        _ request: ClientRequest, cancel: ClientCancel? = nil
    ) async throws(HTTPClientError) -> ClientResponse {
        guard case .complete(let response) = try await exchange(request, .always, cancel) else {
            throw HTTPClientError(.malformedResponse, .fateUnknown, "BUG: a stream instead of a response")
        }
        return response
    }

    /// Sends a request. An event stream is handed out as soon as its head is there; any other response is collected.
    /// - Throws: an error that says whether the server may have acted.
    package func open(
        _ request: ClientRequest, cancel: ClientCancel? = nil
    ) async throws(HTTPClientError) -> ClientAnswer {
        try await exchange(request, .unlessEventStream, cancel)
    }

    /// Sends a request and hands out its response as soon as the head is there, whatever its type.
    /// - Throws: an error that says whether the server may have acted.
    package func stream(
        _ request: ClientRequest, cancel: ClientCancel? = nil
    ) async throws(HTTPClientError) -> ClientStream {
        guard case .stream(let stream) = try await exchange(request, .never, cancel) else {
            throw HTTPClientError(.malformedResponse, .fateUnknown, "BUG: a response instead of a stream")
        }
        return stream
    }

    /// Closes every connection; exchanges under way fail. Later ones fail at once.
    package func close() {
        loop.assertOnLoop()
        isClosed = true
        sweeper?.cancel()
        sweeper = nil
        for connection in connections.values { connection.abort(.shutDown, "the client was closed") }
        for connection in connections.values { connection.close() }
        for waiter in waiters.values { waiter.resume(returning: .failed(shutDown)) }
        waiters = [:]
        pools = [:]
        recent = nil
    }

    /// Open connections, idle ones included.
    package var connectionCount: Int { connections.count }

    /// Handshakes of TLS that succeeded, and how many of them took up an earlier session.
    package private(set) var handshakes = (all: 0, resumed: 0)

    private var shutDown: HTTPClientError { HTTPClientError(.shutDown, .notSent, "the client was closed") }

    // MARK: Exchanges

    private func exchange(
        _ request: ClientRequest, _ collecting: ClientConnectionMachine.Collecting, _ cancel: ClientCancel?
    ) async throws(HTTPClientError) -> ClientAnswer {
        loop.assertOnLoop()
        precondition(request.method != .other && request.method != .connect, "BUG: a method that cannot be sent")
        var isRetry = false
        while true {
            // COST: nearly always there is an idle one, and nothing to wait for.
            let idle = isRetry ? nil : idleConnection(request.url.origin, cancel)
            let connection = if let idle { idle } else { try await lease(request.url.origin, fresh: isRetry, cancel) }
            switch await connection.exchange(request, collecting: collecting, cancel: cancel) {
            case .complete(let response): return .complete(response)
            case .stream(let stream): return .stream(stream)
            case .failed(let failure):
                guard failure.mayRetry, !isRetry else {
                    throw HTTPClientError(failure.code, failure.fate, failure.detail)
                }
                isRetry = true
            }
        }
    }

    /// An idle connection, if there is one; nil leaves everything as it was.
    private func idleConnection(_ origin: Origin, _ cancel: ClientCancel?) -> ClientConnection? {
        guard !isClosed, cancel?.isCancelled != true, let pool = pool(origin) else { return nil }
        return pool.machine.acquireIdle(now: loop.now.microseconds) { $0.isUsable }
    }

    private func lease(
        _ origin: Origin, fresh: Bool, _ cancel: ClientCancel?
    ) async throws(HTTPClientError) -> ClientConnection {
        var mustBeFresh = fresh
        while true {
            if isClosed { throw shutDown }
            if cancel?.isCancelled == true { throw cancelled }
            lastWaiter &+= 1
            let pool = poolOrNew(origin)
            let grant = pool.machine.acquire(lastWaiter, now: loop.now.microseconds, fresh: mustBeFresh)
            closeDead(pool)
            var turn: Turn
            switch grant {
            case .use(let connection): turn = .use(connection)
            case .connect: turn = .connect
            case .wait: turn = await wait(lastWaiter, origin, cancel)
            case .full:
                throw HTTPClientError(
                    .poolFull, .notSent, "\(options.maxWaiting) requests wait for \(origin.hostField) already")
            }
            // Between being handed over and this task's turn the server may have closed it.
            if case .use(let connection) = turn, !connection.isUsable {
                connection.close()
                mustBeFresh = true
                continue
            }
            if cancel?.isCancelled == true {
                giveUp(turn, origin)
                throw cancelled
            }
            switch turn {
            case .use(let connection): return connection
            case .failed(let error): throw error
            case .connect: return try await connect(origin, cancel)
            }
        }
    }

    private var cancelled: HTTPClientError { HTTPClientError(.cancelled, .notSent, "the exchange was cancelled") }

    private func giveUp(_ turn: Turn, _ origin: Origin) {
        switch turn {
        case .use(let connection): release(connection)
        case .connect: slotLost(origin)
        case .failed: break
        }
    }

    private func wait(_ number: Int, _ origin: Origin, _ cancel: ClientCancel?) async -> Turn {
        let timer = loop.schedule(after: options.poolTimeout) {
            self.giveUpWaiting(
                number, origin,
                HTTPClientError(.poolTimeout, .notSent, "every connection to \(origin.hostField) is busy"))
        }
        if let cancel { cancel.action = { self.giveUpWaiting(number, origin, self.cancelled) } }
        let turn = await withUnsafeContinuation { waiters[number] = $0 }
        timer.cancel()
        cancel?.action = nil
        return turn
    }

    private func giveUpWaiting(_ number: Int, _ origin: Origin, _ error: HTTPClientError) {
        guard pool(origin)?.machine.abandon(number) == true else { return }
        waiters.removeValue(forKey: number)?.resume(returning: .failed(error))
    }

    private func connect(_ origin: Origin, _ cancel: ClientCancel?) async throws(HTTPClientError) -> ClientConnection {
        let check = options.addressCheck
        let stream: ByteStream
        do throws(RuntimeError) {
            stream = try await loop.connect(
                host: origin.host, port: origin.port, timeout: options.connectTimeout,
                allow: { check($0, origin) })
            if let trust = origin.trust {
                cancel?.action = { stream.close() }
                defer { cancel?.action = nil }
                try await stream.startTLS(
                    trusting: trust, host: origin.host, port: origin.port, timeout: options.handshakeTimeout)
                handshakes.all += 1
                if stream.tlsSession?.isResumed == true { handshakes.resumed += 1 }
            }
        } catch {
            slotLost(origin)
            throw cancel?.isCancelled == true ? cancelled : Self.error(error, origin)
        }
        guard !isClosed, cancel?.isCancelled != true else {
            stream.close()
            slotLost(origin)
            throw isClosed ? shutDown : cancelled
        }
        let connection = ClientConnection(self, origin, stream)
        connections[ObjectIdentifier(connection)] = connection
        return connection
    }

    private static func error(_ error: RuntimeError, _ origin: Origin) -> HTTPClientError {
        let code: HTTPClientError.Code
        switch error.code {
        case .permissionDenied:
            return HTTPClientError(
                .refusedAddress, .notSent,
                "`\(origin.host)` is or resolves to an address that is not allowed: loopback, private and link-local "
                    + "addresses need leave")
        case .timedOut: code = .connectTimeout
        case .resolveFailed: code = .resolveFailed
        case .cancelled: code = .cancelled
        case .stopped: code = .shutDown
        case .tls(let failure):
            switch failure {
            case .certificateExpired, .certificateNotYetValid, .unknownAuthority, .nameMismatch, .certificateRefused:
                code = .untrusted
            case .handshakeTimeout: code = .connectTimeout
            case .refusedByPeer, .noCommonProtocol, .brokenProtocol, .truncated, .badFile: code = .tlsFailed
            }
        default: code = .connectFailed
        }
        return HTTPClientError(code, .notSent, error.message)
    }

    // MARK: The pool

    /// A connection is free again.
    func release(_ connection: ClientConnection) {
        guard !isClosed, let pool = pool(connection.origin) else { return connection.close() }
        let until = loop.now.microseconds + options.keepAlive.microseconds
        switch pool.machine.release(connection, until: until) {
        case .give(let waiter): waiters.removeValue(forKey: waiter)?.resume(returning: .use(connection))
        case .keep: sweepLater()
        case .close: dismiss(connection)
        }
    }

    /// A connection is gone: whether it was idle or in use, the pool has to know.
    func closed(_ connection: ClientConnection) {
        guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil, !isClosed else { return }
        guard pool(connection.origin)?.machine.removeIdle(connection) == false else {
            return forgetIfEmpty(connection.origin)
        }
        if connection.isAccounted { slotLost(connection.origin) }
    }

    private func slotLost(_ origin: Origin) {
        guard !isClosed else { return }
        if let waiter = pool(origin)?.machine.lost() {
            waiters.removeValue(forKey: waiter)?.resume(returning: .connect)
        } else {
            forgetIfEmpty(origin)
        }
    }

    private func forgetIfEmpty(_ origin: Origin) {
        guard pool(origin)?.machine.isEmpty == true else { return }
        pools[origin] = nil
        recent = nil
    }

    private func closeDead(_ pool: Pool) {
        for connection in pool.machine.takeDead() { dismiss(connection) }
    }

    /// Closes a connection the pool has already written off.
    private func dismiss(_ connection: ClientConnection) {
        connection.isAccounted = false
        connection.close()
    }

    private func sweepLater() {
        if let sweeper {
            if !sweeper.isArmed { sweeper.rearm(after: options.keepAlive) }
        } else {
            sweeper = loop.schedule(after: options.keepAlive, repeatable: true) { [weak self] in self?.sweep() }
        }
    }

    private func sweep() {
        let now = loop.now.microseconds
        var hasIdle = false
        for pool in Array(pools.values) {
            pool.machine.expire(now: now)
            closeDead(pool)
            hasIdle = hasIdle || pool.machine.idleCount > 0
            forgetIfEmpty(pool.origin)
        }
        if hasIdle { sweeper?.rearm(after: options.keepAlive) }
    }
}
