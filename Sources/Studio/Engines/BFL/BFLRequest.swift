import Base
import Imaging
import JSON

/// What is sent to an endpoint of Black Forest Labs, and what the caller should know about it.
struct BFLRequest: Sendable {
    let endpoint: String
    let body: JSONValue
    var warnings: [String] = []

    /// Builds it. Reads and encodes pictures, so it blocks: worker threads only.
    /// - Parameter map: the control map, where one was made here.
    init(_ job: EngineJob, map: PixelImage?) throws(StudioError) {
        guard let model = job.model, let endpoint = BFLEndpoint.name(model) else {
            throw StudioError(.modelUnavailable, parameter: "model", "\(quoted(job.model ?? "")) is no model of BFL's")
        }
        self.endpoint = endpoint
        let arguments = job.arguments
        var members: [(String, JSONValue)] = [("prompt", .string(arguments.text("prompt") ?? ""))]
        var warnings: [String] = []
        switch job.operation {
        case .editImage:
            try Self.edit(job, endpoint, &members, &warnings)
        case .inpaint:
            let picture = try job.pixels("image", as: .rgb8)
            members.append(("image", .string(try Self.png(picture))))
            members.append(("mask", .string(try Self.png(try Self.mask(job, picture)))))
            members += [("steps", arguments["steps"]?.json ?? 50), ("guidance", arguments["guidance"]?.json ?? 60)]
        case .control:
            let picture: String
            if let map { picture = try Self.png(map) } else { picture = try Self.outgoing("image", job) }
            members.append(("input_image", .string(picture)))
            let type = arguments.text("type") ?? ""
            warnings.append(
                "BFL serves no \(type) model any more, so its map went to \(endpoint) as the picture to follow")
            for name in ["steps", "guidance"] where arguments.isGiven(name) {
                warnings.append("\(endpoint) knows no \(name), so it was left out")
            }
        default:
            try Self.size(job, endpoint, &members, &warnings)
        }
        for name in ["seed", "safety_tolerance", "prompt_upsampling"] where arguments.isGiven(name) {
            if name == "prompt_upsampling", endpoint.hasPrefix("flux-2") {
                warnings.append("\(endpoint) knows no prompt_upsampling, so it was left out")
                continue
            }
            if let value = arguments[name] { members.append((name, value.json)) }
        }
        // WEBP is written here: not every endpoint knows it.
        members.append(("output_format", job.format == .jpeg ? "jpeg" : "png"))
        body = .members(members)
        self.warnings = warnings
    }

    // MARK: Sizes

    /// Text to picture: each endpoint knows sizes in its own way.
    private static func size(
        _ job: EngineJob, _ endpoint: String, _ members: inout [(String, JSONValue)], _ warnings: inout [String]
    ) throws(StudioError) {
        let arguments = job.arguments
        if endpoint == "flux-pro-1.1-ultra" || endpoint.hasPrefix("flux-kontext") {
            if let ratio = arguments.text("aspect_ratio") {
                members.append(("aspect_ratio", .string(ratio)))
            } else if arguments.isGiven("width") || arguments.isGiven("height"),
                let width = arguments.integer("width"), let height = arguments.integer("height")
            {
                members.append(("aspect_ratio", .string(try ratio(width, height))))
                warnings.append("\(endpoint) chooses its own size, so only the form of width and height counts")
            }
            if endpoint == "flux-pro-1.1-ultra", arguments.boolean("raw") == true { members.append(("raw", true)) }
            return
        }
        guard let width = arguments.integer("width"), let height = arguments.integer("height") else { return }
        try fit(width, height, endpoint, &members, &warnings)
    }

    /// SPEC: BFL: 256…1440 in steps of 32 for FLUX.1, steps of 16 up to 4 megapixels for FLUX.2.
    private static func fit(
        _ width: Int, _ height: Int, _ endpoint: String, _ members: inout [(String, JSONValue)],
        _ warnings: inout [String]
    ) throws(StudioError) {
        let (step, limit) = endpoint.hasPrefix("flux-2") ? (16, 2048) : (32, 1440)
        for (name, side) in [("width", width), ("height", height)] {
            guard side <= limit else {
                throw StudioError(
                    .invalidParameter, parameter: name,
                    "`\(name)` is \(side); \(endpoint) makes at most \(limit) pixels")
            }
            let rounded = min(max((side + step / 2) / step * step, 256), limit)
            if rounded != side {
                warnings.append("\(name) was made \(rounded), the nearest multiple of \(step) that \(endpoint) takes")
            }
            members.append((name, .int(rounded)))
        }
    }

