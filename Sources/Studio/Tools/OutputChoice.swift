import Imaging

/// How a call wants its result.
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
    /// A name for the result's file, as Flux Studio's tools take one.
    let fileName: String?

    /// The arguments of Runware's tools. Not every tool of the original has an `uploadEndpoint`.
    static func parameters(format: String = "JPG", uploads: Bool = true) -> [Parameter] {
        [
            .optional(
                "outputType", .choice(Form.allCases.map(\.rawValue)),
                "How the picture comes back: URL (a link that works for a while, on this machine), dataURI or base64Data (inside the answer; large).",
                default: .text(Form.url.rawValue)),
            .optional(
                "outputFormat", .choice(["JPG", "PNG", "WEBP"]),
                "File format of the result. PNG keeps a mask's values and transparency exactly.",
                default: .text(format)),
            .optional(
                "outputQuality", .integer(20...99), "Compression quality of JPG and WEBP; PNG ignores it.",
                default: .integer(95)),
        ] + (uploads ? [uploadEndpoint] : []) + task
    }

    static let uploadEndpoint = Parameter.optional(
        "uploadEndpoint", .text(maxBytes: 2048),
        "URL to which the result is sent by HTTP PUT as well. Only hosts that the operator allowed; none by default.")

    /// Shared by all tools of Runware.
    static let task: [Parameter] = [
        .optional(
            "includeCost", .boolean, "Whether each item says its cost; local work costs 0.", default: .boolean(false)),
        .optional(
            "taskUUID", .uuid,
            "Your own version 4 UUID for this call, echoed in the result. The same UUID again asks for the same task's result and does not pay twice."
        ),
    ]

    /// What every tool that may cost money takes beside the original's arguments.
    static let money: [Parameter] = [
        .optional(
            "estimatedCost", .number(0...10_000),
            "What you expect the call to cost at most, in US dollars; it is refused if the price table says more. Policies can count this."
        ),
        .optional(
            "dryRun", .boolean, "Checks the call and says its price, does nothing and costs nothing.",
            default: .boolean(false)),
    ]

    /// For arguments that were checked against a tool's declaration.
    init(_ arguments: ToolArguments) throws(StudioError) {
        form = arguments.text("outputType").flatMap(Form.init(rawValue:)) ?? .url
        fileName = arguments.text("output")
        // Said now: after the work, it would have been paid for.
        if let fileName { try OutputFolder.check(fileName) }
        if let name = arguments.text("outputFormat") {
            // A video's format is none of a picture.
            format = ImageFormat(runwareName: name) ?? .png
        } else if let name = arguments.text("output_format") {
            format = ImageFormat(rawValue: name) ?? .jpeg
        } else if let fileName, let format = Self.format(of: fileName) {
            self.format = format
        } else {
            format = .jpeg
        }
        quality = arguments.integer("outputQuality") ?? 95
        uploadEndpoint = arguments.text("uploadEndpoint")
        includesCost = arguments.boolean("includeCost") ?? false
        taskUUID = arguments.text("taskUUID") ?? UUIDText.random().text
    }

    private static func format(of fileName: String) -> ImageFormat? {
        switch fileName.utf8.split(separator: UInt8(ascii: ".")).last.map({ String(decoding: $0, as: UTF8.self) })?
            .lowercased()
        {
        case "jpg", "jpeg": .jpeg
        case "png": .png
        case "webp": .webp
        default: nil
        }
    }
}
