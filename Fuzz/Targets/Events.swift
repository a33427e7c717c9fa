import HTTP
import Runtime

/// The first byte says how the stream is cut; cut anywhere it gives the events that it gives whole, and these are the ones
/// of a slow reader that does what the HTML standard says, word by word. What is written is read again.
func fuzzEvents(_ bytes: [UInt8]) {
    guard let first = bytes.first else { return }
    let stream = bytes[1...]
    let limit = first & 1 == 0 ? 4 << 20 : 64
    let whole = events(stream, piece: stream.count, limit)
    for piece in [1, 2, 3 + Int(first >> 1)] {
        let pieces = events(stream, piece: piece, limit)
        expect(pieces.lastID == whole.lastID || !whole.isComplete, "another last id")
        expect(
            pieces.events == whole.events && pieces.isComplete == whole.isComplete,
            "in pieces of \(piece): \(pieces.events), whole: \(whole.events)")
    }
    if whole.isComplete {
        let slow = SlowReader(Array(stream))
        expect(slow.events == whole.events, "the standard has \(slow.events), the parser \(whole.events)")
        expect(slow.lastID == whole.lastID, "the standard's last id is \(slow.lastID), the parser's \(whole.lastID)")
        expect(slow.retry == whole.retry, "the standard's reconnection time is another")
    }
    for event in whole.events {
        var wire: [UInt8] = []
        event.write(to: &wire)
        let again = events(wire[...], piece: 5, 64 << 20)
        expect(again.isComplete && again.events.count == 1, "an event becomes \(again.events.count)")
        // A NUL in an event's type can be read but is not written.
        guard event.event?.utf8.contains(0) != true else { continue }
        expect(again.events.first == event, "\(event) becomes \(again.events)")
    }
}

private func events(_ bytes: ArraySlice<UInt8>, piece: Int, _ limit: Int)
    -> (events: [SSEEvent], lastID: String, retry: Int?, isComplete: Bool)
{
    var parser = SSEParser(maxEvent: limit)
    var events: [SSEEvent] = []
    for start in stride(from: bytes.startIndex, to: bytes.endIndex, by: max(piece, 1)) {
        do throws(HTTPError) {
            try parser.feed(bytes[start..<min(start + max(piece, 1), bytes.endIndex)]) { events.append($0) }
        } catch {
            return (events, parser.lastEventID, parser.lastRetry, false)
        }
    }
    return (events, parser.lastEventID, parser.lastRetry, true)
}

/// SPEC: WHATWG HTML §9.2.5 and §9.2.6, over the whole stream at once.
private struct SlowReader {
    private(set) var events: [SSEEvent] = []
    private(set) var lastID = ""
    private(set) var retry: Int?

    init(_ stream: [UInt8]) {
        var bytes = stream[...]
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
        // Lines end in CRLF, LF or CR; what has no end is no line.
        var lines: [[UInt8]] = []
        var line: [UInt8] = []
        var rest = Array(bytes)[...]
        while let byte = rest.popFirst() {
            guard byte == 0x0A || byte == 0x0D else {
                line.append(byte)
                continue
            }
            if byte == 0x0D, rest.first == 0x0A { rest.removeFirst() }
            lines.append(line)
            line = []
        }
        var data: [UInt8] = []
        var (type, id, wait): (String, String?, Int?) = ("", nil, nil)
        for line in lines {
            if line.isEmpty {
                if let id { lastID = id }
                if !data.isEmpty {
                    // Each piece of data was followed by a line feed; the last one goes.
                    data.removeLast()
                    events.append(SSEEvent(data: data, event: type.isEmpty ? nil : type, id: id, retry: wait))
                }
                (data, type, id, wait) = ([], "", nil, nil)
                continue
            }
            if line[0] == 0x3A { continue }
            let parts = line.split(separator: 0x3A, maxSplits: 1, omittingEmptySubsequences: false)
            var value = parts.count == 2 ? Array(parts[1]) : []
            if value.first == 0x20 { value.removeFirst() }
            switch String(decoding: parts[0], as: UTF8.self) {
            case "data": data += value + [0x0A]
            case "event": type = String(decoding: value, as: UTF8.self)
            case "id" where !value.contains(0): id = String(decoding: value, as: UTF8.self)
            // Nobody waits longer than twelve digits of milliseconds.
            case "retry" where !value.isEmpty && value.count <= 12 && value.allSatisfy({ (0x30...0x39).contains($0) }):
                wait = Int(String(decoding: value, as: UTF8.self))
                retry = wait
            default: break
            }
        }
    }
}

/// The same for the lines of a stdio server.
func fuzzLines(_ bytes: [UInt8]) {
    guard let first = bytes.first else { return }
    let stream = bytes[1...]
    let limit = Int(first >> 2) + 1
    let whole = lines(stream, piece: max(stream.count, 1), limit)
    for piece in [1, 2 + Int(first & 3)] {
        let pieces = lines(stream, piece: piece, limit)
        expect(pieces == whole, "in pieces of \(piece): \(pieces), whole: \(whole)")
    }
    for case .line(let line) in whole {
        expect(!line.isEmpty && line.count <= limit && !line.contains(UInt8(ascii: "\n")), "no such line: \(line)")
    }
}

private func lines(_ bytes: ArraySlice<UInt8>, piece: Int, _ limit: Int) -> [LineSplitter.Piece] {
    var splitter = LineSplitter(limit: limit)
    var found: [LineSplitter.Piece] = []
    for start in stride(from: bytes.startIndex, to: bytes.endIndex, by: piece) {
        bytes[start..<min(start + piece, bytes.endIndex)].withUnsafeBytes { splitter.feed($0) { found.append($0) } }
    }
    splitter.end { found.append($0) }
    return found
}
