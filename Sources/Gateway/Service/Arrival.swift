import Base
import HTTP
import MCP
import Runtime
import Store

/// An authenticated request, or a message on another way in.
final class Arrival: Sendable {
    let requestID: String
    let holder: Holder
    /// The grant at the server that the request is for.
    let caller: Caller
    let body: [UInt8]
    /// The header fields; none on a pipe.
    let fields: Fields
    let facts: RequestFacts
    let peerIP: String?
    let loop: EventLoop
    /// When the request was complete, on the monotonic clock.
    let started: TimeSpan

    init(
        requestID: String, holder: Holder, caller: Caller, body: [UInt8], fields: Fields, facts: RequestFacts,
        peerIP: String?, loop: EventLoop, started: TimeSpan
    ) {
        self.requestID = requestID
        self.holder = holder
        self.caller = caller
        self.body = body
        self.fields = fields
        self.facts = facts
        self.peerIP = peerIP
        self.loop = loop
        self.started = started
    }

    /// The same at another server of the grant.
    func at(_ caller: Caller) -> Arrival {
        Arrival(
            requestID: requestID, holder: holder, caller: caller, body: body, fields: fields, facts: facts,
            peerIP: peerIP, loop: loop, started: started)
    }

    /// The same at a server with which a session is open. Goes by the policy and the pins of the request, which may be newer
    /// than the session; a server that is the grant's no more has none, so nothing is permitted there.
    func at(_ session: ClientSession) -> Arrival {
        let server = session.caller.server
        return at(holder.caller(of: server.name) ?? Caller(grant: holder.grant, server: server, policy: nil))
    }

    /// What goes on when the request is long answered, by the grant as it stands now.
    func later(_ holder: Holder) -> Arrival {
        Arrival(
            requestID: requestID, holder: holder, caller: caller, body: [], fields: Fields(), facts: facts,
            peerIP: peerIP, loop: loop, started: loop.now)
    }

    /// Whether the header names a version of the modern era.
    var isModern: Bool { facts.isModern }

    /// The name of the legacy session that the request belongs to.
    func sessionName() throws(Refusal) -> String {
        switch facts.session {
        case .none: throw .noSession
        case .named(let name): return name
        case .unusable: throw .unknownSession
        }
    }

    /// A legacy session knows legacy versions only.
    func checkVersion() throws(Refusal) {
        if let header = facts.version, header.version?.era != .legacy { throw .wrongVersion(header.text) }
    }

    /// The header fields that repeat the body.
    var routing: RoutingHeaders {
        var headers = RoutingHeaders()
        for index in 0..<fields.count {
            headers.take(name: fields.name(at: index).bytes, value: fields.value(at: index).bytes)
        }
        return headers
    }
}
