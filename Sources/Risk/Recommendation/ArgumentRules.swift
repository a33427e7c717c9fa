internal import JSON
internal import Policy

/// A rule about one argument.
struct ArgumentRule {
    enum Kind { case require, deny, approve }

    let kind: Kind
    let value: JSONValue
    let why: String
    let needsEditing: Bool
    /// The argument's name, and a value with which the rule acts.
    let argument: String
    let counterexample: JSONValue
}

/// What a tool's schema suggests to ask of its arguments: paths stay in a folder, addresses lead to known hosts, queries and
/// code are seen by a person, counts have an end, and choices that only the description names are the only ones.
struct ArgumentRules {
    private(set) var rules: [ArgumentRule] = []
    /// Arguments that satisfy all rules that ask for one.
    private(set) var sample: [JSONMember] = []
    private let required: Set<String>

    /// A call that wants more at once is a mass of calls in one.
    private static let largestCount: Int64 = 100

    init(_ tool: ToolDefinition, _ classification: Classification) {
        required = Set(tool.inputSchema?["required"]?.elements.compactMap(\.string) ?? [])
        guard let properties = tool.inputSchema?["properties"] else { return }
        func names(_ codes: RiskSignal.Code...) -> Set<String> {
            Set(classification.signals.filter { codes.contains($0.code) }.flatMap(\.parameters))
        }
        let (paths, addresses) = (names(.acceptsFilePath), names(.acceptsURL))
        let (texts, isBulk) = (names(.acceptsCode, .acceptsQuery), classification.signals.contains { $0.code == .bulk })
        for (key, schema) in properties.members {
            guard let name = key.string, ArgumentRules.isNameable(name) else { continue }
            let isList = schema["type"]?.string == "array"
            let path = "args.\(name)" + (isList ? "[*]" : "")
            if paths.contains(name), !addresses.contains(name) {
                pathRule(name, path, isList)
            } else if addresses.contains(name), ArgumentRules.isOnlyAddress(name, schema) {
                hostRule(name, path, isList)
            } else if texts.contains(name), classification.category != .read || names(.acceptsCode).contains(name) {
                personRule(name)
            } else if isBulk, schema["maximum"] == nil, ArgumentRules.isCount(name, schema) {
                countRule(name)
            } else if let choices = DescribedChoices.of(schema) {
                choiceRule(name, choices)
            }
        }
    }

    /// A name that a path of the policy language holds without quotes.
    private static func isNameable(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 128
            && name.utf8.allSatisfy {
                ($0 | 0x20 >= UInt8(ascii: "a") && $0 | 0x20 <= UInt8(ascii: "z")) || $0 == UInt8(ascii: "_")
                    || $0 == UInt8(ascii: "-") || ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9"))
            }
    }

    private mutating func pathRule(_ name: String, _ path: String, _ isList: Bool) {
        let folder = Recommendation.folder
        let outside: JSONValue = isList ? ["/etc/passwd"] : "/etc/passwd"
        if required.contains(name) {
            add(
                .require, path, "path_within", [.string(folder)], "`\(name)` has to lie in \(folder).",
                why: "`\(name)` is a file's path, and may name any file that the server can reach.", name, outside)
            let inside = JSONValue.string(folder + "/file")
            sample.append(JSONMember(name, isList ? [inside] : inside))
            return
        }
        // An optional argument can't be required: what lies elsewhere is denied, and so is every way up.
        add(
            .deny, path, "not_regex", .string("^\(folder)/"), "`\(name)` has to lie in \(folder).",
            why: "`\(name)` is a file's path, and may name any file that the server can reach.", name, outside)
        let climbing: JSONValue = .string("\(folder)/../../etc/passwd")
        add(
            .deny, path, "regex", #"(^|[/\\])\.\.([/\\]|$)|%|\x00"#, "`\(name)` must not lead out of \(folder).",
            why: "A path with `..` leads out of the folder.", name, isList ? [climbing] : climbing)
    }

    private mutating func hostRule(_ name: String, _ path: String, _ isList: Bool) {
        let elsewhere: JSONValue = "https://elsewhere.example.net/x"
        let known: JSONValue = .string("https://\(Recommendation.host)/x")
        within(
            name, "host(\(path))", [.string(Recommendation.host)], "`\(name)` has to lead to a known host.",
            why: "`\(name)` is an address: the server would fetch from it, or send to it.",
            sample: isList ? [known] : known, isList ? [elsewhere] : elsewhere)
    }

    /// One of a list: a required argument is required to be, an optional one denied if it is not.
    private mutating func within(
        _ name: String, _ path: String, _ list: JSONValue, _ message: String, why: String, sample: JSONValue,
        _ counterexample: JSONValue
    ) {
        let isRequired = required.contains(name)
        add(
            isRequired ? .require : .deny, path, isRequired ? "in" : "not_in", list, message, why: why, name,
            counterexample)
        if isRequired { self.sample.append(JSONMember(name, sample)) }
    }

    private mutating func personRule(_ name: String) {
        add(
            .approve, "args.\(name)", "exists", true, "A person has to see `\(name)`.",
            why: "`\(name)` is a program or a query: what it does, only reading it tells.", name, "select 1")
    }

    private mutating func countRule(_ name: String) {
        let most = ArgumentRules.largestCount
        let isRequired = required.contains(name)
        add(
            isRequired ? .require : .deny, "args.\(name)", isRequired ? "lte" : "gt", .int(most),
            "`\(name)` may be \(most) at most.",
            why: "`\(name)` says how many at once, and the schema sets no end.", name, .int(most + 1))
        if isRequired { sample.append(JSONMember(name, 1)) }
    }

    private mutating func choiceRule(_ name: String, _ choices: [String]) {
        within(
            name, "args.\(name)", .array(choices.map(JSONValue.string)),
            "`\(name)` has to be one of those that the tool describes.",
            why: "The description names all choices for `\(name)`; the schema allows any text.",
            sample: .string(choices[0]), "something else")
    }

    private mutating func add(
        _ kind: ArgumentRule.Kind, _ path: String, _ op: String, _ value: JSONValue, _ message: String, why: String,
        _ argument: String, _ counterexample: JSONValue
    ) {
        let rule: JSONValue = [
            "path": .string(path), "op": .string(op), "value": value, "on_deny": .string(message),
        ]
        let text = value.text
        rules.append(
            ArgumentRule(
                kind: kind, value: rule, why: why,
                needsEditing: text.contains(Recommendation.folder) || text.contains(Recommendation.host),
                argument: argument, counterexample: counterexample))
    }

    /// Whether the argument is an address and can't be something else, such as an id or a path.
    private static func isOnlyAddress(_ name: String, _ schema: JSONView) -> Bool {
        if let format = (schema["items"] ?? schema)["format"]?.string { return format == "uri" || format == "url" }
        let name = name.lowercased()
        return ["url", "urls", "uri", "uris", "endpoint", "webhook"].contains { name.hasSuffix($0) }
    }

    private static func isCount(_ name: String, _ schema: JSONView) -> Bool {
        guard let type = schema["type"]?.string, type == "integer" || type == "number" else { return false }
        let name = name.lowercased()
        return ["limit", "count", "batch_size", "batchsize", "n", "num", "quantity", "max_results", "maxresults"]
            .contains {
                name == $0 || name.hasSuffix("_" + $0) || name.hasPrefix("num_")
            }
    }
}
