import Imaging

/// `imageUpscale` on this machine: by the operator's super-resolution models, else by Lanczos' window.
package struct LocalUpscaling: LocalOperation {
    private static let lanczos = EngineModel(
        id: "local:lanczos", title: "Lanczos", covers: "enlarges without inventing detail")
    /// Runware's upscalers, whose files an operator may bring.
    private static let ids = (500...504).map { "runware:\($0)@1" }

    private let shop: LocalShop
    private let own: [OwnModels.Entry]

    package let operation = Operation.upscale
    package let reads: Set = ["inputImage", "upscaleFactor"]
    package let models: [EngineModel]

    init(_ shop: LocalShop) {
        self.shop = shop
        own = shop.own.entries(Self.ids, purpose: "upscale")
        models =
            own.map { EngineModel(id: $0.id, title: $0.id, covers: "super-resolution by your own model") }
            + [Self.lanczos]
    }

    package func shortcoming(_ model: String) -> String? {
        own.first { $0.id == model }.flatMap { shop.shortcoming($0.path) }
    }

    package func substitute(_ model: String) -> String? {
        Self.ids.contains(model) ? Self.lanczos.id : nil
    }

    package func perform(_ job: EngineJob, _ call: CallContext) throws(StudioError) -> EngineResult {
        guard let model = job.model, let factor = job.arguments.integer("upscaleFactor") else {
            throw StudioError(.internalError, "the arguments were not decoded")
        }
        let picture = try job.pixels("inputImage", as: .rgba8)
        try call.step("picture read: \(picture.width)×\(picture.height)")
        let path = own.first { $0.id == model }?.path
        let large = try LocalShop.run { () throws(ImagingError) in
            guard let path else { return try picture.enlarged(by: factor) }
            return try shop.models.enlarge(picture, by: factor, with: path) { (done, all) throws(ImagingError) in
                try call.imagingStep(done, of: all, "part \(done) of \(all) enlarged")
            }
        }
        var result = EngineResult(model: model, items: [EngineItem(.pixels(large.withoutIdleAlpha))])
        if picture.width * factor > large.width {
            result.warnings = [
                "the result may have \(PixelImage.mostEnlarged) pixels a side at most, so the picture was made smaller first"
            ]
        }
        return result
    }
}
