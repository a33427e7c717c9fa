import JSON

/// Arguments that Flux Studio's four tools share, and what today's service takes beside them.
enum FluxParameters {
    /// The original's four models, then today's.
    static let models = [
        "flux.1.1-pro", "flux.1-pro", "flux.1-dev", "flux.1.1-ultra", "flux-kontext-pro", "flux-kontext-max",
        "flux-2-pro",
        "flux-2-flex", "flux-2-max",
    ]

    static func model(_ operation: Operation, _ engines: EngineRouter) -> Parameter {
        .optional(
            "model", .choice(models + engines.models(operation).map(\.model.id).filter { !models.contains($0) }),
            "Which model. flux.1-pro was retired by its maker.", default: .text("flux.1.1-pro"))
    }

    static func output(_ fallback: String?) -> Parameter {
        .optional(
            "output", .text(maxBytes: 255),
            "Name of the result's file in this server's output folder; its suffix (jpg, png, webp) is the format. An existing file is kept and the new one gets a number.",
            default: fallback.map(ArgumentValue.text))
    }

    static func side(_ name: String, default value: Int64?) -> Parameter {
        .optional(
            name, .integer(256...2048), "Pixels.", default: value.map(ArgumentValue.integer))
    }

    static let extras: [Parameter] =
        [
            .optional("seed", .integer(0...Int64.max), "Same seed and arguments, same picture. Random if absent."),
            .optional(
                "output_format", .choice(["jpeg", "png", "webp"]), "File format; wins over the suffix of output."),
            .optional("safety_tolerance", .integer(0...6), "0 is strictest.", default: .integer(2)),
            .optional("prompt_upsampling", .boolean, "Lets the service rewrite the prompt.", default: .boolean(false)),
            .optional(
                "serviceTaskID", .text(maxBytes: 200),
                "The serviceTaskID of an earlier error: brings that task's result without paying for another."),
        ] + OutputChoice.money

    static let members: [(String, JSONValue)] = [
        ("seed", ["type": "integer", "description": "Makes the same picture again."]),
        ("serviceTaskID", ["type": "string", "description": "The service's own id of the task."]),
    ]
}

extension ToolDefinition {
    /// `generate`: a picture from words.
    static func generate(_ engines: EngineRouter) -> ToolDefinition {
        ToolDefinition(
            name: "generate", title: "Generate a picture",
            summary: "Makes a picture from a prompt.",
            operation: .generate,
            parameters: [
                .required("prompt", .prompt(1...10_000), "What the picture shows."),
                FluxParameters.model(.generate, engines),
                .optional(
                    "aspect_ratio", .choice(["1:1", "4:3", "3:4", "16:9", "9:16"]),
                    "The picture's form; wins over width and height."),
                FluxParameters.side("width", default: 1024),
                FluxParameters.side("height", default: 768),
                FluxParameters.output("generated.jpg"),
                .optional("raw", .boolean, "Less polished, for flux.1.1-ultra only.", default: .boolean(false)),
            ] + FluxParameters.extras,
            members: FluxParameters.members,
            prepare: { arguments throws(StudioError) in
                try refuseBlank(arguments)
                guard let ratio = arguments.text("aspect_ratio"), let size = sizes[ratio] else { return }
                arguments["width"] = .integer(size.0)
                arguments["height"] = .integer(size.1)
            })
    }

    /// The original's pixels for each form.
    private static let sizes: [String: (Int64, Int64)] = [
        "1:1": (1024, 1024), "4:3": (1024, 768), "3:4": (768, 1024), "16:9": (1024, 576), "9:16": (576, 1024),
    ]

    /// `img2img`: a picture from another and words.
    static func img2img(_ engines: EngineRouter) -> ToolDefinition {
        ToolDefinition(
            name: "img2img", title: "Change a picture",
            summary: """
                Makes a picture from another one and a prompt. The flux-kontext and flux-2 models edit the picture as the \
                prompt says; the flux.1 models take it as a hint, and only flux.1.1-ultra and local ones weigh it by \
                strength.
                """,
            operation: .editImage,
            parameters: [
                .required("image", .image, "The picture: path, https URL, UUID, data URI or base64."),
                .required("prompt", .prompt(1...10_000), "What to make of it."),
                .optional("name", .text(maxBytes: 100), "Name of the result's file, where output names none."),
                FluxParameters.model(.editImage, engines),
                .optional(
                    "strength", .number(0...1), "How far the result may go from the picture.", default: .number(0.85)),
                FluxParameters.side("width", default: nil),
                FluxParameters.side("height", default: nil),
                FluxParameters.output(nil),
            ] + FluxParameters.extras,
            rules: [.needs("width", "height"), .needs("height", "width")],
            echo: "image", members: FluxParameters.members,
            prepare: { arguments throws(StudioError) in
                try refuseBlank(arguments)
                if arguments.text("output") == nil {
                    arguments["output"] = .text(arguments.text("name").map { "\($0).jpg" } ?? "generated.jpg")
                }
            })
    }

