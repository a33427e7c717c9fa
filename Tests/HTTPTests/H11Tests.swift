import Base
import HTTP
import Support
import Testing

/// Another parser as the judge: what h11 made of the same bytes is in Golden/h11.tsv (see h11_decisions.py).
@Suite struct H11Tests {
    /// What our parser made of them, in the same words; nothing after a request that closes the connection.
    private func decisions(_ bytes: [UInt8]) -> [String] {
        var found: [String] = []
        var parser = RequestParser()
        var body: [UInt8] = []
        bytes.withUnsafeBytes { input in
            var offset = 0
            var closes = false
            while true {
                switch parser.next(input, &offset) {
                case .needMore:
                    found.append("more")
                    return
                case .head(let head):
                    found.append("head \(head.methodText) \(Hex.encode(Array(head.target.raw.bytes)))")
                    body = []
                    closes = !head.keepAlive
                    _ = parser.acceptBody(limit: 1 << 20)
                case .body(let range): body.append(contentsOf: input[range])
                case .end:
                    found.append("body \(Hex.encode(body))")
                    if closes {
                        found.append("closed")
                        return
                    }
                case .failed:
                    found.append("failed")
                    return
                }
            }
        }
        return found
    }

    @Test func whatWeTakeIsTakenTheSameWay() throws {
        let golden = try readFile(Places.packageRoot + "/Tests/HTTPTests/Golden/h11.tsv")
        var (taken, refused, stricter) = (0, 0, 0)
        for line in String(decoding: golden, as: UTF8.self).split(separator: "\n") {
            let columns = line.split(separator: "\t").map(String.init)
            try #require(columns.count == 2)
            let bytes = try #require(Hex.decode(columns[0]))
            let theirs = columns[1].split(separator: "|").map(String.init)
            let ours = decisions(bytes)
            let (read, judged) = (ours.dropLast(), theirs.dropLast())
            // We may stop earlier (stricter), never read on where h11 refused or waits.
            let isSame = judged.starts(with: read)
            // SPEC: RFC 9112 §2.2: an empty line before the request is ignored; h11 refuses it.
            let isEmptyLine = bytes.starts(with: [13, 10])
            #expect(isSame || isEmptyLine, "ours \(ours), h11 \(theirs): \(String(decoding: bytes, as: UTF8.self))")
            if ours.last != "failed" { taken += 1 }
            if theirs.last == "failed" { refused += 1 }
            if ours.last == "failed", theirs.last != "failed" { stricter += 1 }
        }
        // Both kinds are there, or the comparison says nothing.
        #expect(taken > 100 && refused > 100 && stricter > 20)
    }
}
