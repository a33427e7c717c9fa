/// One event of an event stream (`text/event-stream`). SPEC: WHATWG HTML §9.2.
package struct SSEEvent: Sendable, Hashable {
    /// The event's type; nil is "message".
    package var event: String?
    /// The event's id; nil if it carried none.
    package var id: String?
    /// Reconnection time in milliseconds; nil if it carried none.
    package var retry: Int?
    /// The data; lines are parted by LF.
    package var data: [UInt8]

    /// An event.
    package init(data: [UInt8], event: String? = nil, id: String? = nil, retry: Int? = nil) {
        self.data = data
        self.event = event
        self.id = id
        self.retry = retry
    }

    /// Appends the event in wire form. Line ends in `event` and `id` are left out; data lines may end in CR, LF or CRLF.
    package func write(to output: inout [UInt8]) {
        if let event {
            output.append(contentsOf: "event: ".utf8)
            Self.appendLine(event, to: &output)
        }
        if let id {
            output.append(contentsOf: "id: ".utf8)
            Self.appendLine(id, to: &output)
        }
        if let retry {
            output.append(contentsOf: "retry: ".utf8)
            HeadWriter.appendDecimal(max(0, retry), to: &output)
            output.append(ASCII.lineFeed)
        }
        var start = 0
        while true {
            output.append(contentsOf: [0x64, 0x61, 0x74, 0x61, 0x3A, 0x20])  // "data: "
            let end = data[start...].firstIndex { $0 == ASCII.lineFeed || $0 == ASCII.carriageReturn }
            output.append(contentsOf: data[start..<(end ?? data.count)])
            output.append(ASCII.lineFeed)
            guard let end else { break }
            let isPair = data[end] == ASCII.carriageReturn && end + 1 < data.count && data[end + 1] == ASCII.lineFeed
            start = end + (isPair ? 2 : 1)
        }
        output.append(ASCII.lineFeed)
    }

    private static func appendLine(_ text: String, to output: inout [UInt8]) {
        for byte in text.utf8 where byte != ASCII.lineFeed && byte != ASCII.carriageReturn && byte != 0 {
            output.append(byte)
        }
        output.append(ASCII.lineFeed)
    }
}
