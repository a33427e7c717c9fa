/// Where words meet that are written as one: `ignore_all`, `ignore-all`, `ignoreAll`.
enum WordSeams {
    static func count(in text: UnsafeBufferPointer<UInt8>) -> Int {
        var (count, wasSmall) = (0, false)
        for byte in text {
            if isJoint(byte) || wasSmall && isCapital(byte) { count += 1 }
            wasSmall = isSmall(byte)
        }
        return count
    }

    /// The text with a space at each seam.
    static func parted(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var parted: [UInt8] = []
        parted.reserveCapacity(text.count + 8)
        var wasSmall = false
        for byte in text {
            if wasSmall, isCapital(byte) { parted.append(UInt8(ascii: " ")) }
            parted.append(isJoint(byte) ? UInt8(ascii: " ") : byte)
            wasSmall = isSmall(byte)
        }
        return parted
    }

    private static func isJoint(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") }
    private static func isSmall(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
    private static func isCapital(_ byte: UInt8) -> Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }
}
