import COpenCV
import Glibc

/// MediaPipe's silhouette of a person. SPEC: mediapipe 0.10.21, modules/pose_landmark (Apache License 2.0), graphs
/// PoseDetectionToRoi and PoseLandmarkByRoiCpu with segmentation, the full model.
final class PersonSegmenter {
    static let file = "pose_landmark_full.tflite"

    private let look: CloseLook

    /// Loads the model. Throws `.modelMissing`, `.modelBroken`.
    init(_ engine: InferenceEngine) throws(ImagingError) {
        look = try CloseLook(engine, Self.file, size: 256)
    }

    /// The part of the picture that the model wants to see: centred on the hips, with the circle around the whole body
    /// and a quarter more, turned so that the body stands upright.
    static func region(for person: Sighting) -> Region {
        let reach = person.keypoints[1] - person.keypoints[0]
        let rotation = Float.pi / 2 - atan2f(-reach.y, reach.x)
        let radius = (reach.x * reach.x + reach.y * reach.y).squareRoot()
        return Region(center: person.keypoints[0], side: 2 * radius * 1.25, rotation: rotation)
    }

    /// How likely each pixel shows the person, 0...255, in the part of the picture that the model saw; nil when the model
    /// sees no person there.
    func silhouette(of person: Sighting, in picture: PixelImage) throws(ImagingError) -> Patch? {
        let region = Self.region(for: person)
        guard try look.sees(region, in: picture) else { return nil }
        let logits = try look.network.output(2, count: look.size * look.size)
        let likely = logits.map { UInt8(255 / (1 + expf(-min(max($0, -50), 50))) + 0.5) }
        return try Patch(likely, width: look.size, height: look.size, from: region, in: picture)
    }
}

/// A part of a picture with a value for each pixel, 0...255; outside of it all is 0.
struct Patch: Equatable {
    /// Inside the picture, not empty.
    let box: PixelBox
    /// Of the box's size.
    let values: Mask

    init(box: PixelBox, values: Mask) {
        self.box = box
        self.values = values
    }

    /// Lays a grid of values over the part of the picture that it is of; nil when that lies outside the picture.
    init?(
        _ grid: [UInt8], width: Int, height: Int, from region: Region, in picture: PixelImage
    ) throws(ImagingError) {
        let box = region.bounds.clamped(width: picture.width, height: picture.height)
        guard !box.isEmpty else { return nil }
        let corner = region.locate(SIMD2(Float(box.xMin), Float(box.yMin)))
        let (c, s) = (cos(Double(region.rotation)), sin(Double(region.rotation)))
        let (x, y) = (Double(width) / Double(region.side), Double(height) / Double(region.side))
        try self.init(
            grid, width: width, height: height, box: box,
            map: [c * x, s * x, Double(corner.x) * Double(width), -s * y, c * y, Double(corner.y) * Double(height)])
    }

    /// - Parameter map: from a pixel (x, y) of the box to the place (m0 x + m1 y + m2, m3 x + m4 y + m5) in the grid.
    init(_ grid: [UInt8], width: Int, height: Int, box: PixelBox, map: [Double]) throws(ImagingError) {
        var values = Mask(width: box.width, height: box.height)
        let status = values.withBytes { bytes, outWidth, outHeight, _ in
            grid.withUnsafeBufferPointer { source in
                ccv_spread(source.baseAddress!, Int32(width), Int32(height), map, bytes, outWidth, outHeight)
            }
        }
        guard status == 0 else { throw Mask.noMemory }
        self.init(box: box, values: values)
    }

    /// Intersection over union of what is at least half sure.
    func overlap(_ other: Patch) -> Double {
        let shared = PixelBox(
            xMin: max(box.xMin, other.box.xMin), yMin: max(box.yMin, other.box.yMin),
            xMax: min(box.xMax, other.box.xMax), yMax: min(box.yMax, other.box.yMax))
        func sure(_ patch: Patch) -> Int { patch.values.bytes.count { $0 >= 128 } }
        guard !shared.isEmpty else { return 0 }
        var both = 0
        for y in shared.yMin..<shared.yMax {
            let mine = (y - box.yMin) * box.width - box.xMin
            let others = (y - other.box.yMin) * other.box.width - other.box.xMin
            for x in shared.xMin..<shared.xMax
            where values.bytes[mine + x] >= 128 && other.values.bytes[others + x] >= 128 { both += 1 }
        }
        let union = sure(self) + sure(other) - both
        return union > 0 ? Double(both) / Double(union) : 0
    }
}
