import Base
import Glibc
import Support
import Testing

@testable import Imaging

/// Small pictures of kinds that this package reads and does not write; made with Pillow and by hand.
enum Fixture {
    /// 2×2 grey, 16 bits: 0, 65535 / 32896, 257.
    static let grey16 =
        "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACEAAAAAAHTY67AAAAEklEQVR42mNgYPj/n6GhgZERABCAAwF1wfYPAAAAAElFTkSuQmCC"
    /// 3×1, 2-bit palette with transparency: red, green (alpha 128), blue.
    static let palette =
        "iVBORw0KGgoAAAANSUhEUgAAAAMAAAABAgMAAABmjvwnAAAACVBMVEX/AAAA/wAAAP8tSs2KAAAAAnRSTlP/gAgPs2oAAAAKSURBVHjaY5AAAAAa"
        + "ABmAAI67AAAAAElFTkSuQmCC"
    /// 8×1 grey, 1 bit: 10110010.
    static let grey1 =
        "iVBORw0KGgoAAAANSUhEUgAAAAgAAAABAQAAAADLe9LuAAAACklEQVR42mPYBAAAtACziZDNLwAAAABJRU5ErkJggg=="
    /// 2×1 grey with alpha: (10, 20), (30, 255).
    static let greyAlpha =
        "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAQAAABeK7cBAAAADUlEQVR42mPgEpH7DwABpAE8TNUcpwAAAABJRU5ErkJggg=="
    /// 1×1 RGBA, 16 bits: 65535, 0, 32896, 16448.
    static let rgba16 =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABEAYAAABPhRjKAAAAEUlEQVR42mP4/5+BoaHBwQEAEzoDfy1zhjcAAAAASUVORK5CYII="
    /// 4×4 grey, interlaced (Adam7): pixel (x, y) is 16 (4 y + x).
    static let interlaced =
        "iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAAAAAH7nfE0AAAAIElEQVR42mNgYFBgaFjAIGDAMGEDg0NAQgHDgQsPPgAAOjcHgU3ac3MAAAAA"
        + "SUVORK5CYII="
    /// 8×8 CMYK JPEG with Adobe's marker, all full cyan.
    static let cmyk =
        "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwADAgIDAgIDAwMDBAMDBAUIBQUEBAUKBwcGCAwKDAwLCgsLDQ4SEA0OEQ4LCxAWEBETFBUVFQwPFxgWFBgS"
        + "FBUU/8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EAB8AAAEFAQEBAQEBAAAAAAAAAAABAgMEBQYHCAkKC//EALUQAAIBAwMCBAMFBQQEAAABfQECAwAE"
        + "EQUSITFBBhNRYQcicRQygZGhCCNCscEVUtHwJDNicoIJChYXGBkaJSYnKCkqNDU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6"
        + "g4SFhoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV1tfY2drh4uPk5ebn6Onq8fLz9PX29/j5+v/aAA4EQwBNAFkA"
        + "SwAAPwD8qq/VOv1Tr9U6/9k="
    /// 16×16 progressive JPEG.
    static let progressive =
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAoHBwgHBgoICAgLCgoLDhgQDg0NDh0VFhEYIx8lJCIfIiEmKzcvJik0KSEiMEExNDk7Pj4+JS5ESUM8"
        + "SDc9Pjv/2wBDAQoLCw4NDhwQEBw7KCIoOzs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozs7Ozv/wgARCAAQ"
        + "ABADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAwD/xAAVAQEBAAAAAAAAAAAAAAAAAAACBf/aAAwDAQACEAMQAAABQYZ4/8QAFRABAQAA"
        + "AAAAAAAAAAAAAAAAAQD/2gAIAQEAAQUCWWWW/8QAFREBAQAAAAAAAAAAAAAAAAAABAD/2gAIAQMBAT8BKS//xAAVEQEBAAAAAAAAAAAAAAAAAAAD"
        + "AP/aAAgBAgEBPwEiv//EABQQAQAAAAAAAAAAAAAAAAAAACD/2gAIAQEABj8CH//EABQQAQAAAAAAAAAAAAAAAAAAACD/2gAIAQEAAT8hAB//2gAM"
        + "AwEAAgADAAAAEFv/xAAWEQADAAAAAAAAAAAAAAAAAAAAITH/2gAIAQMBAT8Qij//xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAECAQE/ED//xAAU"
        + "EAEAAAAAAAAAAAAAAAAAAAAg/9oACAEBAAE/EAq//9k="
    /// 4×4 WebP of two frames.
    static let animation =
        "UklGRoQAAABXRUJQVlA4WAoAAAACAAAAAwAAAwAAQU5JTQYAAAAAAAAAAABBTk1GKAAAAAAAAAAAAAMAAAMAAAAAAAJWUDhMDwAAAC8DwAAABxD9"
        + "j/4HIqL/AQBBTk1GKAAAAAAAAAAAAAMAAAMAAAAAAABWUDhMDwAAAC8DwAAABxDR//4HIqL/AQA="

