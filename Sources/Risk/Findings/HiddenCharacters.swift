internal import MCP

/// Characters that a person does not see as the model reads them.
///
/// Ranges after the Unicode Standard: tags (U+E0000–E007F), variation selectors, general punctuation's format characters;
/// joiners where scripts and emoji need them are left alone (UTS #51, and the Arabic and Indic blocks).
struct HiddenCharacters {
    struct Hit {
        let code: MetadataFinding.Code
        let severity: Severity
        /// In scalars of the text.
        let place: Range<Int>
        let text: String
        let mend: String
    }

    private let scalars: [Unicode.Scalar]
    private let role: TextRole

    private init(_ text: String, _ role: TextRole) {
        scalars = Array(text.unicodeScalars)
        self.role = role
    }

    /// What is hidden in the text, at most one hit of each kind.
    static func hits(in text: String, _ role: TextRole) -> [Hit] {
        // COST: nearly all texts are plain, and nothing can hide in one.
        let isPlain = text.utf8.allSatisfy { ($0 >= 0x20 && $0 < 0x7F) || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
        guard !isPlain else { return [] }
        let search = HiddenCharacters(text, role)
        return [search.escapes, search.tags, search.direction, search.invisible, search.mixedScripts].compactMap(\.self)
    }

    private var escapes: Hit? {
        guard
            let at = scalars.firstIndex(where: {
                $0 == "\u{1B}" || (0x80...0x9F).contains($0.value)
                    || ($0.value < 32 && !"\n\r\t".unicodeScalars.contains($0))
            })
        else { return nil }
        return Hit(
            code: .ansiEscape, severity: .high, place: at..<at + 1,
            text: "the text holds control characters, which a terminal obeys instead of showing them",
            mend: "remove them; metadata is plain text")
    }

    private var tags: Hit? {
        guard let at = scalars.indices.first(where: { isTag(scalars[$0]) && !isFlag(at: $0) }) else { return nil }
        let end = scalars[at...].firstIndex { !isTag($0) } ?? scalars.count
        // Tag characters repeat ASCII: what they spell is for the model only.
        let spelled = scalars[at..<end].compactMap { Unicode.Scalar($0.value - 0xE0000) }.filter {
            (32..<127).contains($0.value)
        }
        let words = String(String.UnicodeScalarView(spelled.prefix(60)))
        return Hit(
            code: .tagCharacters, severity: .high, place: at..<end,
            text: "invisible tag characters spell `\(words)`", mend: "remove them; only the model reads them")
    }

    private func isTag(_ scalar: Unicode.Scalar) -> Bool { (0xE0000...0xE007F).contains(scalar.value) }

    /// Flags of regions are a black flag and tags behind it.
    private func isFlag(at index: Int) -> Bool {
        let start = scalars[..<index].lastIndex { !isTag($0) }
        return start.map { scalars[$0].value == 0x1F3F4 && index - $0 < 8 } ?? false
    }

    private var direction: Hit? {
        guard
            let at = scalars.firstIndex(where: {
                (0x202A...0x202E).contains($0.value) || (0x2066...0x2069).contains($0.value)
            })
        else { return nil }
        return Hit(
            code: .bidiControl, severity: .high, place: at..<at + 1,
            text: "the text turns the direction of writing, so that people read it in another order than the model",
            mend: "remove the control characters")
    }

    private var invisible: Hit? {
        let places = scalars.indices.filter { isInvisible(at: $0) }
        guard let first = places.first else { return nil }
        // One may be left over from copying; in a name, or many, they hide something.
        let isGrave = role == .name || places.count >= 4
        return Hit(
            code: .invisibleCharacters, severity: isGrave ? .high : .low, place: first..<first + 1,
            text: places.count == 1
                ? "the text holds a character that can't be seen"
                : "the text holds \(places.count) characters that can't be seen",
            mend: "remove them; the model reads them, a person does not")
    }

    private func isInvisible(at index: Int) -> Bool {
        let value = scalars[index].value
        switch value {
        case 0x200C, 0x200D: return !isJoined(index)
        case 0xFE00...0xFE0F:
            // One selector belongs to the character before it; several carry bytes.
            return index == 0 || isSelector(scalars[index - 1]) || scalars[index - 1].value < 0x23
        case 0xE0100...0xE01EF: return true
        case 0xAD, 0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B...0x180F, 0x200B, 0x200E, 0x200F, 0x2060...0x2065,
            0x206A...0x206F, 0x3164, 0xFEFF, 0xFFA0, 0xFFF0...0xFFFB:
            return true
        default: return false
        }
    }

    private func isSelector(_ scalar: Unicode.Scalar) -> Bool {
        (0xFE00...0xFE0F).contains(scalar.value) || (0xE0100...0xE01EF).contains(scalar.value)
    }

    /// Whether a joiner stands between characters that are joined: emoji, or letters of scripts that join.
    private func isJoined(_ index: Int) -> Bool {
        guard index > 0, index + 1 < scalars.count else { return false }
        return [scalars[index - 1], scalars[index + 1]].allSatisfy { $0.value > 0x5FF && !isSelectorOnly($0) }
    }

    private func isSelectorOnly(_ scalar: Unicode.Scalar) -> Bool { (0x2000...0x206F).contains(scalar.value) }

    /// A word of Latin letters with Cyrillic, Greek or other forms of them among them.
    private var mixedScripts: Hit? {
        // COST: few texts have such a letter at all, and what is a letter is searched for in tables.
        guard scalars.contains(where: isForgery) else { return nil }
        var start = 0
        while start < scalars.count {
            guard scalars[start].properties.isAlphabetic else {
                start += 1
                continue
            }
            let end = scalars[start...].firstIndex { !$0.properties.isAlphabetic } ?? scalars.count
            let word = scalars[start..<end]
            var forged = word.filter(isForgery)
            // `Nº`, `Srª`: an abbreviation ends so.
            if let last = word.last, isOrdinal(last), forged.count == 1 { forged = [] }
            // Whole words of mathematical letters are no mathematics.
            let isStyled = word.allSatisfy { (0x1D400...0x1D7FF).contains($0.value) }
            if !forged.isEmpty,
                word.contains(where: { $0.isASCII }) || isStyled || (role == .name && forged.count == word.count)
            {
                let seen = LookAlikeNames.readable(String(String.UnicodeScalarView(word)))
                if seen.unicodeScalars.allSatisfy(\.isASCII), end - start > 2 {
                    return Hit(
                        code: .homoglyph, severity: .high, place: start..<end,
                        text: "letters of another alphabet stand in for Latin ones in what reads as `\(seen)`",
                        mend: "write the word in one alphabet")
                }
            }
            start = end
        }
        return nil
    }

    /// A letter that is taken for a Latin one but isn't, and that no word of Latin script has.
    private func isForgery(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        // Greek (single letters stand for quantities: the word must read as a whole), Cyrillic, Armenian; full-width and
        // mathematical letters.
        case 0x370...0x3FF, 0x400...0x52F, 0x530...0x58F, 0xFF21...0xFF5A, 0x1D400...0x1D7FF: true
        // Coptic and Tifinagh.
        case 0x2C80...0x2CFF, 0x2D30...0x2D7F: true
        default: isOrdinal(scalar)
        }
    }

    /// `ª` and `º`.
    private func isOrdinal(_ scalar: Unicode.Scalar) -> Bool { scalar.value == 0xAA || scalar.value == 0xBA }
}
