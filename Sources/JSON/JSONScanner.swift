/// One strict pass over the bytes that leaves a flat tape (RFC 8259, plus: no duplicate keys, no lone surrogates).
///
/// The stack of open containers is explicit, so depth costs memory that `limits` bounds, never the thread's stack.
struct JSONScanner {
    private let text: UnsafeBufferPointer<UInt8>
    private let limits: JSONLimits
    private var position = 0
    private(set) var tape: [JSONToken] = []
    private var open: [Int] = []

    init(_ text: UnsafeBufferPointer<UInt8>, limits: JSONLimits) {
        self.text = text
        self.limits = limits
    }

    mutating func scan() throws(JSONError) {
        guard text.count <= min(limits.maxBytes, Int(UInt32.max) - 1) else { throw JSONError(.tooLarge, at: 0) }
        if text.starts(with: [0xEF, 0xBB, 0xBF]) { throw JSONError(.byteOrderMark, at: 0) }
        // COST: an average token of a tool call is about seven bytes; one growth step at most.
        tape.reserveCapacity(min(text.count / 6 + 4, limits.maxTokens))
        skipSpace()
        guard position < text.count else { throw JSONError(.empty, at: 0) }
        try scanValue()
        while !open.isEmpty { try scanInsideContainer() }
        skipSpace()
        guard position == text.count else { throw JSONError(.trailingData, at: position) }
    }

    /// Continues in the innermost open container: after its opening bracket or after one of its values.
    private mutating func scanInsideContainer() throws(JSONError) {
        let container = open[open.count - 1]
        let isObject = tape[container].kind == .object
        skipSpace()
        let byte = try current()
        if byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
            position += 1
            return try close(container)
        }
        if tape[container].count > 0 {
            guard byte == UInt8(ascii: ",") else { throw JSONError(.unexpectedByte, at: position) }
            position += 1
            skipSpace()
        }
        tape[container].count += 1
        if isObject {
            guard try current() == UInt8(ascii: "\"") else { throw JSONError(.unexpectedByte, at: position) }
            try scanString()
            skipSpace()
            guard try current() == UInt8(ascii: ":") else { throw JSONError(.unexpectedByte, at: position) }
            position += 1
            skipSpace()
        }
        try scanValue()
    }

    private mutating func close(_ container: Int) throws(JSONError) {
        tape[container].end = UInt32(truncatingIfNeeded: position)
        tape[container].next = UInt32(truncatingIfNeeded: tape.count)
        open.removeLast()
        if tape[container].kind == .object, tape[container].count > 1 {
            try refuseDuplicateKeys(of: container)
        }
    }

    private mutating func scanValue() throws(JSONError) {
        switch try current() {
        case UInt8(ascii: "{"): try openContainer(.object)
        case UInt8(ascii: "["): try openContainer(.array)
        case UInt8(ascii: "\""): try scanString()
        case UInt8(ascii: "t"): try scanLiteral("true", .boolean)
        case UInt8(ascii: "f"): try scanLiteral("false", .boolean)
        case UInt8(ascii: "n"): try scanLiteral("null", .null)
        case UInt8(ascii: "-"), 48...57: try scanNumber()
        default: throw JSONError(.unexpectedByte, at: position)
        }
    }

    private mutating func openContainer(_ kind: JSONKind) throws(JSONError) {
        guard open.count < limits.maxDepth else { throw JSONError(.tooDeep, at: position) }
        open.append(tape.count)
        try push(kind, from: position, to: position + 1)
        position += 1
    }

    private mutating func push(_ kind: JSONKind, from start: Int, to end: Int, hasEscapes: Bool = false)
        throws(JSONError)
    {
        guard tape.count < limits.maxTokens else { throw JSONError(.tooManyTokens, at: start) }
        tape.append(JSONToken(kind, start: start, end: end, next: tape.count + 1, hasEscapes: hasEscapes))
    }

    private mutating func scanLiteral(_ literal: StaticString, _ kind: JSONKind) throws(JSONError) {
        let start = position
        for i in 0..<literal.utf8CodeUnitCount {
            guard position < text.count else { throw JSONError(.unterminated, at: position) }
            guard text[position] == literal.utf8Start[i] else { throw JSONError(.unexpectedByte, at: position) }
            position += 1
        }
        try push(kind, from: start, to: position)
    }

    private mutating func scanNumber() throws(JSONError) {
        let start = position
        if text[position] == UInt8(ascii: "-") { position += 1 }
        let integerStart = position
        guard skipDigits() > 0 else { throw JSONError(.invalidNumber, at: start) }
        if text[integerStart] == 48, position > integerStart + 1 { throw JSONError(.invalidNumber, at: start) }
        if position < text.count, text[position] == UInt8(ascii: ".") {
            position += 1
            guard skipDigits() > 0 else { throw JSONError(.invalidNumber, at: start) }
        }
        if position < text.count, text[position] | 32 == UInt8(ascii: "e") {
            position += 1
            if position < text.count, text[position] == UInt8(ascii: "+") || text[position] == UInt8(ascii: "-") {
                position += 1
            }
            guard skipDigits() > 0 else { throw JSONError(.invalidNumber, at: start) }
        }
        try push(.number, from: start, to: position)
    }

    private mutating func skipDigits() -> Int {
        let start = position
        while position < text.count, text[position] &- 48 < 10 { position += 1 }
        return position - start
    }

    private mutating func skipSpace() {
        while position < text.count {
            switch text[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private func current() throws(JSONError) -> UInt8 {
        guard position < text.count else { throw JSONError(.unterminated, at: position) }
        return text[position]
    }
}

// MARK: Strings

extension JSONScanner {
    private mutating func scanString() throws(JSONError) {
        let start = position
        var hasEscapes = false
        position += 1
        while true {
            skipPlainASCII()
            let byte = try current()
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return try push(.string, from: start, to: position, hasEscapes: hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                try skipEscape()
            case 0x80...:
                guard let length = UTF8Sequence.length(at: position, in: text) else {
                    throw JSONError(.invalidUTF8, at: position)
                }
                position += length
            default:
                throw JSONError(.controlCharacter, at: position)
            }
        }
    }

    /// Moves to the next byte that needs a look: quote, backslash, control, or not ASCII; eight bytes at a time.
    private mutating func skipPlainASCII() {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        while position + 8 <= text.count {
            let word = UnsafeRawPointer(text.baseAddress.unsafelyUnwrapped + position).loadUnaligned(as: UInt64.self)
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            // The classic "has a zero byte / has a byte below n" tests; false positives only make the loop below run.
            let special =
                ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash) | ((word &- ones &* 0x20) & ~word)
                | word
            guard special & highs == 0 else { break }
            position += 8
        }
        while position < text.count {
            let byte = text[position]
            guard byte >= 0x20, byte < 0x80, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") else { return }
            position += 1
        }
    }

    private mutating func skipEscape() throws(JSONError) {
        let start = position
        position += 1
        switch try current() {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 1
        case UInt8(ascii: "u"):
            position += 1
            let unit = try hexUnit(escapeAt: start)
            if unit & 0xFC00 == 0xDC00 { throw JSONError(.loneSurrogate, at: start) }
            guard unit & 0xFC00 == 0xD800 else { return }
            guard position + 1 < text.count, text[position] == UInt8(ascii: "\\"),
                text[position + 1] == UInt8(ascii: "u")
            else { throw JSONError(.loneSurrogate, at: start) }
            position += 2
            guard try hexUnit(escapeAt: start) & 0xFC00 == 0xDC00 else { throw JSONError(.loneSurrogate, at: start) }
        default:
            throw JSONError(.invalidEscape, at: start)
        }
    }

    private mutating func hexUnit(escapeAt start: Int) throws(JSONError) -> UInt16 {
        guard position + 4 <= text.count else { throw JSONError(.unterminated, at: text.count) }
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let nibble = hexNibble(text[position]) else { throw JSONError(.invalidEscape, at: start) }
            unit = unit << 4 | UInt16(nibble)
            position += 1
        }
        return unit
    }
}