    /// `21:9`…`9:21`, in lowest terms.
    private static func ratio(_ width: Int, _ height: Int) throws(StudioError) -> String {
        guard width * 9 <= height * 21, height * 9 <= width * 21 else {
            throw StudioError(
                .invalidParameter, parameter: "width", "the form \(width):\(height) is not between 21:9 and 9:21")
        }
        var (a, b) = (width, height)
        while b != 0 { (a, b) = (b, a % b) }
        return "\(width / max(a, 1)):\(height / max(a, 1))"
    }

    // MARK: Pictures

    private static func edit(
        _ job: EngineJob, _ endpoint: String, _ members: inout [(String, JSONValue)], _ warnings: inout [String]
    ) throws(StudioError) {
        let arguments = job.arguments
        let picture = JSONValue.string(try outgoing("image", job))
        let hasStrength = arguments.isGiven("strength")
        if endpoint.hasPrefix("flux-kontext") || endpoint.hasPrefix("flux-2") {
            members.append(("input_image", picture))
            if hasStrength { warnings.append("\(endpoint) edits as the prompt says and knows no strength") }
            if let width = arguments.integer("width"), let height = arguments.integer("height") {
                if endpoint.hasPrefix("flux-2") {
                    try fit(width, height, endpoint, &members, &warnings)
                } else {
                    members.append(("aspect_ratio", .string(try ratio(width, height))))
                }
            }
            return
        }
        members.append(("image_prompt", picture))
        if endpoint == "flux-pro-1.1-ultra" {
            let strength = arguments.number("strength") ?? 0.85
            members.append(("image_prompt_strength", .real(((1 - strength) * 1000).rounded() / 1000)))
            if let width = arguments.integer("width"), let height = arguments.integer("height") {
                members.append(("aspect_ratio", .string(try ratio(width, height))))
            }
            return
        }
        if hasStrength {
            warnings.append("\(endpoint) takes the picture as a hint and knows no strength; flux.1.1-ultra does")
        }
        if let width = arguments.integer("width"), let height = arguments.integer("height") {
            try fit(width, height, endpoint, &members, &warnings)
        } else if case .stored(let image)? = job.pictures["image"] {
            // The source's own form, as large as the endpoint makes it.
            let scale = min(1, 1440 / Double(max(image.width, image.height)))
            for (name, side) in [("width", image.width), ("height", image.height)] {
                let wanted = Int((Double(side) * scale).rounded())
                members.append((name, .int(min(max((wanted + 16) / 32 * 32, 256), 1440))))
            }
        }
    }

    /// A given mask, or the region that was named.
    private static func mask(_ job: EngineJob, _ picture: PixelImage) throws(StudioError) -> PixelImage {
        guard job.pictures["mask"] != nil else {
            return try RegionMask.draw(
                shape: job.arguments.text("mask_shape") ?? "circle",
                position: job.arguments.text("position") ?? "center", width: picture.width, height: picture.height)
        }
        let mask = try job.pixels("mask", as: .gray8)
        guard mask.width == picture.width, mask.height == picture.height else {
            throw StudioError(
                .invalidParameter, parameter: "mask",
                "the mask has \(mask.width)×\(mask.height) pixels; it must be as large as the picture, \(picture.width)×\(picture.height)"
            )
        }
        return mask
    }

    private static func png(_ picture: PixelImage) throws(StudioError) -> String {
        do throws(ImagingError) {
            return Base64.encode(try picture.encode(.png))
        } catch {
            throw StudioError(imaging: error)
        }
    }

    private static func outgoing(_ name: String, _ job: EngineJob) throws(StudioError) -> String {
        Base64.encode(try RemotePictures.outgoing(try job.file(name), limits: job.limits).file)
    }
}
