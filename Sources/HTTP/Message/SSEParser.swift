/// Reads an event stream as it comes. An unfinished event at the end of the stream is dropped, as the specification says.
package struct SSEParser {
    /// The id of the last whole event that carried one: what Last-Event-ID should say on reconnection.
    package private(set) var lastEventID = ""

    /// How long to wait before a reconnection, in milliseconds: what the stream said last, in an event or without one.
    package private(set) var lastRetry: Int?

    private let maxEvent: Int
    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var event: String?
    private var id: String?
    private var retry: Int?
    private var hasData = false
    private var skipsLineFeed = false
    private var isFirstLine = true
    private var eventBytes = 0

    /// A parser for one stream. `maxEvent`: bytes of all lines of one event.
    package init(maxEvent: Int = 4 * 1024 * 1024) { self.maxEvent = maxEvent }

    /// Reads bytes and calls `each` for every event they complete.
    /// - Throws: `eventTooLarge`; the stream cannot be read on.
    package mutating func feed(_ bytes: [UInt8], _ each: (SSEEvent) -> Void) throws(HTTPError) {
        try feed(bytes[...], each)
    }

    /// The variant for a part of an array.
    package mutating func feed(_ bytes: ArraySlice<UInt8>, _ each: (SSEEvent) -> Void) throws(HTTPError) {
        var start = bytes.startIndex
        if skipsLineFeed, start < bytes.endIndex {
            if bytes[start] == ASCII.lineFeed { start += 1 }
            skipsLineFeed = false
        }
        while let end = bytes[start...].firstIndex(where: { $0 == ASCII.lineFeed || $0 == ASCII.carriageReturn }) {
            try count(end - start)
            if line.isEmpty {
                take(bytes[start..<end], each)
            } else {
                line.append(contentsOf: bytes[start..<end])
                let whole = line
                line.removeAll(keepingCapacity: true)
                take(whole[...], each)
            }
            start = end + 1
            if bytes[end] == ASCII.carriageReturn {
                if start == bytes.endIndex {
                    skipsLineFeed = true
                } else if bytes[start] == ASCII.lineFeed {
                    start += 1
                }
            }
        }
        try count(bytes.endIndex - start)
        line.append(contentsOf: bytes[start...])
    }

    private mutating func count(_ added: Int) throws(HTTPError) {
        eventBytes += added
        guard eventBytes <= maxEvent else {
            throw HTTPError(.eventTooLarge, "an event of the stream is over \(maxEvent) bytes")
        }
    }

    private mutating func take(_ raw: ArraySlice<UInt8>, _ each: (SSEEvent) -> Void) {
        var line = raw
        if isFirstLine {
            isFirstLine = false
            if line.starts(with: [0xEF, 0xBB, 0xBF]) { line = line.dropFirst(3) }
        }
        guard let first = line.first else { return dispatch(each) }
        if first == ASCII.colon {
            // A comment belongs to no event; a stream of them must not count as one large event.
            if !hasData { eventBytes = 0 }
            return
        }
        let colon = line.firstIndex(of: ASCII.colon)
        let name = ByteText(line[..<(colon ?? line.endIndex)])
        var value = colon.map { line[($0 + 1)...] } ?? []
        if value.first == ASCII.space { value = value.dropFirst() }
        if name.equals("data") {
            if hasData { data.append(ASCII.lineFeed) }
            hasData = true
            data.append(contentsOf: value)
        } else if name.equals("event") {
            event = String(decoding: value, as: UTF8.self)
        } else if name.equals("id"), !value.contains(0) {
            id = String(decoding: value, as: UTF8.self)
        } else if name.equals("retry"), !value.isEmpty, value.count <= 12, value.allSatisfy(ASCII.isDigit) {
            retry = value.reduce(0) { $0 * 10 + Int($1 &- 0x30) }
            lastRetry = retry
        }
    }

    private mutating func dispatch(_ each: (SSEEvent) -> Void) {
        defer {
            data = []
            event = nil
            id = nil
            retry = nil
            hasData = false
            eventBytes = 0
        }
        // An event that did not come whole has not come: who names it would never get it.
        if let id { lastEventID = id }
        guard hasData else { return }
        each(SSEEvent(data: data, event: event.flatMap { $0.isEmpty ? nil : $0 }, id: id, retry: retry))
    }
}
