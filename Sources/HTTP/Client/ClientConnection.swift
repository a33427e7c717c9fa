import Base
import Runtime

/// One connection to an origin: the shell around `ClientConnectionMachine`.
// SAFETY: touched on the loop's thread only: the stream's callbacks come there, and the client checks it.
final class ClientConnection: StreamDelegate, @unchecked Sendable {
    /// How an exchange ended, or became a stream.
    enum Outcome {
        case complete(ClientResponse)
        case stream(ClientStream)
        case failed(ClientConnectionMachine.Failure)
    }

    let origin: Origin
    /// Whether the pool counts it as in use or idle; false once the pool has written it off.
    var isAccounted = true
    /// Strong: a client lives until its last connection has closed.
    private let client: HTTPClient
    private let stream: ByteStream
    private var machine: ClientConnectionMachine
    private var isReused = false
    private var isPaused = false
    private var isGone = false
    private var waiting: UnsafeContinuation<Outcome, Never>?
    /// The stream's reader holds it, not we: whoever lets go of a stream ends it.
    private weak var reader: ClientStream?
    private var timer: LoopTimer?
    private var idleTimeout = TimeSpan.zero

    init(_ client: HTTPClient, _ origin: Origin, _ stream: ByteStream) {
        self.client = client
        self.origin = origin
        self.stream = stream
        machine = ClientConnectionMachine(limits: client.options.limits)
        timer = client.loop.schedule(after: client.options.headTimeout, repeatable: true) { [weak self] in
            self?.clockRanOut()
        }
        stream.start(delegate: self)
    }

    /// Whether another exchange may begin.
    var isUsable: Bool { !isGone && !stream.isClosed && stream.isWritable && !machine.isBusy }

    /// Sends a request and waits for its response, or for the head of a stream.
    func exchange(
        _ request: ClientRequest, collecting: ClientConnectionMachine.Collecting, cancel: ClientCancel?
    ) async -> Outcome {
        machine.begin(
            request.method, collecting: collecting, maxBody: request.maxBody ?? client.options.maxBody,
            isReused: isReused, isReplaySafe: request.isReplaySafe)
        idleTimeout = request.idleTimeout ?? client.options.idleTimeout
        guard send(request) else {
            let why = stream.failure.map { ": \($0.message)" } ?? ""
            stream.close()
            return .failed(
                machine.lost(.connectionLost, "the connection broke before the request was sent\(why)\(hint)"))
        }
        timer?.rearm(after: request.headTimeout ?? client.options.headTimeout)
        if let cancel { cancel.action = { [weak self] in self?.abort(.cancelled, "the exchange was cancelled") } }
        let outcome = await withUnsafeContinuation { waiting = $0 }
        cancel?.action = nil
        return outcome
    }

    /// False: certainly nothing has reached the server.
    private func send(_ request: ClientRequest) -> Bool {
        client.output.removeAll(keepingCapacity: true)
        let length = request.body.isEmpty && !request.method.expectsBody ? nil : request.body.count
        HeadWriter.request(
            request.method, request.url, request.fields, length: length, to: &client.output)
        if request.body.count <= 16 * 1024 {
            client.output.append(contentsOf: request.body)
            _ = client.output.withUnsafeBytes { stream.write($0) }
        } else {
            stream.write([client.output, request.body])
        }
        // Nothing waits and nothing can be written: the first system call failed.
        if stream.pendingWriteBytes == 0, !stream.isWritable { return false }
        machine.requestSent()
        return true
    }

    // MARK: The stream's calls

    func didRead(_ bytes: UnsafeRawBufferPointer) {
        var offset = 0
        while true {
            switch machine.next(bytes, &offset) {
            case .needMore:
                if machine.hasHead { timer?.rearm(after: idleTimeout) }
                return
            case .data(let range): reader?.take(UnsafeRawBufferPointer(rebasing: bytes[range]))
            case let action: if !perform(action) { return }
            }
        }
    }

    func didEnd() {
        if perform(machine.inputEnded()) { stream.closeAfterFlush() }
    }

    func didClose(_ error: RuntimeError?) {
        guard !isGone else { return }
        isGone = true
        timer?.cancel()
        timer = nil
        if machine.isBusy {
            fail(
                machine.lost(.connectionLost, error.map { "the connection broke: \($0.message)\(hint)" } ?? "closed"))
        }
        client.closed(self)
    }

    /// SPEC: RFC 8446 §4.4.2.4: a server refuses a missing certificate after our handshake is complete; if it closes at
    /// once, its alert may be lost by a reset.
    private var hint: String {
        guard origin.trust != nil, !isReused else { return "" }
        return " (a server that asks for a client certificate may end its first exchange like this)"
    }

