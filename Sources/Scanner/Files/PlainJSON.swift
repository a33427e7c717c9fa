/// JSON as people edit it, made strict: comments, trailing commas and a byte-order mark become spaces, so every other
/// byte stays where it was.
enum PlainJSON {
    static func bytes(_ text: [UInt8]) -> [UInt8] {
        var bytes = text
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { for i in 0..<3 { bytes[i] = 0x20 } }
        var at = 0
        // The last comma, as long as nothing but space has followed it.
        var comma: Int?
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "\""):
                comma = nil
                at += 1
                while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
                    at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1
                }
                at += 1
            case UInt8(ascii: "/") where at + 1 < bytes.count && bytes[at + 1] == UInt8(ascii: "/"):
                while at < bytes.count, bytes[at] != 0x0A { blank(&bytes, &at) }
            case UInt8(ascii: "/") where at + 1 < bytes.count && bytes[at + 1] == UInt8(ascii: "*"):
                let start = at
                at += 2
                while at + 1 < bytes.count, !(bytes[at] == UInt8(ascii: "*") && bytes[at + 1] == UInt8(ascii: "/")) {
                    at += 1
                }
                // One that does not end is left to the parser to complain of.
                guard at + 1 < bytes.count else { return bytes }
                let end = at + 2
                at = start
                while at < end { blank(&bytes, &at) }
            case UInt8(ascii: ","):
                comma = at
                at += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if let place = comma { bytes[place] = 0x20 }
                comma = nil
                at += 1
            case 0x20, 0x09, 0x0A, 0x0D: at += 1
            default:
                comma = nil
                at += 1
            }
        }
        return bytes
    }

    private static func blank(_ bytes: inout [UInt8], _ at: inout Int) {
        if bytes[at] != 0x0A, bytes[at] != 0x0D { bytes[at] = 0x20 }
        at += 1
    }
}
