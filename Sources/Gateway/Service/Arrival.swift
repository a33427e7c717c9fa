import Base
import HTTP
import MCP
import Runtime

/// An authenticated request, or a message on another way in.
final class Arrival: Sendable {
    let requestID: String
    let holder: Holder
    /// The grant at the server that the request is for.
    let caller: Caller
    let body: [UInt8]
    /// The header fields; none on a pipe.
    let fields: Fields
    let peerIP: String?
    let loop: EventLoop
    /// When the request was complete, on the monotonic clock.
    let started: TimeSpan

    init(
        requestID: String, holder: Holder, caller: Caller, body: [UInt8], fields: Fields, peerIP: String?,
        loop: EventLoop,
        started: TimeSpan
    ) {
        self.requestID = requestID
        self.holder = holder
        self.caller = caller
        self.body = body
        self.fields = fields
        self.peerIP = peerIP
        self.loop = loop
        self.started = started
    }

    /// The same at another server of the grant.
    func at(_ caller: Caller) -> Arrival {
        Arrival(
            requestID: requestID, holder: holder, caller: caller, body: body, fields: fields, peerIP: peerIP,
            loop: loop,
            started: started)
    }

    /// The version that the header names, if it does.
    var version: String? { fields[.mcpProtocolVersion]?.string }

    /// Whether the header names a version of the modern era.
    var isModern: Bool { version.flatMap(ProtocolVersion.init(rawValue:))?.era == .modern }

    /// The header fields that repeat the body.
    var routing: RoutingHeaders {
        var headers = RoutingHeaders()
        for index in 0..<fields.count {
            headers.take(name: fields.name(at: index).bytes, value: fields.value(at: index).bytes)
        }
        return headers
    }
}
