import Runtime

/// A request with its whole body.
package struct HTTPRequest: Sendable {
    /// The head.
    package let head: RequestHead
    /// The whole body; transfer coding removed.
    package let body: [UInt8]
    /// Who sent it.
    package let peer: SocketAddress
    /// What the service found in the head: what its `facts(of:)` gave.
    package let facts: (any HeadFacts)?

    package init(head: RequestHead, body: [UInt8], peer: SocketAddress, facts: (any HeadFacts)? = nil) {
        self.head = head
        self.body = body
        self.peer = peer
        self.facts = facts
    }
}

/// A response with its whole body. Content-Length, Date and Connection are the server's to add.
package struct Response: Sendable {
    package var status: HTTPStatus
    package var fields: Fields
    package var body: [UInt8]

    /// A response.
    package init(_ status: HTTPStatus, fields: Fields = .none, body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }
}

/// What a service makes of a head. It may depend on nothing else but what never changes: a client that says the same
/// again on its connection is met with the same facts.
package protocol HeadFacts: AnyObject, Sendable {}

/// What a service says to a head, before the body is read.
package enum Admission: Sendable {
    /// The body may come, up to a number of bytes. Of the room for large bodies that have not come whole, `of` has at most as
    /// much as he leaves to others.
    case accept(maxBody: Int, of: String = "")
    /// The request is answered with this; its body is not taken.
    case refuse(Response)
}

/// What a server serves. Both calls run on the connection's loop and inside its actor: code that stays unannotated
/// `async` never leaves it.
package protocol HTTPService: Sendable {
    /// Judges a head before the body is read. Must not block.
    func admit(_ head: RequestHead, from peer: SocketAddress) -> Admission
    /// What `respond` wants to know of a head; asked once for all heads of a connection that differ in nothing but the
    /// body's length. The body's length is not to be taken from it.
    func facts(of head: RequestHead) -> (any HeadFacts)?
    /// Answers a request through the writer. Other connections of the loop go on while this waits.
    func respond(to request: HTTPRequest, on loop: EventLoop, _ writer: consuming ResponseWriter) async
    /// An id for an answer that the server gives by itself.
    func makeRequestID() -> String
    /// Hears of each refusal that the server gave by itself; for metrics.
    func didRefuse(_ problem: HTTPProblem, from peer: SocketAddress, requestID: String)
}

extension HTTPService {
    package func facts(of head: RequestHead) -> (any HeadFacts)? { nil }

    /// 16 random bytes in hexadecimal.
    package func makeRequestID() -> String {
        var generator = SystemRandomNumberGenerator()
        var text: [UInt8] = []
        for _ in 0..<2 {
            let bits = generator.next()
            for shift in stride(from: 60, through: 0, by: -4) {
                let digit = UInt8(truncatingIfNeeded: bits >> UInt64(shift)) & 15
                text.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    package func didRefuse(_ problem: HTTPProblem, from peer: SocketAddress, requestID: String) {}
}

/// A problem document. SPEC: RFC 9457. `title` defaults to the status's reason phrase.
package func problem(_ status: HTTPStatus, title: String? = nil, detail: String, requestID: String) -> Response {
    var body: [UInt8] = []
    body.append(contentsOf: "{\"type\":\"about:blank\",\"title\":".utf8)
    appendJSONString(title ?? status.reason.description, to: &body)
    body.append(contentsOf: ",\"status\":".utf8)
    HeadWriter.appendDecimal(Int(status.code), to: &body)
    body.append(contentsOf: ",\"detail\":".utf8)
    appendJSONString(detail, to: &body)
    body.append(contentsOf: ",\"request_id\":".utf8)
    appendJSONString(requestID, to: &body)
    body.append(UInt8(ascii: "}"))
    let fields = Fields(
        (.contentType, "application/problem+json"), (.xRequestID, requestID), (.cacheControl, "no-store"))
    return Response(status, fields: fields, body: body)
}

/// This module stands beside JSON on its floor and needs no more of it than this.
private func appendJSONString(_ text: String, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            output.append(UInt8(ascii: "\\"))
            output.append(byte)
        case 0..<0x20: output.append(ASCII.space)
        default: output.append(byte)
        }
    }
    output.append(UInt8(ascii: "\""))
}
