/// The head of a response.
package struct ResponseHead: Sendable {
    /// The status.
    package let status: HTTPStatus
    /// The fields, in order.
    package let fields: Fields
    /// How long the body is.
    package let bodyLength: BodyLength
    /// Whether the server lets the connection go on.
    package let keepAlive: Bool
}

/// Reads responses from bytes as they come, without I/O. Interim responses (1xx) are skipped. SPEC: RFC 9112 §6.3.
package struct ResponseParser {
    /// What stands next in the input.
    package enum Event {
        /// All input is used up.
        case needMore
        /// The head of the final response.
        case head(ResponseHead)
        /// These bytes of the input are data of the body.
        case body(Range<Int>)
        /// The response is complete.
        case end
        /// What came is no response this parser takes for one; the connection has to be closed.
        case failed(HTTPProblem)
    }

    private enum State {
        case head, length(Int), chunked, untilClose, end, idle, failed(HTTPProblem)
    }

    /// Interim responses that may precede one final response.
    private static let maxInterim = 16

    private let limits: HTTPLimits
    private var state = State.idle
    private var scanner: HeadScanner
    private var chunks: ChunkDecoder
    private var isHeadRequest = false
    private var interim = 0

    /// A parser for a new connection.
    package init(limits: HTTPLimits = HTTPLimits()) {
        self.limits = limits
        scanner = HeadScanner(.response, limits: limits)
        chunks = ChunkDecoder(limits: limits)
    }

    /// Expects a response to a request of this method.
    package mutating func expect(_ method: HTTPMethod) {
        state = .head
        isHeadRequest = method == .head
        interim = 0
    }

    /// Whether no response is expected.
    package var isIdle: Bool {
        if case .idle = state { return true }
        return false
    }

    /// The server ended its side. True if that completes the response.
    package mutating func inputEnded() -> Bool {
        guard case .untilClose = state else { return false }
        state = .idle
        return true
    }

    /// Reads on from `offset`, which moves behind what was used. Bytes when nothing is expected are a failure: a server
    /// that speaks unasked would have its words taken for the answer to the next request.
    package mutating func next(_ input: UnsafeRawBufferPointer, _ offset: inout Int) -> Event {
        switch state {
        case .idle: return offset < input.count ? fail(.malformedRequestLine) : .needMore
        case .head: return head(input, &offset)
        case .length(var left):
            guard let range = BodyLength.take(&left, of: input, &offset) else { return .needMore }
            state = left == 0 ? .end : .length(left)
            return .body(range)
        case .untilClose:
            guard offset < input.count else { return .needMore }
            defer { offset = input.count }
            return .body(offset..<input.count)
        case .chunked:
            while true {
                switch chunks.next(input, &offset) {
                case .needMore: return .needMore
                case .chunk: continue
                case .data(let range): return .body(range)
                case .end:
                    state = .idle
                    return .end
                case .failed(let problem): return fail(problem)
                }
            }
        case .end:
            state = .idle
            return .end
        case .failed(let problem): return .failed(problem)
        }
    }

    private mutating func head(_ input: UnsafeRawBufferPointer, _ offset: inout Int) -> Event {
        while true {
            switch scanner.gather(input, &offset) {
            case .incomplete: return .needMore
            case .failed(let problem): return fail(problem)
            case .complete(let bytes):
                if let event = finished(bytes) { return event }
            }
        }
    }

    /// The final head, or nil if it was an interim one.
    private mutating func finished(_ bytes: [UInt8]) -> Event? {
        defer { scanner.reset() }
        let status = HTTPStatus(scanner.status)
        if status.code < 200 {
            interim += 1
            // 101 would hand the connection to a protocol nobody asked for.
            guard status.code != 101, interim <= Self.maxInterim else { return fail(.malformedRequestLine) }
            return nil
        }
        let framing = scanner.framing
        let length: BodyLength
        if isHeadRequest || status.hasNoBody {
            length = .none
        } else if framing.isChunked {
            length = .chunked
        } else if let count = framing.contentLength {
            length = count > 0 ? .length(count) : .none
        } else {
            length = .untilClose
        }
        switch length {
        case .none: state = .end
        case .length(let count): state = .length(count)
        case .chunked:
            chunks = ChunkDecoder(limits: limits)
            state = .chunked
        case .untilClose: state = .untilClose
        }
        return .head(
            ResponseHead(
                status: status, fields: Fields(bytes: bytes, entries: scanner.takeEntries()), bodyLength: length,
                keepAlive: framing.keepAlive && length != .untilClose))
    }

    private mutating func fail(_ problem: HTTPProblem) -> Event {
        state = .failed(problem)
        scanner.reset()
        return .failed(problem)
    }
}
