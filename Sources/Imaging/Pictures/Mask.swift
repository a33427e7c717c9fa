import COpenCV

/// A box of whole pixels. `xMax` and `yMax` lie beyond the last pixel, so `xMax - xMin` is the width.
package struct PixelBox: Sendable, Hashable {
    /// Left edge, in pixels from the left.
    package let xMin: Int
    /// Upper edge, in pixels from the top.
    package let yMin: Int
    /// Right edge.
    package let xMax: Int
    /// Lower edge.
    package let yMax: Int

    /// Makes a box; it is empty when an end is not beyond its start.
    package init(xMin: Int, yMin: Int, xMax: Int, yMax: Int) {
        self.xMin = xMin
        self.yMin = yMin
        self.xMax = xMax
        self.yMax = yMax
    }

    /// In pixels, 0 when empty.
    package var width: Int { max(0, xMax - xMin) }
    /// In pixels, 0 when empty.
    package var height: Int { max(0, yMax - yMin) }
    /// Whether it covers no pixel.
    package var isEmpty: Bool { xMax <= xMin || yMax <= yMin }

    /// The part inside a picture of this size.
    package func clamped(width: Int, height: Int) -> PixelBox {
        PixelBox(xMin: max(0, xMin), yMin: max(0, yMin), xMax: min(width, xMax), yMax: min(height, yMax))
    }

    /// The box with every edge moved outwards (inwards when negative).
    package func grown(by pixels: Int) -> PixelBox {
        PixelBox(xMin: xMin - pixels, yMin: yMin - pixels, xMax: xMax + pixels, yMax: yMax + pixels)
    }
}

