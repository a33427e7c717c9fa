import Base
import Runtime
import Synchronization

/// What the connections of one loop share.
// SAFETY: but for the atomics in `shared`, touched on the loop's thread only.
final class ServerLoop: @unchecked Sendable {
    /// What all loops of a server share.
    final class Shared: Sendable {
        let connections = Atomic<Int>(0)
        /// What large bodies that have not come whole hold.
        let bodies: FairBudget

        init(_ options: HTTPServerOptions) { bodies = FairBudget(capacity: options.maxBodyBytes) }
    }

    let loop: EventLoop
    let options: HTTPServerOptions
    let service: any HTTPService
    let shared: Shared
    /// Where heads and small bodies are put together for one write.
    var output: [UInt8] = []
    private(set) var isDraining = false
    private var connections: [ObjectIdentifier: ServerConnection] = [:]
    private var drained: [UnsafeContinuation<Void, Never>] = []
    private var dateSecond: Int64 = -1
    private var dateText: [UInt8] = []
    /// What the responses of this second with status 200 open with.
    private var okOpening: [UInt8] = []

    init(loop: EventLoop, options: HTTPServerOptions, service: any HTTPService, shared: Shared) {
        self.loop = loop
        self.options = options
        self.service = service
        self.shared = shared
        output.reserveCapacity(32 * 1024)
    }

    /// What a response opens with: its status and the time. The text of the time is made once a second.
    func opening(of status: HTTPStatus) -> [UInt8] {
        let second = EventLoop.wallNow.microseconds / 1_000_000
        if second != dateSecond {
            dateSecond = second
            dateText = HTTPDate.format(unixSeconds: second)
            okOpening = HeadWriter.opening(of: .ok, date: dateText)
        }
        return status == .ok ? okOpening : HeadWriter.opening(of: status, date: dateText)
    }

    /// For who speaks HTTP to the port of HTTPS.
    private static let plainAnswer = Array(
        """
        HTTP/1.1 400 Bad Request\r
        Content-Type: text/plain\r
        Content-Length: 46\r
        Connection: close\r
        \r
        This port speaks HTTPS: use an https:// URL.\r\n
        """.utf8)

    /// A client has connected.
    func accept(_ stream: ByteStream) {
        let count = shared.connections.add(1, ordering: .relaxed).newValue
        if let identity = options.tls {
            stream.startTLS(as: identity, timeout: options.handshakeTimeout, plainAnswer: Self.plainAnswer) {
                [options] in options.handshakeFailed?(stream.remote, $0)
            }
        }
        let connection = ServerConnection(self, stream)
        connections[ObjectIdentifier(connection)] = connection
        connection.assumeIsolated { $0.open(isOverLimit: count > options.maxConnections) }
    }

    /// A connection is gone.
    func remove(_ connection: ServerConnection) {
        guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        shared.connections.subtract(1, ordering: .relaxed)
        if connections.isEmpty { wakeDrained() }
    }

    private func wakeDrained() {
        let waiting = drained
        drained = []
        for continuation in waiting { continuation.resume() }
    }

    /// Ends what is idle, lets what is in work finish, and closes the rest at the limit. On the loop.
    func drain() async {
        guard let timer = beginDrain() else { return }
        await withUnsafeContinuation { drained.append($0) }
        timer.cancel()
    }

    /// Nil if there is nothing to wait for.
    private func beginDrain() -> LoopTimer? {
        loop.assertOnLoop()
        isDraining = true
        for connection in connections.values { connection.assumeIsolated { $0.drain() } }
        guard !connections.isEmpty else { return nil }
        return loop.schedule(after: options.drainLimit) {
            for connection in self.connections.values { connection.assumeIsolated { $0.abort() } }
        }
    }
}
