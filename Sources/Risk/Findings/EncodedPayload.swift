internal import Base

/// Texts in Base64 or hexadecimal digits inside a text.
enum EncodedPayload {
    /// Shorter runs are identifiers and hashes.
    static let shortest = 48

    struct Run {
        /// In bytes of the text.
        let place: Range<Int>
        /// What it says.
        let decoded: String
    }

    /// The runs that decode to words, at most 8.
    static func runs(in text: UnsafeBufferPointer<UInt8>) -> [Run] {
        var runs: [Run] = []
        var start = 0
        // COST: from the end of the shortest run that may begin at `start` backwards; most bytes are never looked at.
        while start + shortest <= text.count, runs.count < 8 {
            if let gap = (start..<start + shortest).last(where: { !isDigit(text[$0]) }) {
                start = gap + 1
                continue
            }
            var end = start + shortest
            while end < text.count, isDigit(text[end]) { end += 1 }
            if let decoded = decode(text[start..<end]) { runs.append(Run(place: start..<end, decoded: decoded)) }
            start = end
        }
        return runs
    }

    static func isDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "-"),
            UInt8(ascii: "_"), UInt8(ascii: "="):
            true
        default: false
        }
    }

    private static func decode(_ run: Slice<UnsafeBufferPointer<UInt8>>) -> String? {
        var digits = run.filter { $0 != UInt8(ascii: "=") }
        if digits.starts(with: "0x".utf8) { digits.removeFirst(2) }
        if let decoded = Hex.decode(String(decoding: digits, as: UTF8.self)).flatMap(words) { return decoded }
        // One alphabet for both: they differ in two digits.
        for place in digits.indices {
            switch digits[place] {
            case UInt8(ascii: "+"): digits[place] = UInt8(ascii: "-")
            case UInt8(ascii: "/"): digits[place] = UInt8(ascii: "_")
            default: break
            }
        }
        return Base64.decodeURL(String(decoding: digits, as: UTF8.self)).flatMap(words)
    }

    /// The text, if it is one. Other data is hardly ever printable from start to end.
    private static func words(_ bytes: [UInt8]) -> String? {
        guard bytes.count >= 24, bytes.allSatisfy({ (32..<127).contains($0) || $0 == 10 || $0 == 9 || $0 == 13 }) else {
            return nil
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
