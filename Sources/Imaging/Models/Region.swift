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

    /// A point of the picture as a point of the region, (0, 0)...(1, 1) inside.
    func locate(_ point: SIMD2<Float>) -> SIMD2<Float> {
        let (x, y) = (point.x - center.x, point.y - center.y)
        let (c, s) = (cosf(rotation), sinf(rotation))
        return SIMD2(x * c + y * s, y * c - x * s) / side + 0.5
    }

    /// Whether a model can look at it: numbers, and an area.
    var isSound: Bool { side > 0 && side.isFinite && center.x.isFinite && center.y.isFinite && rotation.isFinite }

    /// The upright box around it.
    var bounds: PixelBox {
        let corners = [SIMD2<Float>(0, 0), SIMD2(1, 0), SIMD2(0, 1), SIMD2(1, 1)].map(project)
        let low = corners.dropFirst().reduce(corners[0]) { pointwiseMin($0, $1) }
        let high = corners.dropFirst().reduce(corners[0]) { pointwiseMax($0, $1) }
        return PixelBox(from: low - 1, to: high + 1)
    }

    /// Writes the region as `size` × `size` RGB floats, 0...255 scaled to `range`.
    func sample(
        _ picture: PixelImage, size: Int, range: ClosedRange<Float>, border: Border,
        into target: UnsafeMutableBufferPointer<Float>
    ) throws(ImagingError) {
        let origin = project(SIMD2(0, 0))
        let step = Double(side) / Double(size)
        let (c, s) = (cos(Double(rotation)) * step, sin(Double(rotation)) * step)
        let map = [c, -s, Double(origin.x), s, c, Double(origin.y)]
        let scale = (range.upperBound - range.lowerBound) / 255
        try picture.write(
            into: target, width: size, height: size, map: map,
            as: Samples(scale: .init(repeating: scale), offset: .init(repeating: range.lowerBound)), border: border)
    }
}

/// What lies outside the picture.
enum Border {
    case black, grey(UInt8), replicated

    var code: Int32 {
        switch self {
        case .black: 0
        case .grey(let value): Int32(value)
        case .replicated: -1
        }
    }
}

/// How a model wants its colours: each 0...255 times `scale` plus `offset`, red, green and blue apart or pixel by pixel.
struct Samples {
    var scale: SIMD3<Float>
    var offset: SIMD3<Float>
    /// All red, then all green, then all blue (NCHW), instead of pixel by pixel (NHWC).
    var isPlanar = false

    /// 0...1, the colours apart: what most models that were exported from PyTorch want.
    static let unit = Samples(scale: .init(repeating: 1 / 255), offset: .zero, isPlanar: true)
    /// With the mean and the deviation of ImageNet's pictures taken out.
    static let imageNet = Samples(
        scale: 1 / (255 * SIMD3(0.229, 0.224, 0.225)), offset: -SIMD3(0.485, 0.456, 0.406) / SIMD3(0.229, 0.224, 0.225),
        isPlanar: true)
}

extension PixelImage {
    /// Writes what `map` leads to as floats: the value at (x, y) is that of this picture at
    /// (m0 x + m1 y + m2, m3 x + m4 y + m5), bilinear. Without a map, pixel by pixel.
    func write(
        into target: UnsafeMutableBufferPointer<Float>, width: Int, height: Int, map: [Double] = [1, 0, 0, 0, 1, 0],
        as samples: Samples, border: Border = .replicated
    ) throws(ImagingError) {
        guard layout != .gray8, target.count == width * height * 3, let out = target.baseAddress else {
            throw ImagingError(.invalidArgument, "a model reads colour pictures only")
        }
        let scale = [samples.scale.x, samples.scale.y, samples.scale.z]
        let offset = [samples.offset.x, samples.offset.y, samples.offset.z]
        let status = bytes.withUnsafeBufferPointer { pixels in
            ccv_warp(
                pixels.baseAddress!, Int32(self.width), Int32(self.height), Int32(layout.channels), map, out,
                Int32(width), Int32(height), scale, offset, border.code, samples.isPlanar ? 1 : 0)
        }
        guard status == 0 else {
            throw ImagingError(.outOfMemory, "no memory to look at this picture; send a smaller one")
        }
    }
}
