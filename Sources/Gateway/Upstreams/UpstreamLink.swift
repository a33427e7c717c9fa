import JSON
import MCP
import Runtime

/// A client session's way to one server. Requests carry ids that the link minted; answers come back by exchange.
protocol UpstreamLink: AnyObject, Sendable {
    /// What the server said of itself in the handshake.
    var hello: UpstreamHello { get }

    /// Waits until the server can take a request, starting it if need be. Called before the decision, so that a permitted
    /// call goes on at once.
    func prepare() async throws(UpstreamError)

    /// An id that no other request on this link has; it also serves as progress token.
    func mintID() -> Int64

    /// Sends a request and waits for the first message that answers it.
    /// - Parameters:
    ///   - message: the whole JSON-RPC request, with `id` as its id.
    ///   - loop: the caller's loop.
    ///   - handle: how the call is cancelled.
    func send(_ message: [UInt8], id: Int64, on loop: EventLoop, handle: CallHandle) async throws(UpstreamError)
        -> UpstreamReply

    /// Sends a notification or a response; failures are of no consequence.
    func post(_ message: [UInt8], on loop: EventLoop)

    /// Relays what the server sends outside of calls until it ends or `handle` is cancelled.
    func listen(on loop: EventLoop, handle: CallHandle, _ take: @Sendable (RPCMessage) -> Void) async

    /// The client session is over.
    func close(on loop: EventLoop)
}

/// The first thing that comes back.
enum UpstreamReply: Sendable {
    /// The response itself, and the HTTP status it came with.
    case response(RPCMessage, status: Int?)
    /// Notifications come before the response.
    case stream(any UpstreamStream)
}

/// Messages that belong to one request, ending with its response.
protocol UpstreamStream: AnyObject, Sendable {
    func next() async throws(UpstreamError) -> RPCMessage
    /// The HTTP status it came with.
    var status: Int? { get }
}

extension UpstreamLink {
    /// A request of our own; notifications before its answer are passed over.
    func ask(_ method: String, _ params: JSONValue?, on loop: EventLoop) async throws(UpstreamError) -> RPCMessage {
        let id = mintID()
        let request = RPCWriter.request(id: id, method: method, params: params)
        switch try await send(request, id: id, on: loop, handle: CallHandle()) {
        case .response(let message, _): return message
        case .stream(let stream):
            while true {
                let message = try await stream.next()
                if case .response = message.kind { return message }
            }
        }
    }
}
