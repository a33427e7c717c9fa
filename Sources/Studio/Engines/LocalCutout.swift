import Imaging

/// `imageBackgroundRemoval` on this machine: people by their silhouettes, anything else by GrabCut, or by the operator's own
/// model.
package struct LocalCutout: LocalOperation {
    private static let either = EngineModel(
        id: "local:foreground", title: "people, else what stands out",
        covers: "cuts out people where there are any, else whatever stands out")
    private static let people = EngineModel(
        id: "local:people", title: "MediaPipe pose segmentation", covers: "cuts out people")
    private static let grabCut = EngineModel(
        id: "local:grabcut", title: "GrabCut", covers: "cuts out what stands out from the picture's edge")
    /// Runware's models, whose files an operator may bring. RMBG 1.4 and the BiRefNets.
    private static let ids =
        ["runware:109@1", "runware:110@1"] + [1, 2, 3, 5, 6, 7, 8, 9, 10].map { "runware:112@\($0)" }

    private let shop: LocalShop
    private let masker: Masker
    private let own: [OwnModels.Entry]

    package let operation = Operation.removeBackground
    package let reads: Set = ["inputImage", "settings"]
    package let models: [EngineModel]

    init(_ shop: LocalShop, masker: Masker) {
        self.shop = shop
        self.masker = masker
        own = shop.own.entries(Self.ids, purpose: "background")
        models =
            own.map { EngineModel(id: $0.id, title: $0.id, covers: "cuts out by your own model") }
            + [Self.either, Self.people, Self.grabCut]
    }

    package func shortcoming(_ model: String) -> String? {
        switch model {
        case Self.grabCut.id: return nil
        case Self.either.id, Self.people.id:
            let missing = masker.missing(.peopleNano) ?? []
            return missing.isEmpty ? nil : LocalShop.text(missing)
        default: return own.first { $0.id == model }.flatMap { shop.shortcoming($0.path) }
        }
    }

    package func substitute(_ model: String) -> String? {
        guard Self.ids.contains(model) else { return nil }
        return model == "runware:112@10" ? Self.people.id : Self.either.id
    }

    package func perform(_ job: EngineJob, _ call: CallContext) throws(StudioError) -> EngineResult {
        guard let model = job.model else { throw StudioError(.internalError, "no model was chosen") }
        let request = try Self.request(job.arguments.object("settings"))
        let picture = try job.pixels("inputImage", as: .rgba8)
        try call.step(1, of: 3, "picture read: \(picture.width)×\(picture.height)")
        let found = try matte(of: picture, model)
        try call.step(2, of: 3, found.matte == nil ? "nothing found" : "found by \(found.method)")
        let matte = found.matte ?? Mask(width: picture.width, height: picture.height)
        let cut = try LocalShop.run { () throws(ImagingError) in try picture.cutOut(matte, request) }
        var result = EngineResult(model: found.method, items: [EngineItem(.pixels(cut))])
        if found.matte == nil {
            result.warnings = ["nothing was found in front of the background, so all of it was removed"]
        }
        return result
    }

    private func matte(
        of picture: PixelImage, _ model: String
    ) throws(StudioError) -> (matte: Mask?, method: String) {
        try LocalShop.run { () throws(ImagingError) in
            switch model {
            case Self.people.id: return (try masker.peopleStandingOut(in: picture), model)
            case Self.grabCut.id: return (try picture.standingOut(), model)
            case Self.either.id:
                if let people = try masker.peopleStandingOut(in: picture) { return (people, Self.people.id) }
                return (try picture.standingOut(), Self.grabCut.id)
            default:
                guard let path = own.first(where: { $0.id == model })?.path else {
                    throw ImagingError(.modelMissing, "the file of \(model) is gone")
                }
                return (try shop.models.matte(picture, with: path, isLessHalf: model == "runware:109@1"), model)
            }
        }
    }

    /// The settings of RemBG, which are ours.
    private static func request(_ settings: ToolArguments?) throws(StudioError) -> CutoutRequest {
        var request = CutoutRequest()
        guard let settings else { return request }
        if let colour = settings.list("rgba") {
            var values: [Double] = []
            for item in colour {
                guard case .number(let value) = item else {
                    throw StudioError(.invalidParameter, parameter: "settings.rgba", "`settings.rgba` is four numbers")
                }
                values.append(value)
            }
            guard values.count == 4 else {
                throw StudioError(.invalidParameter, parameter: "settings.rgba", "`settings.rgba` is four numbers")
            }
            // Alpha is 0...1, or 2...255 for those who write it like a colour.
            let alpha = values[3] <= 1 ? values[3] * 255 : values[3]
            request.background = SIMD4(byte(values[0]), byte(values[1]), byte(values[2]), byte(alpha))
        }
        request.tidiesMask = settings.boolean("postProcessMask") ?? false
        request.givesMask = settings.boolean("returnOnlyMask") ?? false
        request.solvesAlpha = settings.boolean("alphaMatting") ?? false
        request.frontThreshold = byte(Double(settings.integer("alphaMattingForegroundThreshold") ?? 240))
        request.backThreshold = byte(Double(settings.integer("alphaMattingBackgroundThreshold") ?? 10))
        request.erosion = settings.integer("alphaMattingErodeSize") ?? 10
        return request
    }

    private static func byte(_ value: Double) -> UInt8 { UInt8(min(max(value.rounded(), 0), 255)) }
}

extension PixelImage {
    /// Whether any pixel is not wholly opaque.
    var isTransparent: Bool {
        guard layout == .rgba8 else { return false }
        for at in stride(from: 3, to: bytes.count, by: 4) where bytes[at] != 255 { return true }
        return false
    }

    /// Without an alpha that is 255 everywhere.
    var withoutIdleAlpha: PixelImage { layout == .rgba8 && !isTransparent ? converted(to: .rgb8) : self }
}
