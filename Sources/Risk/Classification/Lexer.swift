/// A word of a text: its id, where it stands, and what stands before it.
struct Token {
    var word: Int32
    var start: Int32
    var end: Int32
    var marks: Marks

    struct Marks: OptionSet {
        let rawValue: UInt16
        /// First of a sentence or of a paragraph.
        static let sentence = Marks(rawValue: 1)
        static let comma = Marks(rawValue: 2)
        static let slash = Marks(rawValue: 4)
        static let open = Marks(rawValue: 8)
        static let close = Marks(rawValue: 16)
        static let colon = Marks(rawValue: 32)
        /// Hyphened to the word before.
        static let joined = Marks(rawValue: 64)
        /// Written as programs write names: `snake_case`, `camelCase`, `a.b`.
        static let identifier = Marks(rawValue: 128)
        static let adverb = Marks(rawValue: 256)
        /// Three or more letters, all upper-case.
        static let upper = Marks(rawValue: 512)
        static let dash = Marks(rawValue: 1024)
        /// Something that ends a clause.
        static let breaks: Marks = [.sentence, .comma, .open, .colon, .dash, .close]
    }
}

/// Cuts texts into words. English is the only language whose words mean anything here.
struct Lexer {
    let rules: RuleSet

    /// Bytes of a description that are read; the rest is the lint's business (`overlong_text`).
    static let limit = 2500
    /// Longer words mean nothing.
    private static let longest = 24

