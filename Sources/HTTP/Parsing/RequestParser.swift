import Glibc

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
    /// Shared by heads of one connection that differ in nothing but the body's length.
    let likeness: Likeness
    private let methodRange: Range<Int>
    /// Where the body's length stands; nil if the head has none.
    private let lengthRange: Range<Int>?

    /// Nothing but its identity.
    final class Likeness: Sendable {}

    /// Bytes of the whole head.
    var size: Int { fields.bytes.count }

    /// A body of so many bytes is read however many others are.
    package static let smallBody = 64 * 1024

    /// Whether the body may be larger than that.
    package var mayHaveLargeBody: Bool {
        switch bodyLength {
        case .none: false
        case .length(let count): count > Self.smallBody
        case .chunked, .untilClose: true
        }
    }

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
        likeness = Likeness()
        let length = fields[.contentLength]?.bytes
        lengthRange = length.map { $0.startIndex..<$0.endIndex }
    }

    /// Another length of the body, written with as many digits; all else is the other head's.
    private init(_ other: RequestHead, _ bytes: [UInt8], length: Int) {
        method = other.method
        methodRange = other.methodRange
        target = other.target
        version = other.version
        bodyLength = .length(length)
        keepAlive = other.keepAlive
        expectsContinue = other.expectsContinue
        fields = Fields(bytes: bytes, entries: other.fields.entries)
        likeness = other.likeness
        lengthRange = other.lengthRange
    }

    /// The head that stands at `offset`, if it is this one once more: the same bytes, but for the number that says how
    /// long the body is. Nil if it is not, or not all there.
    // COST: clients say the same with every request of a connection. Comparing is a tenth of reading.
    func again(_ input: UnsafeRawBufferPointer, at offset: Int) -> RequestHead? {
        let size = fields.bytes.count
        guard input.count - offset >= size, let start = input.baseAddress.map({ $0 + offset }) else { return nil }
        return fields.bytes.withUnsafeBytes { own in
            guard let own = own.baseAddress else { return nil }
            guard let range = lengthRange, case .length = bodyLength else {
                return memcmp(own, start, size) == 0 ? self : nil
            }
            let behind = range.upperBound
            guard memcmp(own, start, range.lowerBound) == 0, memcmp(own + behind, start + behind, size - behind) == 0
            else { return nil }
            let digits = UnsafeRawBufferPointer(start: start + range.lowerBound, count: range.count)
            if memcmp(own + range.lowerBound, start + range.lowerBound, range.count) == 0 { return self }
            // What is no plain number above 0 is for the scanner to judge.
            guard digits[0] != 0x30, digits.allSatisfy({ ASCII.isDigit($0) }) else { return nil }
            let length = digits.reduce(0) { $0 * 10 + Int($1 &- 0x30) }
            return RequestHead(self, Array(UnsafeRawBufferPointer(start: start, count: size)), length: length)
        }
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
    /// The last head, if it is small: what many idle connections keep.
    private var last: RequestHead?
    private static let largestKept = 2_048

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

    /// Forgets the last head: its connection is used for something else for long.
    package mutating func forget() { last = nil }

    /// Reads on from `offset`, which moves behind what was used.
    package mutating func next(_ input: UnsafeRawBufferPointer, _ offset: inout Int) -> Event {
        switch state {
        case .head: return head(input, &offset)
        case .decided: preconditionFailure("BUG: next before acceptBody")
        case .length(var left):
            guard let range = BodyLength.take(&left, of: input, &offset) else { return .needMore }
            state = left == 0 ? .end : .length(left)
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
        if !scanner.isInsideHead, let head = last?.again(input, at: offset) {
            offset += head.size
            last = head
            state = .decided(head.bodyLength)
            return .head(head)
        }
        switch scanner.gather(input, &offset) {
        case .incomplete: return .needMore
        case .failed(let problem): return fail(problem)
        case .complete(let bytes):
            defer { scanner.reset() }
            do throws(HTTPProblem) {
                let head = try RequestHead(bytes, &scanner)
                last = head.size <= Self.largestKept ? head : nil
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
