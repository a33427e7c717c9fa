import Base
import Imaging
import JSON

/// What is sent to an endpoint of Black Forest Labs, and what the caller should know about it.
struct BFLRequest: Sendable {
    let endpoint: String
    /// Things to know about the result, arguments without effect among them.
    private(set) var warnings: [String] = []
    private let job: EngineJob
    private var members: [(String, JSONValue)] = []
    /// The arguments that were read.
    private var read: Set = ["prompt"]

    /// As it is sent.
    var body: JSONValue { .members(members) }

    /// Builds it. Reads and encodes pictures, so it blocks: worker threads only.
    /// - Parameter map: the control map, where one was made here.
    init(_ job: EngineJob, map: PixelImage?) throws(StudioError) {
        guard let model = job.model, let endpoint = BFLEndpoint.name(model) else {
            throw StudioError(.modelUnavailable, parameter: "model", "\(quoted(job.model ?? "")) is no model of BFL's")
        }
        self.endpoint = endpoint
        self.job = job
        members.append(("prompt", .string(job.arguments.text("prompt") ?? "")))
        switch job.operation {
        case .editImage: try edit()
        case .inpaint: try repaint()
        case .control: try follow(map)
        default: try size()
        }
        for name in ["seed", "safety_tolerance", "prompt_upsampling"] where job.arguments.isGiven(name) {
            if name == "prompt_upsampling", endpoint.hasPrefix("flux-2") { continue }
            read.insert(name)
            if let value = job.arguments[name] { members.append((name, value.json)) }
        }
        // WEBP is written here: not every endpoint knows it.
        members.append(("output_format", job.format == .jpeg ? "jpeg" : "png"))
        if let warning = job.arguments.unusedWarning(endpoint, reads: read) { warnings.append(warning) }
    }

    // MARK: Sizes

    /// Both sides, if both are known; they are read then.
    private mutating func sides() -> (width: Int, height: Int)? {
        guard let width = job.arguments.integer("width"), let height = job.arguments.integer("height") else {
            return nil
        }
        read.formUnion(["width", "height"])
        return (width, height)
    }

    /// Text to picture: each endpoint knows sizes in its own way.
    private mutating func size() throws(StudioError) {
        let arguments = job.arguments
        let sides = sides()
        read.insert("aspect_ratio")
        guard endpoint == "flux-pro-1.1-ultra" || endpoint.hasPrefix("flux-kontext") else {
            if let sides { try fit(sides.width, sides.height) }
            return
        }
        if let ratio = arguments.text("aspect_ratio") {
            members.append(("aspect_ratio", .string(ratio)))
        } else if let sides, arguments.isGiven("width") || arguments.isGiven("height") {
            members.append(("aspect_ratio", .string(try Self.ratio(sides.width, sides.height))))
            warnings.append("\(endpoint) chooses its own size, so only the form of width and height counts")
        }
        if endpoint == "flux-pro-1.1-ultra" {
            read.insert("raw")
            if arguments.boolean("raw") == true { members.append(("raw", true)) }
        }
    }

    /// SPEC: BFL: 256…1440 in steps of 32 for FLUX.1, steps of 16 up to 4 megapixels for FLUX.2.
    private mutating func fit(_ width: Int, _ height: Int) throws(StudioError) {
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

    /// Picture and text to picture.
    private mutating func edit() throws(StudioError) {
        read.insert("image")
        let picture = JSONValue.string(try outgoing("image"))
        let sides = sides()
        if endpoint.hasPrefix("flux-kontext") || endpoint.hasPrefix("flux-2") {
            members.append(("input_image", picture))
            if let sides, endpoint.hasPrefix("flux-2") {
                try fit(sides.width, sides.height)
            } else if let sides {
                members.append(("aspect_ratio", .string(try Self.ratio(sides.width, sides.height))))
            }
            return
        }
        members.append(("image_prompt", picture))
        if endpoint == "flux-pro-1.1-ultra" {
            read.insert("strength")
            let strength = job.arguments.number("strength") ?? 0.85
            members.append(("image_prompt_strength", .real(((1 - strength) * 1000).rounded() / 1000)))
            if let sides { members.append(("aspect_ratio", .string(try Self.ratio(sides.width, sides.height)))) }
        } else if let sides {
            try fit(sides.width, sides.height)
        } else if case .stored(let image)? = job.pictures["image"] {
            // The source's own form, as large as the endpoint makes it.
            let scale = min(1, 1440 / Double(max(image.width, image.height)))
            for (name, side) in [("width", image.width), ("height", image.height)] {
                let wanted = Int((Double(side) * scale).rounded())
                members.append((name, .int(min(max((wanted + 16) / 32 * 32, 256), 1440))))
            }
        }
    }

    private mutating func repaint() throws(StudioError) {
        read.formUnion(["image", "mask", "mask_shape", "position", "steps", "guidance"])
        let picture = try job.pixels("image", as: .rgb8)
        members.append(("image", .string(try Self.png(picture))))
        members.append(("mask", .string(try Self.png(try job.mask("mask", of: picture)))))
        members += [
            ("steps", job.arguments["steps"]?.json ?? 50), ("guidance", job.arguments["guidance"]?.json ?? 60),
        ]
    }

    /// A picture that follows the structure of another.
    private mutating func follow(_ map: PixelImage?) throws(StudioError) {
        read.formUnion(["type", "image", "preprocessed"])
        let picture: String
        if let map {
            read.formUnion(["canny_low_threshold", "canny_high_threshold"])
            picture = try Self.png(map)
        } else {
            picture = try outgoing("image")
        }
        members.append(("input_image", .string(picture)))
        warnings.append(
            "BFL serves no \(job.arguments.text("type") ?? "") model any more, so its map went to \(endpoint) as the picture to follow"
        )
    }

    private static func png(_ picture: PixelImage) throws(StudioError) -> String {
        do throws(ImagingError) {
            return Base64.encode(try picture.encode(.png))
        } catch {
            throw StudioError(imaging: error)
        }
    }

    private func outgoing(_ name: String) throws(StudioError) -> String {
        Base64.encode(try RemotePictures.outgoing(try job.file(name), limits: job.limits).file)
    }
}
