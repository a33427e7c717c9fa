/// A text as it is searched, and what one pass over its bytes tells of it: where words may begin, and which closer looks
/// can find nothing.
///
/// SAFETY: points into memory that whoever makes it keeps for as long.
struct ScannedText {
    /// The text; so many readable bytes lie before and behind it, zeros behind.
    // COST: with that room eight bytes can be read at any place without asking how much of the text there is.
    let text: UnsafeBufferPointer<UInt8>
    static let (before, behind) = (32, 16)
    /// A bit for each byte: whether a word of letters and digits begins there, or it is neither such a byte nor a space.
    private let places: UnsafeMutableBufferPointer<UInt64>
    /// No byte belongs to a character beyond ASCII.
    let isASCII: Bool
    /// If not, there are no marks or entities, it is not odd, and nothing is encoded in it.
    let mayBeBroken: Bool
    let mayBeOdd: Bool
    let mayHavePayload: Bool

    /// Words of `places` that so many bytes need.
    static func words(_ count: Int) -> Int { count / 64 + 1 }

    /// - Parameters:
    ///   - text: with room on both sides.
    ///   - places: `words` of them.
    init(_ text: UnsafeBufferPointer<UInt8>, places: UnsafeMutableBufferPointer<UInt64>) {
        self.text = text
        self.places = places
        let raw = UnsafeRawPointer(text.baseAddress.unsafelyUnwrapped)
        let high = ScannedText.high
        let each: UInt64 = 0x0101_0101_0101_0101
        var (beyond, broken): (UInt64, UInt64) = (0, 0)
        // Of the last eight bytes: whether a word goes on, whether few are letters, and how many have had no space.
        var (wasWord, wasScant, whole): (UInt64, Bool, Int) = (0, false, 0)
        var (isScant, isTurning, isLong) = (false, false, false)
        var (digitCount, markCount) = (0, 0)
        var (packed, at): (UInt64, Int) = (0, 0)
        while at < text.count {
            let bytes = raw.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            let plain = bytes & ~high
            let small = plain | each &<< 5
            // At least `a`, no more than `z`; the same of `0` and `9`.
            let letters = (small &+ each &* (0x80 - 0x61)) & ~(small &+ each &* (0x80 - 0x7B)) & ~bytes & high
            let digits = (plain &+ each &* (0x80 - 0x30)) & ~(plain &+ each &* (0x80 - 0x3A)) & ~bytes & high
            let spaces = ~((plain ^ each &<< 5) &+ each &* 0x7F) & ~bytes & high
            let word = letters | digits
            let found = word & ~(word &<< 8 | wasWord) | high & ~(word | spaces)
            wasWord = word &>> 56
            if at & 56 == 0 { packed = 0 }
            packed |= (((found &>> 7) &* 0x0102_0408_1020_4080) &>> 56) &<< UInt64(at & 56)
            places[at &>> 6] = packed
            beyond |= bytes
            let entities = bytes.bytes(equalTo: UInt8(ascii: "&"))
            broken |= entities | bytes.bytes(equalTo: UInt8(ascii: "<"))
            digitCount &+= ScannedText.count(digits)
            markCount &+= ScannedText.count(
                entities | bytes.bytes(equalTo: UInt8(ascii: "%")) | bytes.bytes(equalTo: UInt8(ascii: "\\")))
            if ScannedText.count(letters) <= 4 {
                if wasScant { isScant = true }
                wasScant = true
            } else {
                wasScant = false
            }
            if (letters ^ letters &<< 8) | 0x80 == high { isTurning = true }
            if spaces == 0 {
                whole &+= 1
                if whole >= EncodedPayload.shortest / 8 - 1 { isLong = true }
            } else {
                whole = 0
            }
            at &+= 8
        }
        // Behind the text are zeros, which are no letters.
        places[text.count &>> 6] = text.count & 63 == 0 ? 0 : packed & ((1 &<< UInt64(text.count & 63)) &- 1)
        isASCII = beyond & high == 0
        mayBeBroken = broken != 0
        mayBeOdd = isTurning || isScant && (digitCount >= Oddity.digits || markCount >= Oddity.marks)
        mayHavePayload = isLong
    }

    /// How many of eight bytes have their highest bit set.
    @inline(__always)
    private static func count(_ bytes: UInt64) -> Int {
        Int(truncatingIfNeeded: ((bytes &>> 7) &* 0x0101_0101_0101_0101) &>> 56)
    }

    /// A copy of the text with room on both sides, for as long as `body` runs.
    static func with<R>(_ text: UnsafeBufferPointer<UInt8>, _ body: (ScannedText) -> R) -> R {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: before + text.count + behind) { room in
            room.initialize(repeating: 0)
            let copy = room[before..<before + text.count]
            _ = UnsafeMutableBufferPointer(rebasing: copy).update(from: text)
            return withUnsafeTemporaryAllocation(of: UInt64.self, capacity: words(text.count)) { places in
                body(ScannedText(UnsafeBufferPointer(rebasing: copy), places: places))
            }
        }
    }

    /// Calls `body` with each place from `first` to `last` where a word may begin.
    @inline(__always)
    func forEachPlace(from first: Int, through last: Int, _ body: (Int) -> Void) {
        guard first <= last else { return }
        var word = first &>> 6
        var bits = places[word] & (~0 &<< UInt64(first & 63))
        while true {
            while bits != 0 {
                let at = word &<< 6 | bits.trailingZeroBitCount
                guard at <= last else { return }
                body(at)
                bits &= bits &- 1
            }
            word &+= 1
            guard word &<< 6 <= last else { return }
            bits = places[word]
        }
    }

    private static let high: UInt64 = 0x8080_8080_8080_8080
}
