import Base
import JSON

/// The arguments of one tool, in the order in which agents see them.
package struct ParameterList: Sendable {
    /// In the order in which agents see them.
    package let parameters: [Parameter]
    /// How they depend on each other.
    package let rules: [ParameterRule]

    /// Names must differ.
    package init(_ parameters: [Parameter], rules: [ParameterRule] = []) {
        self.parameters = parameters
        self.rules = rules
    }

    /// The tool's `inputSchema`.
    package var schema: JSONValue {
        .members(
            [("$schema", "https://json-schema.org/draft/2020-12/schema")]
                + Self.objectSchema(parameters, rules))
    }

    /// The schema of an object. Rules become `dependentSchemas` and `dependentRequired`: agents' vendors refuse `oneOf` and
    /// its kin at the top of a tool's schema.
    static func objectSchema(_ parameters: [Parameter], _ rules: [ParameterRule]) -> [(String, JSONValue)] {
        var members: [(String, JSONValue)] = [
            ("type", "object"),
            ("properties", .members(parameters.map { ($0.name, $0.schema) })),
            ("required", .array(parameters.filter(\.isRequired).map { .string($0.name) })),
            ("additionalProperties", .bool(false)),
        ]
        var excluded: [(String, [String])] = []
        var needed: [(String, [String])] = []
        func add(_ name: String, _ other: String, to list: inout [(String, [String])]) {
            if let i = list.firstIndex(where: { $0.0 == name }) {
                list[i].1.append(other)
            } else {
                list.append((name, [other]))
            }
        }
        for rule in rules {
            switch rule {
            case .excludes(let one, let other): add(one, other, to: &excluded)
            case .needs(let one, let other): add(one, other, to: &needed)
            case .oneOf(let names): members.append(("minProperties", .int(names.isEmpty ? 0 : 1)))
            case .below: break
            }
        }
        if !excluded.isEmpty {
            let schemas = excluded.map { name, others -> (String, JSONValue) in
                (name, ["properties": .members(others.map { ($0, .bool(false)) })])
            }
            members.append(("dependentSchemas", .members(schemas)))
        }
        if !needed.isEmpty {
            members.append(
                ("dependentRequired", .members(needed.map { ($0.0, .array($0.1.map { .string($0) })) })))
        }
        return members
    }

    /// Checks `view`, the `arguments` of a `tools/call` (nil: none given), and fills in the defaults.
    ///
    /// An explicit null counts as absent for an optional argument, because the original's clients send nulls for what
    /// they leave out. All problems are reported, in the order of the parameters, unknown names last.
    package func decode(_ view: JSONView?) throws(ArgumentProblems) -> ToolArguments {
        if let view, view.kind != .object, view.kind != .null {
            let problem = StudioError(
                .invalidParameter, "`arguments` must be an object that maps parameter names to values")
            throw ArgumentProblems(first: problem, rest: [])
        }
        var problems: [StudioError] = []
        let object = view?.kind == .object ? view : nil
        let (values, given) = Self.decode(object, parameters, rules, path: nil, &problems)
        if let first = problems.first {
            throw ArgumentProblems(first: first, rest: Array(problems.dropFirst().prefix(31)))
        }
        return ToolArguments(values: values, given: given)
    }

    /// Checks the members of an object, at the top (`path` nil) or inside an argument.
    static func decode(
        _ object: JSONView?, _ parameters: [Parameter], _ rules: [ParameterRule], path: String?,
        _ problems: inout [StudioError]
    ) -> (values: [String: ArgumentValue], given: Set<String>) {
        var values: [String: ArgumentValue] = [:]
        var given: Set<String> = []
        func full(_ name: String) -> String { path.map { "\($0).\(name)" } ?? name }
        for parameter in parameters {
            let name = parameter.name
            guard let value = object?[name], !(value.kind == .null && !parameter.isRequired) else {
                if parameter.isRequired {
                    problems.append(
                        StudioError(
                            .missingParameter, parameter: full(name),
                            "`\(full(name))` is required: \(parameter.summary)"))
                } else {
                    values[name] = parameter.fallback
                }
                continue
            }
            given.insert(name)
            values[name] = parameter.check(value, path: full(name), &problems)
        }
        for rule in rules {
            if let problem = rule.problem(values, given, full) { problems.append(problem) }
        }
        if let object { problems += unknownNames(in: object, parameters, full) }
        return (values, given)
    }

    private static func unknownNames(
        in given: JSONView, _ parameters: [Parameter], _ full: (String) -> String
    ) -> [StudioError] {
        let names = parameters.map(\.name)
        var problems: [StudioError] = []
        for member in given.members {
            let name = member.key.string ?? ""
            if names.contains(where: { $0.utf8.elementsEqual(name.utf8) }) { continue }
            let hint =
                nearest(name, among: names).map { "did you mean `\($0)`?" }
                ?? "known parameters: \(names.joined(separator: ", "))"
            problems.append(
                StudioError(
                    .unknownParameter, parameter: full(name),
                    "\(quoted(full(name))) is no parameter of this tool; \(hint)"))
            if problems.count == 8 { break }
        }
        return problems
    }
}

extension ParameterRule {
    /// What is wrong with the given values, if anything.
    func problem(
        _ values: [String: ArgumentValue], _ given: Set<String>, _ full: (String) -> String
    ) -> StudioError? {
        switch self {
        case .excludes(let one, let other):
            guard given.contains(one), given.contains(other) else { return nil }
            return StudioError(
                .incompatibleParameters, parameter: full(other),
                "`\(full(one))` and `\(full(other))` exclude each other; give one of them")
        case .needs(let one, let other):
            guard given.contains(one), !given.contains(other) else { return nil }
            return StudioError(
                .missingParameter, parameter: full(other), "`\(full(one))` has a meaning only with `\(full(other))`")
        case .below(let one, let other):
            guard case .integer(let low)? = values[one], case .integer(let high)? = values[other], low >= high else {
                return nil
            }
            return StudioError(
                .invalidParameter, parameter: full(other),
                "`\(full(other))` is \(high); it must be greater than `\(full(one))`, which is \(low)")
        case .oneOf(let names):
            guard !names.contains(where: given.contains) else { return nil }
            return StudioError(
                .missingParameter, parameter: full(names.first ?? ""),
                "one of \(names.map { "`\(full($0))`" }.joined(separator: ", ")) is required")
        }
    }
}

/// Everything that is wrong with the arguments of a call.
package struct ArgumentProblems: Error, Sendable, Equatable {
    /// The first one, in the order of the parameters.
    package let first: StudioError
    /// All others.
    package let rest: [StudioError]
}
