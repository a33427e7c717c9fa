import Base

/// A value inside a document: a reference, not a copy. Questions about the wrong kind are answered with nil or nothing.
package struct JSONView: Sendable {
    package let document: JSONDocument
    let index: Int

    init(document: JSONDocument, index: Int) {
        self.document = document
        self.index = index
    }

    private var token: JSONToken { document.tape[index] }

    package var kind: JSONKind { token.kind }

    /// The bytes of the value in its document, the quotes of a string included.
    package var range: Range<Int> {
        let token = token
        return Int(token.start)..<Int(token.end)
    }

    /// The value exactly as it was written.
    package var rawBytes: ArraySlice<UInt8> { document.bytes[range] }

    /// Elements of an array or members of an object; 0 for anything else.
    package var count: Int {
        let token = token
        return token.kind == .array || token.kind == .object ? token.count : 0
    }

    package var bool: Bool? { kind == .boolean ? document.bytes[range.lowerBound] == UInt8(ascii: "t") : nil }
    package var isNull: Bool { kind == .null }

    /// The member's value, for objects.
    @_disfavoredOverload
    package subscript(key: String) -> JSONView? {
        // COST: in place; `withUTF8` wants a copy that it could change, which only texts from outside Swift need.
        if let found = key.utf8.withContiguousStorageIfAvailable({ member($0) }) { return found }
        var copy = key
        return copy.withUTF8 { member($0) }
    }

    /// The member's value, for objects. What literals take: no String is made.
    package subscript(key: StaticString) -> JSONView? {
        member(UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount))
    }

    private func member(_ wanted: UnsafeBufferPointer<UInt8>) -> JSONView? {
        guard kind == .object else { return nil }
        // COST: on the tape alone; one view for the answer instead of two for every member (each a retain and a release).
        let tape = document.tape
        let end = Int(tape[index].next)
        let found: Int? = document.bytes.withUnsafeBufferPointer { text in
            var name = index + 1
            while name < end {
                if tape[name].hasText(wanted, in: text) { return name + 1 }
                name = Int(tape[name + 1].next)
            }
            return nil
        }
        return found.map { JSONView(document: document, index: $0) }
    }

    /// The element, for arrays; nil outside the bounds.
    package subscript(index: Int) -> JSONView? {
        guard kind == .array, index >= 0, index < count else { return nil }
        var position = self.index + 1
        for _ in 0..<index { position = Int(document.tape[position].next) }
        return JSONView(document: document, index: position)
    }

    /// The decoded text of a string.
    package var string: String? {
        guard kind == .string else { return nil }
        return withDecodedText { String(decoding: $0, as: UTF8.self) }
    }

    /// The decoded UTF-8 of a string.
    package var stringBytes: [UInt8]? {
        guard kind == .string else { return nil }
        return withDecodedText { Array($0) }
    }

    /// The bytes between a string's quotes as they stand in the document, if it has no escapes: text without a copy.
    package var plainStringRange: Range<Int>? {
        let token = token
        guard token.kind == .string, !token.hasEscapes else { return nil }
        return token.content
    }

    /// Whether this is a string with exactly this text.
    @_disfavoredOverload
    package func equals(_ text: String) -> Bool {
        guard kind == .string else { return false }
        var text = text
        return text.withUTF8 { wanted in
            document.bytes.withUnsafeBufferPointer { token.hasText(wanted, in: $0) }
        }
    }

    /// Whether this is a string with exactly this text. What literals take: no String is made.
    package func equals(_ text: StaticString) -> Bool {
        guard kind == .string else { return false }
        let wanted = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        return document.bytes.withUnsafeBufferPointer { token.hasText(wanted, in: $0) }
    }

    /// The decoded UTF-8 of a string, without a copy when it has no escapes. Only for strings.
    func withDecodedText<R>(_ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
        document.bytes.withUnsafeBufferPointer { token.withText(in: $0, body) }
    }
}

extension JSONToken {
    /// The decoded UTF-8 of a string or key, without a copy when it has no escapes.
    @inline(__always)
    func withText<R>(in text: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
        let content = UnsafeBufferPointer(rebasing: text[content])
        guard hasEscapes else { return body(content) }
        return decodeEscapes(content).withUnsafeBufferPointer(body)
    }

    /// Whether this string or key, decoded, is this text.
    @inline(__always)
    func hasText(_ wanted: UnsafeBufferPointer<UInt8>, in text: UnsafeBufferPointer<UInt8>) -> Bool {
        // An escape never makes a text shorter than what it stands for.
        guard content.count == wanted.count || hasEscapes && content.count > wanted.count else { return false }
        return withText(in: text) { decoded in
            guard decoded.count == wanted.count else { return false }
            for i in 0..<wanted.count where decoded[i] != wanted[i] { return false }
            return true
        }
    }
}

// MARK: Numbers

extension JSONView {
    /// The number as it was written.
    package var number: JSONNumber? {
        kind == .number ? JSONNumber(unchecked: String(decoding: rawBytes, as: UTF8.self)) : nil
    }

    package var numberText: String? { number?.text }

    /// The number if it is an integer that fits: `1`, `1.0` and `10e-1` all are 1.
    package var int: Int64? {
        guard kind == .number else { return nil }
        return plainInteger ?? number?.int
    }

    /// COST: ids, lengths and counts are plain digits; the general form is for the rest. Nil if this needs it.
    private var plainInteger: Int64? {
        let range = range
        return document.bytes.withUnsafeBufferPointer { text in
            let isNegative = text[range.lowerBound] == UInt8(ascii: "-")
            let start = range.lowerBound + (isNegative ? 1 : 0)
            guard range.upperBound - start <= 18 else { return nil }
            var value: Int64 = 0
            for i in start..<range.upperBound {
                let digit = text[i] &- 48
                guard digit < 10 else { return nil }
                value = value &* 10 &+ Int64(digit)
            }
            return isNegative ? -value : value
        }
    }

    /// The nearest double; infinite when out of range.
    package var double: Double? { number.flatMap { Double($0.text) } }

    /// The number as an exact decimal of at most 38 digits.
    package var decimal: ExactDecimal? {
        guard kind == .number else { return nil }
        return plainInteger.map { ExactDecimal($0) } ?? ExactDecimal(text: rawBytes)
    }

    /// -1, 0 or 1 by exact value. Nil if one is no number, or both exponents are beyond 18 digits.
    package func compareNumber(to other: JSONView) -> Int? {
        guard kind == .number, other.kind == .number else { return nil }
        if let a = plainInteger, let b = other.plainInteger { return a < b ? -1 : a == b ? 0 : 1 }
        guard let a = number, let b = other.number else { return nil }
        return a.compare(to: b)
    }
}