    static func bytes(_ base64: String) throws -> [UInt8] { try #require(Base64.decode(base64)) }

    /// A picture with something in every pixel; the same on every run.
    static func picture(_ width: Int, _ height: Int, _ layout: PixelImage.Layout) throws -> PixelImage {
        var bytes: [UInt8] = []
        for y in 0..<height {
            for x in 0..<width {
                let (u, v) = (x * 255 / max(1, width - 1), y * 255 / max(1, height - 1))
                let pixel = [u, v, (u + v) / 2, 255 - v / 2].map(UInt8.init)
                bytes += pixel.prefix(layout.channels)
            }
        }
        return try PixelImage(width: width, height: height, layout: layout, bytes: bytes)
    }

    /// A shared picture by its file name.
    static func shared(_ name: String) throws -> [UInt8] { try readFile("\(Places.shared)/data/images/\(name)") }

    static func meanDifference(_ a: PixelImage, _ b: PixelImage) -> Double {
        Double(zip(a.bytes, b.bytes).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }) / Double(a.bytes.count)
    }
}

/// Files put together by hand, where no encoder would write them.
enum Forge {
    static func be32(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
    static func le32(_ value: Int) -> [UInt8] { be32(UInt32(value)).reversed() }

    static func chunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
        let body = Array(name.utf8) + data
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in body {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return be32(UInt32(data.count)) + body + be32(~crc)
    }

    /// A PNG of a header and nothing behind it but an end.
    static func pngHeader(width: UInt32, height: UInt32) -> [UInt8] {
        [0x89] + Array("PNG\r\n\u{1A}\n".utf8) + chunk("IHDR", be32(width) + be32(height) + [8, 6, 0, 0, 0])
            + chunk("IDAT", [0x78, 0x9C, 3, 0, 0, 0, 0, 1]) + chunk("IEND", [])
    }

    /// A JPEG up to its first scan.
    static func jpegHeader(width: UInt16, height: UInt16) -> [UInt8] {
        let size = [UInt8(height >> 8), UInt8(height & 255), UInt8(width >> 8), UInt8(width & 255)]
        let table: [UInt8] = [0xFF, 0xDB, 0, 67, 0] + [UInt8](repeating: 16, count: 64)
        return [0xFF, 0xD8] + table + [0xFF, 0xC0, 0, 11, 8] + size + [1, 1, 0x11, 0]
            + [0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 0, 0xFF, 0xD9]
    }

    /// A lossless WebP of a header; sides up to 16384.
    static func webpHeader(width: Int, height: Int) -> [UInt8] {
        let bits = UInt32(width - 1) | UInt32(height - 1) << 14
        let data = [0x2F] + Array(be32(bits).reversed()) + [0, 0, 0]
        return Array("RIFF".utf8) + le32(4 + 8 + data.count) + Array("WEBPVP8L".utf8) + le32(data.count) + data
    }

    /// An EXIF block with nothing but an orientation.
    static func exif(_ orientation: UInt8, bigEndian: Bool) -> [UInt8] {
        bigEndian
            ? Array("MM".utf8) + [0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0]
            : Array("II".utf8) + [42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0]
    }

    /// The file with the EXIF block where its format has it.
    static func with(_ exif: [UInt8], in file: [UInt8], _ format: ImageFormat) -> [UInt8] {
        switch format {
        case .png: return file[..<33] + chunk("eXIf", exif) + file[33...]
        case .jpeg:
            let length = exif.count + 8
            return file[..<2] + [0xFF, 0xE1, UInt8(length >> 8), UInt8(length & 255)] + Array("Exif\0\0".utf8) + exif
                + file[2...]
        case .webp:
            // A plain file becomes an extended one: a VP8X chunk with the EXIF flag and the size before the pixels.
            let bits = UInt32(file[21]) | UInt32(file[22]) << 8 | UInt32(file[23]) << 16 | UInt32(file[24]) << 24
            let (width, height) = (Int(bits & 0x3FFF), Int(bits >> 14 & 0x3FFF))
            let extended =
                Array("VP8X".utf8) + le32(10) + [8, 0, 0, 0] + le32(width).prefix(3) + le32(height).prefix(3)
            let body = Array("WEBP".utf8) + extended + file[12...] + Array("EXIF".utf8) + le32(exif.count) + exif
            return Array("RIFF".utf8) + le32(body.count) + body
        }
    }
}

/// A black picture on which others are laid.
struct Canvas {
    private let width: Int
    private let height: Int
    private var bytes: [UInt8]

