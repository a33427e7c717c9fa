import MCP
import Synchronization

/// The messages that came for one request, put in by the upstream's loop and taken out by the caller's.
final class Inbox: UpstreamStream {
    private struct State {
        var messages: [RPCMessage] = []
        var end: UpstreamError?
        var waiter: UnsafeContinuation<Result<RPCMessage, UpstreamError>, Never>?
    }

    /// Notifications that nobody takes out are dropped beyond this number; the response never is.
    private static let maxWaiting = 1_024
    private let state = Mutex(State())

    var status: Int? { nil }

    func put(_ message: RPCMessage) {
        let waiter = state.withLock { state -> UnsafeContinuation<Result<RPCMessage, UpstreamError>, Never>? in
            guard state.end == nil else { return nil }
            if let waiter = state.waiter {
                state.waiter = nil
                return waiter
            }
            if case .notification = message.kind, state.messages.count >= Self.maxWaiting { return nil }
            state.messages.append(message)
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
        state.withLock { $0.messages.isEmpty ? nil : $0.messages.removeFirst() }
    }

    func next() async throws(UpstreamError) -> RPCMessage {
        let result = await withUnsafeContinuation { continuation in
            let ready = state.withLock { state -> Result<RPCMessage, UpstreamError>? in
                if !state.messages.isEmpty { return .success(state.messages.removeFirst()) }
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
