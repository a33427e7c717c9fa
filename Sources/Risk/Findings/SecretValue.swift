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

    /// Whether a value belongs to something that is called a secret, and looks like one rather than like a placeholder or
    /// the name of one.
    static func isSecret(_ text: DefinitionText) -> Bool {
        let value = text.text
        guard (8...512).contains(value.utf8.count), !value.contains(where: \.isWhitespace) else { return false }
        // Below `default` or `enum` stands a name of its own, above it the parameter's.
        let parts = text.place.split(separator: "/").filter { Int($0) == nil }
        let names = parts.suffix(3).map { $0.lowercased().filter { $0.isLetter } }
        guard names.contains(where: { name in words.contains(where: name.hasSuffix) }) else { return false }
        let low = value.lowercased()
        guard !placeholders.contains(where: low.contains) else { return false }
        let kinds = [
            value.contains(where: \.isLowercase), value.contains(where: \.isUppercase),
            value.contains(where: \.isNumber),
            value.contains { !$0.isLetter && !$0.isNumber },
        ].count { $0 }
        return kinds >= 3 || (kinds == 2 && value.contains(where: \.isNumber) && value.utf8.count >= 20)
    }
}
