import Imaging

/// Takes out of a picture's file what says how, where and by whom it was made, without touching its pixels.
///
/// Colour profiles stay: without them colours would change. A file of unexpected form comes back as it is, for the decoder
/// has the last word on those.
enum Metadata {
    /// The file without EXIF, XMP, IPTC, comments and texts. The orientation goes with them: apply it first.
    static func stripped(_ file: [UInt8], _ format: ImageFormat) -> [UInt8] {
        switch format {
        case .jpeg: jpeg(file) ?? file
        case .png: png(file) ?? file
        case .webp: webp(file) ?? file
        }
    }

    /// SPEC: ITU T.81, B.1.1.3. Markers up to the first scan; APP1 and APP3…APP13, APP15 and comments go.
    private static func jpeg(_ file: [UInt8]) -> [UInt8]? {
        guard file.starts(with: [0xFF, 0xD8]) else { return nil }
        var out: [UInt8] = [0xFF, 0xD8]
        out.reserveCapacity(file.count)
        var at = 2
        while at + 4 <= file.count {
            guard file[at] == 0xFF else { return nil }
            let marker = file[at + 1]
            if marker == 0xFF {
                at += 1
                continue
            }
            if marker == 0xDA {
                out += file[at...]
                return out
            }
            let length = Int(file[at + 2]) << 8 | Int(file[at + 3])
            guard length >= 2, at + 2 + length <= file.count else { return nil }
            // JFIF (APP0), ICC (APP2) and Adobe's transform (APP14) say how to read the pixels.
            let isKept = marker != 0xFE && (!(0xE0...0xEF).contains(marker) || [0xE0, 0xE2, 0xEE].contains(marker))
            if isKept { out += file[at..<(at + 2 + length)] }
            at += 2 + length
        }
        return nil
    }

    /// SPEC: PNG, 11.3. Texts, times and EXIF go.
    private static func png(_ file: [UInt8]) -> [UInt8]? {
        guard file.count > 8 else { return nil }
        var out = Array(file[..<8])
        out.reserveCapacity(file.count)
        var at = 8
        while at + 12 <= file.count {
            let length = number(file, at)
            guard at + 12 + length <= file.count else { return nil }
            let kind = String(decoding: file[(at + 4)..<(at + 8)], as: UTF8.self)
            if !["tEXt", "zTXt", "iTXt", "tIME", "eXIf"].contains(kind) { out += file[at..<(at + 12 + length)] }
            at += 12 + length
            if kind == "IEND" { return out }
        }
        return nil
    }

    /// SPEC: RFC 9649, 2.7. The chunks EXIF and XMP go, and VP8X no longer promises them.
    private static func webp(_ file: [UInt8]) -> [UInt8]? {
        guard file.count > 12, file.starts(with: Array("RIFF".utf8)) else { return nil }
        var chunks: [UInt8] = []
        var at = 12
        while at + 8 <= file.count {
            let length =
                Int(file[at + 4]) | Int(file[at + 5]) << 8 | Int(file[at + 6]) << 16 | Int(file[at + 7]) << 24
            let padded = length + length % 2
            let end = min(at + 8 + padded, file.count)
            guard at + 8 + length <= file.count else { return nil }
            let kind = String(decoding: file[at..<(at + 4)], as: UTF8.self)
            if kind != "EXIF", kind != "XMP " {
                var chunk = Array(file[at..<end])
                if kind == "VP8X", chunk.count > 8 { chunk[8] &= ~0x0C }
                chunks += chunk
            }
            at = end
        }
        let size = chunks.count + 4
        return Array("RIFF".utf8) + (0..<4).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) } + Array("WEBP".utf8)
            + chunks
    }

    private static func number(_ file: [UInt8], _ at: Int) -> Int {
        Int(file[at]) << 24 | Int(file[at + 1]) << 16 | Int(file[at + 2]) << 8 | Int(file[at + 3])
    }
}
