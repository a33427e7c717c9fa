internal import MCP

/// Words with something between their letters that a reader passes over: `Ig<b></b>nore`, `Ig&#110;ore`, `Ig😀nore`.
enum BrokenWords {
    /// Longer marks are no mere dividers.
    private static let longestMark = 40

    /// Whether the text may hold such a word in ASCII characters; `isDivided` tells of others.
    static func mayBe(in text: UnsafeBufferPointer<UInt8>) -> Bool {
        text.indices.contains { place in
            switch text[place] {
            case UInt8(ascii: "&"): entity(text, place) != nil
            case UInt8(ascii: "<"): place > 0 && isLetter(text[place - 1]) && end(ofMarks: text, place) != nil
            default: false
            }
        }
    }

    /// Whether a sign beyond ASCII stands in a word: bytes of a text, and where the sign's first one is.
    static func isDivided(_ text: UnsafeBufferPointer<UInt8>, at place: Int) -> Bool {
        guard place > 0, isLetter(text[place - 1]) else { return false }
        var next = place
        while next < text.count, text[next] >= 0x80 { next += 1 }
        return next < text.count && isLetter(text[next])
    }

    /// The text with its words put together again; nil if none is broken.
    /// - Parameter readable: the text as `LookAlikeNames` reads it.
    static func mended(_ text: String, readable: String) -> String? {
        var (text, readable) = (text, readable)
        let isMarked = text.withUTF8(mayBe)
        if isMarked {
            readable = LookAlikeNames.readable(
                String(decoding: text.withUTF8 { withoutMarks(decoded($0)) }, as: UTF8.self))
        }
        return withoutSigns(&readable) ?? (isMarked ? readable : nil)
    }

    /// Nil if there are none inside words.
    private static func withoutSigns(_ text: inout String) -> String? {
        // COST: what is a sign is searched for in tables.
        guard !text.withUTF8(\.isASCII) else { return nil }
        let scalars = Array(text.unicodeScalars)
        var whole = String.UnicodeScalarView()
        var (place, kept) = (0, 0)
        while place < scalars.count {
            var next = place
            while next < scalars.count, isSign(scalars[next]) { next += 1 }
            if next > place, place > 0, next < scalars.count, isLetter(scalars[place - 1]), isLetter(scalars[next]) {
                whole.append(contentsOf: scalars[kept..<place])
                kept = next
            }
            place = max(next, place + 1)
        }
        guard kept > 0 else { return nil }
        whole.append(contentsOf: scalars[kept...])
        return String(whole)
    }

    // MARK: Marks and entities

    /// Where tags that begin at `place` and divide a word end; nil if it is something else.
    private static func end(ofMarks text: UnsafeBufferPointer<UInt8>, _ place: Int) -> Int? {
        var at = place
        while at < text.count, text[at] == UInt8(ascii: "<") {
            let room = text[at..<min(at + longestMark, text.count)]
            guard let close = room.firstIndex(of: UInt8(ascii: ">")) else { return nil }
            at = close + 1
        }
        return at > place && at < text.count && isLetter(text[at]) ? at : nil
    }

    private static func withoutMarks(_ bytes: [UInt8]) -> [UInt8] {
        bytes.withUnsafeBufferPointer { text in
            var plain: [UInt8] = []
            plain.reserveCapacity(text.count)
            var place = 0
            while place < text.count {
                if place > 0, isLetter(text[place - 1]), let end = end(ofMarks: text, place) { place = end }
                plain.append(text[place])
                place += 1
            }
            return plain
        }
    }

    private static func decoded(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var plain: [UInt8] = []
        plain.reserveCapacity(text.count)
        var place = 0
        while place < text.count {
            if text[place] == UInt8(ascii: "&"), let (scalar, end) = entity(text, place) {
                plain.append(contentsOf: String(scalar).utf8)
                place = end
            } else {
                plain.append(text[place])
                place += 1
            }
        }
        return plain
    }

    /// The character that an entity such as `&#73;` or `&#x49;` stands for, and where it ends.
    private static func entity(
        _ text: UnsafeBufferPointer<UInt8>, _ place: Int
    ) -> (scalar: Unicode.Scalar, end: Int)? {
        guard place + 3 < text.count, text[place + 1] == UInt8(ascii: "#") else { return nil }
        let isHex = text[place + 2] | 0x20 == UInt8(ascii: "x")
        let start = place + (isHex ? 3 : 2)
        guard let end = text[start..<min(start + 8, text.count)].firstIndex(of: UInt8(ascii: ";")),
            let value = UInt32(String(decoding: text[start..<end], as: UTF8.self), radix: isHex ? 16 : 10),
            let scalar = Unicode.Scalar(value)
        else { return nil }
        return (scalar, end + 1)
    }

    // MARK: Characters

    private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- UInt8(ascii: "a") < 26 }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool { scalar.isASCII && isLetter(UInt8(scalar.value)) }

    /// No letter, no space, and none of the signs that stand between words: dashes, quotation marks, a cross, Chinese ones.
    private static func isSign(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.value > 0xA0, scalar.value != 0xD7, !(0x2000...0x206F).contains(scalar.value),
            !(0x3000...0x9FFF).contains(scalar.value)
        else { return false }
        return !scalar.properties.isAlphabetic && !scalar.properties.isWhitespace
    }
}
