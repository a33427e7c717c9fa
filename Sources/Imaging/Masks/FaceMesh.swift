import Glibc

/// MediaPipe's 468 landmarks of a face. SPEC: mediapipe 0.10.21, modules/face_landmark (Apache License 2.0), graphs
/// FaceDetectionFrontDetectionToRoi and FaceLandmarkCpu, the model without attention.
final class FaceMesh {
    /// Landmarks of a face.
    static let count = 468
    static let file = "face_landmark.tflite"

    private let look: CloseLook

    /// Loads the model. Throws `.modelMissing`, `.modelBroken`.
    init(_ engine: InferenceEngine) throws(ImagingError) {
        look = try CloseLook(engine, Self.file, size: 192, isSmall: true, .logit)
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
        try look.landmarks(Self.count, of: Self.region(for: face), in: picture)
    }
}
