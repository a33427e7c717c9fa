import Glibc

/// MediaPipe's 21 landmarks of a hand. SPEC: mediapipe 0.10.21, modules/hand_landmark (Apache License 2.0), graphs
/// PalmDetectionDetectionToRoi and HandLandmarkCpu, the full model.
final class HandLandmarks {
    /// Landmarks of a hand.
    static let count = 21
    static let file = "hand_landmark_full.tflite"

    private let look: CloseLook

    /// Loads the model. Throws `.modelMissing`, `.modelBroken`.
    init(_ engine: InferenceEngine) throws(ImagingError) {
        look = try CloseLook(engine, Self.file, size: 224)
    }

    /// The part of the picture that the model wants to see: turned so that the way from the wrist to the root of the
    /// middle finger points up, moved from the palm half its height towards the fingers, 2.6 times as large.
    static func region(for palm: Sighting) -> Region {
        let up = palm.keypoints[2] - palm.keypoints[0]
        let rotation = Float.pi / 2 - atan2f(-up.y, up.x)
        let size = palm.high - palm.low
        let shift = SIMD2(sinf(rotation), -cosf(rotation)) * (0.5 * size.y)
        return Region(
            center: (palm.low + palm.high) / 2 + shift, side: max(size.x, size.y) * 2.6, rotation: rotation)
    }

    /// The landmarks in pixels of the picture, or nil when the model sees no hand there.
    func landmarks(of palm: Sighting, in picture: PixelImage) throws(ImagingError) -> [SIMD2<Float>]? {
        try look.landmarks(Self.count, of: Self.region(for: palm), in: picture)
    }

    /// The box around a hand. The landmarks lie inside the fingers: a twentieth of its longer side is added for the flesh
    /// around them.
    static func box(around landmarks: [SIMD2<Float>]) -> PixelBox {
        var low = SIMD2<Float>(repeating: .infinity)
        var high = -low
        for point in landmarks {
            low = pointwiseMin(low, point)
            high = pointwiseMax(high, point)
        }
        let flesh = max(high.x - low.x, high.y - low.y) / 20
        return PixelBox(from: low - flesh, to: high + flesh)
    }
}
