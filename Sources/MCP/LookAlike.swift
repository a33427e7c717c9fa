import JSON

extension JSONView {
    /// Whether this string is one of the names but for ASCII case.
    ///
    /// Some JSON libraries match members regardless of case and take the last one. A message with `name` and `Name` would be
    /// judged by the one and carried out by the other, so such messages are refused.
    package func looksLike(anyOf names: [StaticString]) -> Bool {
        let range = range
        for name in names where name.utf8CodeUnitCount == range.count - 2 {
            var isSame = true
            for i in 0..<name.utf8CodeUnitCount
            where document.bytes[range.lowerBound + 1 + i] | 0x20 != name.utf8Start[i] | 0x20 {
                isSame = false
                break
            }
            if isSame { return true }
        }
        // A name written with escapes can hide a letter: compare what it says.
        guard plainStringRange == nil, let text = string?.lowercased() else { return false }
        return names.contains { $0.description == text }
    }
}
