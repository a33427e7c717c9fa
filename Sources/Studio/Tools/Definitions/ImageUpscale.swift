extension ToolDefinition {
    /// `imageUpscale`: the same picture, larger.
    static let imageUpscale = ToolDefinition(
        name: "imageUpscale", title: "Enlarge a picture",
        summary: """
            Makes a picture two to four times as large. The result has at most 4096 pixels a side: a picture that would \
            exceed that is made smaller first. Ask for PNG to keep transparency.
            """,
        operation: .upscale,
        parameters: [
            .required(
                "inputImage", .image, "The picture: path, https URL, UUID, data URI or base64; PNG, JPEG or WebP."),
            .optional(
                "upscaleFactor", .integer(2...4), "How many times as wide and as high. Some models know 2 and 4 only.",
                default: .integer(2)),
            .optional(
                "model", .air,
                "Which upscaler. Absent: the service's own where one is set up, else this machine's."),
        ] + OutputChoice.parameters(uploads: false) + OutputChoice.money,
        echo: "inputImage")
}
