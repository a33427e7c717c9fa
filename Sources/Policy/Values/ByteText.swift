/// Texts as bytes, eight at a time: names and ids are compared and hashed on every call.
enum ByteText {
    /// Runs the body on a text's UTF-8.
    ///
    /// COST: `withUTF8` may change its string, so a constant has to be copied for it, which counts a reference.
    @inline(__always)
    static func with<R>(_ text: String, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
        if let result = text.utf8.withContiguousStorageIfAvailable(body) { return result }
        var copy = text
        return copy.withUTF8(body)
    }

    /// Whether two texts have the same bytes. Unlike `==` on strings, canonically equivalent spellings differ.
    @inline(__always)
    static func same(_ a: String, _ b: String) -> Bool {
        with(a) { p in with(b) { q in same(p, q) } }
    }

    @inline(__always)
    static func same(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Bool {
        guard a.count == b.count else { return false }
        guard a.baseAddress != b.baseAddress else { return true }
        let (x, y) = (UnsafeRawBufferPointer(a), UnsafeRawBufferPointer(b))
        var i = 0
        while i + 8 <= x.count {
            guard
                x.loadUnaligned(fromByteOffset: i, as: UInt64.self)
                    == y.loadUnaligned(fromByteOffset: i, as: UInt64.self)
            else { return false }
            i += 8
        }
        while i < x.count {
            guard x[i] == y[i] else { return false }
            i += 1
        }
        return true
    }

    /// A quick digest for tables whose keys no caller can choose; mixed further by the table.
    @inline(__always)
    static func digest(_ text: String, _ start: UInt64) -> UInt64 {
        with(text) { buffer in
            let bytes = UnsafeRawBufferPointer(buffer)
            var digest = start ^ UInt64(bytes.count)
            var i = 0
            while i + 8 <= bytes.count {
                digest = mix(digest ^ bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self))
                i += 8
            }
            var rest: UInt64 = 0
            while i < bytes.count {
                rest = rest << 8 | UInt64(bytes[i])
                i += 1
            }
            return mix(digest ^ rest)
        }
    }

    @inline(__always)
    private static func mix(_ value: UInt64) -> UInt64 {
        let product = value &* 0x9E37_79B9_7F4A_7C15
        return product ^ (product >> 29)
    }
}
