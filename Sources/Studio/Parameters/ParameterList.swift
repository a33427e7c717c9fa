import Base
import JSON

/// The arguments of one tool, in the order in which agents see them.
package struct ParameterList: Sendable {
    /// In the order in which agents see them.
    package let parameters: [Parameter]

    /// Names must differ.
    package init(_ parameters: [Parameter]) {
        self.parameters = parameters
    }

    /// The tool's `inputSchema`.
    package var schema: JSONValue {
        let required = parameters.filter(\.isRequired).map { JSONValue.string($0.name) }
        return .members([
            ("$schema", "https://json-schema.org/draft/2020-12/schema"),
            ("type", "object"),
            ("properties", .members(parameters.map { ($0.name, $0.schema) })),
            ("required", .array(required)),
            ("additionalProperties", .bool(false)),
        ])
    }

    /// Checks `view`, the `arguments` of a `tools/call` (nil: none given), and fills in the defaults.
    ///
    /// An explicit null counts as absent for an optional argument, because the original's clients send nulls for what
    /// they leave out. All problems are reported, in the order of the parameters, unknown names last.
    package func decode(_ view: JSONView?) throws(ArgumentProblems) -> ToolArguments {
        var problems: [StudioError] = []
        var values: [String: ArgumentValue] = [:]
        if let view, view.kind != .object, view.kind != .null {
            let problem = StudioError(
                .invalidParameter, "`arguments` must be an object that maps parameter names to values")
            throw ArgumentProblems(first: problem, rest: [])
        }
        let given = view?.kind == .object ? view : nil
        for parameter in parameters {
            guard let value = given?[parameter.name], !(value.kind == .null && !parameter.isRequired) else {
                if parameter.isRequired {
                    problems.append(
                        StudioError(
                            .missingParameter, parameter: parameter.name,
                            "`\(parameter.name)` is required: \(parameter.summary)"))
                } else {
                    values[parameter.name] = parameter.fallback
                }
                continue
            }
            switch parameter.check(value) {
            case .success(let argument): values[parameter.name] = argument
            case .failure(let problem): problems.append(problem)
            }
        }
        if let given { problems += unknownNames(in: given) }
        if let first = problems.first {
            throw ArgumentProblems(first: first, rest: Array(problems.dropFirst()))
        }
        return ToolArguments(values: values)
    }

    private func unknownNames(in given: JSONView) -> [StudioError] {
        let names = parameters.map(\.name)
        var problems: [StudioError] = []
        for member in given.members {
            let name = member.key.string ?? ""
            if names.contains(where: { $0.utf8.elementsEqual(name.utf8) }) { continue }
            let hint =
                nearest(name, among: names).map { "did you mean `\($0)`?" }
                ?? "known parameters: \(names.joined(separator: ", "))"
            problems.append(
                StudioError(.unknownParameter, parameter: name, "\(quoted(name)) is no parameter of this tool; \(hint)")
            )
            if problems.count == 8 { break }
        }
        return problems
    }
}

/// Everything that is wrong with the arguments of a call.
package struct ArgumentProblems: Error, Sendable, Equatable {
    /// The first one, in the order of the parameters.
    package let first: StudioError
    /// All others.
    package let rest: [StudioError]
}

/// Checked arguments: every required one is there, every value lies in its range, defaults are filled in.
package struct ToolArguments: Sendable, Equatable {
    private let values: [String: ArgumentValue]

    /// For values that were checked.
    package init(values: [String: ArgumentValue]) {
        self.values = values
    }

    /// Nil when the argument is absent and has no default (or is of another kind, which the declaration excludes).
    package func text(_ name: String) -> String? {
        if case .text(let text)? = values[name] { text } else { nil }
    }

    /// Nil as for `text`.
    package func integer(_ name: String) -> Int? {
        if case .integer(let n)? = values[name] { Int(n) } else { nil }
    }

    /// Nil as for `text`.
    package func number(_ name: String) -> Double? {
        if case .number(let n)? = values[name] { n } else { nil }
    }

    /// Nil as for `text`.
    package func boolean(_ name: String) -> Bool? {
        if case .boolean(let b)? = values[name] { b } else { nil }
    }
}
