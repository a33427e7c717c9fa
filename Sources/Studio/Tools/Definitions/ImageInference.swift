import JSON

extension ToolDefinition {
    /// `imageInference`: pictures from words and other pictures. Its type is written out because `prepare` names it.
    static let imageInference: ToolDefinition = ToolDefinition(
        name: "imageInference", title: "Make pictures",
        summary: """
            Makes pictures from a prompt: from nothing, from a picture (seedImage with strength), by repainting a part of \
            one (seedImage and maskImage, white is repainted), by extending one (outpaint), or guided by others \
            (referenceImages, controlNet, ipAdapters, instantID, acePlusPlus). With a picture from the user, models such \
            as bytedance:4@1 take it as seedImage.
            """,
        operation: .imageInference,
        parameters: [
            .required(
                "positivePrompt", .prompt(2...3000),
                "What the picture shows, 2 to 3000 characters; `__BLANK__` for no prompt."),
            .optional(
                "model", .air, "Id of a model, as modelSearch finds them.", default: .text("civitai:943001@1055701")),
            .side("height", default: 1024),
            .side("width", default: 1024),
            .numberResults, .steps, .guidance(), .negativePrompt, .seed, .scheduler,
        ] + OutputChoice.parameters() + [
            .checkNSFW,
            .optional(
                "strength", .number(0...1),
                "How far the result may go from seedImage: near 0 keeps it, 1 forgets it. The service's default is 0.8."
            ),
            .optional("clipSkip", .integer(0...2), "Layers of the text encoder to skip."),
            .optional(
                "promptWeighting", .choice(["compel", "sdEmbeds"]), "Syntax for weights of words in the prompt."),
            .optional("vae", .air, "Id of another decoder."),
            .optional(
                "maskMargin", .integer(32...128),
                "Pixels around the mask that are shown to the model, which then works on that part at full detail."),
            .optional("seedImage", .image, "The picture to start from, repaint or extend."),
            .optional(
                "referenceImages", .list(.image, count: 1...14, orText: true), "Pictures the model may look at."),
            .optional("maskImage", .image, "Where to repaint: white there, black elsewhere, of seedImage's size."),
            .optional(
                "acceleratorOptions",
                .object(
                    [
                        .optional("teaCache", .boolean, "For transformer models.", default: .boolean(false)),
                        .optional(
                            "teaCacheDistance", .number(0...1), "Lower is better and slower.", default: .number(0.5)),
                        .optional("deepCache", .boolean, "For UNet models.", default: .boolean(false)),
                        .optional(
                            "deepCacheInterval", .integer(1...100), "Steps between refreshes.", default: .integer(3)),
                        .optional(
                            "deepCacheBranchId", .integer(0...100), "Branch that is cached.", default: .integer(0)),
                    ],
                    rules: [
                        .needs("teaCacheDistance", "teaCache"), .needs("deepCacheInterval", "deepCache"),
                        .needs("deepCacheBranchId", "deepCache"),
                    ]),
                "Caches that trade detail for speed."),
            .optional(
                "advancedFeatures",
                .object([.optional("layerDiffuse", .boolean, "Transparent background; FLUX models only.")]),
                "What only some models do."),
            .optional(
                "controlNet",
                .list(
                    .object(
                        [
                            .required("model", .air, "Id of a ControlNet."),
                            .required("guideImage", .image, "Its map: edges, depth, pose …"),
                            .optional("weight", .number(0...1), "Its strength.", default: .number(1)),
                            .stepNumber("startStep"), .stepPercentage("startStepPercentage", 0...99),
                            .stepNumber("endStep"), .stepPercentage("endStepPercentage", 1...100),
                            .optional(
                                "controlMode", .choice(["prompt", "controlnet", "balanced"]), "Which of both wins."),
                        ],
                        rules: [
                            .excludes("startStep", "startStepPercentage"), .excludes("endStep", "endStepPercentage"),
                            .below("startStep", "endStep"), .below("startStepPercentage", "endStepPercentage"),
                        ]), count: 1...8),
                "Maps whose structure the picture follows."),
            .weighted("lora", "LoRA models to add.", -4...4),
            .weighted("lycoris", "LyCORIS models to add.", -4...4),
            .weighted("embeddings", "Textual inversions to add.", -4...4),
            .optional(
                "ipAdapters",
                .list(
                    .object([
                        .required("model", .air, "Id of an IP adapter, such as runware:55@2."),
                        .required("guideImage", .image, "The picture whose look is taken."),
                        .optional("weight", .number(0...1), "Its strength.", default: .number(1)),
                    ]), count: 1...8),
                "Pictures whose look is taken."),
            .optional(
                "refiner",
                .object(
                    [
                        .required("model", .air, "Id of a refiner of the SDXL family."),
                        .optional("startStep", .integer(2...100), "From this step on."),
                        .stepPercentage("startStepPercentage", 1...99),
                    ], rules: [.excludes("startStep", "startStepPercentage")]),
                "A second model for the last steps."),
            .optional(
                "outpaint",
                .object([
                    .optional("top", .integer(0...2048, multipleOf: 64), "Pixels added."),
                    .optional("right", .integer(0...2048, multipleOf: 64), "Pixels added."),
                    .optional("bottom", .integer(0...2048, multipleOf: 64), "Pixels added."),
                    .optional("left", .integer(0...2048, multipleOf: 64), "Pixels added."),
                    .optional("blur", .integer(0...32), "Fade between old and new.", default: .integer(0)),
                ]),
                "Extends seedImage; width and height are the final size."),
            .optional(
                "instantID",
                .object([
                    .required("inputImage", .image, "The face."),
                    .optional("poseImage", .image, "The pose."),
                ]),
                "Keeps a face."),
            .optional(
                "acePlusPlus",
                .object([
                    .required("type", .choice(["portrait", "subject", "local_editing"]), "What is kept."),
                    .optional("inputImages", .list(.image, count: 1...4), "What to keep it from."),
                    .optional("inputMasks", .list(.image, count: 1...4), "For local_editing: white is edited."),
                    .optional(
                        "repaintingScale", .number(0...1), "0 keeps the identity, 1 follows the prompt.",
                        default: .number(0)),
                ]),
                "Keeps a person or thing."),
            .optional(
                "extraArgs", .anyObject(maxBytes: 64 << 10),
                "Further members of the service's task, put beside the others as they are."),
        ] + OutputChoice.money,
        rules: [.needs("maskImage", "seedImage"), .needs("outpaint", "seedImage"), .needs("maskMargin", "maskImage")],
        echo: "seedImage",
        members: [
            ("seed", ["type": "integer", "description": "Makes the same picture again."]),
            ("NSFWContent", ["type": "boolean", "description": "With checkNSFW."]),
        ],
        prepare: { arguments throws(StudioError) in
            guard case .json(.object(let extra))? = arguments["extraArgs"] else { return }
            let declared = Set(ToolDefinition.imageInference.parameters.map(\.name))
            for member in extra {
                // Where results go is the operator's to allow, whichever way it is asked for.
                if member.key == "webhookURL" || member.key == "uploadEndpoint" {
                    throw StudioError(
                        .uploadNotAllowed, parameter: "extraArgs.\(member.key)",
                        "`extraArgs.\(member.key)` would have the service send results elsewhere; use `uploadEndpoint`, which goes to allowed hosts"
                    )
                }
                // Ranges, pictures and policies are judged by the arguments; nothing gets past them.
                let isOurs =
                    RunwareTask.kept.contains(member.key) || ["taskType", "inputs", "ttl"].contains(member.key)
                guard isOurs || declared.contains(member.key) else { continue }
                let mend =
                    declared.contains(member.key)
                    ? "give \(quoted(member.key)) as an argument of its own" : "it is set by this server"
                throw StudioError(
                    .incompatibleParameters, parameter: "extraArgs.\(member.key)",
                    "\(quoted(member.key)) can't be in `extraArgs`; \(mend)")
            }
            try refuseURLs(in: .object(extra), "extraArgs")
        })
}
