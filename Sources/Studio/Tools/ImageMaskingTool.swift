import Base
import Imaging
import JSON

/// `imageMasking`: finds faces or parts of them and paints them white on black, for inpainting.
struct ImageMaskingTool: Tool {
    let workshop: Workshop

    let name = "imageMasking"
    let title = "Make a mask"

    var annotations: ToolAnnotations {
        ToolAnnotations(
            isReadOnly: false, isDestructive: false, isIdempotent: true, isOpenWorld: workshop.uploader.isEnabled)
    }

    var description: String {
        let local = CataloguedMaskModel.all.filter { $0.local != nil }.map { "\($0.id) \($0.covers)" }
        let rest =
            workshop.substitutesModels
            ? "runware:35@1 and @2 (faces) are replaced by runware:35@6; @3 to @5 (hands, people) have no model here."
            : "runware:35@1 to @5 have no model here, so name another: for faces in general runware:35@6."
        return """
            Finds faces or facial parts in a picture and returns one mask of its size: white where something was found, \
            black elsewhere, all detections merged, and the box of each detection in pixels. Use the mask for \
            inpainting or for cutting out. Runs on this machine and sends the picture nowhere. \
            Models here: \(local.joined(separator: "; ")). \(rest) \
            Finding nothing is no failure: the mask is black, `detections` is empty and `warning` says so.
            """
    }

    let parameters = ParameterList(
        [
            .required(
                "inputImage", .text(maxBytes: 64 << 20),
                "The picture: its UUID from imageUpload, a path inside a readable folder, a data URI, or base64. PNG, JPEG or WebP."
            ),
            .optional(
                "model", .choice(CataloguedMaskModel.all.map(\.id)),
                "What to look for: @1, @2, @6 (up to about 5 m), @7 (up to about 2 m) faces as boxes; @8 whole faces by outline; @9, @15 eyes; @10 eyes and lips; @11 nose and eyes; @12 nose and lips; @13 nose; @14 lips; @3 hands; @4, @5 people.",
                default: .text("runware:35@1")),
            .optional(
                "confidence", .number(0...1), "Detections below this confidence are dropped.", default: .number(0.25)),
            .optional(
                "maxDetections", .integer(1...20), "At most so many detections; the most confident are kept.",
                default: .integer(6)),
            .optional(
                "maskPadding", .integer(-40...40), "Pixels by which each area grows (negative: shrinks) on every side.",
                default: .integer(4)),
            .optional(
                "maskBlur", .integer(0...20), "Pixels of soft fade added outside each area.", default: .integer(4)),
        ] + OutputChoice.parameters)

    let outputSchema = Envelope.schema(
        item: [
            "type": "object",
            "properties": [
                "taskType": ["const": "imageMasking"],
                "taskUUID": ["type": "string", "format": "uuid"],
                "inputImageUUID": ["type": "string", "format": "uuid"],
                "maskImageUUID": [
                    "type": "string", "format": "uuid", "description": "Handle of the mask for the other tools.",
                ],
                "maskImageURL": ["type": "string", "description": "With outputType URL; expires."],
                "maskImageDataURI": ["type": "string", "description": "With outputType dataURI."],
                "maskImageBase64Data": ["type": "string", "description": "With outputType base64Data."],
                "maskImagePath": ["type": "string", "description": "The mask's file on the server's machine."],
                "detections": [
                    "type": "array",
                    "description": "Boxes in pixels of the picture, the most confident first.",
                    "items": [
                        "type": "object",
                        "properties": [
                            "x_min": ["type": "integer", "minimum": 0], "y_min": ["type": "integer", "minimum": 0],
                            "x_max": ["type": "integer", "minimum": 0], "y_max": ["type": "integer", "minimum": 0],
                        ],
                        "required": ["x_min", "y_min", "x_max", "y_max"],
                        "additionalProperties": false,
                    ],
                ],
                "cost": ["type": "number", "minimum": 0, "description": "With includeCost."],
            ],
            "required": [
                "taskType", "taskUUID", "inputImageUUID", "maskImageUUID", "maskImagePath", "detections",
            ],
            "additionalProperties": false,
        ],
        facts: [
            ("engine", ["type": "string", "description": "Where the work was done."]),
            ("model", ["type": "string", "description": "The model that did it."]),
            ("width", ["type": "integer", "minimum": 1, "description": "Pixels of the mask."]),
            ("height", ["type": "integer", "minimum": 1]),
            (
                "coverage",
                ["type": "number", "minimum": 0, "maximum": 1, "description": "Share of the mask that is not black."]
            ),
            ("warning", ["type": "string", "description": "Something to know about the result."]),
        ])

