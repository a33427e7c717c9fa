import Base
import Runtime

/// Answers that go on: their head, their parts, and what waits for the client to read.
extension ServerConnection {
    /// A response that is being streamed.
    struct Outgoing {
        var isChunked: Bool
        var isMuted: Bool
        var waiters: [UnsafeContinuation<Bool, Never>] = []
        var onClose: [@Sendable () -> Void] = []
        var onDrain: [@Sendable () -> Void] = []
    }

    /// Sends the head of a stream. False: the client has gone.
    func startStream(_ number: Int, _ status: HTTPStatus, _ fields: Fields) -> Bool {
        guard number == serial, !hasAnswered, machine.isServing else { return false }
        hasAnswered = true
        guard !isGone, !hasEnded, !stream.isClosed else {
            if hasEnded, !isGone { stream.close() }
            return false
        }
        let isChunked = machine.takesChunks
        if !isChunked { machine.endsByClosing() }
        machine.becomesStream()
        known = nil
        let closes = machine.responseStarted()
        outgoing = Outgoing(isChunked: isChunked, isMuted: machine.isHeadRequest, onClose: unanswered)
        unanswered = []
        hub.output.removeAll(keepingCapacity: true)
        HeadWriter.response(
            hub.opening(of: status), fields, body: isChunked ? .chunked : .none, close: closes, to: &hub.output)
        flush()
        return true
    }

    /// Whether this number's stream can still be written to.
    func isStreaming(_ number: Int) -> Bool { number == serial && outgoing != nil && !stream.isClosed }

    /// Writes a part of a stream if the waiting bytes stay within the cap.
    func push(_ number: Int, isUrgent: Bool, _ fill: (inout [UInt8]) -> Void) -> PushResult {
        guard isStreaming(number), let outgoing else { return .closed }
        if outgoing.isMuted { return .sent }
        let waiting = stream.pendingWriteBytes
        hub.output.removeAll(keepingCapacity: true)
        // The size comes before the data but is known after it: leave room for the longest and start where it begins.
        if outgoing.isChunked { hub.output.append(contentsOf: repeatElement(0, count: ChunkEncoder.prefix)) }
        fill(&hub.output)
        let start = outgoing.isChunked ? ChunkEncoder.close(&hub.output) : 0
        guard start < hub.output.count else { return .sent }
        guard !isUrgent || waiting + hub.output.count <= hub.options.maxBufferedOutput else { return .refused }
        let isWritable = hub.output.withUnsafeBytes { stream.write(UnsafeRawBufferPointer(rebasing: $0[start...])) }
        if hub.output.capacity > 1024 * 1024 { hub.output = [] }
        if !isWritable, phase != .blocked {
            phase = .blocked
            timer?.rearm(after: hub.options.writeTimeout)
        }
        return isWritable && stream.pendingWriteBytes == 0 ? .sent : .queued
    }

    /// Waits until the socket takes more. False: the client has gone.
    func room(_ number: Int) async -> Bool {
        guard isStreaming(number) else { return false }
        if stream.isWritable { return true }
        return await withUnsafeContinuation { outgoing?.waiters.append($0) }
    }

    /// Ends a stream; the connection goes on.
    func endStream(_ number: Int) {
        guard number == serial, let ending = outgoing else { return }
        outgoing = nil
        for waiter in ending.waiters { waiter.resume(returning: true) }
        guard !stream.isClosed else { return }
        if ending.isChunked, !ending.isMuted {
            hub.output.removeAll(keepingCapacity: true)
            ChunkEncoder.appendEnd(to: &hub.output)
            flush()
        }
        responseEnded()
    }

    /// Calls `body` when the client goes away while the stream is open; at once if it has gone.
    func onClose(_ number: Int, _ body: @escaping @Sendable () -> Void) {
        if isStreaming(number) {
            outgoing?.onClose.append(body)
        } else if isOpen(number), !hasAnswered {
            unanswered.append(body)
        } else {
            body()
        }
    }

    /// Calls `body` when the server begins to drain while the stream is open.
    func onDrain(_ number: Int, _ body: @escaping @Sendable () -> Void) {
        if hub.isDraining { body() } else { outgoing?.onDrain.append(body) }
    }
}
