import Glibc
import Synchronization

/// Finds faces, parts of them, hands or people and returns one mask. Share one per process: it locks inside and runs one
/// inference at a time; drawing happens outside the lock. Every call blocks its thread for milliseconds, so keep it off
/// event loops.
package final class Masker: Sendable {
    private let vendor: String
    private let threads: Int
    private let cache: String?
    private let own: [MaskModel: String]
    private let loaded = Mutex(Loaded())

    /// What was loaded so far. Each part is loaded when it is first needed.
    private struct Loaded {
        var engine: InferenceEngine?
        var detectors: [Detector.Kind: Detector] = [:]
        var mesh: FaceMesh?
        var hands: HandLandmarks?
        var people: PersonSegmenter?
        var own: [MaskModel: YOLODetector] = [:]
    }

    /// Touches nothing yet: the library and the models are opened when they are first needed.
    ///
    /// - Parameters:
    ///   - vendor: the folder that scripts/setup fills.
    ///   - threads: processor threads a model may use at most, 1...64; small ones use one.
    ///   - cache: a folder for compiled models, which makes later starts faster; nil keeps none.
    ///   - own: paths of the user's own models in YOLOv8's layout; each takes the place of what finds the same here.
    package init(vendor: String, threads: Int = 2, cache: String? = nil, own: [MaskModel: String] = [:]) {
        self.vendor = vendor
        self.threads = threads
        self.cache = cache
        self.own = own
    }

    /// Loads and compiles what a model needs, so that the first request need not wait for it.
    ///
    /// Throws `.libraryMissing`, `.libraryBroken`, `.modelMissing`, `.modelBroken`.
    package func prepare(_ model: MaskModel) throws(ImagingError) {
        try loaded.withLock { loaded throws(ImagingError) in
            if own[model] != nil {
                _ = try yolo(model, &loaded)
                return
            }
            switch model.kind {
            case nil: throw Self.notHere(model)
            case .boxes(let kind): _ = try detector(kind, &loaded)
            case .hulls:
                _ = try detector(.shortFace, &loaded)
                _ = try mesh(&loaded)
            case .palms:
                _ = try detector(.palm, &loaded)
                _ = try hands(&loaded)
            case .people:
                _ = try detector(.pose, &loaded)
                _ = try people(&loaded)
            }
        }
    }

    /// The paths of the files that a model needs and that are not there or can't be read; nothing is loaded for it. Nil
    /// when the model is one that only the user can bring, and did not.
    package func missing(_ model: MaskModel) -> [String]? {
        let files: [String]
        if let path = own[model] {
            files = [path]
        } else {
            let names: [String]
            switch model.kind {
            case nil: return nil
            case .boxes(let kind): names = [kind.file]
            case .hulls: names = [Detector.Kind.shortFace.file, FaceMesh.file]
            case .palms: names = [Detector.Kind.palm.file, HandLandmarks.file]
            case .people: names = [Detector.Kind.pose.file, PersonSegmenter.file]
            }
            files = names.map { "\(InferenceEngine.models(in: vendor))/\($0)" }
        }
        return ([InferenceEngine.library(in: vendor)] + files).filter { access($0, R_OK) != 0 }
    }

    /// What finds things for this model: the name of the user's own file, or of what is built in.
    package func method(_ model: MaskModel) -> String? {
        if let path = own[model] { return path.split(separator: "/").last.map(String.init) }
        return model.builtIn
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

    /// How likely each pixel shows a person, 0...255, with the coarseness of the model in pixels of the picture; nil when
    /// no person is found.
    func people(
        in picture: PixelImage, confidence: Double = 0.5, most: Int = 20
    ) throws(ImagingError) -> (alpha: Mask, grain: Double)? {
        let found = try loaded.withLock { loaded throws(ImagingError) in
            try silhouettes(in: picture, confidence: Float(confidence), most: most, &loaded)
        }
        guard !found.isEmpty else { return nil }
        var alpha = Mask(width: picture.width, height: picture.height)
        var grain = 0.0
        for person in found {
            try alpha.merge(person.patch.values, x: person.patch.box.xMin, y: person.patch.box.yMin)
            grain = max(grain, Double(PersonSegmenter.region(for: person.sighting).side) / 256)
        }
        return (alpha, grain)
    }

    private func find(
        in picture: PixelImage, _ request: MaskRequest, _ loaded: inout Loaded
    ) throws(ImagingError) -> [ScoredShape] {
        let confidence = Float(request.confidence)
        if own[request.model] != nil {
            return try yolo(request.model, &loaded)
                .shapes(in: picture, confidence: confidence, most: request.maxDetections)
        }
        switch request.model.kind {
        case nil: throw Self.notHere(request.model)
        case .boxes(let kind):
            let faces = try detector(kind, &loaded)
                .sightings(
                    in: picture, confidence: max(confidence, kind.floor), most: request.maxDetections,
                    steady: kind.floor)
            return faces.map { ScoredShape(shape: .box(PixelBox(from: $0.low, to: $0.high)), score: Double($0.score)) }
        case .hulls(let groups):
            let faces = try detector(.shortFace, &loaded)
                .sightings(in: picture, confidence: confidence, most: request.maxDetections)
            let mesh = try mesh(&loaded)
            var shapes: [ScoredShape] = []
            for face in Detector.apart(faces, by: FaceMesh.region) {
                guard let points = try mesh.landmarks(of: face, in: picture) else { continue }
                let hulls = groups.map { group in group.indices.map { points[$0] } }
                shapes.append(ScoredShape(shape: .hulls(hulls), score: Double(face.score)))
            }
            return shapes
        case .palms:
            let palms = try detector(.palm, &loaded)
                .sightings(in: picture, confidence: confidence, most: request.maxDetections)
            let hands = try hands(&loaded)
            var shapes: [ScoredShape] = []
            for palm in Detector.apart(palms, by: HandLandmarks.region) {
                guard let points = try hands.landmarks(of: palm, in: picture) else { continue }
                shapes.append(ScoredShape(shape: .box(HandLandmarks.box(around: points)), score: Double(palm.score)))
            }
            return shapes
        case .people:
            return try silhouettes(in: picture, confidence: confidence, most: request.maxDetections, &loaded)
                .map { ScoredShape(shape: .silhouette($0.patch), score: Double($0.sighting.score)) }
        }
    }

    /// People side by side share much of their surroundings, so it is the silhouettes that tell two sightings of one
    /// person from two people.
    private func silhouettes(
        in picture: PixelImage, confidence: Float, most: Int, _ loaded: inout Loaded
    ) throws(ImagingError) -> [(sighting: Sighting, patch: Patch)] {
        let sightings = try detector(.pose, &loaded).sightings(in: picture, confidence: confidence, most: most)
        let segmenter = try people(&loaded)
        var found: [(sighting: Sighting, patch: Patch)] = []
        for sighting in sightings {
            guard let patch = try segmenter.silhouette(of: sighting, in: picture) else { continue }
            guard found.allSatisfy({ $0.patch.overlap(patch) <= 0.7 }) else { continue }
            found.append((sighting, patch))
        }
        return found
    }

    // MARK: Loading

    private static func notHere(_ model: MaskModel) -> ImagingError {
        let other = model.substitute.map { "; \($0.rawValue) covers the same and is here" } ?? ""
        return ImagingError(.modelMissing, "\(model.rawValue) (\(model.title)) needs a model file of your own\(other)")
    }

    private func engine(_ loaded: inout Loaded) throws(ImagingError) -> InferenceEngine {
        if let engine = loaded.engine { return engine }
        let engine = try InferenceEngine(vendor: vendor, threads: threads, cache: cache)
        loaded.engine = engine
        return engine
    }

    /// A part of what is loaded; loads it when it is first needed.
    private func part<Part>(
        _ place: WritableKeyPath<Loaded, Part?>, _ loaded: inout Loaded,
        _ load: (InferenceEngine) throws(ImagingError) -> Part
    ) throws(ImagingError) -> Part {
        if let ready = loaded[keyPath: place] { return ready }
        let part = try load(engine(&loaded))
        loaded[keyPath: place] = part
        return part
    }

    private func detector(_ kind: Detector.Kind, _ loaded: inout Loaded) throws(ImagingError) -> Detector {
        try part(\.detectors[kind], &loaded) { engine throws(ImagingError) in try Detector(engine, kind) }
    }

    private func mesh(_ loaded: inout Loaded) throws(ImagingError) -> FaceMesh {
        try part(\.mesh, &loaded, FaceMesh.init)
    }

    private func hands(_ loaded: inout Loaded) throws(ImagingError) -> HandLandmarks {
        try part(\.hands, &loaded, HandLandmarks.init)
    }

    private func people(_ loaded: inout Loaded) throws(ImagingError) -> PersonSegmenter {
        try part(\.people, &loaded, PersonSegmenter.init)
    }

    private func yolo(_ model: MaskModel, _ loaded: inout Loaded) throws(ImagingError) -> YOLODetector {
        guard let path = own[model] else { throw Self.notHere(model) }
        return try part(\.own[model], &loaded) { engine throws(ImagingError) in
            try YOLODetector(engine.network(path: path))
        }
    }
}