    func call(_ arguments: ToolArguments, _ call: CallContext) async throws(StudioError) -> ToolOutcome {
        let workshop = workshop
        let output = try OutputChoice(arguments)
        let order = try Order(arguments, substitutes: workshop.substitutesModels)
        if let endpoint = output.uploadEndpoint {
            do throws(StudioError) { try workshop.uploader.check(endpoint) } catch {
                throw error.about("uploadEndpoint")
            }
        }
        let made = try await call.work { () throws(StudioError) -> Made in
            try Self.make(order, output, workshop, call)
        }
        if let endpoint = output.uploadEndpoint {
            do throws(StudioError) {
                try await workshop.uploader.put(made.file, mimeType: output.format.mimeType, to: endpoint)
            } catch { throw error.about("uploadEndpoint") }
            try call.checkCancelled()
        }
        var url: String?
        if output.form == .url {
            url = try await workshop.publisher.url(
                for: FileLinks.Target(path: made.path, mimeType: output.format.mimeType))
        }
        return Self.outcome(made, order, output, url: url, engine: workshop.engine.name)
    }

    // MARK: What was asked

    /// A call's arguments, understood.
    private struct Order: Sendable {
        let inputImage: String
        let request: MaskRequest
        /// Said in the result when another model than the one asked for is used.
        let substitution: String?

        init(_ arguments: ToolArguments, substitutes: Bool) throws(StudioError) {
            guard let inputImage = arguments.text("inputImage"), let id = arguments.text("model"),
                let asked = CataloguedMaskModel.named(id), let confidence = arguments.number("confidence"),
                let maxDetections = arguments.integer("maxDetections"), let padding = arguments.integer("maskPadding"),
                let blur = arguments.integer("maskBlur")
            else { throw StudioError(.internalError, "the arguments were not decoded") }
            self.inputImage = inputImage
            let model: MaskModel
            if let local = asked.local {
                model = local
                substitution = nil
            } else if substitutes, let substitute = asked.substitute {
                model = substitute
                substitution =
                    "\(asked.id) (\(asked.name)) is not on this machine; \(substitute.rawValue) (\(substitute.title)) was used in its place"
            } else {
                throw Self.unavailable(asked)
            }
            self.request = MaskRequest(
                model: model, confidence: confidence, maxDetections: maxDetections, padding: padding, blur: blur)
        }

        private static func unavailable(_ asked: CataloguedMaskModel) -> StudioError {
            var text = "\(asked.id) (\(asked.name), \(asked.covers)) has no weights on this machine"
            if let substitute = asked.substitute {
                text +=
                    "; ask for \(substitute.rawValue) (\(substitute.title)), which also finds \(asked.covers) and runs locally, or start the server with --substitute"
            } else {
                let ids = CataloguedMaskModel.all.filter { $0.local != nil }.map(\.id).joined(separator: ", ")
                text += ", and no local model finds \(asked.covers); available: \(ids)"
            }
            return StudioError(.modelUnavailable, parameter: "model", text)
        }
    }

    // MARK: The work