    /// False: reading this input is over.
    private func perform(_ action: ClientConnectionMachine.Action) -> Bool {
        switch action {
        case .needMore, .data: return true
        case .complete(let head, let body, let reusable):
            // First the pool, then the caller: its next request finds the connection.
            giveBack(reusable)
            resume(.complete(ClientResponse(head: head, body: body)))
            return true
        case .stream(let head):
            let reader = ClientStream(self, head)
            self.reader = reader
            resume(.stream(reader))
            return true
        case .streamEnded(let reusable):
            let reader = reader
            self.reader = nil
            if isPaused { resumeReading() }
            giveBack(reusable)
            reader?.finish(nil)
            return true
        case .failed(let failure):
            stream.close()
            fail(failure)
            return false
        case .close:
            stream.close()
            return false
        }
    }

    private func giveBack(_ reusable: Bool) {
        isReused = true
        if reusable, isUsable, !stream.hasEnded {
            client.release(self)
        } else {
            stream.closeAfterFlush()
        }
    }

    private func resume(_ outcome: Outcome) {
        let continuation = waiting
        waiting = nil
        continuation?.resume(returning: outcome)
    }

    private func fail(_ failure: ClientConnectionMachine.Failure) {
        if waiting != nil {
            resume(.failed(failure))
        } else {
            let reader = reader
            self.reader = nil
            reader?.finish(HTTPClientError(failure.code, failure.fate, failure.detail))
        }
    }

    private func clockRanOut() {
        guard machine.isBusy else { return }
        if isPaused {
            // The reader is slow, not the server.
            timer?.rearm(after: idleTimeout)
        } else if machine.hasHead {
            abort(.idleTimeout, "the server's answer was silent for too long")
        } else {
            abort(.headTimeout, "the server did not answer in time")
        }
    }

    /// Ends the exchange and the connection with it.
    func abort(_ code: HTTPClientError.Code, _ detail: String) {
        guard machine.isBusy else { return }
        stream.close()
        fail(machine.lost(code, detail))
    }

    /// Closes the connection; an exchange under way fails.
    func close() {
        // An idle one says goodbye, which TLS has a word for.
        if machine.isBusy { stream.close() } else { stream.closeAfterFlush() }
    }

    /// Back-pressure from a stream's reader.
    func pauseReading() {
        guard !isPaused else { return }
        isPaused = true
        stream.pauseReading()
    }

    /// The reader has caught up.
    func resumeReading() {
        guard isPaused else { return }
        isPaused = false
        timer?.rearm(after: idleTimeout)
        stream.resumeReading()
    }

    var maxBuffered: Int { client.options.maxBuffered }
    var loop: EventLoop { client.loop }
}

/// The body of a response as it comes. Used on the client's loop, by one reader. Let go of before its end, it closes the
/// connection.
// SAFETY: touched on the loop's thread only.
package final class ClientStream: @unchecked Sendable {
    /// The response's head.
    package let head: ResponseHead
    private let connection: ClientConnection
    private var buffer: [UInt8] = []
    private var isFinished = false
    private var error: HTTPClientError?
    private var waiting: (() -> Void)?

    init(_ connection: ClientConnection, _ head: ResponseHead) {
        self.connection = connection
        self.head = head
    }

    deinit {
        guard !isFinished else { return }
        let connection = connection
        let loop = connection.loop
        if loop.isOnLoop {
            connection.abort(.cancelled, "the stream was let go of")
        } else {
            loop.execute { connection.abort(.cancelled, "the stream was let go of") }
        }
    }

    /// The next bytes, at least one; nil at the end. While nobody asks, the server is not read: back-pressure.
    package func next() async throws(HTTPClientError) -> [UInt8]? {
        connection.loop.assertOnLoop()
        while buffer.isEmpty, !isFinished {
            precondition(waiting == nil, "BUG: two readers of one stream")
            await withUnsafeContinuation { continuation in waiting = { continuation.resume() } }
        }
        return try ready()
    }

    /// For who waits without a task: calls `body` once, on the loop and never inline, when there is something for
    /// ``ready()``. It is held until then, or until the stream is over.
    package func whenReady(_ body: @escaping @Sendable () -> Void) {
        connection.loop.assertOnLoop()
        precondition(waiting == nil, "BUG: two readers of one stream")
        let loop = connection.loop
        waiting = { loop.execute(body) }
        if !buffer.isEmpty || isFinished { wake() }
    }

    /// The bytes that are there; nil at the end.
    package func ready() throws(HTTPClientError) -> [UInt8]? {
        connection.loop.assertOnLoop()
        guard !buffer.isEmpty else {
            if let error { throw error }
            return isFinished ? nil : []
        }
        let bytes = buffer
        buffer = []
        connection.resumeReading()
        return bytes
    }

    /// Ends the stream; a reader that waits gets `cancelled`.
    package func cancel() {
        connection.loop.assertOnLoop()
        guard !isFinished else { return }
        connection.abort(.cancelled, "the stream was cancelled")
    }

    func take(_ bytes: UnsafeRawBufferPointer) {
        buffer.append(contentsOf: bytes)
        if buffer.count > connection.maxBuffered { connection.pauseReading() }
        wake()
    }

    func finish(_ error: HTTPClientError?) {
        isFinished = true
        self.error = error
        wake()
    }

    private func wake() {
        let body = waiting
        waiting = nil
        body?()
    }
}