// MARK: Duplicate keys

extension JSONScanner {
    /// Keys are compared after decoding: `"a"` and `"\u0061"` are the same key.
    private func refuseDuplicateKeys(of container: Int) throws(JSONError) {
        var keys: [Int] = []
        keys.reserveCapacity(tape[container].count)
        var index = container + 1
        while index < Int(tape[container].next) {
            keys.append(index)
            index = Int(tape[index + 1].next)
        }
        // COST: comparing pairs beats hashing up to about sixteen keys; beyond that an attacker could make it quadratic.
        if keys.count <= 16 {
            for i in 1..<keys.count {
                for j in 0..<i where isSameKey(tape[keys[i]], tape[keys[j]]) {
                    throw JSONError(.duplicateKey, at: Int(tape[keys[i]].start))
                }
            }
            return
        }
        var seen = Set<[UInt8]>(minimumCapacity: keys.count)
        for key in keys {
            guard seen.insert(decodedKey(tape[key])).inserted else {
                throw JSONError(.duplicateKey, at: Int(tape[key].start))
            }
        }
    }

    private func isSameKey(_ a: JSONToken, _ b: JSONToken) -> Bool {
        if a.hasEscapes || b.hasEscapes { return decodedKey(a) == decodedKey(b) }
        let count = a.end - a.start
        guard count == b.end - b.start else { return false }
        for i in 0..<Int(count) where text[Int(a.start) + i] != text[Int(b.start) + i] { return false }
        return true
    }

    private func decodedKey(_ token: JSONToken) -> [UInt8] {
        let content = UnsafeBufferPointer(rebasing: text[Int(token.start) + 1..<Int(token.end) - 1])
        return token.hasEscapes ? decodeEscapes(content) : Array(content)
    }
}
