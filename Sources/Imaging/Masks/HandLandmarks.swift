import Glibc

/// MediaPipe's 21 landmarks of a hand. SPEC: mediapipe 0.10.21, modules/hand_landmark (Apache License 2.0), graphs
/// PalmDetectionDetectionToRoi and HandLandmarkCpu, the full model.
final class HandLandmarks {
    /// Landmarks of a hand.
    static let count = 21
    private static let size = 224
    static let file = "hand_landmark_full.tflite"
    /// Below this the model says that it looks at no hand; MediaPipe's default.
    private static let presence: Float = 0.5

    private let network: Network

    /// Loads the model. Throws `.modelMissing`, `.modelBroken`.
    init(_ engine: InferenceEngine) throws(ImagingError) {
        network = try engine.network(Self.file, input: [1, Self.size, Self.size, 3])
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
        let region = Self.region(for: palm)
        guard region.isSound else { return nil }
        try region.sample(
            picture, size: Self.size, range: 0...1, border: .replicated,
            into: network.input(shape: [1, Self.size, Self.size, 3]))
        try network.run()
        guard try network.output(1, count: 1)[0] >= Self.presence else { return nil }
        let raw = try network.output(0, count: Self.count * 3)
        guard raw.allSatisfy(\.isFinite) else { return nil }
        return (0..<Self.count).map { i in
            region.project(SIMD2(raw[3 * i], raw[3 * i + 1]) / Float(Self.size))
        }
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
