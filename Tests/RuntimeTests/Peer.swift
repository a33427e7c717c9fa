import Base

@testable import Runtime

/// Gives `body` a running loop and waits for its end afterwards, also when `body` throws.
@discardableResult
func withLoop<T>(_ body: (EventLoop) async throws -> T) async throws -> T {
    let loop = try EventLoop(name: "test")
    try loop.start()
    defer {
        loop.stop()
        loop.join()
    }
    return try await body(loop)
}

/// The loopback address with a free port.
let anyPort = SocketAddress(kind: .v4(0x7F00_0001, port: 0))

/// One end of a stream as an actor on its loop, as production code has them.
actor Peer: StreamDelegate {
    nonisolated let stream: ByteStream
    nonisolated var unownedExecutor: UnownedSerialExecutor { stream.loop.asUnownedSerialExecutor() }

    private(set) var received: [UInt8] = []
    private(set) var total = 0
    private(set) var hasEnded = false
    private(set) var drains = 0
    private(set) var closes: [RuntimeError?] = []
    private let keeps: Bool
    private let echoes: Bool
    private var waiters: [(when: @Sendable (isolated Peer) -> Bool, continuation: CheckedContinuation<Void, Never>)] =
        []

    init(_ stream: ByteStream, keeps: Bool = true, echoes: Bool = false) {
        self.stream = stream
        self.keeps = keeps
        self.echoes = echoes
    }

    func start() { stream.start(delegate: self) }
    @discardableResult func write(_ bytes: [UInt8]) -> Bool { stream.write(bytes) }
    @discardableResult func write(_ text: String) -> Bool { stream.write(Array(text.utf8)) }
    @discardableResult func write(parts: [[UInt8]]) -> Bool { stream.write(parts) }
    func finish() { stream.shutdownWrite() }
    func close() { stream.close() }
    func closeAfterFlush() { stream.closeAfterFlush() }
    func pause() { stream.pauseReading() }
    func resume() { stream.resumeReading() }
    var pending: Int { stream.pendingWriteBytes }
    var text: String { String(decoding: received, as: UTF8.self) }
    var remote: SocketAddress? { stream.remote }
    var local: SocketAddress? { stream.local }

    func setMarks(high: Int, low: Int, max: Int) {
        stream.highWaterMark = high
        stream.lowWaterMark = low
        stream.maxPendingWriteBytes = max
    }

    /// Waits until `when` holds, looked at after each event.
    func wait(until when: @escaping @Sendable (isolated Peer) -> Bool) async {
        if when(self) { return }
        await withCheckedContinuation { waiters.append((when, $0)) }
    }

    func receive(_ count: Int) async -> [UInt8] {
        await wait { $0.received.count >= count || !$0.closes.isEmpty }
        return received
    }

    func untilEnd() async -> String {
        await wait { $0.hasEnded || !$0.closes.isEmpty }
        return text
    }

    func untilClosed() async -> RuntimeError? {
        await wait { !$0.closes.isEmpty }
        return closes.first ?? nil
    }

    func untilDrained(_ times: Int) async { await wait { $0.drains >= times || !$0.closes.isEmpty } }

    private func happened() {
        let ready = waiters.filter { $0.when(self) }
        guard !ready.isEmpty else { return }
        waiters.removeAll { $0.when(self) }
        for waiter in ready { waiter.continuation.resume() }
    }

    nonisolated func didRead(_ bytes: UnsafeRawBufferPointer) {
        // SAFETY: the stream's loop is this actor's executor, and the bytes are used during the call only.
        nonisolated(unsafe) let bytes = bytes
        assumeIsolated { peer in
            peer.total += bytes.count
            if peer.keeps { peer.received.append(contentsOf: bytes) }
            if peer.echoes { peer.stream.write(bytes) }
            peer.happened()
        }
    }

    nonisolated func didEnd() {
        assumeIsolated { peer in
            peer.hasEnded = true
            if peer.echoes { peer.stream.closeAfterFlush() }
            peer.happened()
        }
    }

    nonisolated func didClose(_ error: RuntimeError?) {
        assumeIsolated { peer in
            peer.closes.append(error)
            peer.happened()
        }
    }

    nonisolated func didDrain() {
        assumeIsolated { peer in
            peer.drains += 1
            peer.happened()
        }
    }
}

/// A list that several threads add to, with a wait for its length.
actor Record<Element: Sendable> {
    private(set) var all: [Element] = []
    private var waiters: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []

    func add(_ element: Element) {
        all.append(element)
        for waiter in waiters where waiter.count == all.count { waiter.continuation.resume() }
        waiters.removeAll { $0.count == all.count }
    }

    func wait(for count: Int) async -> [Element] {
        if all.count < count { await withCheckedContinuation { waiters.append((count, $0)) } }
        return all
    }

    /// For callbacks that can't wait.
    nonisolated func note(_ element: Element) {
        Task { await add(element) }
    }
}

/// A connected pair over a real loopback socket. The server end is started.
func connectedPair(
    _ loop: EventLoop, server serverLoop: EventLoop? = nil, echoes: Bool = false, keeps: Bool = true
) async throws -> (client: Peer, server: Peer) {
    let accepted = Record<Peer>()
    let home = serverLoop ?? loop
    let listener = try await home.run { () throws(RuntimeError) in
        try Listener.tcp(anyPort, on: home) { stream in
            let peer = Peer(stream, keeps: keeps, echoes: echoes)
            stream.start(delegate: peer)
            accepted.note(peer)
        }
    }
    let client = Peer(try await loop.connect(to: await home.run { listener.address }))
    let server = await accepted.wait(for: 1)[0]
    await home.run { listener.close() }
    return (client, server)
}
