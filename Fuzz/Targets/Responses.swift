import HTTP

/// The first byte says what the client asked for; the rest is what the server sends, then it hangs up. In one piece or in
/// many, the client makes the same of it. (Bytes after a response end the connection when they come along with it and
/// are not noticed when they come later, so what follows the last response is not compared.)
func fuzzResponses(_ bytes: UnsafeRawBufferPointer) {
    guard let first = bytes.first else { return }
    let answer = UnsafeRawBufferPointer(rebasing: bytes[1...])
    let whole = transcript(answer, first, piece: max(answer.count, 1))
    for piece in [1, 2 + Int(first >> 4)] {
        let pieces = transcript(answer, first, piece: piece)
        expect(pieces == whole, "in pieces of \(piece): \(pieces)\nwhole: \(whole)")
    }
}

private func transcript(_ bytes: UnsafeRawBufferPointer, _ first: UInt8, piece: Int) -> [String] {
    let collecting: ClientConnectionMachine.Collecting =
        switch first & 3 {
        case 0: .always
        case 1: .never
        default: .unlessEventStream
        }
    let maxBody = 64
    var machine = ClientConnectionMachine()
    machine.begin(
        first & 4 == 0 ? .post : .head, collecting: collecting, maxBody: maxBody, isReused: first & 8 == 0,
        isReplaySafe: false)
    machine.requestSent()
    var lines: [String] = []
    var streamed: [UInt8] = []
    func note(_ head: ResponseHead) {
        lines.append("\(head.status.code) \(head.bodyLength) \(head.keepAlive)")
        for i in 0..<head.fields.count {
            lines.append("\(head.fields.name(at: i).string): \(head.fields.value(at: i).string)")
        }
        if let text = head.fields[.contentType], let type = MediaType(text) {
            lines.append("charset \(type.parameter("charset")?.string ?? "-")")
        }
    }
    for start in stride(from: 0, to: bytes.count, by: piece) {
        let input = UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + piece, bytes.count)])
        var offset = 0
        reading: while true {
            let before = offset
            switch machine.next(input, &offset) {
            case .needMore: break reading
            case .complete(let head, let body, _):
                note(head)
                expect(body.count <= maxBody, "a body over the limit")
                return lines + ["body \(body)"]
            case .stream(let head): note(head)
            case .data(let range):
                expect(before <= range.lowerBound && range.upperBound <= offset, "bytes from elsewhere")
                streamed.append(contentsOf: input[range])
            case .streamEnded: return lines + ["streamed \(streamed)"]
            case .failed(let failure): return lines + ["streamed \(streamed)", "failed \(failure)"]
            case .close: return lines + ["closed"]
            }
        }
    }
    switch machine.inputEnded() {
    case .complete(let head, let body, let isReusable):
        note(head)
        expect(!isReusable || !head.keepAlive, "a closed connection is used again")
        return lines + ["body \(body)"]
    case .streamEnded: return lines + ["streamed \(streamed)"]
    case .failed(let failure): return lines + ["streamed \(streamed)", "failed \(failure)"]
    case .close: return lines + ["closed"]
    case .needMore, .stream, .data: fail("the machine asks for more of a closed connection")
    }
}
