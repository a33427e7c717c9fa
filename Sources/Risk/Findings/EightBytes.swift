/// Eight bytes of a text at once, the first one lowest: what most of them are is asked of all together.
extension UInt64 {
    /// Which of the bytes are this one, in the highest bit of each. Behind the first that is, one that differs from it in the
    /// lowest bit may be taken for it.
    @inline(__always)
    func bytes(equalTo byte: UInt8) -> UInt64 {
        let each: UInt64 = 0x0101_0101_0101_0101
        let difference = self ^ each &* UInt64(byte)
        return (difference &- each) & ~difference & each &<< 7
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Whether no byte belongs to a character beyond ASCII.
    var isASCII: Bool {
        guard let start = baseAddress else { return true }
        let raw = UnsafeRawPointer(start)
        var (at, all) = (0, UInt64(0))
        while at &+ 8 <= count {
            all |= raw.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            at &+= 8
        }
        while at < count {
            all |= UInt64(self[at])
            at &+= 1
        }
        return all & 0x8080_8080_8080_8080 == 0
    }
}
