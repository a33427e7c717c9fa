import Glibc

/// MediaPipe's 468 landmarks of a face. SPEC: mediapipe 0.10.21, modules/face_landmark (Apache License 2.0), graphs
/// FaceDetectionFrontDetectionToRoi and FaceLandmarkCpu, the model without attention.
final class FaceMesh {
    /// Landmarks of a face.
    static let count = 468
    private static let size = 192
    static let file = "face_landmark.tflite"
    /// Below this the model says that it looks at no face; MediaPipe's default.
    private static let presence: Float = 0.5

    private let network: Network

    /// Loads the model. Throws `.modelMissing`, `.modelBroken`.
    init(_ engine: InferenceEngine) throws(ImagingError) {
        network = try engine.network(Self.file, input: [1, Self.size, Self.size, 3])
    }

    /// The part of the picture around a face that the model wants to see: a square one and a half times the longer side
    /// of its box, turned so that the eyes lie level.
    static func region(for face: Sighting) -> Region {
        let eyes = face.keypoints[1] - face.keypoints[0]
        let size = face.high - face.low
        return Region(
            center: (face.low + face.high) / 2, side: max(size.x, size.y) * 1.5, rotation: atan2f(eyes.y, eyes.x))
    }

    /// The landmarks in pixels of the picture, or nil when the model sees no face there.
    func landmarks(of face: Sighting, in picture: PixelImage) throws(ImagingError) -> [SIMD2<Float>]? {
        let region = Self.region(for: face)
        guard region.isSound else { return nil }
        try region.sample(
            picture, size: Self.size, range: 0...1, border: .replicated,
            into: network.input(shape: [1, Self.size, Self.size, 3]))
        try network.run()
        let flag = try network.output(1, count: 1)[0]
        guard 1 / (1 + expf(-flag)) >= Self.presence else { return nil }
        let raw = try network.output(0, count: Self.count * 3)
        guard raw.allSatisfy(\.isFinite) else { return nil }
        return (0..<Self.count).map { i in
            region.project(SIMD2(raw[3 * i], raw[3 * i + 1]) / Float(Self.size))
        }
    }
}
