import COpenCV
import Glibc

/// A turned square of a picture that a model looks at, in pixels of the picture.
///
/// As in MediaPipe, corner is mapped on corner: (0, 0) of the model's square input is the region's corner, and
/// coordinates that come back from the model take the same way in reverse.
struct Region {
    var center: SIMD2<Float>
    var side: Float
    /// In radians, clockwise as seen (y points down).
    var rotation: Float

    /// The smallest upright square around the whole picture, with bars at two sides (letterbox).
    init(around picture: PixelImage) {
        center = SIMD2(Float(picture.width), Float(picture.height)) / 2
        side = Float(max(picture.width, picture.height))
        rotation = 0
    }

    init(center: SIMD2<Float>, side: Float, rotation: Float) {
        self.center = center
        self.side = side
        self.rotation = rotation
    }

    /// A point of the region, (0, 0)...(1, 1), as a point of the picture.
    func project(_ point: SIMD2<Float>) -> SIMD2<Float> {
        let (x, y) = ((point.x - 0.5) * side, (point.y - 0.5) * side)
        let (c, s) = (cosf(rotation), sinf(rotation))
        return SIMD2(x * c - y * s, x * s + y * c) + center
    }

    /// What lies outside the picture.
    enum Border {
        case black, replicated
    }

    /// Writes the region as `size` × `size` RGB floats, 0...255 scaled to `range`.
    func sample(
        _ picture: PixelImage, size: Int, range: ClosedRange<Float>, border: Border,
        into target: UnsafeMutableBufferPointer<Float>
    ) throws(ImagingError) {
        guard picture.layout != .gray8, target.count == size * size * 3, let out = target.baseAddress else {
            throw ImagingError(.invalidArgument, "a model reads colour pictures only")
        }
        let origin = project(SIMD2(0, 0))
        let step = Double(side) / Double(size)
        let (c, s) = (cos(Double(rotation)) * step, sin(Double(rotation)) * step)
        let map = [c, -s, Double(origin.x), s, c, Double(origin.y)]
        let scale = (range.upperBound - range.lowerBound) / 255
        let status = picture.bytes.withUnsafeBufferPointer { pixels in
            ccv_warp(
                pixels.baseAddress!, Int32(picture.width), Int32(picture.height), Int32(picture.layout.channels), map,
                out, Int32(size), Int32(size), scale, range.lowerBound, border == .replicated ? 1 : 0)
        }
        guard status == 0 else {
            throw ImagingError(.outOfMemory, "no memory to look at this picture; send a smaller one")
        }
    }
}