    init(_ width: Int, _ height: Int) {
        self.width = width
        self.height = height
        bytes = [UInt8](repeating: 0, count: width * height * 3)
    }

    /// With an RGB picture's upper left corner at (x, y); what does not fit is cut off.
    func placing(_ picture: PixelImage, x: Int, y: Int) -> Canvas {
        var canvas = self
        let columns = max(0, x)..<min(width, x + picture.width)
        for row in max(0, y)..<min(height, y + picture.height) {
            let from = ((row - y) * picture.width + columns.lowerBound - x) * 3
            let to = (row * width + columns.lowerBound) * 3
            canvas.bytes.replaceSubrange(
                to..<to + columns.count * 3, with: picture.bytes[from..<from + columns.count * 3])
        }
        return canvas
    }

    var picture: PixelImage {
        get throws { try PixelImage(width: width, height: height, layout: .rgb8, bytes: bytes) }
    }
}

extension PixelImage {
    /// Turned clockwise around its middle, `scale` times as large, on a canvas of this size, its edge drawn out around it.
    func turned(degrees: Double, scale: Double, onto width: Int, _ height: Int) throws -> PixelImage {
        let (c, s) = (cos(degrees * .pi / 180) / scale, sin(degrees * .pi / 180) / scale)
        let (x, y) = (Double(width) / 2, Double(height) / 2)
        let floats = UnsafeMutableBufferPointer<Float>.allocate(capacity: width * height * 3)
        defer { floats.deallocate() }
        try write(
            into: floats, width: width, height: height,
            map: [c, s, Double(self.width) / 2 - c * x - s * y, -s, c, Double(self.height) / 2 + s * x - c * y],
            as: Samples(scale: .one, offset: .zero), border: .grey(90))
        return try PixelImage(
            width: width, height: height, layout: .rgb8, bytes: floats.map { UInt8(min(max($0, 0), 255) + 0.5) })
    }
}

/// Programs in Python beside the tests.
enum Judge {
    /// What a judge says, a line a finding, split at spaces. `.venv-judge` has MediaPipe, OpenCV and NumPy.
    static func run(_ script: String, _ arguments: [String]) throws -> [[Substring]] {
        let python = "\(Places.packageRoot)/.venv-judge/bin/python"
        guard access(python, X_OK) == 0 else { throw Absent(what: python) }
        return try say([python, "\(Places.packageRoot)/Tests/ImagingTests/judge/\(script)"] + arguments)
            .split(separator: "\n").map { $0.split(separator: " ") }
    }

    /// What a command says; fails with what it complained of.
    static func say(_ words: [String]) throws -> String {
        let quoted = words.map {
            "'" + $0.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
        }
        // MediaPipe logs on standard error even when all is well; it is shown only when it fails.
        let log = try TemporaryFolder()
        let (text, status) = try output(ofShell: quoted.joined(separator: " ") + " 2>'\(log.path)/log'")
        let reason = (try? readFile("\(log.path)/log")) ?? []
        try #require(status == 0, "\(words[1]) failed: \(String(decoding: reason.suffix(2_000), as: UTF8.self))")
        return String(decoding: text, as: UTF8.self)
    }

    struct Absent: Error, CustomStringConvertible {
        let what: String
        var description: String {
            "\(what) is missing: the tests need the Python package mediapipe==0.10.21 as a judge; run scripts/setup --tests"
        }
    }
}
