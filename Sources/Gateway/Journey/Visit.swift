import Base
import MCP
import Runtime

/// One authenticated message and its surroundings: what the later steps of the journey know.
struct Visit: Sendable {
    let requestID: String
    let caller: Caller
    let session: ClientSession
    let message: RPCMessage
    /// The id of the request, as the client wrote it.
    let id: RequestID
    let peerIP: String?
    let loop: EventLoop
    /// When the request was complete, on the monotonic clock.
    let started: TimeSpan
}
