import Imaging

/// Takes out of a picture's file what says how, where and by whom it was made, without touching its pixels.
///
/// Only what is needed to show the pixels stays, colour profiles among it: what is not known may say anything. What comes
/// after the picture's end goes too: phones put a film or a second picture there.
enum Metadata {
    /// The file with nothing but the picture. The orientation goes as well: apply it first. Empty when the file's form is
    /// unexpected, though a decoder may read it: such a picture has to be encoded anew.
    static func stripped(_ file: [UInt8], _ format: ImageFormat) -> [UInt8] {
        switch format {
        case .jpeg: jpeg(file) ?? []
        case .png: png(file) ?? []
        case .webp: webp(file) ?? []
        }
    }

    // MARK: JPEG

    /// SPEC: ITU T.81, B.1.1.3 and B.2: segments and scans up to EOI.
    private static func jpeg(_ file: [UInt8]) -> [UInt8]? {
        guard file.starts(with: [0xFF, 0xD8]) else { return nil }
        var out: [UInt8] = [0xFF, 0xD8]
        out.reserveCapacity(file.count)
        var at = 2
        while at + 2 <= file.count {
            guard file[at] == 0xFF else { return nil }
            let marker = file[at + 1]
            if marker == 0xFF {
                at += 1
                continue
            }
            if marker == 0xD9 { return out + [0xFF, 0xD9] }
            guard at + 4 <= file.count else { return nil }
            let length = Int(file[at + 2]) << 8 | Int(file[at + 3])
            guard length >= 2, at + 2 + length <= file.count else { return nil }
            let segment = file[at..<(at + 2 + length)]
            at += 2 + length
            switch marker {
            // Frames, tables, the restart interval and the number of lines.
            case 0xC0...0xCF, 0xDB, 0xDC, 0xDD: out += segment
            case 0xDA:
                let end = scanEnd(file, at)
                out += segment
                out += file[at..<end]
                at = end
            case 0xE0...0xEF, 0xFE: out += application(marker, segment)
            default: return nil
            }
        }
        return nil
    }

    /// What stays of a segment of an application's: what says how to read the colours.
    private static func application(_ marker: UInt8, _ segment: ArraySlice<UInt8>) -> [UInt8] {
        let content = segment.dropFirst(4)
        switch marker {
        // JFIF: version and density, without the small picture that may follow.
        case 0xE0 where content.count >= 14 && content.starts(with: Array("JFIF\0".utf8)):
            return [0xFF, 0xE0, 0, 16] + Array(content.prefix(12)) + [0, 0]
        case 0xE2 where content.starts(with: Array("ICC_PROFILE\0".utf8)): return Array(segment)
        // Adobe: which transform of the colours.
        case 0xEE where content.count >= 12 && content.starts(with: Array("Adobe".utf8)):
            return [0xFF, 0xEE, 0, 14] + Array(content.prefix(12))
        default: return []
        }
    }

    /// The first marker after a scan's data that is none of the scan's own (stuffed zeros and restarts).
    private static func scanEnd(_ file: [UInt8], _ start: Int) -> Int {
        var at = start
        while at + 1 < file.count {
            if file[at] == 0xFF {
                let next = file[at + 1]
                if next != 0, next != 0xFF, !(0xD0...0xD7).contains(next) { return at }
            }
            at += 1
        }
        return file.count
    }

    // MARK: PNG and WebP

    /// SPEC: PNG, third edition, 11.2 and 11.3: the picture's chunks, and those that say how to read its colours.
    private static let pngChunks: Set = [
        "IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "cHRM", "sRGB", "iCCP", "sBIT", "bKGD", "pHYs", "cICP",
    ]

    private static func png(_ file: [UInt8]) -> [UInt8]? {
        guard file.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) else { return nil }
        var out = Array(file[..<8])
        out.reserveCapacity(file.count)
        var at = 8
        while at + 12 <= file.count {
            let length = number(file, at)
            guard at + 12 + length <= file.count else { return nil }
            let kind = String(decoding: file[(at + 4)..<(at + 8)], as: UTF8.self)
            if pngChunks.contains(kind) { out += file[at..<(at + 12 + length)] }
            at += 12 + length
            if kind == "IEND" { return out }
        }
        return nil
    }

    /// SPEC: RFC 9649, 2.7. Of VP8X, what says that EXIF and XMP follow goes with them.
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
            // An animation's pictures can hold chunks of their own.
            if kind == "ANMF" { return nil }
            if ["VP8X", "VP8 ", "VP8L", "ALPH", "ICCP"].contains(kind) {
                var chunk = Array(file[at..<end])
                if kind == "VP8X", chunk.count > 8 { chunk[8] &= ~0x0C }
                chunks += chunk
            }
            at = end
        }
        guard !chunks.isEmpty else { return nil }
        let size = chunks.count + 4
        return Array("RIFF".utf8) + (0..<4).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) } + Array("WEBP".utf8)
            + chunks
    }

    private static func number(_ file: [UInt8], _ at: Int) -> Int {
        Int(file[at]) << 24 | Int(file[at + 1]) << 16 | Int(file[at + 2]) << 8 | Int(file[at + 3])
    }
}