    /// `inpaint`: repaints a region.
    static func inpaint(_ engines: EngineRouter) -> ToolDefinition {
        let models = ["flux-pro-1.0-fill"] + engines.models(.inpaint).map(\.model.id)
        return ToolDefinition(
            name: "inpaint", title: "Repaint a part of a picture",
            summary: """
                Repaints a part of a picture as the prompt says: the region that mask_shape and position name, or the \
                white parts of a mask, such as imageMasking makes. Local methods only remove what is there and need no \
                prompt.
                """,
            operation: .inpaint,
            parameters: [
                .required("image", .image, "The picture: path, https URL, UUID, data URI or base64."),
                .required("prompt", .prompt(0...10_000), "What to paint there; may be empty for local methods."),
                .optional(
                    "mask_shape", .choice(["circle", "rectangle"]), "The region's form.", default: .text("circle")),
                .optional(
                    "position", .choice(["center", "ground"]), "Where the region is: the middle, or the lower 40 %.",
                    default: .text("center")),
                .optional(
                    "mask", .image, "White where to repaint, of the picture's size; instead of mask_shape and position."
                ),
                .optional("model", .choice(models), "Which model or method.", default: .text("flux-pro-1.0-fill")),
                .optional("steps", .integer(15...50), "Rounds of denoising.", default: .integer(50)),
                .optional("guidance", .number(1.5...100), "How closely the prompt is followed.", default: .number(60)),
                FluxParameters.output("inpainted.jpg"),
            ] + FluxParameters.extras,
            rules: [.excludes("mask", "mask_shape"), .excludes("mask", "position")],
            echo: "image", members: FluxParameters.members,
            prepare: { arguments throws(StudioError) in
                if arguments.text("model")?.hasPrefix("local:") != true { try refuseBlank(arguments) }
            })
    }

    /// `control`: a picture that follows the structure of another.
    static func control(_ engines: EngineRouter) -> ToolDefinition {
        let models = ["flux-kontext-pro", "flux-kontext-max", "flux-2-pro"] + engines.models(.control).map(\.model.id)
        return ToolDefinition(
            name: "control", title: "Follow a picture's structure",
            summary: """
                Makes a picture that follows the structure of another. For canny the edges are found on this machine; for \
                depth and pose, whose own models were retired or never were, give a finished map and say \
                preprocessed. The map goes to an editing model together with the prompt.
                """,
            operation: .control,
            parameters: [
                .required("type", .choice(["canny", "depth", "pose"]), "What structure is kept."),
                .required("image", .image, "The picture, or with preprocessed its map."),
                .required("prompt", .prompt(1...10_000), "What the new picture shows."),
                .optional(
                    "steps", .integer(1...100), "Rounds of denoising; only some models take it.", default: .integer(50)),
                .optional(
                    "guidance", .number(0...100),
                    "How closely the prompt is followed. Absent: canny 30, depth 15, pose 25. Only some models take it."
                ),
                FluxParameters.output(nil),
                .optional("preprocessed", .boolean, "Whether image is a finished map.", default: .boolean(false)),
                .optional(
                    "model", .choice(models), "Which model; local:canny returns only the map.",
                    default: .text("flux-kontext-pro")),
                .optional("canny_low_threshold", .integer(0...500), "Weaker edges are dropped.", default: .integer(50)),
                .optional(
                    "canny_high_threshold", .integer(1...500), "Stronger edges are kept.", default: .integer(200)),
            ] + FluxParameters.extras,
            rules: [.below("canny_low_threshold", "canny_high_threshold")],
            echo: "image", members: FluxParameters.members,
            prepare: { arguments throws(StudioError) in
                try refuseBlank(arguments)
                let type = arguments.text("type") ?? ""
                if arguments["guidance"] == nil {
                    arguments["guidance"] = .number(type == "canny" ? 30 : type == "depth" ? 15 : 25)
                }
                if arguments.text("output") == nil { arguments["output"] = .text("\(type)_result.jpg") }
                if type != "canny", arguments.boolean("preprocessed") != true {
                    throw StudioError(
                        .modelUnavailable, parameter: "type",
                        type == "depth"
                            ? "flux-pro-1.0-depth was retired by its maker and no depth model is here; give a depth map and set `preprocessed` to true"
                            : "no pose model was ever served by the original's provider; give a pose map and set `preprocessed` to true"
                    )
                }
            })
    }

    private static func refuseBlank(_ arguments: ToolArguments) throws(StudioError) {
        guard let prompt = arguments.text("prompt"), prompt.utf8.contains(where: { $0 > 0x20 }) else {
            throw StudioError(.invalidParameter, parameter: "prompt", "`prompt` must not be blank")
        }
    }
}
