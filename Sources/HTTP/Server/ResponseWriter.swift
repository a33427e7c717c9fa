import Runtime

/// The right to answer one request, once. Used on the connection's loop. Let go of without an answer, it answers 500.
package struct ResponseWriter: ~Copyable, Sendable {
    private let connection: ServerConnection
    private let number: Int
    private var isUsed = false

    init(_ connection: ServerConnection, _ number: Int) {
        self.connection = connection
        self.number = number
    }

    deinit {
        guard !isUsed else { return }
        let (connection, number) = (connection, number)
        if connection.loop.isOnLoop {
            connection.assumeIsolated { $0.noAnswer(number) }
        } else {
            connection.loop.execute { connection.assumeIsolated { $0.noAnswer(number) } }
        }
    }

    /// Whether the client has gone: an answer would reach nobody.
    package var isClosed: Bool {
        let number = number
        return connection.assumeIsolated { !$0.isOpen(number) }
    }

    /// Calls `body` on the loop, once, when the client goes away before the answer; at once if it has gone already.
    package func onClose(_ body: @escaping @Sendable () -> Void) {
        let number = number
        connection.assumeIsolated { $0.onClose(number, body) }
    }

    /// Answers with a whole response, in one write.
    package consuming func send(_ response: Response) {
        isUsed = true
        connection.enter((number, response)) { $0.send($1.0, $1.1) }
    }

    /// Answers with a whole response, in one write.
    package consuming func send(_ status: HTTPStatus, _ fields: Fields = .none, _ body: [UInt8] = []) {
        send(Response(status, fields: fields, body: body))
    }

    /// Sends the head and gives a stream for the body.
    package consuming func stream(_ status: HTTPStatus, _ fields: Fields) -> ResponseStream {
        isUsed = true
        let number = number
        _ = connection.assumeIsolated { $0.startStream(number, status, fields) }
        return ResponseStream(connection, number)
    }

    /// Answers with an event stream: 200, `text/event-stream`, not stored, neither packed nor held back on the way, with
    /// these fields besides.
    package consuming func streamEvents(_ fields: Fields = .none) -> ResponseStream {
        var all = Fields((.contentType, "text/event-stream"), (.cacheControl, "no-store, no-transform"))
        all.append(.xAccelBuffering, "no")
        all.append(contentsOf: fields)
        return stream(.ok, all)
    }
}

/// What became of a write that does not wait.
package enum PushResult: Sendable, Equatable {
    /// It is with the kernel.
    case sent
    /// It waits for the socket, within the cap.
    case queued
    /// The client is so slow that the cap of waiting bytes would be passed; nothing was written.
    case refused
    /// The client has gone, or the stream was ended.
    case closed
}

/// The body of a response, written bit by bit. Used on its loop.
package final class ResponseStream: Sendable {
    private let connection: ServerConnection
    private let number: Int

    init(_ connection: ServerConnection, _ number: Int) {
        self.connection = connection
        self.number = number
    }

    deinit {
        let (connection, number) = (connection, number)
        if connection.loop.isOnLoop {
            connection.assumeIsolated { $0.endStream(number) }
        } else {
            connection.loop.execute { connection.assumeIsolated { $0.endStream(number) } }
        }
    }

    /// The loop it belongs to.
    package var loop: EventLoop { connection.loop }

    /// Whether the client has gone or the stream was ended.
    package var isClosed: Bool {
        let number = number
        return connection.assumeIsolated { !$0.isStreaming(number) }
    }

    /// Writes, and waits while the socket is full. False: the client has gone.
    package func write(_ bytes: [UInt8]) async -> Bool {
        guard push(isUrgent: false, { $0.append(contentsOf: bytes) }) != .closed else { return false }
        return await connection.room(number)
    }

    /// Writes without waiting.
    package func writeNow(_ bytes: [UInt8]) -> PushResult {
        push(isUrgent: true) { $0.append(contentsOf: bytes) }
    }

    /// Writes an event, and waits while the socket is full. False: the client has gone.
    package func writeEvent(_ event: SSEEvent) async -> Bool {
        guard push(isUrgent: false, { event.write(to: &$0) }) != .closed else { return false }
        return await connection.room(number)
    }

    /// Writes an event without waiting.
    package func writeEventNow(_ event: SSEEvent) -> PushResult {
        push(isUrgent: true) { event.write(to: &$0) }
    }

    /// Writes a comment, which keeps proxies and clients from taking a quiet stream for a dead one.
    package func commentNow(_ text: StaticString) -> PushResult {
        push(isUrgent: true) {
            HeadWriter.append(": ", to: &$0)
            HeadWriter.append(text, to: &$0)
            HeadWriter.append("\n\n", to: &$0)
        }
    }

    /// Ends the body; the connection goes on. Once is enough, more do no harm.
    package func end() {
        let number = number
        connection.assumeIsolated { $0.endStream(number) }
    }

    /// Calls `body` on the loop, once, when the client goes away before the end; at once if it has gone already.
    package func onClose(_ body: @escaping @Sendable () -> Void) {
        let number = number
        connection.assumeIsolated { $0.onClose(number, body) }
    }

    /// Calls `body` on the loop when the server begins to drain, so that a long stream can be ended in time.
    package func onDrain(_ body: @escaping @Sendable () -> Void) {
        let number = number
        connection.assumeIsolated { $0.onDrain(number, body) }
    }

    private func push(isUrgent: Bool, _ fill: @Sendable (inout [UInt8]) -> Void) -> PushResult {
        let number = number
        return connection.assumeIsolated { $0.push(number, isUrgent: isUrgent, fill) }
    }
}
