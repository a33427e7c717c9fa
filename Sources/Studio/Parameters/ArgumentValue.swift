import JSON

/// A checked value of one argument.
package indirect enum ArgumentValue: Sendable, Equatable {
    case text(String)
    case integer(Int64)
    case number(Double)
    case boolean(Bool)
    /// A picture as the caller named it.
    case image(String)
    case list([ArgumentValue])
    /// In the order of the declaration.
    case object([ArgumentMember])
    /// Handed on as it came.
    case json(JSONValue)

    /// The value as it stands in a schema's `default`, or in a request to a service.
    package var json: JSONValue {
        switch self {
        case .text(let text), .image(let text): .string(text)
        case .integer(let n): .int(n)
        case .number(let n): .real(n)
        case .boolean(let b): .bool(b)
        case .list(let values): .array(values.map(\.json))
        case .object(let members): .members(members.map { ($0.name, $0.value.json) })
        case .json(let value): value
        }
    }

    /// The value as a service gets it: without the defaults inside it, for services refuse what a model does not know.
    var sent: JSONValue {
        switch self {
        case .list(let values): .array(values.map(\.sent))
        case .object(let members): .members(members.filter(\.isGiven).map { ($0.name, $0.value.sent) })
        case .text, .integer, .number, .boolean, .image, .json: json
        }
    }
}

/// A member of a checked object.
package struct ArgumentMember: Sendable, Equatable {
    /// As it was declared.
    package let name: String
    /// Checked.
    package var value: ArgumentValue
    /// Whether the caller set it.
    let isGiven: Bool
}

/// Checked arguments: every required one is there, every value lies in its range, defaults are filled in.
package struct ToolArguments: Sendable, Equatable {
    private var values: [String: ArgumentValue]
    /// What the caller set; the rest are defaults.
    private let given: Set<String>

    /// For values that were checked. `given`: what the caller set; nil: everything.
    package init(values: [String: ArgumentValue], given: Set<String>? = nil) {
        self.values = values
        self.given = given ?? Set(values.keys)
    }

    /// The value, whatever its kind. Nil when the argument is absent and has no default.
    package subscript(name: String) -> ArgumentValue? {
        get { values[name] }
        set { values[name] = newValue }
    }

    /// Of all that have a value, in a fixed order.
    var names: [String] { values.keys.sorted() }

    /// Whether the caller set it. Services refuse what a model does not know, so defaults are not sent on.
    package func isGiven(_ name: String) -> Bool { given.contains(name) }

    /// Nil when the argument is absent and has no default (or is of another kind, which the declaration excludes).
    package func text(_ name: String) -> String? {
        switch values[name] {
        case .text(let text), .image(let text): text
        default: nil
        }
    }

    /// Nil as for `text`.
    package func integer(_ name: String) -> Int? {
        if case .integer(let n)? = values[name] { Int(n) } else { nil }
    }

    /// Nil as for `text`.
    package func number(_ name: String) -> Double? {
        switch values[name] {
        case .number(let n): n
        case .integer(let n): Double(n)
        default: nil
        }
    }

    /// Nil as for `text`.
    package func boolean(_ name: String) -> Bool? {
        if case .boolean(let b)? = values[name] { b } else { nil }
    }

    /// Nil as for `text`.
    package func list(_ name: String) -> [ArgumentValue]? {
        if case .list(let values)? = values[name] { values } else { nil }
    }

    /// The members of an object; nil as for `text`.
    package func object(_ name: String) -> ToolArguments? {
        guard case .object(let members)? = values[name] else { return nil }
        return ToolArguments(
            values: Dictionary(members.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }),
            given: Set(members.filter(\.isGiven).map(\.name)))
    }

    // MARK: Pictures

    /// Every picture among the arguments with its path: `seedImage`, `referenceImages[0]`, `controlNet[1].guideImage`.
    package var pictures: [(path: String, text: String)] {
        var found: [(path: String, text: String)] = []
        for name in values.keys.sorted() {
            if let value = values[name] { Self.collect(value, name, &found) }
        }
        return found
    }

    private static func collect(_ value: ArgumentValue, _ path: String, _ found: inout [(path: String, text: String)]) {
        switch value {
        case .image(let text): found.append((path, text))
        case .list(let values):
            for (i, value) in values.enumerated() { collect(value, "\(path)[\(i)]", &found) }
        case .object(let members):
            for member in members { collect(member.value, "\(path).\(member.name)", &found) }
        case .text, .integer, .number, .boolean, .json: break
        }
    }

    /// The same arguments with each picture replaced by what `replace` says for its path.
    package func replacingPictures(_ replace: (String) -> String?) -> ToolArguments {
        var copy = self
        for (name, value) in values { copy.values[name] = Self.replaced(value, name, replace) }
        return copy
    }

    private static func replaced(
        _ value: ArgumentValue, _ path: String, _ replace: (String) -> String?
    ) -> ArgumentValue {
        switch value {
        case .image: return replace(path).map(ArgumentValue.image) ?? value
        case .list(let values):
            return .list(values.enumerated().map { replaced($0.element, "\(path)[\($0.offset)]", replace) })
        case .object(let members):
            return .object(
                members.map {
                    ArgumentMember(
                        name: $0.name, value: replaced($0.value, "\(path).\($0.name)", replace), isGiven: $0.isGiven)
                })
        case .text, .integer, .number, .boolean, .json: return value
        }
    }
}
