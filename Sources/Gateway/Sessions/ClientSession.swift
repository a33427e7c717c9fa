import Base
import HTTP
import MCP
import Policy
import Runtime
import Store
import Synchronization

/// A client's conversation with one server, opened by `initialize` and bound to the grant that opened it.
///
/// Its requests may come in on any loop.
final class ClientSession: Sendable {
    private struct State {
        /// Two requests may carry the same id at once; cancelling cancels both.
        var calls: [RequestID: [CallHandle]] = [:]
        var stream: ResponseStream?
        var listener: CallHandle?
        var isEnded = false
    }

    let id: String
    let grantID: String
    let server: UpstreamServer
    let version: MCPVersion
    let client: ClientFacts
    let link: any UpstreamLink
    private let lastUsed: Atomic<Int64>
    private let state = Mutex(State())

    init(
        id: String, grantID: String, server: UpstreamServer, version: MCPVersion, client: ClientInfo,
        link: any UpstreamLink, now: TimeSpan
    ) {
        self.id = id
        self.grantID = grantID
        self.server = server
        self.version = version
        self.client = ClientFacts(name: client.name, version: client.version)
        self.link = link
        lastUsed = Atomic(now.microseconds)
    }

    // MARK: Use

    func touch(_ now: TimeSpan) { lastUsed.store(now.microseconds, ordering: .relaxed) }

    /// Whether nobody has used it since `limit` and no stream is open.
    func isIdle(since limit: TimeSpan) -> Bool {
        lastUsed.load(ordering: .relaxed) < limit.microseconds
            && state.withLock { $0.calls.isEmpty && $0.stream.map(\.isClosed) ?? true }
    }

    /// No request may use it any more.
    var isEnded: Bool { state.withLock { $0.isEnded } }

    // MARK: Calls

    func began(_ id: RequestID, _ handle: CallHandle) {
        state.withLock { $0.calls[id, default: []].append(handle) }
    }

    func finished(_ id: RequestID, _ handle: CallHandle) {
        state.withLock { state in
            state.calls[id]?.removeAll { $0 === handle }
            if state.calls[id]?.isEmpty == true { state.calls[id] = nil }
        }
    }

    func cancel(_ id: RequestID) {
        let handles = state.withLock { $0.calls[id] ?? [] }
        for handle in handles { handle.cancel() }
    }

    // MARK: The stream for what belongs to no call

    /// Takes the place of an older stream: behind proxies a dead one is often not noticed by the server.
    func attach(_ stream: ResponseStream, listener: CallHandle) {
        let old = state.withLock { state -> (ResponseStream?, CallHandle?) in
            defer { (state.stream, state.listener) = (state.isEnded ? nil : stream, state.isEnded ? nil : listener) }
            return state.isEnded ? (stream, listener) : (state.stream, state.listener)
        }
        end(old.0, old.1)
    }

    /// Sends a message on the stream; without one it is lost, as the protocol allows for notifications.
    func push(_ message: [UInt8]) {
        guard let stream = state.withLock({ $0.stream }) else { return }
        stream.loop.execute { _ = stream.writeEventNow(SSEEvent(data: message, event: "message")) }
    }

    func closeStream() {
        let (stream, listener) = state.withLock { state in
            defer { (state.stream, state.listener) = (nil, nil) }
            return (state.stream, state.listener)
        }
        end(stream, listener)
    }

    func end(on loop: EventLoop) {
        let (stream, listener, calls) = state.withLock { state in
            state.isEnded = true
            defer { (state.stream, state.listener) = (nil, nil) }
            return (state.stream, state.listener, state.calls.values.flatMap(\.self))
        }
        for call in calls { call.cancel() }
        end(stream, listener)
        link.close(on: loop)
    }

    private func end(_ stream: ResponseStream?, _ listener: CallHandle?) {
        listener?.cancel()
        if let stream { stream.loop.execute { stream.end() } }
    }
}
