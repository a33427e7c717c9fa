internal import JSON

/// Choices that a parameter's description lists and its schema does not: `Output format ('JPG', 'PNG', 'WEBP')`.
enum DescribedChoices {
    /// The choices, when the description quotes at least two in one list and says that there are no others: by standing in
    /// parentheses from start to end but for a default, or behind "one of" or "either".
    static func of(_ schema: JSONView) -> [String]? {
        guard schema["type"]?.string == "string", schema["enum"] == nil, schema["pattern"] == nil,
            let text = schema["description"]?.string, text.utf8.count <= 2_000
        else { return nil }
        let bytes = Array(text.utf8)
        for at in bytes.indices {
            let isList =
                bytes[at] == UInt8(ascii: "(") || ends(bytes[...at], with: "one of ")
                || ends(bytes[...at], with: "one of: ")
                || ends(bytes[...at], with: "either ")
            guard isList, let (choices, end) = list(bytes[(at + 1)...]) else { continue }
            if bytes[at] == UInt8(ascii: "("), !closes(bytes[end...]) { continue }
            if choices.count >= 2, Set(choices).count == choices.count { return choices }
        }
        return nil
    }

    private static func ends(_ bytes: ArraySlice<UInt8>, with word: StaticString) -> Bool {
        guard bytes.count >= word.utf8CodeUnitCount else { return false }
        return zip(
            bytes.suffix(word.utf8CodeUnitCount),
            UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        )
        .allSatisfy { $0 | 0x20 == $1 | 0x20 }
    }

    /// Quoted words with commas, bars, slashes, `or` and `and` between them, and where they end.
    private static func list(_ bytes: ArraySlice<UInt8>) -> (choices: [String], end: Int)? {
        var choices: [String] = []
        var (at, end) = (bytes.startIndex, bytes.startIndex)
        while at < bytes.endIndex, choices.count <= 64 {
            let byte = bytes[at]
            if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "`") {
                guard let close = bytes[(at + 1)...].firstIndex(of: byte), close > at + 1, close - at <= 40 else {
                    break
                }
                let word = String(decoding: bytes[(at + 1)..<close], as: UTF8.self)
                guard !word.contains(where: { $0.isWhitespace || "{}<>*…".contains($0) }) else { return nil }
                choices.append(word)
                at = close + 1
                end = at
                continue
            }
            let rest = bytes[at...]
            if [UInt8(ascii: ","), UInt8(ascii: "|"), UInt8(ascii: "/"), UInt8(ascii: " ")].contains(byte) {
                at += 1
            } else if rest.starts(with: "or ".utf8) {
                at += 3
            } else if rest.starts(with: "and ".utf8) {
                at += 4
            } else {
                break
            }
        }
        return choices.isEmpty ? nil : (choices, end)
    }

    /// Whether nothing but a default stands between here and the closing parenthesis.
    private static func closes(_ bytes: ArraySlice<UInt8>) -> Bool {
        let rest = String(decoding: bytes.prefix(60), as: UTF8.self).drop { " ,;.".contains($0) }
        return rest.hasPrefix(")") || rest.lowercased().hasPrefix("default")
    }
}
