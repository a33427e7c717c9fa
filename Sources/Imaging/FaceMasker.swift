import Glibc
import Synchronization

/// What to mask and how. Defaults are Runware's.
package struct MaskRequest: Sendable, Equatable {
    /// Which model.
    package var model: MaskModel
    /// Least score of a detection, 0...1. For boxes MediaPipe has a floor of its own, 0.5 (short range) and 0.6 (full
    /// range); smaller values do the same as these.
    package var confidence: Double
    /// Most detections that are kept, the best ones, 1...20.
    package var maxDetections: Int
    /// Pixels by which each detection grows to every side; negative shrinks. -200...200.
    package var padding: Int
    /// Pixels by which the mask reaches out with a linear fade, 0...200.
    package var blur: Int

    /// Makes a request; values left out are Runware's defaults.
    package init(
        model: MaskModel, confidence: Double = 0.25, maxDetections: Int = 6, padding: Int = 4, blur: Int = 4
    ) {
        self.model = model
        self.confidence = confidence
        self.maxDetections = maxDetections
        self.padding = padding
        self.blur = blur
    }

    /// Scores that `confidence` may have.
    package static let confidenceRange = 0.0...1.0
    /// What `maxDetections` may be.
    package static let maxDetectionsRange = 1...20
    /// What `padding` may be, in pixels.
    package static let paddingRange = -200...200
    /// What `blur` may be, in pixels.
    package static let blurRange = 0...200

    func check() throws(ImagingError) {
        func refuse(_ name: String, _ range: String, _ value: some CustomStringConvertible) -> ImagingError {
            ImagingError(.invalidArgument, "\(name) must lie in \(range), not \(value)")
        }
        guard Self.confidenceRange.contains(confidence) else { throw refuse("confidence", "0...1", confidence) }
        guard Self.maxDetectionsRange.contains(maxDetections) else {
            throw refuse("maxDetections", "1...20", maxDetections)
        }
        guard Self.paddingRange.contains(padding) else { throw refuse("maskPadding", "-200...200", padding) }
        guard Self.blurRange.contains(blur) else { throw refuse("maskBlur", "0...200", blur) }
    }
}

/// One thing that was found.
package struct Detection: Sendable, Hashable {
    /// Where, in pixels of the picture and inside it: the box itself, or how far the shape reached before padding.
    package let box: PixelBox
    /// How sure the detector was, 0...1.
    package let score: Double

    /// Makes a detection.
    package init(box: PixelBox, score: Double) {
        self.box = box
        self.score = score
    }
}

/// A mask of the picture's size with what it is made of.
package struct MaskResult: Sendable, Equatable {
    /// All black when nothing was found.
    package let mask: Mask
    /// Best first; empty when nothing was found.
    package let detections: [Detection]

    /// Makes a result.
    package init(mask: Mask, detections: [Detection]) {
        self.mask = mask
        self.detections = detections
    }
}

