/// Writes heads of messages into a buffer.
enum HeadWriter {
    /// What a response's head says about its body.
    enum Body {
        case length(Int)
        case chunked
        case none
    }

    /// Appends the head of a response. `opening`: what `opening(of:date:)` gave for the status.
    static func response(
        _ opening: [UInt8], _ fields: Fields, body: Body, close: Bool, to output: inout [UInt8]
    ) {
        output.append(contentsOf: opening)
        fields.write(into: &output)
        switch body {
        case .length(let count):
            append("Content-Length: ", to: &output)
            appendDecimal(count, to: &output)
            append(close ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n", to: &output)
            return
        case .chunked: append("Transfer-Encoding: chunked\r\n", to: &output)
        case .none: break
        }
        append(close ? "Connection: close\r\n\r\n" : "\r\n", to: &output)
    }

    /// The status line and the Date field. `date`: IMF-fixdate.
    static func opening(of status: HTTPStatus, date: [UInt8]) -> [UInt8] {
        var opening: [UInt8] = []
        append("HTTP/1.1 ", to: &opening)
        appendDecimal(Int(status.code), to: &opening)
        opening.append(ASCII.space)
        append(status.reason, to: &opening)
        append("\r\nDate: ", to: &opening)
        opening.append(contentsOf: date)
        append("\r\n", to: &opening)
        return opening
    }

    /// Appends the head of a request. `length`: nil writes no Content-Length.
    static func request(
        _ method: HTTPMethod, _ url: HTTPURL, _ fields: Fields, length: Int?, to output: inout [UInt8]
    ) {
        append(method.token, to: &output)
        output.append(contentsOf: url.opening)
        fields.write(into: &output)
        if let length {
            append("Content-Length: ", to: &output)
            appendDecimal(length, to: &output)
            append("\r\n", to: &output)
        }
        append("\r\n", to: &output)
    }

    @inline(__always)
    static func append(_ text: StaticString, to output: inout [UInt8]) {
        output.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends a number ≥ 0 in decimal.
    static func appendDecimal(_ value: Int, to output: inout [UInt8]) {
        var unit = 1
        while value / unit >= 10 { unit *= 10 }
        while unit > 0 {
            output.append(0x30 + UInt8(value / unit % 10))
            unit /= 10
        }
    }
}
