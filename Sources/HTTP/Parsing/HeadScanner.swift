import Glibc

/// Finds and checks the lines of a message head, one by one as they become complete, so that the verdict does not depend
/// on how the bytes were cut. Offsets count from the first byte of the head.
struct HeadScanner {
    /// What the bytes so far come to.
    enum Gathered {
        /// All input is used up and the head is not complete.
        case incomplete
        /// The bytes of a head, and no more.
        case complete([UInt8])
        /// The head is refused.
        case failed(HTTPProblem)
    }

    /// The outcome of a look at the bytes so far.
    private enum Outcome {
        /// The head is not complete.
        case incomplete
        /// The head ends before this offset.
        case complete(Int)
        /// The head is refused.
        case failed(HTTPProblem)
    }

    /// How the start line is to be read.
    enum Kind { case request, response }

    let kind: Kind
    let limits: HTTPLimits

    private var lineStart = 0
    private var searched = 0
    private var fieldsStart = 0
    private var skippedEmptyLine = false
    private var hasStartLine = false
    /// The bytes of a head of which not all has come. Empty in the usual case: a head in one read is never copied twice.
    private var partial: [UInt8] = []

    private(set) var method = HTTPMethod.other
    private(set) var methodRange = 0..<0
    private(set) var targetRange = 0..<0
    private(set) var version = HTTPVersion.http11
    private(set) var status: UInt16 = 0
    private(set) var entries: [FieldEntry] = []
    /// Fields to set memory aside for: a client sends about as many each time.
    private var usual = 12
    private(set) var framing: Framing

    init(_ kind: Kind, limits: HTTPLimits) {
        self.kind = kind
        self.limits = limits
        framing = Framing(kind)
    }

    /// Makes ready for the next head. Gives the entries away: the head owns them now.
    mutating func takeEntries() -> [FieldEntry] {
        defer {
            usual = max(8, min(entries.count + 2, 32))
            entries = []
        }
        return entries
    }

    /// Whether some bytes of a head have come, but not all.
    var isInsideHead: Bool { !partial.isEmpty }

    mutating func reset() {
        partial = []
        lineStart = 0
        searched = 0
        fieldsStart = 0
        skippedEmptyLine = false
        hasStartLine = false
        framing = Framing(kind)
        entries.removeAll(keepingCapacity: true)
    }

    /// Takes the input from `offset` on, which moves behind what was used. After `complete` or `failed`, `reset()`.
    mutating func gather(_ input: UnsafeRawBufferPointer, _ offset: inout Int) -> Gathered {
        guard offset < input.count else { return .incomplete }
        let start = offset
        let before = partial.count
        let outcome: Outcome
        if before > 0 {
            partial.append(contentsOf: input[start...])
            let bytes = partial
            outcome = bytes.withUnsafeBufferPointer { bytes in
                bytes.baseAddress.map { scan($0, bytes.count) } ?? .incomplete
            }
        } else {
            let fresh = UnsafeRawBufferPointer(rebasing: input[start...]).assumingMemoryBound(to: UInt8.self)
            outcome = fresh.baseAddress.map { scan($0, fresh.count) } ?? .incomplete
        }
        switch outcome {
        case .incomplete:
            if before == 0 { partial.append(contentsOf: input[start...]) }
            offset = input.count
            return .incomplete
        case .failed(let problem): return .failed(problem)
        case .complete(let count):
            offset = start + count - before
            return .complete(before > 0 ? Array(partial[..<count]) : Array(input[start..<(start + count)]))
        }
    }

    /// Looks at the head's bytes: all those seen before and the new ones behind them.
    private mutating func scan(_ base: UnsafePointer<UInt8>, _ count: Int) -> Outcome {
        while true {
            guard let found = memchr(base + searched, Int32(ASCII.lineFeed), count - searched) else {
                searched = count
                return unfinished(base, count)
            }
            let end = UnsafeRawPointer(found) - UnsafeRawPointer(base)
            let start = lineStart
            lineStart = end + 1
            searched = end + 1
            if let problem = firstByteProblem(base, start) ?? sizeProblem(end + 1, lineCount: end - 1 - start) {
                return .failed(problem)
            }
            guard end > start, base[end - 1] == ASCII.carriageReturn else { return .failed(.bareLineFeed) }
            let line = start..<(end - 1)
            if hasStartLine {
                if line.isEmpty {
                    if let problem = framing.finish(method: method, version: version) { return .failed(problem) }
                    return .complete(end + 1)
                }
                if let problem = field(base, line) { return .failed(problem) }
            } else if line.isEmpty {
                // SPEC: RFC 9112 §2.2: one empty line before a request is ignored.
                guard kind == .request, !skippedEmptyLine else { return .failed(.malformedRequestLine) }
                skippedEmptyLine = true
            } else {
                if let problem = kind == .request ? requestLine(base, line) : statusLine(base, line) {
                    return .failed(problem)
                }
                hasStartLine = true
                fieldsStart = end + 1
            }
        }
    }

    /// The limits hold for what has come of an unfinished line too; otherwise it could grow for ever.
    private func unfinished(_ base: UnsafePointer<UInt8>, _ count: Int) -> Outcome {
        guard count > lineStart else { return .incomplete }
        // One byte more may come: the CR of the line end.
        let problem = firstByteProblem(base, lineStart) ?? sizeProblem(count, lineCount: count - lineStart - 1)
        return problem.map { .failed($0) } ?? .incomplete
    }

