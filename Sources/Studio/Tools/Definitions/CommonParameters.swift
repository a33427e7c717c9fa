import JSON

/// Arguments that several tools share, declared once.
extension Parameter {
    /// Longest side, shortest side, and step of pictures that diffusion models make.
    static func side(_ name: String, default value: Int64) -> Parameter {
        .optional(name, .integer(128...2048, multipleOf: 64), "Pixels; a multiple of 64.", default: .integer(value))
    }

    static let numberResults = Parameter.optional(
        "numberResults", .integer(1...20), "How many pictures; each is paid for.", default: .integer(1))

    /// Sent only to models that are known to take it, unless the caller sets it.
    static let steps = Parameter.optional(
        "steps", .integer(1...100), "Rounds of denoising: more is slower and finer.", default: .integer(20))

    static func guidance(default value: Double? = nil) -> Parameter {
        .optional(
            "CFGScale", .number(0...50), "How closely the prompt is followed.", default: value.map(ArgumentValue.number)
        )
    }

    /// Exact up to what JSON's integers of 63 bits hold; never a floating number on the way.
    static let seed = Parameter.optional(
        "seed", .integer(1...Int64.max), "Same seed and arguments, same picture. Random if absent.")

    static let negativePrompt = Parameter.optional(
        "negativePrompt", .prompt(1...3000), "What should not be in the picture.")

    static let scheduler = Parameter.optional(
        "scheduler", .text(maxBytes: 128), "Name of a scheduler; the model's own if absent.")

    static let checkNSFW = Parameter.optional(
        "checkNSFW", .boolean, "Whether each result says `NSFWContent`.", default: .boolean(false))

    /// One of two ways to say where a part of the steps begins or ends.
    static func stepNumber(_ name: String) -> Parameter { .optional(name, .integer(1...100), "A step.") }

    static func stepPercentage(_ name: String, _ range: ClosedRange<Int64>) -> Parameter {
        .optional(name, .integer(range), "The same as a share of all steps, in percent.")
    }

    /// A model that is added to another, with its weight.
    static func weighted(_ name: String, _ summary: String, _ range: ClosedRange<Double>) -> Parameter {
        .optional(
            name,
            .list(
                .object([
                    .required("model", .air, "Its id."),
                    .optional("weight", .number(range), "Its strength.", default: .number(1)),
                ]), count: 1...10),
            summary)
    }
}

extension ToolDefinition {
    /// Members that go to a service as they are hold no URLs: pictures are read here, where hosts are judged, and results
    /// go where the operator allows.
    static func refuseURLs(in value: JSONValue, _ path: String) throws(StudioError) {
        switch value {
        case .string(let text) where text.unicodeScalars.prefix(4_096).contains("/") && hasScheme(text):
            throw StudioError(
                .urlNotAllowed, parameter: path.cut(to: 80),
                "\(quoted(path)) would hand \(quoted(text)) to the service; pictures go into the arguments that take them, results to `uploadEndpoint`"
            )
        case .object(let members):
            for member in members { try refuseURLs(in: member.value, "\(path).\(member.key)") }
        case .array(let elements):
            for (i, element) in elements.enumerated() { try refuseURLs(in: element, "\(path)[\(i)]") }
        default: break
        }
    }

    /// Whether a text begins, white space aside, as a URL with a host does.
    private static func hasScheme(_ text: String) -> Bool {
        let rest = text.unicodeScalars.drop { $0.properties.isWhitespace || $0.value < 0x20 }
        let scheme = rest.prefix(32).prefix {
            $0.isASCII && ($0.properties.isAlphabetic || "+-.0123456789".unicodeScalars.contains($0))
        }
        let after = rest.dropFirst(scheme.count)
        if scheme.isEmpty { return after.starts(with: "//".unicodeScalars) }
        return after.starts(with: ":/".unicodeScalars)
    }
}
