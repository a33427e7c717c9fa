/// Notices in passing what no description of a tool has: codes of characters in a row, and letters that stand apart.
struct Oddity {
    /// Escapes, entities and percent signs in all.
    private var marks = 0
    /// Hexadecimal digits and what separates them, since anything else, and how many of them are digits.
    private var run = 0
    private var digits = 0
    /// How often letters and other characters have taken turns without two of a kind in between.
    private var turns = 0
    private var wasLetter = false
    private(set) var isOdd = false

    mutating func note(_ byte: UInt8) {
        let isLetter = byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")
        turns = isLetter != wasLetter ? turns &+ 1 : 0
        wasLetter = isLetter
        let isDigit = byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: "x"), UInt8(ascii: " "), UInt8(ascii: ","):
            run &+= 1
            if isDigit { digits &+= 1 }
        case UInt8(ascii: "%"), UInt8(ascii: "\\"), UInt8(ascii: "&"):
            marks &+= 1
            (run, digits) = (0, 0)
        default: (run, digits) = (0, 0)
        }
        if marks >= 6 || digits >= 20 || turns >= 16 { isOdd = true }
    }
}
