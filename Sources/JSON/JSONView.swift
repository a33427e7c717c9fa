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
    package subscript(key: String) -> JSONView? {
        guard kind == .object else { return nil }
        var key = key
        return key.withUTF8 { wanted in
            for (name, value) in members where name.hasText(wanted) { return value }
            return nil
        }
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
        let token = token
        guard token.kind == .string else { return nil }
        guard token.hasEscapes else {
            return String(decoding: document.bytes[Int(token.start) + 1..<Int(token.end) - 1], as: UTF8.self)
        }
        return String(decoding: decodedText(token), as: UTF8.self)
    }

    /// The decoded UTF-8 of a string.
    package var stringBytes: [UInt8]? {
        let token = token
        guard token.kind == .string else { return nil }
        return token.hasEscapes ? decodedText(token) : Array(document.bytes[Int(token.start) + 1..<Int(token.end) - 1])
    }

    /// The bytes between a string's quotes as they stand in the document, if it has no escapes: text without a copy.
    package var plainStringRange: Range<Int>? {
        let token = token
        guard token.kind == .string, !token.hasEscapes else { return nil }
        return Int(token.start) + 1..<Int(token.end) - 1
    }

    /// Whether this is a string with exactly this text.
    package func equals(_ text: String) -> Bool {
        guard kind == .string else { return false }
        var text = text
        return text.withUTF8 { hasText($0) }
    }

    private func hasText(_ wanted: UnsafeBufferPointer<UInt8>) -> Bool {
        let token = token
        if token.hasEscapes { return decodedText(token).elementsEqual(wanted) }
        let start = Int(token.start) + 1
        guard Int(token.end) - 1 - start == wanted.count else { return false }
        return document.bytes.withUnsafeBufferPointer { text in
            for i in 0..<wanted.count where text[start + i] != wanted[i] { return false }
            return true
        }
    }

    private func decodedText(_ token: JSONToken) -> [UInt8] {
        document.bytes.withUnsafeBufferPointer { text in
            decodeEscapes(UnsafeBufferPointer(rebasing: text[Int(token.start) + 1..<Int(token.end) - 1]))
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
        // COST: ids, lengths and counts are plain digits; the general form is for the rest.
        let digits = rawBytes
        if digits.count <= 18 {
            var value: Int64 = 0
            var isPlain = true
            for byte in digits {
                guard byte &- 48 < 10 else {
                    isPlain = false
                    break
                }
                value = value * 10 + Int64(byte - 48)
            }
            if isPlain { return value }
        }
        return number?.int
    }

    /// The nearest double; infinite when out of range.
    package var double: Double? { number.flatMap { Double($0.text) } }

    /// The number as an exact decimal of at most 38 digits.
    package var decimal: ExactDecimal? { kind == .number ? ExactDecimal(text: rawBytes) : nil }

    /// -1, 0 or 1 by exact value. Nil if one is no number, or both exponents are beyond 18 digits.
    package func compareNumber(to other: JSONView) -> Int? {
        guard let a = number, let b = other.number else { return nil }
        return a.compare(to: b)
    }
}
