import CCodecs

/// The file formats that are read and written.
package enum ImageFormat: String, Sendable, CaseIterable {
    case png
    case jpeg
    case webp

    /// The format that the first bytes name, nil for anything else. Nothing more is checked.
    package init?(magic bytes: [UInt8]) {
        let code = bytes.withUnsafeBufferPointer { buffer -> Int32 in
            guard let base = buffer.baseAddress else { return 0 }
            return cc_sniff(base, buffer.count)
        }
        self.init(code: code)
    }

    /// The format that Runware calls `JPG`, `PNG` or `WEBP`; capitals only, as its interface has it.
    package init?(runwareName: some StringProtocol) {
        switch runwareName {
        case "PNG": self = .png
        case "JPG": self = .jpeg
        case "WEBP": self = .webp
        default: return nil
        }
    }

    init?(code: Int32) {
        switch Int(code) {
        case Int(CC_PNG): self = .png
        case Int(CC_JPEG): self = .jpeg
        case Int(CC_WEBP): self = .webp
        default: return nil
        }
    }

    var code: Int32 {
        switch self {
        case .png: Int32(CC_PNG)
        case .jpeg: Int32(CC_JPEG)
        case .webp: Int32(CC_WEBP)
        }
    }

    /// Runware's name: `JPG`, `PNG`, `WEBP`.
    package var runwareName: String {
        switch self {
        case .png: "PNG"
        case .jpeg: "JPG"
        case .webp: "WEBP"
        }
    }

    /// The media type, for example `image/png`.
    package var mimeType: String { "image/\(rawValue)" }

    /// The usual file extension without a dot: `png`, `jpg`, `webp`.
    package var fileExtension: String { self == .jpeg ? "jpg" : rawValue }
}

/// How large a picture may be. All limits are checked on the header, before anything is allocated for pixels.
package struct ImageLimits: Sendable, Equatable {
    /// Longest file, in bytes.
    package var maxBytes: Int
    /// Most pixels, width times height.
    package var maxPixels: Int
    /// Longest side, in pixels. OpenCV's warps end at 32767.
    package var maxSide: Int

    /// Makes limits; values left out are the standard ones.
    package init(maxBytes: Int = 32 << 20, maxPixels: Int = 50_000_000, maxSide: Int = 16_384) {
        self.maxBytes = maxBytes
        self.maxPixels = maxPixels
        self.maxSide = min(maxSide, 32_000)
    }

    /// 32 MiB, 50 million pixels, sides of up to 16,384 pixels.
    package static let standard = ImageLimits()
}

/// How a stored picture is to be turned for showing. SPEC: CIPA DC-008 (EXIF), tag 274.
package enum Orientation: Int32, Sendable, CaseIterable {
    case upright = 1
    case mirrored
    case upsideDown
    case mirroredUpsideDown
    case transposed
    case turnRight
    case transversed
    case turnLeft

    /// Whether width and height change places.
    package var swapsSides: Bool { rawValue >= 5 }
}

/// What a picture's header says; nothing is decoded for it.
package struct ImageProbe: Sendable, Equatable {
    /// The file's format, by its first bytes.
    package let format: ImageFormat
    /// Width in pixels as shown, after the orientation.
    package let width: Int
    /// Height in pixels as shown, after the orientation.
    package let height: Int
    /// Whether pixels may be transparent.
    package let hasAlpha: Bool
    /// The EXIF orientation, `.upright` when there is none.
    package let orientation: Orientation
    let header: cc_header

    /// Reads the header and checks the limits.
    ///
    /// Throws `.notAnImage`, `.unsupported`, `.corrupt`, `.tooManyBytes`, `.tooManyPixels`, `.tooLarge`.
    package init(_ bytes: [UInt8], limits: ImageLimits = .standard) throws(ImagingError) {
        guard bytes.count <= limits.maxBytes else {
            throw ImagingError(
                .tooManyBytes,
                "the file has \(bytes.count) bytes, at most \(limits.maxBytes) are read; store it smaller")
        }
        var header = cc_header()
        var text = ErrorText(capacity: Int(CC_TEXT))
        let code = bytes.withUnsafeBufferPointer { buffer -> Int32 in
            guard let base = buffer.baseAddress else { return Int32(CC_NOT_IMAGE) }
            return text.lend { cc_probe(base, buffer.count, &header, $0) }
        }
        guard code == Int32(CC_OK), let format = ImageFormat(code: header.format) else {
            throw Codec.error(code, text.string, bytes)
        }
        let side = Int(max(header.width, header.height))
        guard side <= limits.maxSide else {
            throw ImagingError(
                .tooLarge,
                "the picture says it is \(header.width)×\(header.height); no side may be longer than \(limits.maxSide)")
        }
        let (pixels, overflow) = Int(header.width).multipliedReportingOverflow(by: Int(header.height))
        guard !overflow, pixels <= limits.maxPixels else {
            throw ImagingError(
                .tooManyPixels,
                "the picture says it is \(header.width)×\(header.height); at most \(limits.maxPixels) pixels are read")
        }
        let orientation = Orientation(rawValue: header.orientation) ?? .upright
        self.format = format
        self.header = header
        self.orientation = orientation
        width = Int(orientation.swapsSides ? header.height : header.width)
        height = Int(orientation.swapsSides ? header.width : header.height)
        hasAlpha = header.has_alpha != 0
    }

    /// Whether both headers say the same.
    package static func == (a: ImageProbe, b: ImageProbe) -> Bool {
        a.format == b.format && a.width == b.width && a.height == b.height && a.hasAlpha == b.hasAlpha
            && a.orientation == b.orientation
    }
}

/// The codes of CCodecs as errors of this module.
enum Codec {
    static func error(_ code: Int32, _ reason: String, _ bytes: [UInt8]) -> ImagingError {
        switch Int(code) {
        case Int(CC_NOT_IMAGE):
            let known = otherKind(of: bytes).map { "this is \($0)" } ?? "these bytes are no picture"
            return ImagingError(.notAnImage, "\(known); send a PNG, JPEG or WebP file")
        case Int(CC_UNSUPPORTED):
            return ImagingError(.unsupported, "\(reason); store the picture as an ordinary PNG or JPEG")
        case Int(CC_CORRUPT):
            return ImagingError(.corrupt, "the picture is broken or cut off (\(reason)); send the whole file again")
        case Int(CC_NO_MEMORY):
            return ImagingError(.outOfMemory, "no memory for this picture; send a smaller one")
        case Int(CC_ARGUMENT):
            return ImagingError(.invalidArgument, reason)
        default:
            return ImagingError(.encodingFailed, "the picture could not be written (\(reason))")
        }
    }

    /// Names what was sent instead, where that is easy to tell.
    static func otherKind(of bytes: [UInt8]) -> String? {
        if bytes.isEmpty { return "an empty file" }
        let kinds: [(magic: String, at: Int, name: String)] = [
            ("GIF8", 0, "a GIF"), ("BM", 0, "a BMP"), ("II*\0", 0, "a TIFF"), ("MM\0*", 0, "a TIFF"),
            ("%PDF", 0, "a PDF"), ("<", 0, "text with markup"), ("ftypavif", 4, "an AVIF"), ("ftyphei", 4, "a HEIC"),
            ("PK\u{3}\u{4}", 0, "a ZIP"),
        ]
        return kinds.first { bytes.dropFirst($0.at).starts(with: $0.magic.utf8) }?.name
    }
}
