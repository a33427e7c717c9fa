import Imaging
import JSON

/// `imageUpload`: makes a picture known to the other tools and gives it a UUID.
struct ImageUploadTool: Tool {
    let workshop: Workshop

    let name = "imageUpload"
    let title = "Upload a picture"

    var annotations: ToolAnnotations {
        ToolAnnotations(
            isReadOnly: false, isDestructive: false, isIdempotent: true, isOpenWorld: workshop.fetcher != nil)
    }

    var description: String {
        let folders =
            workshop.roots.folders.isEmpty
            ? "No local folder is readable here, so send the bytes."
            : "Readable folders: \(workshop.roots.folders.prefix(4).joined(separator: ", "))."
        return """
            Stores a picture and returns its imageUUID, which every other tool of this server takes in place of a path \
            or the bytes. Takes a local path, an https URL, a `data:image/…;base64,…` URI or bare base64; PNG, JPEG and WebP. \
            \(folders) The same picture always gets the same UUID. The file stays on this machine until a tool \
            of a service needs it; pictures are removed 30 days after their last use, or when the store is full. Prefer a path over pasted bytes: it costs no tokens.
            """
    }

    let parameters = ParameterList([
        .required(
            "file_path", .image,
            "The picture: a path inside a readable folder (absolute, relative to such a folder, or file://…), an https URL, a data URI, or base64."
        )
    ])

    let outputSchema = Envelope.schema(
        item: [
            "type": "object",
            "properties": [
                "taskType": ["const": "imageUpload"],
                "taskUUID": ["type": "string", "format": "uuid"],
                "imageUUID": [
                    "type": "string", "format": "uuid", "description": "Handle of the picture for the other tools.",
                ],
                "format": ["type": "string", "enum": ["PNG", "JPG", "WEBP"]],
                "width": ["type": "integer", "minimum": 1, "description": "Pixels, EXIF orientation applied."],
                "height": ["type": "integer", "minimum": 1],
                "bytes": ["type": "integer", "minimum": 1, "description": "Size of the file."],
                "sha256": ["type": "string", "pattern": "^[0-9a-f]{64}$"],
            ],
            "required": ["taskType", "taskUUID", "imageUUID", "format", "width", "height", "bytes", "sha256"],
            "additionalProperties": false,
        ],
        facts: [
            ("engine", ["type": "string"]),
            ("cost", ["type": "number", "const": 0]),
        ])

    func call(_ arguments: ToolArguments, _ call: CallContext) async throws(StudioError) -> ToolOutcome {
        guard let text = arguments.text("file_path") else {
            throw StudioError(.internalError, "the arguments were not decoded")
        }
        let workshop = workshop
        // A text that is no URL is read where it blocks nobody; a URL was fetched by then.
        let fetched = try await workshop.fetched(text, "file_path", durable: true, call)
        return try await call.work { () throws(StudioError) -> ToolOutcome in
            try Self.upload(text, fetched, workshop, call)
        }
    }

    private static func upload(
        _ text: String, _ fetched: StoredImage?, _ workshop: Workshop, _ call: CallContext
    ) throws(StudioError) -> ToolOutcome {
        let input = try workshop.input(text, fetched: fetched, "file_path", durable: true)
        try call.step(1, of: 2, "picture stored")
        // Decoded once here, so that a broken file is found now and not by the tool that uses it.
        let picture = try workshop.decode(input, "file_path")
        let preview = try workshop.preview(picture)
        try call.step(2, of: 2, "picture checked")
        let image = input.image
        return ToolOutcome(
            message: "The picture is uploaded; use its imageUUID with the other tools.",
            data: [
                .members([
                    ("taskType", "imageUpload"),
                    ("taskUUID", .string(UUIDText.random().text)),
                    ("imageUUID", .string(image.id.text)),
                    ("format", .string(image.format.runwareName)),
                    ("width", .int(image.width)),
                    ("height", .int(image.height)),
                    ("bytes", .int(image.bytes)),
                    ("sha256", .string(image.hash)),
                ])
            ],
            facts: [JSONMember("engine", "local"), JSONMember("cost", 0)], previews: [preview],
            links: [
                ResourceLink(
                    uri: ResourceURI.picture(image.id).text,
                    name: "\(image.id.text).\(image.format.fileExtension)",
                    description: "The uploaded picture", mimeType: image.format.mimeType, size: image.bytes)
            ])
    }
}
