import Base

/// Texts in `Mcp-Name` and `Mcp-Param-*`: plain where HTTP carries them unharmed, else `=?base64?…?=`.
///
/// SPEC: 2026-07-28, transports, "Encoding of header values".
package enum HeaderValue {
    private static let opening = Array("=?base64?".utf8)
    private static let closing = Array("?=".utf8)

    /// What a field's value must be for `text` to arrive.
    package static func encode(_ text: String) -> String {
        let bytes = Array(text.utf8)
        let isPlain =
            bytes.allSatisfy { (0x20...0x7E).contains($0) } && bytes.first != 0x20 && bytes.last != 0x20
            && !isMarked(bytes[...])
        return isPlain ? text : "=?base64?" + Base64.encode(bytes) + "?="
    }

    /// The text that a field's value stands for, blanks at its ends taken off. Nil if it has characters that a field can't
    /// have, or the marker around something that is no strict Base64 of UTF-8.
    package static func decode(_ value: ArraySlice<UInt8>) -> String? {
        var value = value
        while let first = value.first, first == 0x20 || first == 0x09 { value.removeFirst() }
        while let last = value.last, last == 0x20 || last == 0x09 { value.removeLast() }
        guard value.allSatisfy({ (0x20...0x7E).contains($0) || $0 == 0x09 }) else { return nil }
        guard isMarked(value) else { return String(decoding: value, as: UTF8.self) }
        let payload = value.dropFirst(opening.count).dropLast(closing.count)
        guard let decoded = Base64.decode(String(decoding: payload, as: UTF8.self)) else { return nil }
        return String(validating: decoded, as: UTF8.self)
    }

    /// The marker is lower case; other spellings are plain text.
    private static func isMarked(_ value: ArraySlice<UInt8>) -> Bool {
        value.count >= opening.count + closing.count && value.starts(with: opening)
            && value.suffix(closing.count).elementsEqual(closing)
    }
}
