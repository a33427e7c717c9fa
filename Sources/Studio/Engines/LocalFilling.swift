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
    package let reads: Set = ["image", "mask", "mask_shape", "position", "seedImage", "maskImage"]
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
        if operation == .imageInference, job.pictures[maskName] == nil {
            throw StudioError(
                .missingParameter, parameter: maskName,
                "`\(maskName)` is required: white where something is taken away")
        }
        let white = try job.mask(maskName, of: picture)
        let mask = try LocalShop.run { () throws(ImagingError) in try Mask(white) }
        try call.step(1, of: 2, "picture read: \(picture.width)×\(picture.height)")
        let path = own.first { $0.id == model }?.path
        let filled = try LocalShop.run { () throws(ImagingError) in
            if let path { return try shop.models.fill(picture, mask, with: path) }
            return try picture.filled(mask, by: Self.methods.first { $0.model.id == model }?.method ?? .telea)
        }
        return EngineResult(model: model, items: [EngineItem(.pixels(filled.withoutIdleAlpha))])
    }
}
