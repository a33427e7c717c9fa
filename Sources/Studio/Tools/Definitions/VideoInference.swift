import JSON

extension ToolDefinition {
    /// `videoInference`: a video from words and pictures.
    static let videoInference = ToolDefinition(
        name: "videoInference", title: "Make a video",
        summary: """
            Makes a video of a few seconds from a prompt, and from pictures where the model takes them. Takes minutes: \
            progress is reported, and a call that ran out of time or was cancelled can be taken up again with the same \
            taskUUID without paying twice. For a picture that moves klingai:5@2 (1920×1080), from words google:3@1 \
            (1280×720); listVideoModels has more.
            """,
        operation: .video,
        parameters: [
            .required("positivePrompt", .prompt(2...3000), "What happens in the video."),
            .optional("model", .air, "Id of a video model. Absent: klingai:5@2 with frameImages, else google:3@1."),
            .optional("duration", .number(1...10), "Seconds.", default: .number(5)),
            .optional("width", .integer(256...1920, multipleOf: 1), "Pixels; only together with height."),
            .optional("height", .integer(256...1080, multipleOf: 1), "Pixels; only together with width."),
            .optional("outputType", .choice(["URL"]), "Videos come as links only.", default: .text("URL")),
            .optional("outputFormat", .choice(["MP4", "WEBM"]), "File format.", default: .text("MP4")),
            OutputChoice.uploadEndpoint,
            .optional("includeCost", .boolean, "Whether each item says its cost.", default: .boolean(false)),
            .negativePrompt,
            .optional(
                "frameImages",
                .list(
                    .object([
                        .required("inputImage", .image, "The picture."),
                        .optional(
                            "frame", .frame, "Where it goes: `first`, `last` or the frame's number."),
                    ]), count: 1...16, orText: true),
                "Pictures that the video goes through. Without `frame`: one is the first, two are first and last, more are spread evenly."
            ),
            .optional("referenceImages", .list(.image, count: 1...14, orText: true), "Pictures the model may look at."),
            .optional("fps", .integer(15...60), "Frames a second; the service's default is 24."),
            .optional("steps", .integer(10...50), "Rounds of denoising."),
            .seed, .guidance(),
            .optional("numberResults", .integer(1...4), "How many videos; each is paid for."),
            .optional(
                "providerSettings", .anyObject(maxBytes: 64 << 10), "Settings of the model's maker, as they are."),
            .optional(
                "deliveryMethod", .choice(["async"]), "Videos are always waited for.", default: .text("async")),
            .optional("taskUUID", .uuid, "Your own version 4 UUID; the same again takes the task up again."),
        ] + OutputChoice.money,
        rules: [.needs("width", "height"), .needs("height", "width")],
        yields: .video,
        members: [("seed", ["type": "integer"])],
        product: "video",
        prepare: { arguments throws(StudioError) in
            if case .json(let settings)? = arguments["providerSettings"] {
                try refuseURLs(in: settings, "providerSettings")
            }
            if arguments.text("model") == nil {
                arguments["model"] = .text(arguments.list("frameImages") == nil ? "google:3@1" : "klingai:5@2")
            }
        })
}
