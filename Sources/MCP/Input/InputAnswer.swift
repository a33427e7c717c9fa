import JSON

extension InputKind {
    /// Whether a client's result can be an answer to what was asked. One that can't is asked for again.
    package func isAnswered(by result: JSONView) -> Bool {
        guard result.kind == .object else { return false }
        let action = result["action"]?.string
        return switch self {
        case .form: action == "accept" ? result["content"]?.kind == .object : action == "decline" || action == "cancel"
        case .url: action == "accept" || action == "decline" || action == "cancel"
        case .sampling, .samplingWithTools:
            result["role"]?.kind == .string && result["model"]?.kind == .string && result["content"] != nil
        case .roots: result["roots"]?.kind == .array
        }
    }
}
