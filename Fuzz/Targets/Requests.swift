import HTTP

/// The same bytes, in one piece or in many, must be the same requests; whatever comes, nothing may trap.
func fuzzRequests(_ bytes: UnsafeRawBufferPointer) {
    let whole = transcript(bytes, pieces: max(bytes.count, 1))
    expect(whole == transcript(bytes, pieces: 1), "read byte by byte it is something else")
    expect(whole == transcript(bytes, pieces: 7), "read in pieces it is something else")
}

private func transcript(_ bytes: UnsafeRawBufferPointer, pieces: Int) -> [String] {
    var parser = RequestParser()
    var lines: [String] = []
    var body: [UInt8] = []
    for first in stride(from: 0, to: bytes.count, by: pieces) {
        let input = UnsafeRawBufferPointer(rebasing: bytes[first..<min(first + pieces, bytes.count)])
        var offset = 0
        reading: while true {
            switch parser.next(input, &offset) {
            case .needMore: break reading
            case .head(let head):
                lines.append(
                    "\(head.methodText.string) \(head.target.path.string) \(head.authority.string) \(head.bodyLength)")
                for i in 0..<head.fields.count {
                    lines.append("\(head.fields.name(at: i).string): \(head.fields.value(at: i).string)")
                }
                if let problem = parser.acceptBody(limit: 1 << 20) { return lines + ["refused: \(problem)"] }
            case .body(let range): body.append(contentsOf: input[range])
            case .end:
                lines.append("body \(body)")
                body = []
            case .failed(let problem): return lines + ["refused: \(problem)"]
            }
        }
    }
    return lines + ["unfinished body \(body)"]
}
