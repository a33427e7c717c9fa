import Imaging

/// The control map of `control` with type `canny`: a picture's edges.
package struct LocalEdges: LocalOperation {
    package let operation: Operation
    package let reads: Set = ["type", "image", "preprocessed", "canny_low_threshold", "canny_high_threshold"]
    package let models = [
        EngineModel(id: "local:canny", title: "Canny", covers: "the picture's edges, white on black")
    ]

    /// - Parameter operation: `.controlMap`, or `.control` for a result that is the map itself.
    init(_ operation: Operation) {
        self.operation = operation
    }

    package func shortcoming(_ model: String) -> String? { nil }

    package func perform(_ job: EngineJob, _ call: CallContext) throws(StudioError) -> EngineResult {
        if let type = job.arguments.text("type"), type != "canny" {
            throw StudioError(
                .modelUnavailable, parameter: "type", "local:canny finds edges only; for \(type) name another model")
        }
        if job.arguments.boolean("preprocessed") == true {
            var result = EngineResult(
                model: "local:canny", items: [EngineItem(.pixels(try job.pixels("image", as: .gray8)))])
            result.warnings = ["the picture is a finished map by your word, so it comes back as it is"]
            return result
        }
        let low = job.arguments.integer("canny_low_threshold") ?? 100
        let high = job.arguments.integer("canny_high_threshold") ?? 200
        let picture = try job.pixels("image", as: .gray8)
        try call.step("picture read: \(picture.width)×\(picture.height)")
        let edges = try LocalShop.run { () throws(ImagingError) in
            try picture.edges(low: Double(low), high: Double(high))
        }
        return EngineResult(model: "local:canny", items: [EngineItem(.pixels(edges))])
    }
}
