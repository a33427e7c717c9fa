import HTTP
import Runtime

/// The first byte says how the stream is cut; cut anywhere it gives the events that it gives whole, and what is written
/// is read again.
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
    -> (events: [SSEEvent], lastID: String, isComplete: Bool)
{
    var parser = SSEParser(maxEvent: limit)
    var events: [SSEEvent] = []
    for start in stride(from: bytes.startIndex, to: bytes.endIndex, by: max(piece, 1)) {
        do throws(HTTPError) {
            try parser.feed(bytes[start..<min(start + max(piece, 1), bytes.endIndex)]) { events.append($0) }
        } catch {
            return (events, parser.lastEventID, false)
        }
    }
    return (events, parser.lastEventID, true)
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
