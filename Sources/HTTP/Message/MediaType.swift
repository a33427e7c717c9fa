/// A media type as in Content-Type. SPEC: RFC 9110 §8.3.1.
package struct MediaType: Sendable {
    private let essence: ByteText
    private let rest: ByteText

    /// Reads a media type; nil if it is not `type/subtype` with optional parameters.
    package init?(_ text: ByteText) {
        let end = text.bytes.firstIndex(of: ASCII.semicolon) ?? text.bytes.endIndex
        essence = ByteText(text.bytes[..<end]).trimmed
        rest = ByteText(text.bytes[end...])
        let isFine = essence.withUnsafeBytes { bytes in
            guard let slash = bytes.firstIndex(of: ASCII.slash), slash > 0, slash < bytes.count - 1 else {
                return false
            }
            for index in 0..<bytes.count where index != slash && !ASCII.isToken(bytes[index]) { return false }
            return true
        }
        guard isFine else { return nil }
    }

    /// Whether the type is this one, parameters aside, ignoring case.
    package func matches(_ type: StaticString) -> Bool { essence.equalsIgnoringCase(type) }

    /// The value of a parameter, quotes removed.
    package func parameter(_ name: StaticString) -> ByteText? {
        var found: ByteText?
        MediaRange.eachParameter(rest.bytes) { key, value in
            if found == nil, key.equalsIgnoringCase(name) { found = value }
        }
        return found
    }
}

/// Whether the Accept fields let a media type be sent: the most specific range that matches decides, and its weight must
/// be above 0. No Accept field accepts everything. SPEC: RFC 9110 §12.5.1.
package func accepts(_ fields: Fields, _ mediaType: StaticString) -> Bool {
    var best = (specificity: -1, isAccepted: false)
    var hasAccept = false
    for index in 0..<fields.count where fields.name(at: index).equalsIgnoringCase("Accept") {
        hasAccept = true
        for element in MediaRange.elements(fields.value(at: index).bytes) {
            guard let range = MediaRange(element), let specificity = range.specificity(for: mediaType) else { continue }
            // Of equally specific ranges, any that accepts is enough.
            if specificity > best.specificity {
                best = (specificity, range.isAccepted)
            } else if specificity == best.specificity, range.isAccepted {
                best.isAccepted = true
            }
        }
    }
    return hasAccept ? best.isAccepted : true
}

/// One element of an Accept field.
struct MediaRange {
    private let essence: ByteText
    /// Whether the weight is above 0; a weight that is no number counts as 0.
    let isAccepted: Bool

    init?(_ element: ArraySlice<UInt8>) {
        let end = element.firstIndex(of: ASCII.semicolon) ?? element.endIndex
        essence = ByteText(element[..<end]).trimmed
        guard !essence.isEmpty else { return nil }
        var isAccepted = true
        Self.eachParameter(element[end...]) { key, value in
            if key.equalsIgnoringCase("q") { isAccepted = Self.isPositiveWeight(value) }
        }
        self.isAccepted = isAccepted
    }

    /// 0 for `*/*`, 1 for `type/*`, 2 for the type itself, nil for no match.
    func specificity(for mediaType: StaticString) -> Int? {
        if essence.equalsIgnoringCase(mediaType) { return 2 }
        if essence.equals("*/*") { return 0 }
        guard essence.count > 2, essence.bytes.suffix(2).elementsEqual([ASCII.slash, UInt8(ascii: "*")]) else {
            return nil
        }
        let type = essence.bytes.dropLast()
        let isSame = type.withUnsafeBufferPointer { own in
            guard let base = own.baseAddress, own.count <= mediaType.utf8CodeUnitCount else { return false }
            for index in 0..<own.count where ASCII.lower(base[index]) != ASCII.lower(mediaType.utf8Start[index]) {
                return false
            }
            return true
        }
        return isSame ? 1 : nil
    }

    /// SPEC: RFC 9110 §12.4.2: 0 to 1 with at most three decimals.
    private static func isPositiveWeight(_ value: ByteText) -> Bool {
        let bytes = Array(value.bytes)
        guard let first = bytes.first, first == 0x30 || first == 0x31, bytes.count <= 5 else { return false }
        guard bytes.count == 1 || (bytes[1] == 0x2E && bytes[2...].allSatisfy(ASCII.isDigit)) else { return false }
        return first == 0x31 || bytes.dropFirst(2).contains { $0 != 0x30 }
    }

    /// The elements of a comma-separated list; commas in quotes do not separate.
    static func elements(_ bytes: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] { split(bytes, ASCII.comma) }

    /// Calls `each` for every `;name=value` in `bytes`.
    static func eachParameter(_ bytes: ArraySlice<UInt8>, _ each: (ByteText, ByteText) -> Void) {
        guard !bytes.isEmpty else { return }
        for part in split(bytes, ASCII.semicolon) {
            guard let equals = part.firstIndex(of: UInt8(ascii: "=")) else { continue }
            each(ByteText(part[..<equals]).trimmed, unquoted(ByteText(part[(equals + 1)...]).trimmed))
        }
    }

    private static func unquoted(_ text: ByteText) -> ByteText {
        let quote = UInt8(ascii: "\"")
        guard text.count >= 2, text.bytes.first == quote, text.bytes.last == quote else { return text }
        var plain: [UInt8] = []
        var isEscaped = false
        for byte in text.bytes.dropFirst().dropLast() {
            if byte == UInt8(ascii: "\\"), !isEscaped {
                isEscaped = true
            } else {
                plain.append(byte)
                isEscaped = false
            }
        }
        return ByteText(plain)
    }

    private static func split(_ bytes: ArraySlice<UInt8>, _ separator: UInt8) -> [ArraySlice<UInt8>] {
        var parts: [ArraySlice<UInt8>] = []
        var start = bytes.startIndex
        var isQuoted = false
        var isEscaped = false
        for index in bytes.indices {
            let byte = bytes[index]
            if isEscaped {
                isEscaped = false
            } else if isQuoted, byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isQuoted.toggle()
            } else if byte == separator, !isQuoted {
                parts.append(bytes[start..<index])
                start = index + 1
            }
        }
        parts.append(bytes[start...])
        return parts
    }
}
