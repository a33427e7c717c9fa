import Risk

/// Texts from outside, made harmless for terminals and readable for people.
package enum Visible {
    /// What can't be seen, turns the direction of writing or moves a cursor is shown by its number, such as `<U+200B>`;
    /// line ends become spaces.
    /// - Parameter limit: scalars; the rest becomes `…`.
    package static func text(_ text: String, limit: Int = 400) -> String {
        let scalars = text.unicodeScalars
        let piece = scalars.prefix(limit)
        return VisibleText.shown(String(piece)) + (piece.endIndex < scalars.endIndex ? "…" : "")
    }

    /// The same line by line.
    package static func lines(_ text: String, limit: Int = 4_000, count: Int = 64) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).prefix(count)
            .map { Self.text(String($0), limit: limit) }.joined(separator: "\n")
    }

    /// A name for a column of a table.
    package static func name(_ text: String) -> String { Self.text(text, limit: 64) }
}

/// Commands, addresses and messages without what may be a secret in them.
package enum Redaction {
    /// What stands in place of a secret.
    package static let mark = "…"

    /// An address without query, user and parts of its path that look like keys.
    package static func url(_ url: String) -> String {
        let plain = url.prefix { $0 != "?" && $0 != "#" }
        guard let scheme = plain.firstRange(of: "://") else { return looksSecret(url) ? mark : String(plain) }
        let rest = plain[scheme.upperBound...]
        var parts = rest.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if let at = parts.first?.lastIndex(of: "@") { parts[0] = "\(mark)\(parts[0][at...])" }
        for index in parts.indices.dropFirst() where looksSecret(parts[index]) { parts[index] = mark }
        let query = plain.endIndex < url.endIndex ? "?\(mark)" : ""
        return String(plain[..<scheme.upperBound]) + parts.joined(separator: "/") + query
    }

    /// A command line. Values of options that are called like a secret are left out, and words that look like one.
    package static func command(_ words: [String]) -> String {
        var shown: [String] = []
        var hidesNext = false
        for word in words {
            if hidesNext, !word.hasPrefix("-") {
                shown.append(mark)
                hidesNext = false
                continue
            }
            hidesNext = false
            if let equals = word.firstIndex(of: "="), word.hasPrefix("-") || isSecretName(String(word[..<equals])) {
                let (name, value) = (String(word[..<equals]), String(word[word.index(after: equals)...]))
                shown.append(name + "=" + (isSecretName(name) || looksSecret(value) ? mark : self.word(value)))
            } else {
                hidesNext = word.hasPrefix("-") && isSecretName(word)
                shown.append(self.word(word))
            }
        }
        return shown.joined(separator: " ")
    }

    private static func word(_ word: String) -> String {
        if word.contains("://") { return url(word) }
        // A header such as `Authorization: Bearer x`.
        if let colon = word.firstIndex(of: ":"), isSecretName(String(word[..<colon])) { return word[...colon] + mark }
        return looksSecret(word) ? mark : word
    }

    /// Takes known values out of a message.
    package static func without(_ secrets: [String], in text: String) -> String {
        var text = text
        for secret in secrets where secret.utf8.count >= 6 {
            text = text.split(separator: secret, omittingEmptySubsequences: false).joined(separator: mark)
        }
        return text
    }

    /// Whether an option, a variable or a header of this name holds one.
    package static func isSecretName(_ name: String) -> Bool {
        let plain = name.lowercased()
        let words = [
            "token", "secret", "passw", "apikey", "api-key", "api_key", "auth", "credential", "private", "cookie",
            "header", "signature", "bearer", "dsn", "connection-string", "connection_string",
        ]
        return words.contains { plain.contains($0) } || plain.hasSuffix("key")
    }

    /// Long, of letters and digits, without the separators that names and paths have.
    package static func looksSecret(_ word: String) -> Bool {
        for prefix in ["sk-", "ghp_", "gho_", "github_pat_", "xox", "AKIA", "glpat-", "slg_", "sla_", "eyJ"]
        where word.hasPrefix(prefix) && word.utf8.count >= 12 { return true }
        guard word.utf8.count >= 20 else { return false }
        var (digits, letters, longest, run) = (0, 0, 0, 0)
        for byte in word.utf8 {
            switch byte {
            case 0x30...0x39:
                digits += 1
                run += 1
            case 0x41...0x5A, 0x61...0x7A:
                letters += 1
                run += 1
            default: run = 0
            }
            longest = max(longest, run)
        }
        return digits >= 3 && letters >= 3 && longest >= 20
    }
}