/// Finds faces or parts of them and returns one mask. Share one per process: it locks inside and runs one inference at a
/// time; drawing happens outside the lock. Every call blocks its thread for milliseconds, so keep it off event loops.
package final class FaceMasker: Sendable {
    private let vendor: String
    private let threads: Int
    private let cache: String?
    private let loaded = Mutex(Loaded())

    /// What was loaded so far. Each part is loaded when it is first needed.
    private struct Loaded {
        var engine: InferenceEngine?
        var short: FaceDetector?
        var full: FaceDetector?
        var mesh: FaceMesh?
    }

    /// Touches nothing yet: the library and the models are opened when they are first needed.
    ///
    /// - Parameters:
    ///   - vendor: the folder that scripts/setup fills.
    ///   - threads: processor threads a model may use, 1...64. COST: the models are so small that a second thread gains
    ///     less than it costs.
    ///   - cache: a folder for compiled models, which makes later starts faster; nil keeps none.
    package init(vendor: String, threads: Int = 1, cache: String? = nil) {
        self.vendor = vendor
        self.threads = threads
        self.cache = cache
    }

    /// Loads and compiles what a model needs, so that the first request need not wait for it.
    ///
    /// Throws `.libraryMissing`, `.libraryBroken`, `.modelMissing`, `.modelBroken`.
    package func prepare(_ model: MaskModel) throws(ImagingError) {
        try loaded.withLock { loaded throws(ImagingError) in
            switch model.kind {
            case .boxes(let range):
                _ = try detector(range, &loaded)
            case .hulls:
                _ = try detector(.short, &loaded)
                _ = try mesh(&loaded)
            }
        }
    }

    /// The paths of the files that a model needs and that are not there or can't be read; nothing is loaded for it.
    package func missing(_ model: MaskModel) -> [String] {
        let files =
            switch model.kind {
            case .boxes(let range): [range.file]
            case .hulls: [FaceDetector.Range.short.file, FaceMesh.file]
            }
        let needed =
            [InferenceEngine.library(in: vendor)] + files.map { "\(InferenceEngine.models(in: vendor))/\($0)" }
        return needed.filter { access($0, R_OK) != 0 }
    }

    /// Masks a picture.
    ///
    /// Throws `.invalidArgument` for values outside their ranges, what `prepare` throws, `.inferenceFailed`,
    /// `.outOfMemory`.
    package func mask(_ picture: PixelImage, _ request: MaskRequest) throws(ImagingError) -> MaskResult {
        try request.check()
        let colour = picture.layout == .gray8 ? picture.converted(to: .rgb8) : picture
        let shapes = try loaded.withLock { loaded throws(ImagingError) in
            try find(in: colour, request, &loaded)
        }
        let builder = MaskBuilder(
            width: picture.width, height: picture.height, padding: request.padding, blur: request.blur)
        return try builder.build(shapes)
    }

    private func find(
        in picture: PixelImage, _ request: MaskRequest, _ loaded: inout Loaded
    ) throws(ImagingError) -> [ScoredShape] {
        let confidence = Float(request.confidence)
        switch request.model.kind {
        case .boxes(let range):
            let faces = try detector(range, &loaded)
                .faces(in: picture, confidence: max(confidence, range.floor), most: request.maxDetections)
            return faces.map { ScoredShape(shape: .box(PixelBox(from: $0.low, to: $0.high)), score: Double($0.score)) }
        case .hulls(let groups):
            let faces = try detector(.short, &loaded)
                .faces(in: picture, confidence: confidence, most: request.maxDetections)
            let mesh = try mesh(&loaded)
            var shapes: [ScoredShape] = []
            for face in Self.apart(faces) {
                guard let points = try mesh.landmarks(of: face, in: picture) else { continue }
                let hulls = groups.map { group in group.indices.map { points[$0] } }
                shapes.append(ScoredShape(shape: .hulls(hulls), score: Double(face.score)))
            }
            return shapes
        }
    }

    /// Without faces whose surroundings are mostly those of a better one. SPEC: AssociationNormRectCalculator with
    /// min_similarity_threshold 0.5.
    private static func apart(_ faces: [Face]) -> [Face] {
        func surroundings(_ face: Face) -> Face {
            let region = FaceMesh.region(for: face)
            return Face(
                score: face.score, low: region.center - region.side / 2, high: region.center + region.side / 2,
                keypoints: [])
        }
        var kept: [Face] = []
        for face in faces
        where !kept.contains(where: { FaceDetector.overlap(surroundings($0), surroundings(face)) > 0.5 }) {
            kept.append(face)
        }
        return kept
    }

    private func engine(_ loaded: inout Loaded) throws(ImagingError) -> InferenceEngine {
        if let engine = loaded.engine { return engine }
        let engine = try InferenceEngine(vendor: vendor, threads: threads, cache: cache)
        loaded.engine = engine
        return engine
    }

    private func detector(_ range: FaceDetector.Range, _ loaded: inout Loaded) throws(ImagingError) -> FaceDetector {
        if let ready = range == .short ? loaded.short : loaded.full { return ready }
        let detector = try FaceDetector(engine(&loaded), range)
        switch range {
        case .short: loaded.short = detector
        case .full: loaded.full = detector
        }
        return detector
    }

    private func mesh(_ loaded: inout Loaded) throws(ImagingError) -> FaceMesh {
        if let ready = loaded.mesh { return ready }
        let mesh = try FaceMesh(engine(&loaded))
        loaded.mesh = mesh
        return mesh
    }
}
