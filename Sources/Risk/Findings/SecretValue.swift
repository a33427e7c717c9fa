/// Values of parameters that hold secrets.
enum SecretValue {
    private static let words = [
        "password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "privatekey", "credential",
    ]
    private static let placeholders = [
        "example", "changeme", "change-me", "your", "xxx", "placeholder", "password", "secret", "token", "<", "${",
        "{{", "…", "...",
        "test", "dummy", "sample", "none", "null", "123456",
    ]

    /// In bytes.
    private static let lengths = 8...512

    /// Whether a value belongs to something that is called a secret, and looks like one rather than like a placeholder or
    /// the name of one.
    static func isSecret(_ text: DefinitionText) -> Bool {
        let value = text.text
        guard lengths.contains(value.utf8.count) else { return false }
        // Below `default` or `enum` stands a name of its own, above it the parameter's.
        let parts = text.place.utf8.split(separator: UInt8(ascii: "/")).filter { Int(Substring($0)) == nil }
        guard parts.suffix(3).contains(where: isSecretName),
            !value.contains(where: \.isWhitespace)
        else { return false }
        let low = value.lowercased()
        guard !placeholders.contains(where: low.contains) else { return false }
        return isMixed(
            isLong: value.utf8.count >= 20, value.contains(where: \.isLowercase), value.contains(where: \.isUppercase),
            value.contains(where: \.isNumber), value.contains { !$0.isLetter && !$0.isNumber })
    }

    /// Whether a name ends like that of a secret, whatever stands between its letters.
    private static func isSecretName(_ name: Substring.UTF8View) -> Bool {
        guard name.allSatisfy({ $0 < 0x80 }) else {
            let letters = Substring(name).lowercased().filter(\.isLetter)
            return words.contains(where: letters.hasSuffix)
        }
        let letters = name.filter { ($0 | 0x20) &- 97 < 26 }.map { $0 | 0x20 }
        return words.contains { letters.count >= $0.utf8.count && letters.suffix($0.utf8.count).elementsEqual($0.utf8) }
    }

    /// Whether `isSecret` may say yes: a quick look at what the value is made of.
    static func mayBeSecret(_ value: UnsafeBufferPointer<UInt8>) -> Bool {
        guard lengths.contains(value.count) else { return false }
        var (small, capital, digit, other) = (false, false, false, false)
        for byte in value {
            switch byte {
            case UInt8(ascii: " "): return false
            case UInt8(ascii: "a")...UInt8(ascii: "z"): small = true
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): capital = true
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = true
            case 0x80...: return true
            default: other = true
            }
        }
        return isMixed(isLong: value.count >= 20, small, capital, digit, other)
    }

    private static func isMixed(isLong: Bool, _ small: Bool, _ capital: Bool, _ digit: Bool, _ other: Bool) -> Bool {
        let kinds = [small, capital, digit, other].count { $0 }
        return kinds >= 3 || kinds == 2 && digit && isLong
    }
}
