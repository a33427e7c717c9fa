import JSON
import MCP
import Synchronization

/// The messages that came for one request, put in by the upstream's loop and taken out by the caller's.
final class Inbox: UpstreamStream {
    private struct State {
        var messages: [RPCMessage] = []
        /// Of the messages that wait.
        var bytes = 0
        var end: UpstreamError?
        var waiter: UnsafeContinuation<Result<RPCMessage, UpstreamError>, Never>?

        /// Whether there is room; a message that nothing else waits with always has it.
        func takes(_ size: Int, upTo limit: (count: Int, bytes: Int)) -> Bool {
            messages.isEmpty || messages.count < limit.count && bytes + size <= limit.bytes
        }

        mutating func takeFirst() -> RPCMessage? {
            guard !messages.isEmpty else { return nil }
            let first = messages.removeFirst()
            bytes -= first.document.bytes.count
            return first
        }
    }

    /// Notifications that nobody takes out are dropped beyond this: what several calls share can't be left unread for one.
    static let maxNotifications = (count: 1_024, bytes: 4 << 20)
    /// So are the server's questions; they find room where notifications do not. The response is never dropped.
    static let maxRequests = (count: 2_048, bytes: 8 << 20)
    private let state = Mutex(State())

    var status: Int? { nil }

    func put(_ message: RPCMessage) {
        let waiter = state.withLock { state -> UnsafeContinuation<Result<RPCMessage, UpstreamError>, Never>? in
            guard state.end == nil else { return nil }
            if let waiter = state.waiter {
                state.waiter = nil
                return waiter
            }
            let size = message.document.bytes.count
            switch message.kind {
            case .notification: guard state.takes(size, upTo: Self.maxNotifications) else { return nil }
            case .request: guard state.takes(size, upTo: Self.maxRequests) else { return nil }
            case .response: break
            }
            state.messages.append(message)
            state.bytes += size
            return nil
        }
        waiter?.resume(returning: .success(message))
    }

    /// Nothing more will come. Messages that wait can still be taken.
    func fail(_ error: UpstreamError) {
        let waiter = state.withLock { state -> UnsafeContinuation<Result<RPCMessage, UpstreamError>, Never>? in
            guard state.end == nil else { return nil }
            state.end = error
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: .failure(error))
    }

    /// What has come already, without waiting.
    func taken() -> RPCMessage? {
        state.withLock { $0.takeFirst() }
    }

    func next() async throws(UpstreamError) -> RPCMessage {
        let result = await withUnsafeContinuation { continuation in
            let ready = state.withLock { state -> Result<RPCMessage, UpstreamError>? in
                if let first = state.takeFirst() { return .success(first) }
                if let end = state.end { return .failure(end) }
                state.waiter = continuation
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
        return try result.get()
    }
}

/// A stream whose first message was taken out already.
final class ResumedStream: UpstreamStream {
    private let first: Mutex<RPCMessage?>
    private let rest: any UpstreamStream

    init(first: RPCMessage, rest: any UpstreamStream) {
        self.first = Mutex(first)
        self.rest = rest
    }

    var status: Int? { rest.status }

    func next() async throws(UpstreamError) -> RPCMessage {
        if let message = first.withLock({ $0.take() }) { return message }
        return try await rest.next()
    }
}
