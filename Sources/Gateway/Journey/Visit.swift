import Base
import MCP
import Runtime

/// One authenticated message and its surroundings: what the later steps of the journey know.
///
/// COST: a class, because every step takes it along across its waits.
final class Visit: Sendable {
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

    init(
        requestID: String, caller: Caller, session: ClientSession, message: RPCMessage, id: RequestID, peerIP: String?,
        loop: EventLoop, started: TimeSpan
    ) {
        self.requestID = requestID
        self.caller = caller
        self.session = session
        self.message = message
        self.id = id
        self.peerIP = peerIP
        self.loop = loop
        self.started = started
    }
}
