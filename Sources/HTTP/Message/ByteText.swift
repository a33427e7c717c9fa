/// Text as it was received: a slice of bytes that shares its storage, compared byte by byte. Nothing here validates
/// UTF-8; `string` repairs what is not.
package struct ByteText: Sendable, Hashable {
    /// The bytes.
    package let bytes: ArraySlice<UInt8>

    /// A text over a slice; no copy.
    package init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    /// A text over a whole array; no copy.
    package init(_ bytes: [UInt8]) { self.bytes = bytes[...] }

    /// The UTF-8 bytes of a string; copies.
    package init(_ text: String) { self.bytes = Array(text.utf8)[...] }

    /// The number of bytes.
    package var count: Int { bytes.count }

    /// Whether there is no byte.
    package var isEmpty: Bool { bytes.isEmpty }

    /// The text as a string, bad UTF-8 repaired with U+FFFD. Allocates if longer than 15 bytes.
    package var string: String { String(decoding: bytes, as: UTF8.self) }

    /// Gives the bytes without a copy.
    @inline(__always)
    package func withUnsafeBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        bytes.withUnsafeBufferPointer(body)
    }

    /// Whether the bytes are exactly these.
    package func equals(_ text: StaticString) -> Bool {
        bytes.count == text.utf8CodeUnitCount && hasPrefix(text)
    }

    /// Whether the bytes are exactly these.
    package func equals(_ other: [UInt8]) -> Bool { bytes.elementsEqual(other) }

    /// Whether the bytes are exactly the string's UTF-8. Literals take the variant for `StaticString`, which copies nothing.
    @_disfavoredOverload
    package func equals(_ other: String) -> Bool {
        var other = other
        return other.withUTF8 { theirs in
            bytes.count == theirs.count && bytes.withUnsafeBufferPointer { zip($0, theirs).allSatisfy { $0 == $1 } }
        }
    }

    /// Whether the bytes are these but for ASCII case.
    package func equalsIgnoringCase(_ text: StaticString) -> Bool {
        bytes.count == text.utf8CodeUnitCount && hasPrefixIgnoringCase(text)
    }

    /// Whether the bytes are the other's but for ASCII case.
    package func equalsIgnoringCase(_ other: ByteText) -> Bool {
        bytes.count == other.bytes.count && zip(bytes, other.bytes).allSatisfy { ASCII.lower($0) == ASCII.lower($1) }
    }

    /// Whether the bytes begin with these.
    package func hasPrefix(_ text: StaticString) -> Bool {
        bytes.withUnsafeBufferPointer { own in
            let length = text.utf8CodeUnitCount
            guard own.count >= length else { return false }
            for index in 0..<length where own[index] != text.utf8Start[index] { return false }
            return true
        }
    }

    /// Whether the bytes begin with these but for ASCII case.
    package func hasPrefixIgnoringCase(_ text: StaticString) -> Bool {
        bytes.withUnsafeBufferPointer { own in
            guard own.count >= text.utf8CodeUnitCount, let base = own.baseAddress else {
                return text.utf8CodeUnitCount == 0
            }
            return ASCII.equalsIgnoringCase(base, text.utf8CodeUnitCount, text)
        }
    }

    /// The text without its first bytes; no copy.
    package func dropFirst(_ count: Int) -> ByteText { ByteText(bytes.dropFirst(count)) }

    /// The parts between each such byte, empty ones included; at least one.
    package func split(_ separator: UInt8) -> [ByteText] {
        bytes.split(separator: separator, omittingEmptySubsequences: false).map { ByteText($0) }
    }

    /// The text without blanks (space, tab) at its ends; no copy.
    package var trimmed: ByteText {
        var slice = bytes
        while let first = slice.first, ASCII.isBlank(first) { slice.removeFirst() }
        while let last = slice.last, ASCII.isBlank(last) { slice.removeLast() }
        return ByteText(slice)
    }
}

extension ByteText: CustomStringConvertible {
    /// The same as `string`.
    package var description: String { string }
}
