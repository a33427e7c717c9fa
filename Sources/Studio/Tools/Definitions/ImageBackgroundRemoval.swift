extension ToolDefinition {
    /// `imageBackgroundRemoval`: cuts out what is in front.
    static let imageBackgroundRemoval = ToolDefinition(
        name: "imageBackgroundRemoval", title: "Remove a background",
        summary: """
            Cuts out what is in front of a picture and makes the rest transparent (or of one colour, or returns only the \
            mask).
            """,
        operation: .removeBackground,
        parameters: [
            .required(
                "inputImage", .image, "The picture: path, https URL, UUID, data URI or base64; PNG, JPEG or WebP."),
            .optional(
                "model", .air,
                "runware:109@1 RemBG; 110@1 Bria RMBG 2; 112@1 BiRefNet, @2 camouflage, @3 DIS, @5 general, @6 512 px, @7 high resolution, @8 massive, @9 matting, @10 portrait; or a local one.",
                default: .text("runware:109@1")),
        ] + OutputChoice.parameters(format: "PNG", uploads: false) + [
            .optional(
                "settings",
                .object([
                    .optional(
                        "rgba", .list(.number(0...255), count: 4...4),
                        "Colour behind what is kept: red, green, blue 0 to 255, alpha 0 to 1 (or 2 to 255). Transparent if absent."
                    ),
                    .optional("postProcessMask", .boolean, "Smooths the mask.", default: .boolean(false)),
                    .optional("returnOnlyMask", .boolean, "The mask instead of the cut-out.", default: .boolean(false)),
                    .optional("alphaMatting", .boolean, "Finer edges, hair for example.", default: .boolean(false)),
                    .optional(
                        "alphaMattingForegroundThreshold", .integer(1...255), "Above: surely in front.",
                        default: .integer(240)),
                    .optional(
                        "alphaMattingBackgroundThreshold", .integer(1...255), "Below: surely behind.",
                        default: .integer(10)),
                    .optional(
                        "alphaMattingErodeSize", .integer(1...255), "Pixels by which both are shrunk.",
                        default: .integer(10)),
                ]),
                "For RemBG 1.4 (runware:109@1) and local models.")
        ] + OutputChoice.money,
        echo: "inputImage",
        prepare: { arguments throws(StudioError) in
            guard let settings = arguments.object("settings"),
                let low = settings.integer("alphaMattingBackgroundThreshold"),
                let high = settings.integer("alphaMattingForegroundThreshold"), low >= high
            else { return }
            throw StudioError(
                .incompatibleParameters, parameter: "settings.alphaMattingBackgroundThreshold",
                "`settings.alphaMattingBackgroundThreshold` is \(low); it must be less than alphaMattingForegroundThreshold, which is \(high)"
            )
        })
}
