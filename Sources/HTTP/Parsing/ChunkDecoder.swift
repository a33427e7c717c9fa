/// Reads a chunked body, strictly: CRLF only, no blanks around sizes, at most 15 hexadecimal digits, capped extensions
/// and trailers, which are read and dropped. SPEC: RFC 9112 §7.1.
package struct ChunkDecoder {
    /// What stands next in the input.
    package enum Event: Equatable {
        /// All input is used up; more is needed.
        case needMore
        /// A chunk of this many bytes begins (its data follows as `data`).
        case chunk(Int)
        /// These bytes of the input are data of the body.
        case data(Range<Int>)
        /// The body is over.
        case end
        /// The body is refused; nothing after it can be trusted.
        case failed(HTTPProblem)
    }

    private enum State {
        case size, extensions, sizeLineFeed, data, dataReturn, dataLineFeed
        case trailerStart, trailerName, trailerValue, trailerLineFeed, finalLineFeed
        case ended, failed(HTTPProblem)
    }

    private var state = State.size
    private var digits = 0
    private var size = 0
    private var extensionBytes = 0
    private var trailerBytes = 0
    private let limits: HTTPLimits

    /// A decoder for one body.
    package init(limits: HTTPLimits = HTTPLimits()) { self.limits = limits }

    /// Reads on from `offset`, which moves behind what was used.
    package mutating func next(_ input: UnsafeRawBufferPointer, _ offset: inout Int) -> Event {
        while true {
            switch state {
            case .ended: return .end
            case .failed(let problem): return .failed(problem)
            case .data:
                guard offset < input.count else { return .needMore }
                let taken = min(size, input.count - offset)
                let range = offset..<(offset + taken)
                offset += taken
                size -= taken
                if size == 0 { state = .dataReturn }
                return .data(range)
            default:
                guard offset < input.count else { return .needMore }
                let byte = input[offset]
                offset += 1
                if let event = step(byte) { return event }
            }
        }
    }

    private mutating func step(_ byte: UInt8) -> Event? {
        switch state {
        case .size:
            if let value = ASCII.hexValue(byte) {
                guard digits < 15 else { return fail(.malformedChunk) }
                digits += 1
                size = size << 4 | Int(value)
                return nil
            }
            guard digits > 0 else { return fail(.malformedChunk) }
            if byte == ASCII.carriageReturn {
                state = .sizeLineFeed
            } else if byte == ASCII.semicolon {
                state = .extensions
                return countExtension()
            } else {
                return fail(.malformedChunk)
            }
        case .extensions:
            if byte == ASCII.carriageReturn {
                state = .sizeLineFeed
            } else if ASCII.isFieldValue(byte) {
                return countExtension()
            } else {
                return fail(.malformedChunk)
            }
        case .sizeLineFeed:
            guard byte == ASCII.lineFeed else { return fail(.malformedChunk) }
            digits = 0
            guard size > 0 else {
                state = .trailerStart
                return nil
            }
            state = .data
            return .chunk(size)
        case .dataReturn:
            guard byte == ASCII.carriageReturn else { return fail(.malformedChunk) }
            state = .dataLineFeed
        case .dataLineFeed:
            guard byte == ASCII.lineFeed else { return fail(.malformedChunk) }
            state = .size
        default: return trailer(byte)
        }
        return nil
    }

    private mutating func trailer(_ byte: UInt8) -> Event? {
        trailerBytes += 1
        guard trailerBytes <= limits.trailers + 2 else { return fail(.malformedTrailer) }
        switch state {
        case .trailerStart:
            if byte == ASCII.carriageReturn {
                state = .finalLineFeed
            } else if ASCII.isToken(byte) {
                state = .trailerName
            } else {
                return fail(.malformedTrailer)
            }
        case .trailerName:
            if byte == ASCII.colon {
                state = .trailerValue
            } else if !ASCII.isToken(byte) {
                return fail(.malformedTrailer)
            }
        case .trailerValue:
            if byte == ASCII.carriageReturn {
                state = .trailerLineFeed
            } else if !ASCII.isFieldValue(byte) {
                return fail(.malformedTrailer)
            }
        case .trailerLineFeed:
            guard byte == ASCII.lineFeed else { return fail(.malformedTrailer) }
            state = .trailerStart
        case .finalLineFeed:
            guard byte == ASCII.lineFeed else { return fail(.malformedTrailer) }
            state = .ended
            return .end
        default: return fail(.malformedTrailer)
        }
        return nil
    }

    private mutating func countExtension() -> Event? {
        extensionBytes += 1
        return extensionBytes > limits.chunkExtensions ? fail(.chunkExtensionTooLarge) : nil
    }

    private mutating func fail(_ problem: HTTPProblem) -> Event {
        state = .failed(problem)
        return .failed(problem)
    }
}