    /// What came of it.
    private struct Made: Sendable {
        let input: StoredImage
        let mask: StoredImage
        let file: [UInt8]
        let path: String
        let detections: [Detection]
        let coverage: Double
        let preview: Preview
    }

    private static func make(
        _ order: Order, _ output: OutputChoice, _ workshop: Workshop, _ call: CallContext
    ) throws(StudioError) -> Made {
        let input = try workshop.input(order.inputImage, "inputImage", durable: false)
        let picture = try workshop.decode(input, "inputImage")
        try call.step(1, of: 3, "picture read: \(picture.width)×\(picture.height)")
        let result = try workshop.engine.mask(picture, order.request)
        try call.step(2, of: 3, "\(result.detections.count) found")
        let image = result.mask.image
        let file: [UInt8]
        do throws(ImagingError) {
            file = try image.encode(output.format, quality: output.quality)
        } catch {
            throw StudioError(imaging: error)
        }
        let preview = try workshop.preview(image)
        try call.checkCancelled()
        let stored = try workshop.store.put(
            file, format: output.format, width: image.width, height: image.height, durable: false)
        let path = try workshop.outputs.write(file, kind: "mask", id: stored.id, format: output.format)
        try call.step(3, of: 3, "mask written")
        return Made(
            input: input.image, mask: stored, file: file, path: path, detections: result.detections,
            coverage: result.mask.coverage, preview: preview)
    }

    private static func outcome(
        _ made: Made, _ order: Order, _ output: OutputChoice, url: String?, engine: String
    ) -> ToolOutcome {
        let format = output.format
        var item: [(String, JSONValue)] = [
            ("taskType", "imageMasking"),
            ("taskUUID", .string(output.taskUUID)),
            ("inputImageUUID", .string(made.input.id.text)),
            ("maskImageUUID", .string(made.mask.id.text)),
        ]
        switch output.form {
        case .url: item.append(("maskImageURL", .string(url ?? "")))
        case .dataURI:
            item.append(("maskImageDataURI", .string("data:\(format.mimeType);base64,\(Base64.encode(made.file))")))
        case .base64: item.append(("maskImageBase64Data", .string(Base64.encode(made.file))))
        }
        item.append(("maskImagePath", .string(made.path)))
        let boxes = made.detections.map { detection -> JSONValue in
            let box = detection.box
            return ["x_min": .int(box.xMin), "y_min": .int(box.yMin), "x_max": .int(box.xMax), "y_max": .int(box.yMax)]
        }
        item.append(("detections", .array(boxes)))
        if output.includesCost { item.append(("cost", .int(0))) }

        let model = order.request.model
        var facts = [
            JSONMember("engine", .string(engine)),
            JSONMember("model", .string(model.rawValue)),
            JSONMember("width", .int(made.mask.width)),
            JSONMember("height", .int(made.mask.height)),
            JSONMember("coverage", .real((made.coverage * 10_000).rounded() / 10_000)),
        ]
        var warnings: [String] = []
        if let substitution = order.substitution { warnings.append(substitution) }
        if made.detections.isEmpty {
            warnings.append(
                "nothing was found, so the mask is all black; try a lower confidence or another model")
        } else if made.coverage == 0 {
            warnings.append("the mask is all black, because maskPadding shrank every area away")
        }
        if !warnings.isEmpty { facts.append(JSONMember("warning", .string(warnings.joined(separator: ". ")))) }

        let count = made.detections.count
        let message =
            switch count {
            case 0: "Nothing was found; the mask is all black."
            case 1: "The mask is made: 1 detection."
            default: "The mask is made: \(count) detections."
            }
        return ToolOutcome(
            message: message, data: [.members(item)], facts: facts, preview: made.preview,
            link: ResourceLink(
                uri: url ?? Files.url(made.path), name: "mask-\(made.mask.id.text).\(format.fileExtension)",
                description: "The mask, \(made.mask.width)×\(made.mask.height) pixels", mimeType: format.mimeType,
                size: made.file.count))
    }
}
