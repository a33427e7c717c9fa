import Imaging
import JSON

/// `imageMasking` with the models on this machine.
package struct LocalMasking: LocalOperation {
    /// Paints what a model finds, and says which of its files are missing.
    package typealias Painter = @Sendable (PixelImage, MaskRequest) throws(StudioError) -> MaskResult
    private let paint: Painter
    private let missing: @Sendable (MaskModel) -> [String]
    private let own: OwnModels?

    package let operation = Operation.masking
    package let reads: Set = ["inputImage", "confidence", "maxDetections", "maskPadding", "maskBlur"]
    package let models = MaskModel.allCases.map { EngineModel(id: $0.rawValue, title: $0.title, covers: $0.summary) }

    /// - Parameters:
    ///   - missing: paths of a model's files that are not there.
    ///   - own: where the operator's models are; nil: there are none.
    ///   - paint: does the work; blocks.
    package init(
        missing: @escaping @Sendable (MaskModel) -> [String], own: OwnModels? = nil, paint: @escaping Painter
    ) {
        self.missing = missing
        self.own = own
        self.paint = paint
    }

    /// With the models that a masker finds things by.
    init(_ masker: Masker, own: OwnModels) {
        self.init(missing: { masker.missing($0) ?? [] }, own: own) { picture, request throws(StudioError) in
            try LocalShop.run { () throws(ImagingError) in try masker.mask(picture, request) }
        }
    }

    package func shortcoming(_ model: String) -> String? {
        guard let model = MaskModel(rawValue: model) else { return "it is unknown" }
        if model.builtIn == nil, own?.has(model.rawValue) != true {
            let place = own == nil ? "" : ", own/\(OwnModels.name(model.rawValue)) in the models' folder"
            return "it needs a file of your own\(place), in the layout that YOLOv8 exports to ONNX"
        }
        let paths = missing(model)
        return paths.isEmpty ? nil : LocalShop.text(paths)
    }

    package func substitute(_ model: String) -> String? {
        MaskModel(rawValue: model)?.substitute?.rawValue
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
        var result = EngineResult(
            model: model.rawValue,
            items: [EngineItem(.pixels(made.mask.image), members: [JSONMember("detections", .array(boxes))])])
        // Hands and people have YOLO's ids and are found by other models: never silently.
        if let method = model.builtIn, method != model.title, own?.has(model.rawValue) != true {
            result.message = "Found by \(method), which runs here in place of \(model.title)."
        }
        return result
    }
}
