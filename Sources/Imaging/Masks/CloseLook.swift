import Glibc

/// A second model of MediaPipe's: it looks at a turned square of the picture, where a detector has seen something, and says
/// first whether what it knows is there.
final class CloseLook {
    /// How the model says how sure it is.
    enum Certainty {
        case probability
        /// Before the logistic function.
        case logit
    }

    /// Below this it sees nothing there; MediaPipe's default.
    private static let presence: Float = 0.5

    let network: Network
    /// Side of the model's input, in pixels.
    let size: Int
    private let certainty: Certainty

    /// Loads the model. Throws `.modelMissing`, `.modelBroken`.
    init(
        _ engine: InferenceEngine, _ file: String, size: Int, isSmall: Bool = false,
        _ certainty: Certainty = .probability
    ) throws(ImagingError) {
        self.size = size
        self.certainty = certainty
        network = try engine.network(file, input: [1, size, size, 3], isSmall: isSmall)
    }

    /// Looks. False: what it knows is not there. The network's outputs are good until the next look.
    func sees(_ region: Region, in picture: PixelImage) throws(ImagingError) -> Bool {
        guard region.isSound else { return false }
        try region.sample(
            picture, size: size, range: 0...1, border: .replicated, into: network.input(shape: [1, size, size, 3]))
        try network.run()
        let flag = try network.output(1, count: 1)[0]
        return (certainty == .logit ? 1 / (1 + expf(-flag)) : flag) >= Self.presence
    }

    /// The landmarks that it sees, in pixels of the picture.
    func landmarks(_ count: Int, of region: Region, in picture: PixelImage) throws(ImagingError) -> [SIMD2<Float>]? {
        guard try sees(region, in: picture) else { return nil }
        let raw = try network.output(0, count: count * 3)
        guard raw.allSatisfy(\.isFinite) else { return nil }
        return (0..<count).map { i in region.project(SIMD2(raw[3 * i], raw[3 * i + 1]) / Float(size)) }
    }
}
