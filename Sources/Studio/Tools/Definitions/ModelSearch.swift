import JSON

extension ToolDefinition {
    /// `modelSearch`: finds models of the service.
    static let modelSearch = ToolDefinition(
        name: "modelSearch", title: "Find models",
        summary: """
            Searches the service's catalogue of models and returns their ids (`air`), defaults and trigger words, for \
            the `model` of imageInference and the others.
            """,
        operation: .modelSearch,
        parameters: [
            .optional("search", .prompt(1...500), "Words in name, version or tags; upper and lower case alike."),
            .optional("tags", .list(.text(maxBytes: 200), count: 1...50), "Any of these."),
            .optional(
                "category", .choice(["checkpoint", "lora", "lycoris", "controlnet", "vae", "embeddings"]),
                "Kind of model."),
            .optional("type", .choice(["base", "inpainting", "refiner"]), "Of checkpoints."),
            .optional(
                "architecture", .text(maxBytes: 128),
                "Such as flux1s, flux1d, fluxpro, sdxl, sd1x, sd3, pony, hidreamfull, qwen_image; the list keeps growing."
            ),
            .optional("conditioning", .choice(conditionings), "Of ControlNets."),
            .optional(
                "visibility", .choice(["public", "private", "all"]), "Whose models.", default: .text("all")),
            .optional("limit", .integer(1...100), "At most so many results.", default: .integer(20)),
            .optional("offset", .integer(0...1_000_000), "Results to skip.", default: .integer(0)),
            .optional("taskUUID", .uuid, "Your own version 4 UUID for this call, echoed in the result."),
        ],
        yields: .facts,
        members: [
            (
                "results",
                [
                    "type": "array",
                    "items": [
                        "type": "object",
                        "properties": [
                            "air": ["type": "string", "description": "The id."], "name": ["type": "string"],
                        ],
                    ],
                ]
            ),
            ("totalResults", ["type": "integer", "minimum": 0]),
        ],
        isReadOnly: true, product: "list of models")

    private static let conditionings = [
        "blur", "canny", "depth", "gray", "hed", "inpaint", "inpaintdepth", "lineart", "lowquality", "normal",
        "openmlsd",
        "openpose", "outfit", "pix2pix", "qrcode", "scribble", "seg", "shuffle", "sketch", "softedge", "tile",
    ]
}
