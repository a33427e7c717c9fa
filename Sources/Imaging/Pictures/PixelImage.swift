import CCodecs
import COpenCV

/// A decoded picture: 8 bits a channel, rows top to bottom, no gaps. A value; copies share their pixels.
package struct PixelImage: Sendable, Equatable {
    /// What one pixel consists of.
    package enum Layout: Sendable, CaseIterable {
        /// One byte of brightness.
        case gray8
        /// Red, green, blue.
        case rgb8
        /// Red, green, blue, alpha; colours are not multiplied with alpha.
        case rgba8

        /// Bytes a pixel.
        package var channels: Int {
            switch self {
            case .gray8: 1
            case .rgb8: 3
            case .rgba8: 4
            }
        }
    }

    /// In pixels, at least 1.
    package let width: Int
    /// In pixels, at least 1.
    package let height: Int
    /// What one pixel consists of.
    package let layout: Layout
    /// `width * height * layout.channels` bytes.
    package let bytes: [UInt8]

    /// Takes pixels as they are. Throws `.invalidArgument` when their number does not fit the size.
    package init(width: Int, height: Int, layout: Layout, bytes: [UInt8]) throws(ImagingError) {
        guard width > 0, height > 0, width <= 65_535, height <= 65_535,
            bytes.count == width * height * layout.channels
        else {
            throw ImagingError(
                .invalidArgument,
                "\(bytes.count) bytes are no picture of \(width)×\(height) with \(layout.channels) channels")
        }
        self.init(unchecked: bytes, width: width, height: height, layout: layout)
    }

    init(unchecked bytes: [UInt8], width: Int, height: Int, layout: Layout) {
        self.width = width
        self.height = height
        self.layout = layout
        self.bytes = bytes
    }

    /// Reads a PNG, JPEG or WebP file; the EXIF orientation is applied. An animated PNG yields its still picture.
    ///
    /// Alpha is dropped for `.rgb8` and `.gray8`. Throws what `ImageProbe` throws (before anything is allocated for
    /// pixels), `.corrupt` for files cut off anywhere, `.outOfMemory`.
    package static func decode(
        _ file: [UInt8], as layout: Layout = .rgba8, limits: ImageLimits = .standard
    ) throws(ImagingError) -> PixelImage {
        let probe = try ImageProbe(file, limits: limits)
        let stored: Layout = layout == .rgba8 ? .rgba8 : .rgb8
        let count = Int(probe.header.width) * Int(probe.header.height)
        var code = Int32(CC_ARGUMENT)
        var text = ErrorText(capacity: Int(CC_TEXT))
        var header = probe.header
        let pixels = uninitialized(count * stored.channels) { out in
            file.withUnsafeBufferPointer { source in
                guard let base = source.baseAddress else { return }
                code = text.lend {
                    cc_decode(base, source.count, &header, Int32(stored.channels), out, count * stored.channels, $0)
                }
            }
            return code == Int32(CC_OK)
        }
        guard code == Int32(CC_OK) else { throw Codec.error(code, text.string, file) }
        let image = PixelImage(
            unchecked: pixels, width: Int(header.width), height: Int(header.height), layout: stored)
        return image.turned(probe.orientation).converted(to: layout)
    }

    /// Writes a file. `quality` 1...100 is JPEG's and WebP's; PNG is exact, and so is WebP of grey pictures (masks).
    /// JPEG has no transparency: the picture is laid on white.
    ///
    /// Throws `.invalidArgument` (a side too long for the format), `.outOfMemory`, `.encodingFailed`.
    package func encode(_ format: ImageFormat, quality: Int = 95) throws(ImagingError) -> [UInt8] {
        let source = format == .jpeg && layout == .rgba8 ? converted(to: .rgb8, overWhite: true) : self
        var out: UnsafeMutablePointer<UInt8>?
        var length = 0
        var text = ErrorText(capacity: Int(CC_TEXT))
        let code = source.bytes.withUnsafeBufferPointer { pixels -> Int32 in
            guard let base = pixels.baseAddress else { return Int32(CC_ARGUMENT) }
            return text.lend {
                cc_encode(
                    format.code, base, UInt32(width), UInt32(height), Int32(source.layout.channels),
                    Int32(min(max(quality, 1), 100)), &out, &length, $0)
            }
        }
        guard code == Int32(CC_OK), let out else { throw Codec.error(code, text.string, []) }
        defer { cc_free(out) }
        return Array(UnsafeBufferPointer(start: out, count: length))
    }

    /// The same picture with other channels. Alpha that appears is 255; alpha that goes is dropped, or with `overWhite`
    /// the picture is laid on white.
    package func converted(to other: Layout, overWhite: Bool = false) -> PixelImage {
        guard other != layout else { return self }
        let count = width * height
        let pixels = Self.uninitialized(count * other.channels) { out in
            bytes.withUnsafeBufferPointer { source in
                guard let base = source.baseAddress else { return false }
                cc_convert(base, count, Int32(layout.channels), Int32(other.channels), overWhite ? 1 : 0, out)
                return true
            }
        }
        return PixelImage(unchecked: pixels, width: width, height: height, layout: other)
    }

    /// The picture at another size: area averages when it shrinks, Lanczos when it grows.
    ///
    /// Throws `.invalidArgument` for sizes outside 1...32000, `.outOfMemory`.
    package func resized(width newWidth: Int, height newHeight: Int) throws(ImagingError) -> PixelImage {
        let sides = 1...32_000
        guard sides.contains(newWidth), sides.contains(newHeight) else {
            throw ImagingError(
                .invalidArgument, "a picture's sides must lie in 1...32000, not \(newWidth)×\(newHeight)")
        }
        var failed = true
        let pixels = Self.uninitialized(newWidth * newHeight * layout.channels) { out in
            bytes.withUnsafeBufferPointer { source in
                guard let base = source.baseAddress else { return false }
                failed =
                    ccv_resize(
                        base, Int32(width), Int32(height), Int32(layout.channels), out, Int32(newWidth),
                        Int32(newHeight)) != 0
                return !failed
            }
        }
        guard !failed else { throw ImagingError(.outOfMemory, "no memory for a picture of \(newWidth)×\(newHeight)") }
        return PixelImage(unchecked: pixels, width: newWidth, height: newHeight, layout: layout)
    }

    /// The picture as it is to be shown when it was stored with this orientation.
    package func turned(_ orientation: Orientation) -> PixelImage {
        guard orientation != .upright else { return self }
        let pixels = Self.uninitialized(bytes.count) { out in
            bytes.withUnsafeBufferPointer { source in
                guard let base = source.baseAddress else { return false }
                cc_orient(
                    base, UInt32(width), UInt32(height), Int32(layout.channels), orientation.rawValue, out)
                return true
            }
        }
        return orientation.swapsSides
            ? PixelImage(unchecked: pixels, width: height, height: width, layout: layout)
            : PixelImage(unchecked: pixels, width: width, height: height, layout: layout)
    }

    /// COST: no zeroing of memory that is written over at once. `fill` says whether it wrote all; else nothing is there.
    private static func uninitialized(_ count: Int, _ fill: (UnsafeMutablePointer<UInt8>) -> Bool) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            guard let base = buffer.baseAddress, fill(base) else { return }
            initialized = count
        }
    }
}
