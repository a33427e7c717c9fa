import COpenCV

extension PixelImage {
    /// Sides that an enlarged picture may have, in pixels. SPEC: Runware's imageUpscale.
    package static let mostEnlarged = 4_096

    /// The picture `factor` times as large by Lanczos' window (Duchon 1979: Lanczos filtering in one and two
    /// dimensions), 8 samples wide. A picture that would be larger than 4096×4096 is made smaller first.
    ///
    /// Throws `.invalidArgument` for factors outside 1...8, `.outOfMemory`.
    package func enlarged(by factor: Int) throws(ImagingError) -> PixelImage {
        let fitted = try fittedForEnlarging(by: factor)
        return try fitted.resized(width: fitted.width * factor, height: fitted.height * factor)
    }

    /// The picture, smaller where `factor` times its sides would be longer than 4096.
    func fittedForEnlarging(by factor: Int) throws(ImagingError) -> PixelImage {
        guard (1...8).contains(factor) else {
            throw ImagingError(.invalidArgument, "a picture is enlarged 1 to 8 times, not \(factor) times")
        }
        let most = Self.mostEnlarged / factor
        let side = max(width, height)
        guard side > most else { return self }
        return try resized(width: max(1, width * most / side), height: max(1, height * most / side))
    }
}

/// Enlarging by a user's own super-resolution model: colours 0...1, apart, in; the same, a whole number of times as large,
/// out (the layout of Real-ESRGAN, SwinIR and their like).
final class SuperResolution {
    /// Side of what the model sees at once when it takes any size, in pixels.
    private static let usualSide = 256
    /// What it sees around the part that is used, so that no part ends where another begins. A model that looks no further
    /// than this gives tile by tile exactly what it would give at once.
    private static let margin = 16

    private let network: Network

    init(_ network: Network) throws(ImagingError) {
        guard network.inputs.count == 1, network.outputs.count >= 1, let shape = network.inputs[0].shape,
            shape.count == 4, shape[1] == 3 || shape[1] < 0
        else { throw network.broken("takes \(network.inputs) where a super-resolution model takes 1×3×any×any") }
        self.network = network
    }

    /// The picture, enlarged as often as the model does. `step` is told how many parts of how many are done, and may throw
    /// to stop.
    ///
    /// Throws `.modelBroken`, `.inferenceFailed`, `.outOfMemory`, and what `step` throws.
    func enlarge(
        _ picture: PixelImage, most: Int, step: @Sendable (Int, Int) throws(ImagingError) -> Void
    ) throws(ImagingError) -> PixelImage {
        let shape = network.inputs[0].shape ?? []
        func side(_ given: Int, _ whole: Int) -> Int {
            given > 0 ? given : min(Self.usualSide, max(whole + 2 * Self.margin, 1))
        }
        let (tileWidth, tileHeight) = (side(shape[3], picture.width), side(shape[2], picture.height))
        // A model for small pieces only gets a margin it can bear.
        let margin = min(Self.margin, min(tileWidth, tileHeight) / 4)
        let (stepX, stepY) = (tileWidth - 2 * margin, tileHeight - 2 * margin)
        let columns = (picture.width + stepX - 1) / stepX
        let rows = (picture.height + stepY - 1) / stepY
        var scale = 0
        var pixels: [UInt8] = []
        for row in 0..<rows {
            for column in 0..<columns {
                let (x, y) = (column * stepX, row * stepY)
                try picture.write(
                    into: network.input(shape: [1, 3, tileHeight, tileWidth]), width: tileWidth, height: tileHeight,
                    map: [1, 0, Double(x - margin), 0, 1, Double(y - margin)], as: .unit)
                try network.run()
                let output = try network.output()
                let found = try self.scale(of: output.shape, tileWidth, tileHeight)
                if scale == 0 {
                    guard max(picture.width, picture.height) * found <= most else {
                        throw ImagingError(
                            .tooLarge, "the model enlarges \(found) times, to more than \(most) pixels a side")
                    }
                    scale = found
                    pixels = [UInt8](repeating: 0, count: picture.width * found * picture.height * found * 3)
                }
                guard found == scale else { throw network.broken("enlarges by one factor here and by another there") }
                let part = PixelBox(
                    xMin: x, yMin: y, xMax: min(x + stepX, picture.width), yMax: min(y + stepY, picture.height))
                Self.copy(
                    output.numbers, width: tileWidth * scale, height: tileHeight * scale, margin: margin * scale,
                    to: part, scale: scale, of: picture.width * scale, &pixels)
                try step(row * columns + column + 1, rows * columns)
            }
        }
        return PixelImage(
            unchecked: pixels, width: picture.width * scale, height: picture.height * scale, layout: .rgb8)
    }

    private func scale(of shape: [Int], _ width: Int, _ height: Int) throws(ImagingError) -> Int {
        guard shape.count == 4, shape[0] == 1, shape[1] == 3, shape[3] % width == 0, shape[2] % height == 0,
            shape[3] / width == shape[2] / height, (1...8).contains(shape[3] / width)
        else { throw network.broken("makes \(shape) of 1×3×\(height)×\(width), not a whole number of times as much") }
        return shape[3] / width
    }

    private static func copy(
        _ planes: UnsafeBufferPointer<Float>, width: Int, height: Int, margin: Int, to part: PixelBox, scale: Int,
        of pictureWidth: Int, _ pixels: inout [UInt8]
    ) {
        pixels.withUnsafeMutableBufferPointer { out in
            for y in 0..<part.height * scale {
                var from = (margin + y) * width + margin
                var to = ((part.yMin * scale + y) * pictureWidth + part.xMin * scale) * 3
                for _ in 0..<part.width * scale {
                    for colour in 0..<3 {
                        out[to + colour] = UInt8(unit: planes[colour * width * height + from])
                    }
                    from += 1
                    to += 3
                }
            }
        }
    }
}

extension UInt8 {
    /// 0...1 as 0...255; what lies outside is cut, what is no number becomes 0.
    init(unit value: Float) {
        self = value > 0 ? UInt8(Swift.min(value, 1) * 255 + 0.5) : 0
    }
}
