/// What no description of a tool has: codes of characters in a row, and letters that stand apart.
enum Oddity {
    /// So many escapes, entities and percent signs, or digits with hardly anything between them, make a text odd.
    static let (marks, digits) = (6, 12)

    /// Whether the text is odd. Of odd texts at least every second byte is no letter over a length of 16 bytes or more, or
    /// eight in a row are letters and others in turns, which `ScannedText` tells.
    static func isOdd(_ scanned: ScannedText) -> Bool { scanned.mayBeOdd && isOdd(scanned.text) }

    private static func isOdd(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
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
            if marks >= Oddity.marks || digits >= Oddity.digits || turns >= 16 { return true }
        }
        return false
    }
}
