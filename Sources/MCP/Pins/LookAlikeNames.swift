/// Names that a person, or a model, takes for each other.
package enum LookAlikeNames {
    package struct Entry: Sendable, Hashable {
        package let server: String
        package let name: String

        package init(server: String, name: String) {
            self.server = server
            self.name = name
        }
    }

    package struct Finding: Sendable, Hashable {
        package enum Kind: String, Sendable, CaseIterable {
            /// The same name on several servers.
            case duplicateName
            /// The same name twice on one server.
            case repeatedName
            /// Different names that look alike.
            case lookAlike
            /// A name with characters that can't be seen, or that turn the direction of writing.
            case hiddenCharacters
        }

        package let kind: Kind
        /// Sorted by server, then name.
        package let entries: [Entry]

        package init(kind: Kind, entries: [Entry]) {
            self.kind = kind
            self.entries = entries
        }
    }

    /// What is odd about the names of tools (or of prompts) of several servers. The result does not depend on the order of
    /// `all`.
    package static func findings(_ all: [Entry]) -> [Finding] {
        func sorted(_ entries: some Sequence<Entry>) -> [Entry] {
            entries.sorted { ($0.server, $0.name) < ($1.server, $1.name) }
        }
        var findings: [Finding] = []
        let counts = Dictionary(grouping: all, by: \.self).mapValues(\.count)
        for entry in sorted(counts.keys) {
            if counts[entry] ?? 0 > 1 { findings.append(Finding(kind: .repeatedName, entries: [entry])) }
            if hasHidden(entry.name) { findings.append(Finding(kind: .hiddenCharacters, entries: [entry])) }
        }
        let byName = Dictionary(grouping: counts.keys) { Array($0.name.utf8) }
        for group in byName.values where group.count > 1 {
            findings.append(Finding(kind: .duplicateName, entries: sorted(group)))
        }
        let bySkeleton = Dictionary(grouping: counts.keys) { skeleton($0.name) }
        for group in bySkeleton.values where Set(group.map { Array($0.name.utf8) }).count > 1 {
            findings.append(Finding(kind: .lookAlike, entries: sorted(group)))
        }
        return findings.sorted { a, b in
            let (x, y) = (a.entries.map { "\($0.server)\0\($0.name)" }, b.entries.map { "\($0.server)\0\($0.name)" })
            return x == y ? a.kind.rawValue < b.kind.rawValue : x.lexicographicallyPrecedes(y)
        }
    }

    /// Names with the same skeleton look alike: letters of other scripts and forms become the Latin ones that they resemble,
    /// case, accents, separators and what can't be seen fall away, and `0`, `1`, `i`, `rn`, `vv` read as `o`, `l`, `l`, `m`,
    /// `w`. Not all of Unicode's confusables, but those that names are forged with.
    package static func skeleton(_ name: String) -> String {
        var letters: [Unicode.Scalar] = []
        for scalar in name.unicodeScalars where !isHidden(scalar) && !isCombining(scalar) {
            for lower in String(plain(scalar)).lowercased().unicodeScalars where !isCombining(lower) {
                letters.append(contentsOf: base(lower))
            }
        }
        var skeleton = String.UnicodeScalarView()
        var i = 0
        while i < letters.count {
            let next = i + 1 < letters.count ? letters[i + 1] : nil
            switch (letters[i], next) {
            case ("r", "n"): skeleton.append("m")
            case ("v", "v"): skeleton.append("w")
            default:
                skeleton.append(letters[i])
                i -= 1
            }
            i += 2
        }
        return String(skeleton)
    }

    /// The text with forms and look-alike letters of other scripts made Latin, and what can't be seen taken out: what a
    /// model may read in it. Case, accents on letters that words really have, digits and separators stay.
    package static func readable(_ text: String) -> String {
        var readable: [UInt8] = []
        readable.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            // COST: bytes; to put a character behind a string takes ten times as long.
            if scalar.isASCII {
                readable.append(UInt8(scalar.value))
                continue
            }
            guard !isHidden(scalar) else { continue }
            let seen = plain(scalar)
            if seen.isASCII {
                readable.append(UInt8(seen.value))
            } else if let latin = forms[seen] ?? forms[lowered(seen)] {
                readable += String(latin).utf8
            } else if "іιıïìíîĩīĭįǐїІΙ".unicodeScalars.contains(seen) {
                readable.append(UInt8(ascii: "i"))
            } else if let latin = table[lowered(seen)] {
                readable += String(latin).utf8
            } else {
                readable += String(seen).utf8
            }
        }
        return String(decoding: readable, as: UTF8.self)
    }

    private static func lowered(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        scalar.properties.lowercaseMapping.unicodeScalars.first ?? scalar
    }

    private static func hasHidden(_ name: String) -> Bool { name.unicodeScalars.contains(where: isHidden) }

    /// Zero width, direction marks, tags, variation selectors, controls (line ends and tabs too).
    package static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0...0x1F, 0x7F...0x9F, 0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B...0x180F,
            0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0x3164, 0xFE00...0xFE0F, 0xFEFF, 0xFFA0,
            0xFFF0...0xFFFB, 0xE0000...0xE0FFF:
            true
        default: false
        }
    }

    private static func isCombining(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark: true
        default: false
        }
    }

    /// The ASCII character behind a full-width or mathematical one.
    private static func plain(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        let value = scalar.value
        let ascii: UInt32? =
            switch value {
            case 0xFF01...0xFF5E: value - 0xFEE0
            case 0x1D400...0x1D6A3: letter((value - 0x1D400) % 52)
            case 0x1D7CE...0x1D7FF: 48 + (value - 0x1D7CE) % 10
            case 0x249C...0x24B5: letter(value - 0x249C + 26)
            case 0x24B6...0x24E9: letter(value - 0x24B6)
            case 0x1F110...0x1F129: letter(value - 0x1F110)
            case 0x1F130...0x1F149: letter(value - 0x1F130)
            case 0x1F150...0x1F169: letter(value - 0x1F150)
            case 0x1F170...0x1F189: letter(value - 0x1F170)
            // The letters that flags are spelled with.
            case 0x1F1E6...0x1F1FF: letter(value - 0x1F1E6)
            default: nil
            }
        return ascii.flatMap(Unicode.Scalar.init) ?? scalar
    }

    /// The letter at a place in A–Z, a–z.
    private static func letter(_ index: UInt32) -> UInt32 { index < 26 ? 65 + index : 97 + index - 26 }

    /// What a lower-case letter reads as; nothing for separators.
    private static func base(_ scalar: Unicode.Scalar) -> [Unicode.Scalar] {
        switch scalar {
        case "_", "-", ".", " ", "/", ":", "\u{A0}", "\u{2010}"..."\u{2015}", "\u{2212}": []
        case "0": ["o"]
        case "1", "i", "|": ["l"]
        default: table[scalar].map { Array($0) } ?? [scalar]
        }
    }

    /// Small, raised and lowered forms of Latin letters, signs that stand for them, and letters of scripts that few people
    /// can tell from them, by the ASCII letter. Names of servers may be written in such a script: `skeleton` leaves them.
    private static let forms: [Unicode.Scalar: Unicode.Scalar] = {
        let rows: [(Unicode.Scalar, String)] = [
            ("a", "ªᴀᵃₐⲁ"), ("b", "ʙᵇⲃℬ"), ("c", "ᴄᶜⲥℂℭ"), ("d", "ᴅᵈⅆ"), ("e", "ᴇᵉₑⲉℯℰⅇⴹ"), ("f", "ꜰᶠℱ"), ("g", "ɢᵍℊ"),
            ("h", "ʜʰₕⲏℎℋℌℍ"), ("i", "ɪⁱᵢⲓℐℑⅈⵊ"), ("j", "ᴊʲⱼⅉ"), ("k", "ᴋᵏₖⲕ"), ("l", "ʟˡₗℓℒⵏ"), ("m", "ᴍᵐₘⲙℳ"),
            ("n", "ɴⁿₙⲛℕ"), ("o", "ºᴏᵒₒⲟℴⵔⵙ∘"), ("p", "ᴘᵖₚⲣℙ"), ("q", "ǫℚ"), ("r", "ʀʳᵣℛℜℝ"), ("s", "ꜱˢₛſ"),
            ("t", "ᴛᵗₜⲧ"), ("u", "ᴜᵘᵤ"), ("v", "ᴠᵛᵥ"), ("w", "ᴡʷ"), ("x", "ˣₓⲭⵝ"), ("y", "ʏʸⲩ"), ("z", "ᴢᶻℤ"),
        ]
        var forms: [Unicode.Scalar: Unicode.Scalar] = [:]
        for (latin, others) in rows {
            for other in others.unicodeScalars { forms[other] = latin }
        }
        return forms
    }()

    /// Lower-case letters by the Latin ones that they are taken for.
    private static let table: [Unicode.Scalar: String.UnicodeScalarView] = {
        let rows = [
            "a": "аαɑàáâãäåāăąǎạả", "b": "ьвβƅ", "c": "сϲςçćĉċč", "d": "ԁďđɗ", "e": "еєεèéêëēĕėęěёẹẻ", "f": "ƒ",
            "g": "ɡġĝğģǧ", "h": "һнĥħ", "j": "јʝĵ", "k": "кκķ", "l": "іιıïìíîĩīĭįǐїłĺļľŀӏⅼǀ", "m": "мⅿ",
            "n": "пηñńņňŋ", "o": "оοσøòóôõöōŏőơǒọỏ", "p": "рρ", "q": "ԛգ", "r": "гŕŗř", "s": "ѕśŝşšș",
            "t": "тτţťŧț", "u": "υսùúûüũūŭůűųưǔụủ", "v": "ѵνⅴ", "w": "ԝωŵѡ", "x": "хχⅹ", "y": "уγýÿŷ",
            "z": "źżž", "ae": "æ", "oe": "œ", "ss": "ß", "3": "зӡ",
        ]
        var table: [Unicode.Scalar: String.UnicodeScalarView] = [:]
        for (latin, others) in rows {
            for other in others.unicodeScalars { table[other] = latin.unicodeScalars }
        }
        return table
    }()
}
