import MCP
import Runtime
import Synchronization

/// Where messages to the client on a pipe go: one a line.
final class PipeOutput: Sendable {
    private struct State {
        var isClosed = false
        var waiters: [UnsafeContinuation<Void, Never>] = []
    }

    /// Bytes that may wait for a client that does not read, before what belongs to no request is dropped.
    private static let maxUnasked = 4 << 20
    /// Bytes after which a client that does not read is given up. Answers wait for room, so it takes many at once.
    private static let maxPending = 256 << 20

    private let stream: ByteStream
    private let loop: EventLoop
    private let state = Mutex(State())

    /// On the loop.
    init(_ stream: ByteStream, on loop: EventLoop) {
        self.stream = stream
        self.loop = loop
        stream.maxPendingWriteBytes = Self.maxPending
    }

    /// - Parameters:
    ///   - drained: called when there is room again.
    ///   - closed: called once when nobody reads any more; both on the loop.
    func start(drained: @escaping () -> Void, closed: @escaping () -> Void) {
        stream.start(
            delegate: Ear(
                drained: { [self] in
                    wake()
                    drained()
                },
                closed: { [self] in
                    let isFirst = state.withLock { state in
                        defer { state.isClosed = true }
                        return !state.isClosed
                    }
                    wake()
                    if isFirst { closed() }
                }))
    }

    var isClosed: Bool { state.withLock { $0.isClosed } }
    /// On the loop.
    var hasRoom: Bool { stream.isWritable }

    /// On the loop. Never waits: for what is small, or was waited for.
    func put(_ message: [UInt8]) { stream.write([Relay.singleLine(message), [0x0A]]) }

    /// On the loop: writes once there is room.
    func send(_ message: [UInt8]) async {
        while !stream.isWritable, !isClosed {
            await withUnsafeContinuation { waiter in state.withLock { $0.waiters.append(waiter) } }
        }
        if !isClosed { put(message) }
    }

    /// Any thread: what nobody waits for. Lost while the client does not read.
    func push(_ message: [UInt8]) {
        loop.execute { [self] in
            if !isClosed, stream.pendingWriteBytes < Self.maxUnasked { put(message) }
        }
    }

    func flushed() async { try? await stream.flushed() }

    /// On the loop.
    func close() { stream.close() }

    private func wake() {
        let waiters = state.withLock { state in
            defer { state.waiters.removeAll() }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    private final class Ear: StreamDelegate {
        private let drained: () -> Void
        private let closed: () -> Void

        init(drained: @escaping () -> Void, closed: @escaping () -> Void) {
            self.drained = drained
            self.closed = closed
        }

        func didRead(_ bytes: UnsafeRawBufferPointer) {}
        func didEnd() { closed() }
        func didClose(_ error: RuntimeError?) { closed() }
        func didDrain() { drained() }
    }
}

/// The pipe as the place for what belongs to no request. Several share it: in the modern era each message names its
/// subscription.
final class PipeSink: EventSink {
    private struct State {
        var isClosed = false
        var closed: (@Sendable () -> Void)?
    }

    private let output: PipeOutput
    /// The id of the `subscriptions/listen`; nil for a legacy session's own stream.
    private let listen: RequestID?
    private let state = Mutex(State())

    init(_ output: PipeOutput, listen: RequestID?) {
        self.output = output
        self.listen = listen
    }

    var isClosed: Bool { state.withLock { $0.isClosed } || output.isClosed }

    /// Calls `body` once when it is closed, from either side.
    func onClose(_ body: @escaping @Sendable () -> Void) {
        let isClosed = state.withLock { state in
            if !state.isClosed { state.closed = body }
            return state.isClosed
        }
        if isClosed { body() }
    }

    func send(_ message: [UInt8]) {
        if !isClosed { output.push(message) }
    }

    func end() {
        guard close(), let listen else { return }
        // SPEC: 2026-07-28 says both: a result, which was sent, and this notification, which stdio has.
        output.push(Self.cancelled(listen))
    }

    /// The client has ended it: nothing more is said. True if it was open.
    @discardableResult
    func close() -> Bool {
        let (wasOpen, closed) = state.withLock { state in
            defer { (state.isClosed, state.closed) = (true, nil) }
            return (!state.isClosed, state.closed)
        }
        closed?()
        return wasOpen
    }

    private static func cancelled(_ id: RequestID) -> [UInt8] {
        Array(#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"#.utf8) + id.raw
            + Array("}}".utf8)
    }
}
