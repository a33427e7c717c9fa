import Imaging
import JSON

/// `imageMasking` with the models on this machine.
package struct LocalMasking: LocalOperation {
    /// Paints what a model finds, and says which of its files are missing.
    package typealias Painter = @Sendable (PixelImage, MaskRequest) throws(StudioError) -> MaskResult
    private let paint: Painter
    private let missing: @Sendable (MaskModel) -> [String]

    package let operation = Operation.masking
    package let models = CataloguedMaskModel.all.compactMap { entry in
        entry.local.map { EngineModel(id: $0.rawValue, title: $0.title, covers: entry.covers) }
    }

    /// - Parameters:
    ///   - missing: paths of a model's files that are not there.
    ///   - paint: does the work; blocks.
    package init(missing: @escaping @Sendable (MaskModel) -> [String], paint: @escaping Painter) {
        self.missing = missing
        self.paint = paint
    }

    /// With the models of a folder.
    /// - Parameters:
    ///   - vendor: the folder that `scripts/setup` fills with the library and the models.
    ///   - cache: a folder of ours for compiled models, which spares later starts most of the loading time.
    package init(vendor: String, cache: String?) {
        let masker = FaceMasker(vendor: vendor, cache: cache)
        self.init(missing: { masker.missing($0) }) { picture, request throws(StudioError) in
            do throws(ImagingError) {
                return try masker.mask(picture, request)
            } catch {
                throw StudioError(imaging: error)
            }
        }
    }

    package func shortcoming(_ model: String) -> String? {
        guard let model = MaskModel(rawValue: model) else { return "it is unknown" }
        let paths = missing(model)
        guard !paths.isEmpty else { return nil }
        return
            "missing: \(paths.joined(separator: ", ")); run scripts/setup, or name the folder that holds them with "
            + "--models DIR or SLUICE_VENDOR"
    }

    package func substitute(_ model: String) -> String? {
        CataloguedMaskModel.named(model)?.substitute?.rawValue
    }

    package func perform(_ job: EngineJob, _ call: CallContext) throws(StudioError) -> EngineResult {
        guard let model = job.model.flatMap(MaskModel.init(rawValue:)),
            let confidence = job.arguments.number("confidence"),
            let maxDetections = job.arguments.integer("maxDetections"),
            let padding = job.arguments.integer("maskPadding"), let blur = job.arguments.integer("maskBlur")
        else { throw StudioError(.internalError, "the arguments were not decoded") }
        let picture = try job.pixels("inputImage")
        try call.step(1, of: 3, "picture read: \(picture.width)×\(picture.height)")
        let made = try paint(
            picture,
            MaskRequest(
                model: model, confidence: confidence, maxDetections: maxDetections, padding: padding, blur: blur))
        try call.step(2, of: 3, "\(made.detections.count) found")
        let boxes = made.detections.map { detection -> JSONValue in
            let box = detection.box
            return ["x_min": .int(box.xMin), "y_min": .int(box.yMin), "x_max": .int(box.xMax), "y_max": .int(box.yMax)]
        }
        return EngineResult(
            model: model.rawValue,
            items: [EngineItem(.pixels(made.mask.image), members: [JSONMember("detections", .array(boxes))])])
    }
}