/// A grey picture that says what to repaint: 255 all, 0 nothing.
package struct Mask: Sendable, Equatable {
    /// In pixels, at least 1.
    package let width: Int
    /// In pixels, at least 1.
    package let height: Int
    /// `width * height` bytes, rows top to bottom.
    package private(set) var bytes: [UInt8]

    /// An all-black mask; sides below 1 become 1.
    package init(width: Int, height: Int) {
        self.width = max(1, width)
        self.height = max(1, height)
        bytes = [UInt8](repeating: 0, count: self.width * self.height)
    }

    /// A grey picture taken as a mask.
    ///
    /// Throws `.invalidArgument` when the picture is not grey.
    package init(_ picture: PixelImage) throws(ImagingError) {
        guard picture.layout == .gray8 else {
            throw ImagingError(.invalidArgument, "a mask is a grey picture; this one has colours")
        }
        width = picture.width
        height = picture.height
        bytes = picture.bytes
    }

    /// An all-black mask.
    package static func black(width: Int, height: Int) -> Mask { Mask(width: width, height: height) }

    /// The mask as a picture, for writing it to a file.
    package var image: PixelImage { PixelImage(unchecked: bytes, width: width, height: height, layout: .gray8) }

    /// The smallest box around all that is not 0, nil when everything is.
    package var extent: PixelBox? {
        var box: [Int32] = [0, 0, 0, 0]
        bytes.withUnsafeBufferPointer { _ = ccv_extent($0.baseAddress!, Int32(width), Int32(height), width, &box) }
        let found = PixelBox(xMin: Int(box[0]), yMin: Int(box[1]), xMax: Int(box[2]), yMax: Int(box[3]))
        return found.isEmpty ? nil : found
    }

    /// The share of pixels that are not 0, from 0 to 1.
    package var coverage: Double {
        var count: Int32 = 0
        bytes.withUnsafeBufferPointer { _ = ccv_count($0.baseAddress!, Int32(width), Int32(height), width, &count) }
        return Double(count) / Double(width * height)
    }

    /// Whether every pixel is 0.
    package var isBlack: Bool { extent == nil }

    /// Fills a box with 255; what lies outside is cut off.
    package mutating func fill(_ box: PixelBox) {
        let inside = box.clamped(width: width, height: height)
        guard !inside.isEmpty else { return }
        for y in inside.yMin..<inside.yMax {
            let row = y * width
            bytes.withUnsafeMutableBufferPointer { buffer in
                buffer[row + inside.xMin..<row + inside.xMax].update(repeating: 255)
            }
        }
    }

    /// Fills the convex hull of the points with 255. Coordinates are pixels, measured to pixel centres.
    ///
    /// Throws `.invalidArgument` when a coordinate is no number, `.outOfMemory`.
    package mutating func fillHull(of points: [SIMD2<Float>]) throws(ImagingError) {
        guard !points.isEmpty else { return }
        guard points.allSatisfy({ $0.x.isFinite && $0.y.isFinite }) else {
            throw ImagingError(.invalidArgument, "a corner of the shape is not a number")
        }
        let flat = points.flatMap { [$0.x, $0.y] }
        var hull = [Float](repeating: 0, count: flat.count)
        var count: Int32 = 0
        var failed = ccv_hull(flat, Int32(points.count), &hull, &count) != 0
        if !failed {
            failed = withBytes { ccv_fill_convex($0, $1, $2, $3, hull, count) } != 0
        }
        if failed { throw Self.noMemory }
    }

    /// Grows by a square of `pixels` to every side, or shrinks when negative. The picture's edge neither adds nor eats.
    ///
    /// Throws `.outOfMemory`.
    package mutating func grow(by pixels: Int) throws(ImagingError) {
        let radius = Int32(clamping: pixels)
        guard withBytes({ ccv_grow($0, $1, $2, $3, radius) }) == 0 else {
            throw Self.noMemory
        }
    }

    /// Adds a linear fade of `pixels` around the white parts. White stays white; beyond `pixels` (Euclidean distance)
    /// nothing changes.
    ///
    /// Throws `.outOfMemory`.
    package mutating func fade(by pixels: Int) throws(ImagingError) {
        // COST: the distance transform is the dearest step, so it sees only the part that can change.
        guard pixels > 0, let box = extent?.grown(by: pixels + 1).clamped(width: width, height: height) else { return }
        let start = box.yMin * width + box.xMin
        let status = withBytes { base, _, _, stride in
            ccv_fade(base + start, Int32(box.width), Int32(box.height), stride, Int32(clamping: pixels))
        }
        guard status == 0 else { throw Self.noMemory }
    }

    /// Makes every pixel white that is at least this bright, and every other black.
    package mutating func threshold(at level: UInt8 = 128) {
        // COST: over the array itself, sixteen pixels go at a time; over a buffer of it, one.
        for i in bytes.indices { bytes[i] = bytes[i] >= level ? 255 : 0 }
    }

    /// The part inside a box, which must lie inside the mask and not be empty.
    func cut(_ box: PixelBox) -> Mask {
        var part = Mask(width: box.width, height: box.height)
        for y in 0..<part.height {
            let from = (box.yMin + y) * width + box.xMin
            part.bytes.replaceSubrange(y * part.width..<(y + 1) * part.width, with: bytes[from..<from + part.width])
        }
        return part
    }

    /// Takes the brighter of both, pixel by pixel, with the other mask's upper left corner at (x, y) of this one.
    ///
    /// Throws `.invalidArgument` when the other does not lie inside, `.outOfMemory`.
    package mutating func merge(_ other: Mask, x: Int = 0, y: Int = 0) throws(ImagingError) {
        guard x >= 0, y >= 0, x + other.width <= width, y + other.height <= height else {
            throw ImagingError(
                .invalidArgument,
                "a mask of \(other.width)×\(other.height) at (\(x), \(y)) does not fit into \(width)×\(height)")
        }
        let start = y * width + x
        let status = withBytes { base, _, _, stride in
            other.bytes.withUnsafeBufferPointer { source in
                ccv_merge(
                    base + start, stride, source.baseAddress!, other.width, Int32(other.width), Int32(other.height))
            }
        }
        guard status == 0 else { throw Self.noMemory }
    }

    static let noMemory = ImagingError(.outOfMemory, "no memory for this mask; send a smaller picture")

    /// Lends the bytes with width, height and the distance of rows.
    ///
    /// INVARIANT: there is at least one pixel, so there is a base address.
    mutating func withBytes<Status>(_ body: (UnsafeMutablePointer<UInt8>, Int32, Int32, Int) -> Status) -> Status {
        let (width, height) = (width, height)
        return bytes.withUnsafeMutableBufferPointer { body($0.baseAddress!, Int32(width), Int32(height), width) }
    }
}
