import Glibc
import Synchronization

/// The user's own models for whole pictures: ONNX or OpenVINO files, loaded when first needed. Share one per process: it
/// locks inside and runs one inference at a time. Every call blocks its thread, for minutes with a large model.
package final class UserModels: Sendable {
    /// Models that are kept loaded; those unused for longest go first.
    private static let mostLoaded = 3

    private let vendor: String
    private let threads: Int
    private let cache: String?
    private let loaded = Mutex(Loaded())

    private enum Model {
        case enlarging(SuperResolution)
        case filling(FillingModel)
        case matte(MatteModel)
    }

    private struct Loaded {
        var engine: InferenceEngine?
        /// In the order of their use, the last one last.
        var models: [(key: String, model: Model)] = []
    }

    /// Touches nothing yet. Parameters as for `Masker`.
    package init(vendor: String, threads: Int = 2, cache: String? = nil) {
        self.vendor = vendor
        self.threads = threads
        self.cache = cache
    }

    /// The paths of the files that running a model needs and that are not there or can't be read.
    package func missing(_ path: String) -> [String] {
        [InferenceEngine.library(in: vendor), path].filter { access($0, R_OK) != 0 }
    }

    /// The picture, `factor` times as large by a super-resolution model, which sees it in parts. Where the model enlarges by
    /// another factor, the rest is done by resizing. `step` is told how many parts of how many are done, and may throw to
    /// stop.
    ///
    /// Throws `.modelMissing`, `.modelBroken`, `.inferenceFailed`, `.outOfMemory`, `.invalidArgument`, what `step` throws.
    package func enlarge(
        _ picture: PixelImage, by factor: Int, with path: String,
        step: @Sendable (Int, Int) throws(ImagingError) -> Void = { _, _ in }
    ) throws(ImagingError) -> PixelImage {
        let fitted = try picture.fittedForEnlarging(by: factor)
        let colours = fitted.converted(to: .rgb8)
        let large = try loaded.withLock { loaded throws(ImagingError) in
            let load: (Network) throws(ImagingError) -> Model = { network throws(ImagingError) in
                .enlarging(try SuperResolution(network))
            }
            guard case .enlarging(let model) = try model("enlarge", path, &loaded, load)
            else { throw ImagingError(.modelBroken, "the model \(shown(path)) is used for something else") }
            return try model.enlarge(colours, most: 2 * PixelImage.mostEnlarged, step: step)
        }
        let (width, height) = (fitted.width * factor, fitted.height * factor)
        let result = large.width == width ? large : try large.resized(width: width, height: height)
        guard picture.layout == .rgba8 else { return result.converted(to: picture.layout) }
        return result.with(alpha: try fitted.alpha.resized(width: width, height: height))
    }

    /// The picture with what the mask shows made up by a model in LaMa's layout.
    ///
    /// Throws `.modelMissing`, `.modelBroken`, `.inferenceFailed`, `.outOfMemory`, `.invalidArgument`.
    package func fill(_ picture: PixelImage, _ mask: Mask, with path: String) throws(ImagingError) -> PixelImage {
        try loaded.withLock { loaded throws(ImagingError) in
            let load: (Network) throws(ImagingError) -> Model = { network throws(ImagingError) in
                .filling(try FillingModel(network))
            }
            guard case .filling(let model) = try model("fill", path, &loaded, load)
            else { throw ImagingError(.modelBroken, "the model \(shown(path)) is used for something else") }
            return try model.fill(picture, mask)
        }
    }

    /// What is in front in a picture, by a model in the layout of U2-Net, IS-Net or BiRefNet; 255 is in front.
    ///
    /// - Parameter isLessHalf: the model wants colours less 0.5 (IS-Net, RMBG 1.4) though its ports look like BiRefNet's.
    ///
    /// Throws `.modelMissing`, `.modelBroken`, `.inferenceFailed`, `.outOfMemory`.
    package func matte(
        _ picture: PixelImage, with path: String, isLessHalf: Bool = false
    ) throws(ImagingError) -> Mask {
        try loaded.withLock { loaded throws(ImagingError) in
            let load: (Network) throws(ImagingError) -> Model = { network throws(ImagingError) in
                .matte(try MatteModel(network, isLessHalf ? .isnet : nil))
            }
            guard case .matte(let model) = try model("matte", path, &loaded, load)
            else { throw ImagingError(.modelBroken, "the model \(shown(path)) is used for something else") }
            return try model.matte(picture)
        }
    }

    private func model(
        _ purpose: String, _ path: String, _ loaded: inout Loaded, _ make: (Network) throws(ImagingError) -> Model
    ) throws(ImagingError) -> Model {
        let key = "\(purpose) \(path)"
        if let index = loaded.models.firstIndex(where: { $0.key == key }) {
            let entry = loaded.models.remove(at: index)
            loaded.models.append(entry)
            return entry.model
        }
        let engine: InferenceEngine
        if let ready = loaded.engine {
            engine = ready
        } else {
            engine = try InferenceEngine(vendor: vendor, threads: threads, cache: cache)
            loaded.engine = engine
        }
        if loaded.models.count >= Self.mostLoaded { loaded.models.removeFirst() }
        let model = try make(engine.network(path: path))
        loaded.models.append((key, model))
        return model
    }
}
