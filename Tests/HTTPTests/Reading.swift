import HTTP

/// What a parser made of its input, as text that can be compared: one line an event, bodies joined.
struct Reading: Equatable, CustomStringConvertible {
    private(set) var lines: [String] = []
    private var body: [UInt8] = []

    var description: String { lines.joined(separator: "\n") }

    /// The problem it ended with, if it did.
    private(set) var problem: HTTPProblem?

    /// The status of the refusal, 0 if there was none.
    var status: UInt16 { problem?.status.code ?? 0 }

    private mutating func take(_ bytes: UnsafeRawBufferPointer) { body.append(contentsOf: bytes) }

    private mutating func close(_ line: String) {
        if !body.isEmpty { lines.append("body " + String(decoding: body, as: UTF8.self)) }
        body = []
        lines.append(line)
    }

    /// Reads requests that come in these pieces.
    static func requests(_ pieces: [ArraySlice<UInt8>], limits: HTTPLimits = HTTPLimits()) -> Reading {
        var reading = Reading()
        var parser = RequestParser(limits: limits)
        for piece in pieces {
            piece.withUnsafeBytes { bytes in
                var offset = 0
                while true {
                    switch parser.next(bytes, &offset) {
                    case .needMore: return
                    case .head(let head):
                        reading.close(Self.line(head))
                        _ = parser.acceptBody(limit: limits.maxBody)
                    case .body(let range): reading.take(UnsafeRawBufferPointer(rebasing: bytes[range]))
                    case .end: reading.close("end")
                    case .failed(let problem):
                        if reading.problem == nil { reading.body = [] }
                        if reading.problem == nil { reading.close("failed \(problem.status.code)") }
                        reading.problem = problem
                        return
                    }
                }
            }
        }
        return reading
    }

    /// Reads requests that come at once.
    static func requests(_ text: String, limits: HTTPLimits = HTTPLimits()) -> Reading {
        requests([Array(text.utf8)[...]], limits: limits)
    }

    private static func line(_ head: RequestHead) -> String {
        var text = "\(head.methodText) \(head.target.path)"
        if let query = head.target.query { text += " ?\(query)" }
        text += " \(head.version == .http11 ? "1.1" : "1.0") host=\(head.authority) \(head.bodyLength)"
        text += head.keepAlive ? " keep" : " close"
        if head.expectsContinue { text += " continue" }
        for index in 0..<head.fields.count {
            text += " [\(head.fields.name(at: index))=\(head.fields.value(at: index))]"
        }
        return text
    }

    /// Reads responses to requests of these methods; the last one is met by the connection's end if `ends`.
    static func responses(_ pieces: [ArraySlice<UInt8>], to methods: [HTTPMethod], ends: Bool = false) -> Reading {
        var reading = Reading()
        var parser = ResponseParser()
        var methods = methods[...]
        if let first = methods.popFirst() { parser.expect(first) }
        for piece in pieces {
            piece.withUnsafeBytes { bytes in
                var offset = 0
                while true {
                    switch parser.next(bytes, &offset) {
                    case .needMore: return
                    case .head(let head):
                        var text = "\(head.status.code) \(head.bodyLength) \(head.keepAlive ? "keep" : "close")"
                        for index in 0..<head.fields.count {
                            text += " [\(head.fields.name(at: index))=\(head.fields.value(at: index))]"
                        }
                        reading.close(text)
                    case .body(let range): reading.take(UnsafeRawBufferPointer(rebasing: bytes[range]))
                    case .end:
                        reading.close("end")
                        if let next = methods.popFirst() { parser.expect(next) }
                    case .failed(let problem):
                        if reading.problem == nil {
                            reading.body = []
                            reading.close("failed")
                        }
                        reading.problem = problem
                        return
                    }
                }
            }
        }
        if ends { reading.close(parser.inputEnded() ? "end" : "cut off") }
        return reading
    }
}

/// All ways to cut bytes in two, and the way of single bytes.
func cuts(_ bytes: [UInt8]) -> [[ArraySlice<UInt8>]] {
    var all = [bytes.indices.map { bytes[$0...$0] }]
    for cut in 0...bytes.count { all.append([bytes[..<cut], bytes[cut...]]) }
    return all
}
