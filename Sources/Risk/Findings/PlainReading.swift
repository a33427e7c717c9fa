/// A text's bytes as they are searched, white space as single spaces, and what makes it worth a closer look.
///
/// The quick look at a text: what it says of a text that is plain is what the thorough look would say.
struct PlainReading {
    /// Texts of more characters are always looked at thoroughly.
    static let longest = 8_000
    /// Bytes of a text, as it is written, at most; longer ones are looked at thoroughly, too.
    private static let most = 2 * longest

    private let bytes: UnsafeMutableBufferPointer<UInt8>
    private let places: UnsafeMutableBufferPointer<UInt64>
    private var count = 0
    /// Of the texts put in, at least as many as they have.
    private var characters = 0
    /// Every character is what it seems to be, and none was written as its number.
    private(set) var isPlain = true

    /// Calls `body` with a reading of nothing; copies of it, one after the other, take the same room.
    static func withRoom<R>(_ body: (PlainReading) -> R) -> R {
        let (before, behind) = (ScannedText.before, ScannedText.behind)
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: before + most + behind) { room in
            room[..<before].initialize(repeating: 0)
            return withUnsafeTemporaryAllocation(of: UInt64.self, capacity: ScannedText.words(most)) { places in
                body(PlainReading(bytes: UnsafeMutableBufferPointer(rebasing: room[before...]), places: places))
            }
        }
    }

    private init(bytes: UnsafeMutableBufferPointer<UInt8>, places: UnsafeMutableBufferPointer<UInt64>) {
        (self.bytes, self.places) = (bytes, places)
    }

    /// The text that was put in.
    var scanned: ScannedText {
        bytes[count..<count + ScannedText.behind].initialize(repeating: 0)
        return ScannedText(UnsafeBufferPointer(rebasing: bytes[..<count]), places: places)
    }

    /// Puts more behind the text: what stands between the quotes of a JSON string.
    mutating func append(_ source: UnsafeBufferPointer<UInt8>) {
        guard count + source.count + ScannedText.behind <= bytes.count, let start = source.baseAddress,
            let room = UnsafeMutableRawPointer(bytes.baseAddress)
        else { return isPlain = isPlain && source.isEmpty }
        characters += source.count > PlainReading.longest ? PlainReading.characters(source) : source.count
        if characters > PlainReading.longest { isPlain = false }
        let raw = UnsafeRawPointer(start)
        let high: UInt64 = 0x8080_8080_8080_8080
        var (from, to) = (0, count)
        var wasSpace = to > 0 && bytes[to - 1] == UInt8(ascii: " ")
        while from < source.count {
            // COST: eight bytes at a time, as far as they are ordinary ones.
            if from &+ 8 <= source.count {
                let eight = raw.loadUnaligned(fromByteOffset: from, as: UInt64.self)
                let spaces = eight.bytes(equalTo: UInt8(ascii: " "))
                let doubled = spaces & (spaces &<< 8 | (wasSpace ? 0x80 : 0))
                let ordinary =
                    (eight & high | eight.bytes(equalTo: UInt8(ascii: "\\")) | doubled).trailingZeroBitCount / 8
                room.storeBytes(of: eight, toByteOffset: to, as: UInt64.self)
                from &+= ordinary
                to &+= ordinary
                if ordinary > 0 { wasSpace = bytes[to &- 1] == UInt8(ascii: " ") }
                if ordinary == 8 { continue }
            }
            var byte = source[from]
            from &+= 1
            if byte == UInt8(ascii: "\\"), from < source.count {
                byte = source[from]
                from &+= 1
                switch byte {
                case UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"): byte = UInt8(ascii: " ")
                case UInt8(ascii: "u"), UInt8(ascii: "b"), UInt8(ascii: "f"): isPlain = false
                default: break
                }
            } else if byte >= 0x80, !PlainReading.isOrdinary(byte, source, from) {
                if PlainReading.isSelector(byte, source, from) {
                    from &+= 2
                    continue
                }
                isPlain = false
            }
            bytes[to] = byte
            let isSpace = byte == UInt8(ascii: " ")
            to &+= isSpace && wasSpace ? 0 : 1
            wasSpace = isSpace
        }
        count = to
    }

    private static func characters(_ source: UnsafeBufferPointer<UInt8>) -> Int {
        var (characters, isEscaped) = (0, false)
        for byte in source {
            isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
            characters += isEscaped || WordChain.isInside(byte) ? 0 : 1
        }
        return characters
    }

    /// Whether a byte of a character beyond ASCII belongs to one that is what it seems: dashes, quotation marks, dots,
    /// arrows, signs of mathematics, Chinese and Japanese. Accented letters are not: patterns know them without accents.
    private static func isOrdinary(_ byte: UInt8, _ source: UnsafeBufferPointer<UInt8>, _ next: Int) -> Bool {
        guard byte >= 0xC0 else { return true }
        switch byte {
        case 0xE4...0xE9: return true
        // The sign of multiplication, and no letter with an accent.
        case 0xC3: return next < source.count && source[next] == 0x97
        case 0xC2:
            // A letter that can't be seen, and two that are small ones of the Latin alphabet.
            guard next < source.count, source[next] >= 0xA1, ![0xAA, 0xAD, 0xBA].contains(source[next]) else {
                return false
            }
            return !BrokenWords.isDivided(source, at: next - 1)
        case 0xE2:
            guard next + 1 < source.count else { return false }
            switch source[next] {
            case 0x80: return (0x90...0xA7).contains(source[next + 1])
            // Invisible ones, signs like letters, Roman numerals, letters in circles, more of the Latin alphabet, and
            // Coptic, Georgian and Tifinagh ones.
            case 0x81, 0x84, 0x85, 0x92, 0x93, 0xB0...0xB5: return false
            // Small letters below the line, and a ring.
            case 0x82 where (0x90...0x9C).contains(source[next + 1]): return false
            case 0x88 where source[next + 1] == 0x98: return false
            default: return !BrokenWords.isDivided(source, at: next - 1)
            }
        case 0xE3:
            guard next + 1 < source.count else { return false }
            // A wide space, and a letter that can't be seen.
            return
                !(source[next] == 0x80 && source[next + 1] == 0x80 || source[next] == 0x85 && source[next + 1] == 0xA4)
        // Pictures, but for letters in boxes and of flags.
        case 0xF0:
            return next + 1 < source.count && source[next] == 0x9F && !(0x84...0x87).contains(source[next + 1])
                && !BrokenWords.isDivided(source, at: next - 1)
        default: return false
        }
    }

    /// Whether a picture's own selector begins here (U+FE0F), which nobody reads: one, behind a character beyond ASCII.
    private static func isSelector(_ byte: UInt8, _ source: UnsafeBufferPointer<UInt8>, _ next: Int) -> Bool {
        byte == 0xEF && next >= 4 && next + 1 < source.count && source[next] == 0xB8 && source[next + 1] == 0x8F
            && source[next - 2] >= 0x80 && source[next - 4] != 0xEF
    }
}
