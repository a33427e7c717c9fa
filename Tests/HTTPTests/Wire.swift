import Base
import HTTP
import Runtime
import Synchronization
import Testing

/// A bare TCP client: what a test says, byte by byte, and all that comes back.
actor Wire: StreamDelegate {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let stream: ByteStream
    private let reads: Counter?
    private var received: [UInt8] = []
    private var hasEnded = false
    private var wanted: (([UInt8]) -> Bool)?
    private var waiting: UnsafeContinuation<Void, Never>?

    private init(_ stream: ByteStream, _ reads: Counter? = nil) {
        self.stream = stream
        self.reads = reads
        loop = stream.loop
    }

    static func connect(to address: SocketAddress, on loop: EventLoop) async throws -> Wire {
        let wire = Wire(try await loop.connect(to: address))
        await wire.start()
        return wire
    }

    /// Speaks TLS; `reads` counts how often plain bytes come.
    static func connect(
        to address: SocketAddress, on loop: EventLoop, trusting trust: TLSTrust, reads: Counter? = nil
    ) async throws -> Wire {
        let stream = try await loop.connect(to: address)
        let wire = Wire(stream, reads)
        try await wire.secure(trust)
        await wire.start()
        return wire
    }

    private func secure(_ trust: TLSTrust) async throws {
        try await stream.startTLS(trusting: trust, host: "127.0.0.1", port: stream.remote?.port ?? 0)
    }

    private func start() { stream.start(delegate: self) }

    nonisolated func didRead(_ bytes: UnsafeRawBufferPointer) {
        let bytes = Array(bytes)
        assumeIsolated {
            $0.reads?.add(1)
            $0.received.append(contentsOf: bytes)
            $0.check()
        }
    }

    nonisolated func didEnd() { assumeIsolated { $0.ended() } }

    nonisolated func didClose(_ error: RuntimeError?) { assumeIsolated { $0.ended() } }

    private func ended() {
        hasEnded = true
        check()
    }

    private func check() {
        guard let wanted, hasEnded || wanted(received) else { return }
        self.wanted = nil
        waiting?.resume()
        waiting = nil
    }

    private func wait(until wanted: @escaping ([UInt8]) -> Bool) async {
        if hasEnded || wanted(received) { return }
        self.wanted = wanted
        await withUnsafeContinuation { waiting = $0 }
    }

    /// Sends text as it is.
    func send(_ text: String) { stream.write(Array(text.utf8)) }

    /// Sends bytes as they are.
    func send(_ bytes: [UInt8]) { stream.write(bytes) }

    /// Reads until so many responses are complete (or the server closes); gives what they were.
    func responses(_ count: Int, to method: HTTPMethod = .get) async -> String {
        let methods = Array(repeating: method, count: count)
        await wait { bytes in
            Reading.responses([bytes[...]], to: methods).lines.count { $0 == "end" } >= count
        }
        let reading = Reading.responses([received[...]], to: methods, ends: hasEnded)
        received = []
        return reading.description
    }

    /// Reads until this text has come (or the server closes); gives all that came.
    func text(until end: String) async -> String {
        let end = Array(end.utf8)
        await wait { $0.suffix(end.count).elementsEqual(end) }
        defer { received = [] }
        return String(decoding: received, as: UTF8.self)
    }

    /// Reads until the server closes; gives all that came.
    func rest() async -> String {
        await wait { _ in false }
        defer { received = [] }
        return String(decoding: received, as: UTF8.self)
    }

    /// How many bytes have come so far.
    var count: Int { received.count }

    /// Reads until so many bytes have come (or the server closes); gives how many.
    func bytes(atLeast count: Int) async -> Int {
        await wait { $0.count >= count }
        return received.count
    }

    /// Ends our side only.
    func endSending() { stream.shutdownWrite() }

    func pause() { stream.pauseReading() }

    func resume() { stream.resumeReading() }

    func close() { stream.close() }
}

/// A door that opens once; from any thread.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [UnsafeContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    func pass() async {
        await withUnsafeContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}

/// A number that only grows; from any thread.
final class Counter: Sendable {
    private let number = Atomic<Int>(0)

    var value: Int { number.load(ordering: .relaxed) }

    func add(_ count: Int) { number.add(count, ordering: .relaxed) }
}

/// Lines that several threads add to.
final class Log: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    func add(_ reload: TLSIdentity.Reload) {
        let line =
            switch reload {
            case .kept: "kept"
            case .reloaded(let certificate): "reloaded \(certificate?.subject ?? "")"
            }
        lines.withLock { $0.append(line) }
    }
}

/// Runs a function on a loop, as code behind a connection would.
func onLoop<Result: Sendable>(
    _ loop: EventLoop, _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await Task(executorPreference: loop) { try await body() }.value
}

/// A service made of a function; it says what it was asked unless told otherwise.
struct EchoService: HTTPService {
    var maxBody = 1 << 20
    var refusal: (@Sendable (RequestHead) -> Response?)?
    var answer: @Sendable (HTTPRequest, EventLoop, consuming ResponseWriter) async -> Void = { request, _, writer in
        writer.send(.ok, Fields((.contentType, "text/plain")), Self.echo(request))
    }

    static func echo(_ request: HTTPRequest) -> [UInt8] {
        Array("\(request.head.methodText) \(request.head.target.path) ".utf8) + request.body
    }

    func admit(_ head: RequestHead, from peer: SocketAddress) -> Admission {
        refusal?(head).map { .refuse($0) } ?? .accept(maxBody: maxBody, of: head.target.path.string)
    }

    func respond(to request: HTTPRequest, on loop: EventLoop, _ writer: consuming ResponseWriter) async {
        await answer(request, loop, writer)
    }

    func makeRequestID() -> String { "test-id" }
}

/// A server on a loop of its own for one test, and a second loop for its clients.
func withServer<Result>(
    _ service: any HTTPService = EchoService(), options: HTTPServerOptions = HTTPServerOptions(),
    _ body: (HTTPServer, EventLoop) async throws -> Result
) async throws -> Result {
    let group = try EventLoopGroup(count: 1, name: "server")
    let clients = try EventLoopGroup(count: 1, name: "client")
    defer {
        group.stop()
        clients.stop()
    }
    let address = try #require(SocketAddress(ip: "127.0.0.1", port: 0))
    let server = try await HTTPServer.start(on: group, address: address, options: options, service: service)
    return try await body(server, clients.next())
}
