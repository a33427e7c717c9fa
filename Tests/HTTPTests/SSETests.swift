import HTTP
import Testing

@Suite struct SSETests {
    /// Events as text: "event|id|retry|data".
    private func read(_ pieces: [ArraySlice<UInt8>], maxEvent: Int = 1000) -> [String] {
        var parser = SSEParser(maxEvent: maxEvent)
        var events: [String] = []
        do throws(HTTPError) {
            for piece in pieces {
                try parser.feed(piece) { event in
                    let retry = event.retry.map { String($0) } ?? ""
                    events.append(
                        "\(event.event ?? "")|\(event.id ?? "")|\(retry)|\(String(decoding: event.data, as: UTF8.self))"
                    )
                }
            }
        } catch { events.append("\(error.code)") }
        return events
    }

    @Test(arguments: [
        ("data: a\n\n", ["|||a"]), ("data:a\r\n\r\n", ["|||a"]), ("data: a\r\r", ["|||a"]),
        ("data: a\r\n\ndata: b\n\r\n", ["|||a", "|||b"]), ("\u{FEFF}data: a\n\n", ["|||a"]),
        ("data: a\ndata: b\ndata\n\n", ["|||a\nb\n"]), ("data:  a \n\n", ["||| a "]), ("data\n\n", ["|||"]),
        ("event: x\nid: 7\nretry: 10\ndata: {\"a\":1}\n\n", ["x|7|10|{\"a\":1}"]),
        ("event: x\n\ndata: a\n\n", ["|||a"]),
        (": comment\n\ndata: a\n: more\n\n", ["|||a"]), ("unknown: x\nDATA: x\n\n", []), ("data: unfinished\n", []),
        ("id: a\u{0}b\ndata: x\n\n", ["|||x"]), ("retry: 1x\ndata: x\n\n", ["|||x"]), ("id\ndata: x\n\n", ["|||x"]),
        ("data: a:b: c\n\n", ["|||a:b: c"]), ("event\ndata: x\n\n", ["|||x"]), ("\n\n\r\n\r\r", []),
    ])
    func reads(_ text: String, _ events: [String]) {
        let bytes = Array(text.utf8)
        for pieces in [[bytes[...]]] + cuts(bytes) { #expect(read(pieces) == events) }
    }

    @Test func anEventCountsOnceItIsWhole() throws {
        var parser = SSEParser()
        var seen: [String] = []
        for piece in ["id: 1\ndata: a\n\n", "id: 2\ndata: b", "\n", "\n", "data: c\n\n", "id: 3\n", "\n", "id\n\n"] {
            try parser.feed(Array(piece.utf8)) { _ in }
            seen.append(parser.lastEventID)
        }
        #expect(seen == ["1", "1", "1", "2", "2", "2", "3", ""])
        #expect(parser.lastRetry == nil)
        try parser.feed(Array("retry: 70\n\nretry: x\n\n".utf8)) { _ in }
        #expect(parser.lastRetry == 70, "an event without data says it, too")
    }

    @Test func caps() {
        let comments = Array(String(repeating: ": 0123456789\n", count: 500).utf8)
        #expect(read([comments[...]]) == [])
        let lines = Array(String(repeating: "data: 0123456789\n", count: 500).utf8)
        for pieces in [[lines[...]], lines.indices.map { lines[$0...$0] }] {
            #expect(read(pieces) == ["eventTooLarge"])
        }
        let one = Array(repeating: UInt8(ascii: "x"), count: 1001)
        #expect(read([one[...]]) == ["eventTooLarge"])
    }

    @Test(arguments: [
        SSEEvent(data: Array("x".utf8)), SSEEvent(data: []),
        SSEEvent(data: Array("a\nb\n\nc\n".utf8), event: "e", id: "1"),
        SSEEvent(data: Array("{}".utf8), id: "", retry: 2500),
    ])
    func writesWhatItReads(_ event: SSEEvent) throws {
        var wire: [UInt8] = []
        event.write(to: &wire)
        event.write(to: &wire)
        var parser = SSEParser()
        var events: [SSEEvent] = []
        try parser.feed(wire) { events.append($0) }
        #expect(events == [event, event])
    }

    @Test func writingIsNoInjection() throws {
        var wire: [UInt8] = []
        SSEEvent(data: Array("a\rdata: b\r\nid: 9".utf8), event: "x\ndata: y", id: "1\r\n\r\n2").write(to: &wire)
        var parser = SSEParser()
        var events: [SSEEvent] = []
        try parser.feed(wire) { events.append($0) }
        #expect(events == [SSEEvent(data: Array("a\ndata: b\nid: 9".utf8), event: "xdata: y", id: "12")])
        #expect(parser.lastEventID == "12")
    }

    @Test func chunksRoundTrip() {
        for count in [1, 9, 10, 15, 16, 17, 255, 256, 4095, 4096, 70_000] {
            let data = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
            var wire: [UInt8] = []
            data.withUnsafeBytes { ChunkEncoder.append($0, to: &wire) }
            ChunkEncoder.append(UnsafeRawBufferPointer(start: nil, count: 0), to: &wire)
            ChunkEncoder.appendEnd(to: &wire)
            var decoder = ChunkDecoder()
            var decoded: [UInt8] = []
            wire.withUnsafeBytes { bytes in
                var offset = 0
                while true {
                    switch decoder.next(bytes, &offset) {
                    case .data(let range): decoded.append(contentsOf: bytes[range])
                    case .chunk(let size): #expect(size == count)
                    case .end: return
                    case .needMore, .failed:
                        Issue.record("not complete")
                        return
                    }
                }
            }
            #expect(decoded == data)
        }
    }
}
