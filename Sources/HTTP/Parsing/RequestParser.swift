/// The head of a request. Its parts are views into one array of bytes.
// COST: a class, since it passes through many hands: a copy is one retain instead of four and 150 bytes.
package final class RequestHead: Sendable {
    /// The method.
    package let method: HTTPMethod
    /// The target.
    package let target: RequestTarget
    /// The version.
    package let version: HTTPVersion
    /// The fields, in order.
    package let fields: Fields
    /// How long the body is.
    package let bodyLength: BodyLength
    /// Whether the client lets the connection go on.
    package let keepAlive: Bool
    /// Whether the client waits for "100 Continue" before it sends the body.
    package let expectsContinue: Bool
    private let methodRange: Range<Int>

    /// The method's token, as sent.
    package var methodText: ByteText { ByteText(fields.bytes[methodRange]) }

    /// Who is asked: the authority of an absolute-form target, else the Host field; checked to be `host` or `host:port`.
    /// Empty only in HTTP/1.0. SPEC: RFC 9112 §3.2.2.
    package var authority: ByteText {
        if let range = target.authorityRange { return ByteText(fields.bytes[range]) }
        return fields[.host] ?? ByteText([])
    }

    init(_ bytes: [UInt8], _ scanner: inout HeadScanner) throws(HTTPProblem) {
        method = scanner.method
        methodRange = scanner.methodRange
        target = try RequestTarget(bytes, scanner.targetRange, method: scanner.method)
        version = scanner.version
        bodyLength = scanner.framing.requestBody
        keepAlive = scanner.framing.keepAlive
        expectsContinue = scanner.framing.expectsContinue && bodyLength != .none
        fields = Fields(bytes: bytes, entries: scanner.takeEntries())
    }
}

/// Reads requests from bytes as they come, without I/O. The caller asks `next` until it says `needMore`, and answers a
/// head with `acceptBody(limit:)` before it goes on.
package struct RequestParser {
    /// What stands next in the input.
    package enum Event {
        /// All input is used up.
        case needMore
        /// A head is complete. `acceptBody(limit:)` has to follow.
        case head(RequestHead)
        /// These bytes of the input are data of the body.
        case body(Range<Int>)
        /// The request is complete; the next one may follow.
        case end
        /// The request is refused; nothing after it can be trusted.
        case failed(HTTPProblem)
    }

    private enum State {
        case head, decided(BodyLength), length(Int), chunked, end, failed(HTTPProblem)
    }

    private let limits: HTTPLimits
    private var state = State.head
    private var scanner: HeadScanner
    private var chunks: ChunkDecoder
    private var bodyLeft = 0

    /// A parser at the start of a connection.
    package init(limits: HTTPLimits = HTTPLimits()) {
        self.limits = limits
        scanner = HeadScanner(.request, limits: limits)
        chunks = ChunkDecoder(limits: limits)
    }

    /// Whether the parser stands before a request of which no byte has come.
    package var isBetweenRequests: Bool {
        if case .head = state { return !scanner.isInsideHead }
        return false
    }

    /// Whether a head has begun but is not complete.
    package var isInsideHead: Bool {
        if case .head = state { return scanner.isInsideHead }
        return false
    }

    /// Lets the body of the head that was just given come, up to a number of bytes.
    /// - Returns: `bodyTooLarge` if its declared length is above that; then nothing more can be read.
    package mutating func acceptBody(limit: Int) -> HTTPProblem? {
        guard case .decided(let length) = state else { preconditionFailure("BUG: acceptBody without a head") }
        switch length {
        case .none, .untilClose: state = .end
        case .length(let count):
            guard count <= limit else {
                state = .failed(.bodyTooLarge)
                return .bodyTooLarge
            }
            state = .length(count)
        case .chunked:
            state = .chunked
            chunks = ChunkDecoder(limits: limits)
            bodyLeft = limit
        }
        return nil
    }

    /// Reads on from `offset`, which moves behind what was used.
    package mutating func next(_ input: UnsafeRawBufferPointer, _ offset: inout Int) -> Event {
        switch state {
        case .head: return head(input, &offset)
        case .decided: preconditionFailure("BUG: next before acceptBody")
        case .length(let left):
            guard offset < input.count else { return .needMore }
            let taken = min(left, input.count - offset)
            let range = offset..<(offset + taken)
            offset += taken
            state = taken == left ? .end : .length(left - taken)
            return .body(range)
        case .chunked: return chunk(input, &offset)
        case .end:
            state = .head
            return .end
        case .failed(let problem): return .failed(problem)
        }
    }

    private mutating func chunk(_ input: UnsafeRawBufferPointer, _ offset: inout Int) -> Event {
        while true {
            switch chunks.next(input, &offset) {
            case .needMore: return .needMore
            case .chunk(let size):
                guard size <= bodyLeft else { return fail(.bodyTooLarge) }
                bodyLeft -= size
            case .data(let range): return .body(range)
            case .end:
                state = .head
                return .end
            case .failed(let problem): return fail(problem)
            }
        }
    }

    private mutating func head(_ input: UnsafeRawBufferPointer, _ offset: inout Int) -> Event {
        switch scanner.gather(input, &offset) {
        case .incomplete: return .needMore
        case .failed(let problem): return fail(problem)
        case .complete(let bytes):
            defer { scanner.reset() }
            do throws(HTTPProblem) {
                let head = try RequestHead(bytes, &scanner)
                state = .decided(head.bodyLength)
                return .head(head)
            } catch {
                return fail(error)
            }
        }
    }

    private mutating func fail(_ problem: HTTPProblem) -> Event {
        state = .failed(problem)
        scanner.reset()
        return .failed(problem)
    }
}
