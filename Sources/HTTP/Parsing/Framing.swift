/// How long a body is, and how one knows.
package enum BodyLength: Sendable, Hashable {
    case none
    /// Bytes, > 0.
    case length(Int)
    case chunked
    /// Responses only: until the connection ends.
    case untilClose

    /// Takes what has come of a body of which `left` bytes are missing, at least one. Nil: nothing has.
    @inline(__always)
    static func take(_ left: inout Int, of input: UnsafeRawBufferPointer, _ offset: inout Int) -> Range<Int>? {
        guard offset < input.count else { return nil }
        let taken = min(left, input.count - offset)
        defer { offset += taken }
        left -= taken
        return offset..<(offset + taken)
    }
}

/// What the fields of one head say about the message's end and the connection. SPEC: RFC 9112 §6, §9.3.
struct Framing {
    /// Host and Expect mean nothing in a response.
    let isRequest: Bool
    private(set) var contentLength: Int?
    private(set) var isChunked = false
    private(set) var expectsContinue = false
    private(set) var hostCount = 0
    private var saysClose = false
    private(set) var keepAlive = true

    init(_ kind: HeadScanner.Kind) { isRequest = kind == .request }

    /// Takes notice of a field; names are told apart by length first.
    @inline(__always)
    mutating func note(
        _ name: UnsafePointer<UInt8>, _ nameCount: Int, _ value: UnsafePointer<UInt8>, _ count: Int
    ) -> HTTPProblem? {
        switch nameCount {
        case 4:
            if isRequest, ASCII.equalsIgnoringCase(name, 4, "Host") { return host(value, count) }
        case 6:
            if isRequest, ASCII.equalsIgnoringCase(name, 6, "Expect") { return expect(value, count) }
        case 10:
            if ASCII.equalsIgnoringCase(name, 10, "Connection") { connection(value, count) }
        case 14:
            if ASCII.equalsIgnoringCase(name, 14, "Content-Length") { return length(value, count) }
        case 17:
            if ASCII.equalsIgnoringCase(name, 17, "Transfer-Encoding") { return coding(value, count) }
        default: break
        }
        return nil
    }

    private mutating func host(_ value: UnsafePointer<UInt8>, _ count: Int) -> HTTPProblem? {
        hostCount += 1
        guard hostCount == 1 else { return .repeatedHost }
        return RequestTarget.isAuthority(UnsafeBufferPointer(start: value, count: count)) ? nil : .malformedHost
    }

    private mutating func expect(_ value: UnsafePointer<UInt8>, _ count: Int) -> HTTPProblem? {
        guard ASCII.equalsIgnoringCase(value, count, "100-continue") else { return .unknownExpectation }
        expectsContinue = true
        return nil
    }

    private mutating func length(_ value: UnsafePointer<UInt8>, _ count: Int) -> HTTPProblem? {
        if contentLength != nil { return .repeatedContentLength }
        if isChunked { return .lengthAndTransferEncoding }
        // 18 digits cannot overflow. A leading zero is how octal looks to some: nobody sends it in good faith.
        guard count > 0, count <= 18, count == 1 || value[0] != 0x30 else { return .malformedContentLength }
        var sum = 0
        for index in 0..<count {
            guard ASCII.isDigit(value[index]) else { return .malformedContentLength }
            sum = sum * 10 + Int(value[index] &- 0x30)
        }
        contentLength = sum
        return nil
    }

    private mutating func coding(_ value: UnsafePointer<UInt8>, _ count: Int) -> HTTPProblem? {
        if isChunked || count == 0 { return .repeatedTransferEncoding }
        if contentLength != nil { return .lengthAndTransferEncoding }
        if ASCII.equalsIgnoringCase(value, count, "chunked") {
            isChunked = true
            return nil
        }
        // "chunked, chunked" is malformed; any other list names a coding we do not have.
        let list = ByteText(Array(UnsafeBufferPointer(start: value, count: count)))
        return list.split(ASCII.comma).allSatisfy { $0.trimmed.isEmpty || $0.trimmed.equalsIgnoringCase("chunked") }
            ? .repeatedTransferEncoding : .unknownTransferCoding
    }

    private mutating func connection(_ value: UnsafePointer<UInt8>, _ count: Int) {
        var index = 0
        while index < count {
            while index < count, ASCII.isBlank(value[index]) || value[index] == ASCII.comma { index += 1 }
            let start = index
            while index < count, value[index] != ASCII.comma { index += 1 }
            var end = index
            while end > start, ASCII.isBlank(value[end - 1]) { end -= 1 }
            if ASCII.equalsIgnoringCase(value + start, end - start, "close") { saysClose = true }
        }
    }

    /// What only the whole head shows.
    mutating func finish(method: HTTPMethod, version: HTTPVersion) -> HTTPProblem? {
        // HTTP/1.0's keep-alive was an extension that proxies got wrong; one exchange a connection is its own rule.
        keepAlive = !saysClose && version == .http11
        if version == .http10, isChunked { return .transferEncodingInHTTP10 }
        guard isRequest else { return nil }
        if version == .http11 {
            if hostCount == 0 { return .missingHost }
        } else {
            expectsContinue = false
            if method.expectsBody, contentLength == nil { return .lengthRequired }
        }
        return nil
    }

    /// SPEC: RFC 9112 §6.3 for a request.
    var requestBody: BodyLength {
        if isChunked { return .chunked }
        guard let contentLength, contentLength > 0 else { return .none }
        return .length(contentLength)
    }
}
