import Base
import JSON

extension Parameter {
    /// Checks one value that a caller sent. `path` names it in messages: `seed`, `lora[2].weight`.
    func check(_ value: JSONView, path: String, _ problems: inout [StudioError]) -> ArgumentValue? {
        Self.check(value, as: kind, path, &problems)
    }

    private static func check(
        _ value: JSONView, as kind: Kind, _ path: String, _ problems: inout [StudioError]
    ) -> ArgumentValue? {
        func fail(_ text: String) -> ArgumentValue? {
            problems.append(StudioError(.invalidParameter, parameter: path, "`\(path)` \(text)"))
            return nil
        }
        func wrongType(_ expected: String) -> ArgumentValue? { fail("is \(value.kind.phrase); it must be \(expected)") }

        switch kind {
        case .text(let maxBytes):
            guard let text = value.string else { return wrongType("a string") }
            return checkedText(text, maxBytes, fail).map(ArgumentValue.text)
        case .image:
            guard let text = value.string else { return wrongType("a string that names a picture") }
            return checkedText(text, 64 << 20, fail).map(ArgumentValue.image)
        case .prompt(let length):
            guard let text = value.string else { return wrongType("a string") }
            let count = text.unicodeScalars.count
            guard length.contains(count) else {
                return fail(
                    "has \(count) characters; it must have between \(length.lowerBound) and \(length.upperBound)")
            }
            return .text(text)
        case .choice(let words):
            guard let text = value.string else { return wrongType("a string") }
            guard words.contains(where: { $0.utf8.elementsEqual(text.utf8) }) else {
                let hint = nearest(text, among: words).map { "; did you mean `\($0)`?" } ?? ""
                return fail("is \(quoted(text)); it must be one of \(words.joined(separator: ", "))\(hint)")
            }
            return .text(text)
        case .integer(let range, let step):
            guard value.kind == .number else { return wrongType("an integer") }
            guard let n = value.int else {
                return fail(
                    "is \(quoted(value.numberText ?? "")); it must be an integer from \(range.lowerBound) to \(range.upperBound)"
                )
            }
            guard range.contains(n) else {
                return fail("is \(n); it must lie between \(range.lowerBound) and \(range.upperBound)")
            }
            guard n.isMultiple(of: step) else {
                let below = n / step * step
                return fail("is \(n); it must be a multiple of \(step), such as \(max(below, range.lowerBound))")
            }
            return .integer(n)
        case .number(let range):
            guard value.kind == .number, let n = value.double else { return wrongType("a number") }
            guard range.contains(n) else {
                return fail(
                    "is \(value.numberText ?? ""); it must lie between \(JSONValue.shortest(range.lowerBound)) and \(JSONValue.shortest(range.upperBound))"
                )
            }
            return .number(n)
        case .boolean:
            guard let b = value.bool else { return wrongType("true or false") }
            return .boolean(b)
        case .uuid:
            guard let text = value.string else { return wrongType("a string") }
            guard let uuid = UUIDText(text), uuid.isVersion4 else {
                return fail(
                    "is \(quoted(text)); it must be a version 4 UUID such as 7c1f0a2e-5b7d-4c3a-9e21-0d5b6f8a9c10")
            }
            return .text(uuid.text)
        case .air:
            guard let text = value.string else { return wrongType("a string") }
            guard ModelID.isWellFormed(text) else {
                return fail(
                    "is \(quoted(text)); a model's id has the form provider:model@version, such as runware:101@1")
            }
            return .text(text)
        case .frame:
            if let n = value.int, (0...1_000_000).contains(n) { return .integer(n) }
            if let word = value.string, word == "first" || word == "last" { return .text(word) }
            return fail("must be `first`, `last` or a frame's number")
        case .list(let element, let count, let orText):
            if orText, let text = value.string {
                guard let inner = try? JSONDocument.parse(Array(text.utf8)).root, inner.kind == .array else {
                    return fail("is a string that is no JSON array; give an array")
                }
                return check(inner, as: .list(element, count: count), path, &problems)
            }
            guard value.kind == .array else { return wrongType("an array") }
            guard count.contains(value.count) else {
                return fail(
                    "has \(value.count) elements; it must have between \(count.lowerBound) and \(count.upperBound)")
            }
            let before = problems.count
            var checked: [ArgumentValue] = []
            for (i, inner) in value.elements.enumerated() {
                if let good = check(inner, as: element, "\(path)[\(i)]", &problems) { checked.append(good) }
            }
            return problems.count == before ? .list(checked) : nil
        case .object(let parameters, let rules):
            guard value.kind == .object else { return wrongType("an object") }
            let before = problems.count
            let (values, given) = ParameterList.decode(value, parameters, rules, path: path, &problems)
            guard problems.count == before else { return nil }
            return .object(
                parameters.compactMap { parameter in
                    values[parameter.name].map {
                        ArgumentMember(name: parameter.name, value: $0, isGiven: given.contains(parameter.name))
                    }
                })
        case .anyObject(let maxBytes):
            guard value.kind == .object else { return wrongType("an object") }
            guard value.rawBytes.count <= maxBytes else {
                return fail("is \(value.rawBytes.count) bytes long; at most \(maxBytes) are accepted")
            }
            return .json(value.value)
        }
    }

    private static func checkedText(_ text: String, _ maxBytes: Int, _ fail: (String) -> ArgumentValue?) -> String? {
        if text.isEmpty {
            _ = fail("must not be empty")
            return nil
        }
        if text.utf8.count > maxBytes {
            _ = fail("is \(text.utf8.count) bytes long; at most \(maxBytes) are accepted")
            return nil
        }
        return text
    }
}
