import Imaging

/// The arguments that every tool with a picture as its result shares, and what a call chose.
struct OutputChoice: Sendable, Equatable {
    enum Form: String, Sendable, CaseIterable {
        case url = "URL"
        case dataURI
        case base64 = "base64Data"
    }

    let form: Form
    let format: ImageFormat
    /// 20…99; PNG ignores it.
    let quality: Int
    let uploadEndpoint: String?
    let includesCost: Bool
    /// The caller's, or a new one.
    let taskUUID: String

    static let parameters: [Parameter] = [
        .optional(
            "outputType", .choice(Form.allCases.map(\.rawValue)),
            "How the picture comes back: URL (a link that works for a while, on this machine), dataURI or base64Data (inside the answer; large).",
            default: .text(Form.url.rawValue)),
        .optional(
            "outputFormat", .choice(["JPG", "PNG", "WEBP"]),
            "File format of the result. PNG keeps a mask's values exactly; JPG and WEBP change them slightly at the edges.",
            default: .text("JPG")),
        .optional(
            "outputQuality", .integer(20...99), "Compression quality of JPG and WEBP; PNG ignores it.",
            default: .integer(95)),
        .optional(
            "uploadEndpoint", .text(maxBytes: 2048),
            "URL to which the result is sent by HTTP PUT as well. Only hosts that the operator allowed; none by default."
        ),
        .optional("includeCost", .boolean, "Whether to report the cost; local work costs 0.", default: .boolean(false)),
        .optional("taskUUID", .uuid, "Your own version 4 UUID for this call, echoed in the result; made if absent."),
    ]

    /// Nil only if the arguments were not checked against `parameters`.
    init(_ arguments: ToolArguments) throws(StudioError) {
        guard let form = arguments.text("outputType").flatMap(Form.init(rawValue:)),
            let format = arguments.text("outputFormat").flatMap(ImageFormat.init(runwareName:)),
            let quality = arguments.integer("outputQuality")
        else { throw StudioError(.internalError, "the output arguments were not decoded") }
        self.form = form
        self.format = format
        self.quality = quality
        uploadEndpoint = arguments.text("uploadEndpoint")
        includesCost = arguments.boolean("includeCost") ?? false
        taskUUID = arguments.text("taskUUID") ?? UUIDText.random().text
    }
}
