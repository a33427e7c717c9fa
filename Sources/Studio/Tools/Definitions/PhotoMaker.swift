import JSON

extension ToolDefinition {
    /// `photoMaker`: pictures of a person from photos of the face.
    static let photoMaker = ToolDefinition(
        name: "photoMaker", title: "Picture a person",
        summary: """
            Makes pictures of a person from one to four photos that show the face clearly, in a given style. Works with \
            SDXL models. The trigger word `rwre` is put before a prompt that lacks it.
            """,
        operation: .photoMaker,
        parameters: [
            .required("positivePrompt", .prompt(2...300), "What the person does and where, 2 to 300 characters."),
            .required("inputImages", .list(.image, count: 1...4, orText: true), "One to four photos of one face."),
            .optional("model", .air, "Id of an SDXL model.", default: .text("civitai:139562@344487")),
            .side("height", default: 1024),
            .side("width", default: 1024),
            .optional("style", .choice(styles), "The look.", default: .text("No Style")),
            .optional("strength", .integer(15...50), "Lower keeps the face better.", default: .integer(15)),
            .numberResults, .steps, .guidance(default: 7), .negativePrompt, .scheduler,
        ] + OutputChoice.parameters() + [
            .checkNSFW,
            .optional("clipSkip", .integer(0...2), "Layers of the text encoder to skip."),
            .seed,
        ] + OutputChoice.money,
        members: [
            ("seed", ["type": "integer", "description": "Makes the same picture again."]),
            ("inputImagesUUID", ["type": "array", "items": ["type": "string"]]),
            ("NSFWContent", ["type": "boolean", "description": "With checkNSFW."]),
        ],
        prepare: { arguments throws(StudioError) in
            guard let prompt = arguments.text("positivePrompt"), !prompt.contains("rwre") else { return }
            arguments["positivePrompt"] = .text("rwre, \(prompt)")
        })

    private static let styles = [
        "No Style", "Cinematic", "Disney Character", "Digital Art", "Photographic", "Fantasy art", "Neonpunk",
        "Enhance",
        "Comic book", "Lowpoly", "Line art",
    ]
}
