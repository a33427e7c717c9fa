import JSON

extension ToolDefinition {
    /// `imageCaption`: says what a picture shows.
    static let imageCaption = ToolDefinition(
        name: "imageCaption", title: "Describe a picture",
        summary: "Says in words what a picture shows.",
        operation: .caption,
        parameters: [
            .required(
                "inputImage", .image, "The picture: path, https URL, UUID, data URI or base64; PNG, JPEG or WebP."),
            .optional("model", .air, "Which captioner, such as runware:150@2; the engine's own if absent."),
            .optional("prompt", .prompt(1...2000), "What to look for; only some models take it."),
        ] + OutputChoice.task + OutputChoice.money,
        yields: .facts, echo: "inputImage",
        members: [
            ("text", ["type": "string"]),
            ("structuredData", ["type": "object", "description": "From models that estimate instead of describing."]),
        ],
        facts: [("caption", ["type": "string", "description": "The text of the first item."])],
        product: "caption")
}