    /// Words of a sentence or more.
    func text(_ text: UnsafeBufferPointer<UInt8>, into tokens: inout [Token]) {
        let end = min(text.count, Self.limit)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.longest) { buffer in
            var marks: Token.Marks = .sentence
            var i = 0
            var lastEnd = -1
            while i < end {
                let byte = text[i]
                if byte == UInt8(ascii: " ") {
                    i += 1
                    continue
                }
                if Self.isWord(byte), byte < 0x80 || Self.isLetter(text, i) {
                    if i == lastEnd + 1, lastEnd >= 0, text[lastEnd] == UInt8(ascii: "-") { marks.insert(.joined) }
                    tokens.append(plainWord(text, &i, end, marks) ?? word(text, &i, end, buffer, marks))
                    lastEnd = i
                    marks = []
                    continue
                }
                switch byte {
                case UInt8(ascii: "."), UInt8(ascii: "!"), UInt8(ascii: "?"):
                    if Self.endsSentence(text, i, end) { marks.insert(.sentence) }
                case UInt8(ascii: "\n"): if Self.startsLine(text, i, end) { marks.insert(.sentence) }
                // What follows says something new: `Submits the payroll; employees are paid`.
                case UInt8(ascii: ";"): marks.insert(.sentence)
                case UInt8(ascii: ","): marks.insert(.comma)
                case UInt8(ascii: "/"), UInt8(ascii: "|"), UInt8(ascii: "&"), UInt8(ascii: "+"): marks.insert(.slash)
                case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"): marks.insert(.open)
                case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"): marks.insert(.close)
                case UInt8(ascii: ":"): marks.insert(.colon)
                case UInt8(ascii: "-"):
                    if i + 1 < end, text[i + 1] == 32 || text[i + 1] == byte { marks.insert(.dash) }
                case 0x80...:
                    // Dashes, bullets, arrows and pictures all part clauses.
                    if byte == 0xE2 { marks.insert(.dash) }
                    i += Self.length(byte) - 1
                default: break
                }
                i += 1
            }
        }
    }

    /// Words of a name, whatever its style: `getUser`, `get_user`, `get-user`, `HTTPGet`, `users.get`, `get2`.
    func name(_ name: UnsafeBufferPointer<UInt8>, into tokens: inout [Token]) {
        let end = min(name.count, 256)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.longest) { buffer in
            var i = 0
            while i < end {
                guard Self.isLowerLetter(name[i] | 32) else {
                    i += 1
                    continue
                }
                let start = i
                var count = 0
                while i < end, Self.isLowerLetter(name[i] | 32) {
                    let isUpper = name[i] & 32 == 0
                    if isUpper, i > start {
                        let afterLower = name[i - 1] & 32 != 0
                        // `APIKey`: the last capital begins the next word; `APIs` is one word.
                        let beforeLower =
                            i + 1 < end && Self.isLowerLetter(name[i + 1])
                            && !(name[i + 1] == UInt8(ascii: "s") && (i + 2 >= end || !Self.isLowerLetter(name[i + 2])))
                        if afterLower || beforeLower { break }
                    }
                    if count < Self.longest {
                        buffer[count] = name[i] | 32
                        count += 1
                    }
                    i += 1
                }
                // `createURLV1`
                if i < end, count > 1, count <= Self.longest, name[i - 1] == UInt8(ascii: "V"), name[i] >= 48,
                    name[i] <= 57
                {
                    count -= 1
                }
                let id = rules.words.find(UnsafeBufferPointer(rebasing: buffer[..<count]))
                tokens.append(Token(word: id, start: Int32(start), end: Int32(i), marks: []))
            }
        }
    }

    /// A word of small letters, but perhaps for the first, as most are; nil when it is none, or more belongs to it.
    // COST: eight letters at a time. Byte for byte, the processor guessed wrong where each word ends.
    @inline(__always)
    private func plainWord(
        _ text: UnsafeBufferPointer<UInt8>, _ i: inout Int, _ end: Int, _ marks: Token.Marks
    ) -> Token? {
        let start = i
        guard start + 8 <= end else { return nil }
        var letters = UnsafeRawBufferPointer(text).loadUnaligned(fromByteOffset: start, as: UInt64.self)
        // `Returns`: a first capital tells nothing.
        if text[start] &- 65 < 26 { letters |= 0x20 }
        let each: UInt64 = 0x0101_0101_0101_0101
        let low = letters & ~(each << 7)
        // In a byte's highest bit: less than `a`, more than `z`, beyond ASCII.
        let others = (~(low &+ each &* (0x80 - 0x61)) | (low &+ each &* (0x80 - 0x7B)) | letters) & each << 7
        var at = start + others.trailingZeroBitCount / 8
        guard at > start else { return nil }
        if others == 0 {
            while at < end, Self.isLowerLetter(text[at]) { at += 1 }
        } else {
            letters &= (1 << UInt64(8 * (at - start))) - 1
        }
        if at < end {
            let next = text[at]
            guard !Self.isWord(next), next != UInt8(ascii: "'") else { return nil }
            if next == UInt8(ascii: "."), at + 1 < end, Self.isLowerLetter(text[at + 1]) { return nil }
        }
        i = at
        var marks = marks
        if at - start > 3, text[at - 1] == UInt8(ascii: "y"), text[at - 2] == UInt8(ascii: "l") {
            marks.insert(.adverb)
        }
        guard at - start <= Self.longest else {
            return Token(word: 0, start: Int32(start), end: Int32(at), marks: marks)
        }
        let word = rules.words.find(UnsafeBufferPointer(rebasing: text[start..<at]), start: letters)
        return Token(word: word, start: Int32(start), end: Int32(at), marks: marks)
    }

    private func word(
        _ text: UnsafeBufferPointer<UInt8>, _ i: inout Int, _ end: Int, _ buffer: UnsafeMutableBufferPointer<UInt8>,
        _ marks: Token.Marks
    ) -> Token {
        let start = i
        var marks = marks
        var count = 0
        var uppers = 0
        var previousIsLower = false
        var isLong = false
        var isDotted = false
        while i < end {
            var byte = text[i]
            if byte >= 0x80 {
                if byte == 0xE2, i + 2 < end, text[i + 1] == 0x80, text[i + 2] == 0x99 {
                    // A typographic apostrophe, treated like the plain one.
                    i += 2
                    byte = UInt8(ascii: "'")
                } else if !Self.isLetter(text, i) {
                    break
                }
            }
            if byte == UInt8(ascii: "'") {
                guard i + 1 < end, Self.isLowerLetter(text[i + 1] | 32) else { break }
                if text[i + 1] == UInt8(ascii: "s"), i + 2 >= end || !Self.isLowerLetter(text[i + 2] | 32) {
                    let token = finish(start, i, count, uppers, isLong, isDotted, buffer, marks)
                    i += 2
                    return token
                }
                i += 1
                continue
            }
            if byte == UInt8(ascii: ".") {
                guard i + 1 < end, Self.isWord(text[i + 1]), text[i + 1] != UInt8(ascii: "_"), previousIsLower,
                    Self.isLowerLetter(text[i + 1])
                else { break }
                marks.insert(.identifier)
                isDotted = true
                i += 1
                continue
            }
            guard Self.isWord(byte) else { break }
            if byte == UInt8(ascii: "_") {
                marks.insert(.identifier)
                isDotted = true
            }
            let isUpper = byte >= 65 && byte <= 90
            if isUpper {
                uppers += 1
                if previousIsLower { marks.insert(.identifier) }
                byte |= 32
            }
            previousIsLower = !isUpper && Self.isLowerLetter(byte)
            if count < Self.longest {
                buffer[count] = byte
                count += 1
            } else {
                isLong = true
            }
            i += 1
        }
        return finish(start, i, count, uppers, isLong, isDotted, buffer, marks)
    }

    @inline(__always)
    private func finish(
        _ start: Int, _ end: Int, _ count: Int, _ uppers: Int, _ isLong: Bool, _ isDotted: Bool,
        _ buffer: UnsafeMutableBufferPointer<UInt8>, _ marks: Token.Marks
    ) -> Token {
        var marks = marks
        if count > 3, buffer[count - 1] == UInt8(ascii: "y"), buffer[count - 2] == UInt8(ascii: "l") {
            marks.insert(.adverb)
        }
        if count >= 3, uppers == count { marks.insert(.upper) }
        let id = isLong ? 0 : rules.words.find(UnsafeBufferPointer(rebasing: buffer[..<count]))
        // `JavaScript` and `GraphQL` are words all the same.
        if id != 0, !isDotted { marks.remove(.identifier) }
        return Token(word: isDotted ? 0 : id, start: Int32(start), end: Int32(end), marks: marks)
    }

    // MARK: Bytes

    @inline(__always) private static func isLowerLetter(_ byte: UInt8) -> Bool { byte >= 97 && byte <= 122 }

    @inline(__always) private static func isWord(_ byte: UInt8) -> Bool {
        isLowerLetter(byte | 32) && byte < 0x80 || byte >= 48 && byte <= 57 || byte == UInt8(ascii: "_") || byte >= 0x80
    }

    /// Letters beyond ASCII: not the punctuation and pictures of U+2000 to U+2BFF, U+3000 to U+303F and beyond U+FFFF.
    @inline(__always) private static func isLetter(_ text: UnsafeBufferPointer<UInt8>, _ i: Int) -> Bool {
        switch text[i] {
        case 0xE2, 0xF0...: false
        case 0xE3: !(i + 1 < text.count && text[i + 1] == 0x80)
        case 0xEF: false
        case 0xC2: false
        default: true
        }
    }

    @inline(__always) private static func length(_ lead: UInt8) -> Int {
        lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1
    }

    /// A full stop before a space and no lower-case letter: `e.g. this` goes on.
    private static func endsSentence(_ text: UnsafeBufferPointer<UInt8>, _ i: Int, _ end: Int) -> Bool {
        var next = i + 1
        while next < end,
            [UInt8(ascii: "\""), UInt8(ascii: ")"), UInt8(ascii: "`"), UInt8(ascii: "*")].contains(text[next])
        {
            next += 1
        }
        guard next < end else { return true }
        guard text[next] == 32 || text[next] == 10 || text[next] == 13 || text[next] == 9 else {
            return text[i] != UInt8(ascii: ".") && text[next] >= 0x80
        }
        while next < end, text[next] <= 32 { next += 1 }
        return next >= end || !isLowerLetter(text[next])
    }

    /// A line that does not go on the line before: after an empty one, or with a capital, a bullet or a heading.
    private static func startsLine(_ text: UnsafeBufferPointer<UInt8>, _ i: Int, _ end: Int) -> Bool {
        var next = i + 1
        while next < end, text[next] <= 32 {
            if text[next] == 10 { return true }
            next += 1
        }
        return next >= end || !isLowerLetter(text[next])
    }
}
