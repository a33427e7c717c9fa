import Imaging
import JSON

/// Pictures from words, by the operator's own latent diffusion models.
package struct LocalDiffusion: LocalOperation {
    private let folders: LocalFolders

    package let operation: Operation
    package let models: [EngineModel]
    package let reads: Set = [
        "prompt", "positivePrompt", "negativePrompt", "image", "seedImage", "maskImage", "width", "height",
        "aspect_ratio", "steps", "CFGScale", "strength", "seed", "numberResults",
    ]

    /// - Parameter operation: `.generate`, `.editImage` or `.imageInference`.
    init(_ folders: LocalFolders, _ operation: Operation) {
        self.folders = folders
        self.operation = operation
        models = folders.diffusion.map {
            EngineModel(id: "local:\($0)", title: $0, covers: "makes pictures by your own diffusion model, slowly")
        }
    }

    package func shortcoming(_ model: String) -> String? { folders.shortcoming() }

    package func perform(_ job: EngineJob, _ call: CallContext) throws(StudioError) -> EngineResult {
        guard let id = job.model else { throw StudioError(.internalError, "no model was chosen") }
        let model = try folders.diffusion(LocalFolders.name(id))
        var request = try request(job)
        let count = job.arguments.integer("numberResults") ?? 1
        var items: [EngineItem] = []
        for number in 0..<count {
            let made = try LocalShop.run { () throws(ImagingError) in
                try model.make(request) { (done, all) throws(ImagingError) in
                    try call.imagingStep(number * all + done, of: count * all, "round \(done) of \(all)")
                }
            }
            items.append(
                EngineItem(.pixels(made), members: [JSONMember("seed", .int(Int(clamping: request.seed)))]))
            request.seed &+= 1
        }
        return EngineResult(model: id, items: items)
    }

    private func request(_ job: EngineJob) throws(StudioError) -> DiffusionRequest {
        let arguments = job.arguments
        let isFlux = operation != .imageInference
        let source = operation == .editImage ? "image" : "seedImage"
        let prompt = arguments.text(isFlux ? "prompt" : "positivePrompt") ?? ""
        var request = DiffusionRequest(prompt: prompt == "__BLANK__" ? "" : prompt)
        request.negativePrompt = arguments.text("negativePrompt") ?? ""
        if job.pictures[source] != nil {
            let picture = try job.pixels(source)
            request.picture = picture
            // As large as the picture, to the next multiple of 8, unless the caller says how large.
            request.width = min(max(picture.width / 8 * 8, 8), DiffusionModel.sides.upperBound)
            request.height = min(max(picture.height / 8 * 8, 8), DiffusionModel.sides.upperBound)
            if job.pictures["maskImage"] != nil {
                let grey = try job.pixels("maskImage", as: .gray8)
                request.mask = try LocalShop.run { () throws(ImagingError) in try Mask(grey) }
            }
        }
        if let width = arguments.integer("width"), request.picture == nil || arguments.isGiven("width") {
            request.width = width
        }
        if let height = arguments.integer("height"), request.picture == nil || arguments.isGiven("height") {
            request.height = height
        }
        request.steps = arguments.integer("steps") ?? request.steps
        request.guidance = arguments.number("CFGScale") ?? request.guidance
        request.strength = arguments.number("strength") ?? request.strength
        request.seed = arguments.integer("seed").map { UInt64(bitPattern: Int64($0)) } ?? .random(in: 1...0xFFFF_FFFF)
        return request
    }
}

/// Descriptions of pictures, by the operator's own captioners.
package struct LocalCaptioning: LocalOperation {
    private let folders: LocalFolders

    package let operation = Operation.caption
    package let reads: Set = ["inputImage"]
    package let models: [EngineModel]

    init(_ folders: LocalFolders) {
        self.folders = folders
        models = folders.captioners.map {
            EngineModel(id: "local:\($0)", title: $0, covers: "describes pictures by your own model")
        }
    }

    package func shortcoming(_ model: String) -> String? { folders.shortcoming() }

    package func perform(_ job: EngineJob, _ call: CallContext) throws(StudioError) -> EngineResult {
        guard let id = job.model else { throw StudioError(.internalError, "no model was chosen") }
        let model = try folders.captioner(LocalFolders.name(id))
        let picture = try job.pixels("inputImage")
        try call.step("picture read: \(picture.width)×\(picture.height)")
        let text = try LocalShop.run { () throws(ImagingError) in
            try model.describe(picture) { (words) throws(ImagingError) in try call.imagingStep() }
        }
        var result = EngineResult(
            model: id, items: [EngineItem(.none, members: [JSONMember("text", .string(text))])])
        result.facts = [JSONMember("caption", .string(text))]
        return result
    }
}
