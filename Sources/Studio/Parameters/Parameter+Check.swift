import Base
import JSON

extension Parameter {
    /// Checks one value that a caller sent.
    func check(_ value: JSONView) -> Result<ArgumentValue, StudioError> {
        switch kind {
        case .text(let maxBytes):
            guard let text = value.string else { return wrongType(value, "a string") }
            guard !text.isEmpty else { return failure("must not be empty") }
            guard text.utf8.count <= maxBytes else {
                return failure("is \(text.utf8.count) bytes long; at most \(maxBytes) are accepted")
            }
            return .success(.text(text))
        case .choice(let words):
            guard let text = value.string else { return wrongType(value, "a string") }
            guard words.contains(where: { $0.utf8.elementsEqual(text.utf8) }) else {
                let hint = nearest(text, among: words).map { "; did you mean `\($0)`?" } ?? ""
                return failure("is \(quoted(text)); it must be one of \(words.joined(separator: ", "))\(hint)")
            }
            return .success(.text(text))
        case .integer(let range):
            guard value.kind == .number else { return wrongType(value, "an integer") }
            guard let n = value.int else {
                return failure(
                    "is \(quoted(value.numberText ?? "")); it must be an integer from \(range.lowerBound) to \(range.upperBound)"
                )
            }
            guard range.contains(n) else {
                return failure("is \(n); it must lie between \(range.lowerBound) and \(range.upperBound)")
            }
            return .success(.integer(n))
        case .number(let range):
            guard value.kind == .number, let n = value.double else { return wrongType(value, "a number") }
            guard range.contains(n) else {
                return failure(
                    "is \(value.numberText ?? ""); it must lie between \(JSONValue.shortest(range.lowerBound)) and \(JSONValue.shortest(range.upperBound))"
                )
            }
            return .success(.number(n))
        case .boolean:
            guard let b = value.bool else { return wrongType(value, "true or false") }
            return .success(.boolean(b))
        case .uuid:
            guard let text = value.string else { return wrongType(value, "a string") }
            guard let uuid = UUIDText(text), uuid.isVersion4 else {
                return failure(
                    "is \(quoted(text)); it must be a version 4 UUID such as 7c1f0a2e-5b7d-4c3a-9e21-0d5b6f8a9c10")
            }
            return .success(.text(uuid.text))
        }
    }

    private func wrongType(_ value: JSONView, _ expected: String) -> Result<ArgumentValue, StudioError> {
        return failure("is \(value.kind.phrase); it must be \(expected)")
    }

    private func failure(_ text: String) -> Result<ArgumentValue, StudioError> {
        .failure(StudioError(.invalidParameter, parameter: name, "`\(name)` \(text)"))
    }
}