    /// What cannot begin a message (a TLS hello, say) is refused at once instead of waited for.
    private func firstByteProblem(_ base: UnsafePointer<UInt8>, _ start: Int) -> HTTPProblem? {
        guard !hasStartLine, !ASCII.isToken(base[start]) else { return nil }
        switch base[start] {
        case ASCII.carriageReturn: return nil
        case ASCII.lineFeed: return .bareLineFeed
        default: return .malformedRequestLine
        }
    }

    private func sizeProblem(_ count: Int, lineCount: Int) -> HTTPProblem? {
        if !hasStartLine { return lineCount > limits.requestLine ? .targetTooLong : nil }
        return count - fieldsStart > limits.headerSection ? .fieldsTooLarge : nil
    }

    // MARK: Start lines

    private mutating func requestLine(_ base: UnsafePointer<UInt8>, _ line: Range<Int>) -> HTTPProblem? {
        var index = line.lowerBound
        while index < line.upperBound, ASCII.isToken(base[index]) { index += 1 }
        guard index > line.lowerBound, index < line.upperBound, base[index] == ASCII.space else {
            return lineProblem(base, line, .malformedRequestLine)
        }
        methodRange = line.lowerBound..<index
        method = HTTPMethod(base + line.lowerBound, index - line.lowerBound)
        let target = index + 1
        index = target
        while index < line.upperBound, base[index] > 0x20, base[index] < 0x7F { index += 1 }
        guard index > target, index < line.upperBound, base[index] == ASCII.space else {
            return lineProblem(base, line, .malformedRequestLine)
        }
        targetRange = target..<index
        return readVersion(base, (index + 1)..<line.upperBound) ?? (method == .connect ? .methodNotSupported : nil)
    }

    private mutating func readVersion(_ base: UnsafePointer<UInt8>, _ range: Range<Int>) -> HTTPProblem? {
        let text = base + range.lowerBound
        guard range.count == 8, text[0] == 0x48, text[1] == 0x54, text[2] == 0x54, text[3] == 0x50,
            text[4] == ASCII.slash, ASCII.isDigit(text[5]), text[6] == 0x2E, ASCII.isDigit(text[7])
        else { return lineProblem(base, range, .malformedRequestLine) }
        guard text[5] == 0x31, text[7] <= 0x31 else { return .unsupportedVersion }
        version = text[7] == 0x31 ? .http11 : .http10
        return nil
    }

    private mutating func statusLine(_ base: UnsafePointer<UInt8>, _ line: Range<Int>) -> HTTPProblem? {
        guard line.count >= 12 else { return lineProblem(base, line, .malformedRequestLine) }
        if let problem = readVersion(base, line.lowerBound..<(line.lowerBound + 8)) { return problem }
        let text = base + line.lowerBound + 8
        guard text[0] == ASCII.space, text[1] &- 0x31 < 9, ASCII.isDigit(text[2]), ASCII.isDigit(text[3]),
            line.count == 12 || text[4] == ASCII.space
        else { return lineProblem(base, line, .malformedRequestLine) }
        status = UInt16(text[1] &- 0x30) * 100 + UInt16(text[2] &- 0x30) * 10 + UInt16(text[3] &- 0x30)
        for index in (line.lowerBound + 12)..<line.upperBound where !ASCII.isFieldValue(base[index]) {
            return lineProblem(base, line, .malformedRequestLine)
        }
        return nil
    }

    /// A CR inside the line has its own name: it is what smuggling tries.
    private func lineProblem(_ base: UnsafePointer<UInt8>, _ line: Range<Int>, _ other: HTTPProblem) -> HTTPProblem {
        for index in line where base[index] == ASCII.carriageReturn { return .bareCarriageReturn }
        return other
    }

    // MARK: Fields

    private mutating func field(_ base: UnsafePointer<UInt8>, _ line: Range<Int>) -> HTTPProblem? {
        var index = line.lowerBound
        if ASCII.isBlank(base[index]) { return .foldedField }
        while index < line.upperBound, ASCII.isToken(base[index]) { index += 1 }
        guard index < line.upperBound, base[index] == ASCII.colon, index > line.lowerBound else {
            if index > line.lowerBound, index < line.upperBound, ASCII.isBlank(base[index]) { return .spaceBeforeColon }
            return lineProblem(base, line, .malformedFieldName)
        }
        let nameCount = index - line.lowerBound
        var start = index + 1
        var end = line.upperBound
        while start < end, ASCII.isBlank(base[start]) { start += 1 }
        while end > start, ASCII.isBlank(base[end - 1]) { end -= 1 }
        // One sum instead of an exit per byte lets the compiler use vector instructions.
        var unclean: UInt8 = 0
        for index in start..<end {
            let byte = base[index]
            unclean |= (byte < 0x20 ? 1 : 0) & (byte != ASCII.tab ? 1 : 0) | (byte == 0x7F ? 1 : 0)
        }
        guard unclean == 0 else { return lineProblem(base, line, .malformedFieldValue) }
        guard entries.count < limits.fields else { return .tooManyFields }
        // COST: not before there is a field: most connections are idle, and some for days.
        if entries.isEmpty { entries.reserveCapacity(usual) }
        entries.append(
            FieldEntry(
                name: UInt32(line.lowerBound), nameCount: UInt32(nameCount),
                value: UInt32(start), valueCount: UInt32(end - start)))
        return framing.note(base + line.lowerBound, nameCount, base + start, end - start)
    }
}
