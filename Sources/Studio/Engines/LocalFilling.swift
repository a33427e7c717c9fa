import Imaging

/// `inpaint`, and `imageInference` with a mask and without a prompt, on this machine: takes away what the mask shows, by a
/// method that continues what surrounds it or by the operator's own model.
package struct LocalFilling: LocalOperation {
    private static let methods: [(model: EngineModel, method: FillMethod)] = [
        (EngineModel(id: "local:telea", title: "Telea", covers: "takes small things away (fast marching)"), .telea),
        (
            EngineModel(
                id: "local:navier-stokes", title: "Navier-Stokes", covers: "takes scratches away, continues lines"),
            .navierStokes
        ),
    ]

    private let shop: LocalShop
    private let own: [OwnModels.Entry]

    package let operation: Operation
    package let models: [EngineModel]

    /// - Parameter operation: `.inpaint` or `.imageInference`.
    init(_ shop: LocalShop, _ operation: Operation) {
        self.shop = shop
        self.operation = operation
        own = shop.own.entries([], purpose: "inpaint")
        models =
            own.map { EngineModel(id: $0.id, title: $0.id, covers: "takes things away by your own model") }
            + Self.methods.map(\.model)
    }

    package func shortcoming(_ model: String) -> String? {
        own.first { $0.id == model }.flatMap { shop.shortcoming($0.path) }
    }

    package func perform(_ job: EngineJob, _ call: CallContext) throws(StudioError) -> EngineResult {
        guard let model = job.model else { throw StudioError(.internalError, "no model was chosen") }
        let (source, maskName) = operation == .inpaint ? ("image", "mask") : ("seedImage", "maskImage")
        guard job.pictures[source] != nil else {
            throw StudioError(
                .missingParameter, parameter: source,
                "`\(source)` is required: \(model) changes pictures and makes none")
        }
        let picture = try job.pixels(source, as: .rgba8)
        let mask = try mask(job, maskName, for: picture)
        try call.step(1, of: 2, "picture read: \(picture.width)×\(picture.height)")
        let path = own.first { $0.id == model }?.path
        let filled = try LocalShop.run { () throws(ImagingError) in
            if let path { return try shop.models.fill(picture, mask, with: path) }
            return try picture.filled(mask, by: Self.methods.first { $0.model.id == model }?.method ?? .telea)
        }
        var result = EngineResult(model: model, items: [EngineItem(.pixels(filled.withoutIdleAlpha))])
        if let prompt = job.arguments.text(operation == .inpaint ? "prompt" : "positivePrompt"),
            prompt != "__BLANK__", prompt.utf8.contains(where: { $0 > 0x20 })
        {
            result.warnings = ["\(model) takes away what the mask shows and reads no prompt"]
        }
        return result
    }

    private func mask(_ job: EngineJob, _ name: String, for picture: PixelImage) throws(StudioError) -> Mask {
        guard job.pictures[name] != nil else {
            guard operation == .inpaint else {
                throw StudioError(
                    .missingParameter, parameter: name, "`\(name)` is required: white where something is taken away")
            }
            let region = try RegionMask.draw(
                shape: job.arguments.text("mask_shape") ?? "circle",
                position: job.arguments.text("position") ?? "center", width: picture.width, height: picture.height)
            return try LocalShop.run { () throws(ImagingError) in try Mask(region) }
        }
        let grey = try job.pixels(name, as: .gray8)
        guard grey.width == picture.width, grey.height == picture.height else {
            throw StudioError(
                .invalidParameter, parameter: name,
                "`\(name)` is \(grey.width)×\(grey.height); it must have the picture's size, \(picture.width)×\(picture.height)"
            )
        }
        return try LocalShop.run { () throws(ImagingError) in try Mask(grey) }
    }
}
