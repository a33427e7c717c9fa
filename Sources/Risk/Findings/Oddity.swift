/// What no description of a tool has: codes of characters in a row, and letters that stand apart.
enum Oddity {
    /// Whether the text is odd. Of odd texts at least every second byte is no letter over a length of 16 bytes or more.
    static func isOdd(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        // COST: eight bytes at a time, and each byte only of texts in which eight in a row are letters and others in turns,
        // or sixteen hardly letters.
        guard let start = text.baseAddress else { return false }
        let raw = UnsafeRawPointer(start)
        let high: UInt64 = 0x8080_8080_8080_8080
        var (at, wasScant) = (0, false)
        while at + 8 <= text.count {
            let letters = letters(raw.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            let isScant = letters.nonzeroBitCount <= 4
            if isScant && wasScant || (letters ^ letters << 8) | 0x80 == high { return isOddByteForByte(text) }
            wasScant = isScant
            at &+= 8
        }
        return false
    }

    /// Which of eight bytes are ASCII letters, in the highest bit of each.
    private static func letters(_ bytes: UInt64) -> UInt64 {
        let each: UInt64 = 0x0101_0101_0101_0101
        let low = (bytes | each << 5) & ~(each << 7)
        // At least `a`, more than `z`, beyond ASCII.
        return (low &+ each &* (0x80 - 0x61)) & ~(low &+ each &* (0x80 - 0x7B)) & ~bytes & each << 7
    }

    private static func isOddByteForByte(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        /// Escapes, entities and percent signs in all.
        var marks = 0
        /// Digits since the last byte that is no hexadecimal digit and does not separate them.
        var digits = 0
        /// How often letters and other characters have taken turns without two of a kind in between.
        var turns = 0
        var wasLetter = false
        for byte in text {
            let isLetter = (byte | 0x20) &- 97 < 26
            turns = isLetter != wasLetter ? turns &+ 1 : 0
            wasLetter = isLetter
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digits &+= 1
            case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: "x"),
                UInt8(ascii: " "), UInt8(ascii: ","):
                break
            case UInt8(ascii: "%"), UInt8(ascii: "\\"), UInt8(ascii: "&"):
                marks &+= 1
                digits = 0
            default: digits = 0
            }
            if marks >= 6 || digits >= 12 || turns >= 16 { return true }
        }
        return false
    }
}
