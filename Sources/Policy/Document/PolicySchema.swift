internal import Base
internal import JSON

/// The JSON Schema (2020-12) of policies, for editors: made from the loader's own lists of fields, words and bounds.
///
/// It refuses as much of what the loader refuses as a schema can, and nothing that the loader accepts. What it can't see:
/// regular expressions and networks that do not compile, counters that disagree, keys that stand twice.
package enum PolicySchema {
    /// As `schema/policy.schema.json` holds it: indented by two spaces, with a final line end.
    package static var text: String { Indented.text(document) + "\n" }

    static var document: JSONValue {
        .object([
            JSONMember("$schema", "https://json-schema.org/draft/2020-12/schema"),
            JSONMember("title", .string("Sluice policy, version \(PolicyDocument.languageVersion)")),
            JSONMember("type", "object"),
            JSONMember("required", ["version", "default"]),
            JSONMember("additionalProperties", false),
            JSONMember("properties", properties(DocumentField.self, field)),
            JSONMember("$defs", definitions),
        ])
    }

    // MARK: The objects

    private static func field(_ field: DocumentField) -> JSONValue {
        switch field {
        case .version: ["const": .string(PolicyDocument.languageVersion), "description": "The language's version."]
        case .description: ["type": "string", "description": "Text for people."]
        case .default: words(PolicyWords.Default.self, "What happens to tools that no entry of tools matches.")
        case .mode: reference("mode")
        case .list: words(PolicyWords.Listing.self, "Which tools the agent is shown.", default: .callable)
        case .hide:
            [
                "type": "array", "items": reference("selector"), "maxItems": count(PolicyDocument.maxEntries),
                "description": "Tools that are neither listed nor callable.",
            ]
        case .arguments: object(ArgumentsField.self, Self.field, "How arguments are checked against the tool's schema.")
        case .allTools: reference("entry")
        case .tools:
            [
                "type": "object", "maxProperties": count(PolicyDocument.maxEntries),
                "propertyNames": reference("selector"), "additionalProperties": reference("entry"),
                "description": "Selector to tool entry. Every matching entry applies.",
            ]
        }
    }

    private static func field(_ field: ArgumentsField) -> JSONValue {
        switch field {
        case .schema:
            words(
                PolicyWords.SchemaCheck.self, "Whether arguments have to satisfy the tool's inputSchema.",
                default: .enforce)
        case .unknown:
            words(
                PolicyWords.Unknown.self, "Whether top-level arguments that the schema does not name are refused.",
                default: .schema)
        }
    }

    private static func field(_ field: EntryField) -> JSONValue {
        switch field {
        case .action: words(CompiledEntry.Action.self, "What happens to every call of the tool.", default: .allow)
        case .reason: ["type": "string", "description": "What the agent reads when action is deny."]
        case .require: rules("rule", "Rules that must all hold.")
        case .denyIf: rules("rule", "Rules of which none may hold.")
        case .approveIf: rules("approval", "Rules that send the call to a person.")
        case .limits: rules("limit", "How much may pass in a window of time.")
        case .rateLimit:
            object(
                RateLimitField.self, Self.field, "Short form of a limit of scope session.", required: ["max", "window"])
        case .mode: reference("mode")
        }
    }

    private static func field(_ field: RateLimitField) -> JSONValue {
        switch field {
        case .max: reference("max")
        case .window: reference("window")
        }
    }

    private static func field(_ field: RuleField) -> JSONValue {
        switch field {
        case .conditions:
            [
                "type": "array", "items": reference("condition"), "maxItems": count(PolicyDocument.maxConditions),
                "description": "All have to hold. An empty list always holds.",
            ]
        case .onDeny: ["type": "string", "description": "What the agent reads when the rule denies."]
        case .onError:
            words(
                PolicyWords.OnError.self,
                "Under deny_if: what happens when it can't be told whether the rule holds.", default: .deny)
        }
    }

    private static func field(_ field: ApprovalField) -> JSONValue {
        switch field {
        case .timeout:
            [
                "description": .string("How long a person has, up to \(days(PolicyDocument.maxTimeout)) days."),
                "default": "15m", "oneOf": span(upTo: PolicyDocument.maxTimeout),
            ]
        case .approvers:
            [
                "type": "integer", "minimum": 1, "maximum": count(Int(PolicyDocument.maxApprovers)), "default": 1,
                "description": "How many people have to agree.",
            ]
        }
    }

    private static func field(_ field: ConditionField) -> JSONValue {
        switch field {
        case .path: reference("path")
        case .op: words(Operator.self, "What to ask of the value.")
        case .value: ["description": "What to compare with; its type depends on op."]
        case .each:
            words(
                Quantifier.self,
                "How many values of [*] have to satisfy the condition. Default: all under require, any under deny_if and approve_if."
            )
        }
    }

    private static func field(_ field: LimitField) -> JSONValue {
        switch field {
        case .counter:
            [
                "type": "string", "minLength": 1, "maxLength": count(PolicyDocument.maxCounterBytes),
                "description": "Limits of the same name share one count.",
            ]
        case .window: reference("window")
        case .max: reference("max")
        case .scope: words(QuotaScope.self, "Whose calls are counted together.", default: .grant)
        case .cost: cost("The path of a number among the arguments by which the counter grows.")
        case .incrementFrom: cost("Another name of cost.")
        case .algorithm:
            words(
                QuotaWindow.Algorithm.self,
                "sliding: never more than max in any span as long as the window. calendar: windows start at UTC times.",
                default: .sliding)
        case .onDeny: ["type": "string", "description": "What the agent reads when the limit is full."]
        }
    }

    private static func cost(_ description: String) -> JSONValue {
        [
            "type": "string", "maxLength": count(PathParser.maxBytes), "pattern": .string("^args(\(oneStep))+$"),
            "description": .string(description),
        ]
    }

    // MARK: What they share

    private static var definitions: JSONValue {
        let one = properties(ConditionField.self, field)
        return .object([
            JSONMember("mode", words(PolicyWords.Mode.self, "shadow: let denied calls through.", default: .enforce)),
            JSONMember("selector", selector),
            JSONMember("entry", object(EntryField.self, field, "What the policy says about some tools.")),
            JSONMember("rule", rule(merged(properties(RuleField.self, field), one), "All conditions together.")),
            JSONMember(
                "approval",
                rule(
                    merged(properties(RuleField.self, field), one, properties(ApprovalField.self, field)),
                    "Calls that a person has to allow.")),
            JSONMember(
                "condition",
                merged(
                    object(
                        ConditionField.self, field, "A question about the call.", required: ["path", "op", "value"]),
                    ["allOf": [reference("operands")]])),
            JSONMember("operands", ["allOf": .array(operands)]),
            JSONMember(
                "path",
                [
                    "type": "string", "maxLength": count(PathParser.maxBytes), "pattern": .string(pathPattern),
                    "description": "Where to look, for example args.items[*].price or host(args.url).",
                ]),
            JSONMember(
                "limit",
                merged(
                    object(LimitField.self, field, "The highest total in a window.", required: ["window", "max"]),
                    ["not": ["required": ["cost", "increment_from"]]])),
            JSONMember(
                "window",
                [
                    "description": .string(
                        "\(PolicyWords.Window.allCases.map(\.rawValue).joined(separator: ", ")), a number of seconds, or 90s, 15m, 6h, 7d; up to \(days(PolicyDocument.maxWindow)) days."
                    ),
                    "oneOf": span(upTo: PolicyDocument.maxWindow),
                ]),
            JSONMember(
                "max",
                ["type": "number", "exclusiveMinimum": 0, "description": "The highest total inside a window."]),
        ])
    }

    private static var selector: JSONValue {
        let categories = ToolCategory.allCases.map { "@" + $0.rawValue }
        let requests = Subject.clientRequests.map { Subject.client.selectorName(of: $0) }
        return [
            "type": "string", "minLength": 1, "maxLength": count(Selector.maxBytes),
            "description": .string(
                "A tool's name, a pattern with *, or a category: \(categories.joined(separator: ", ")). Also resource:<URI>, prompt:<name> (or patterns of them), \(requests.joined(separator: ", "))."
            ),
            "allOf": [
                ["if": ["pattern": "^@"], "then": ["enum": .array(categories.map { .string($0) })]],
                ["if": ["pattern": "^client:[^*]*$"], "then": ["enum": .array(requests.map { .string($0) })]],
            ],
        ]
    }

    /// A rule has conditions, or is one.
    private static func rule(_ properties: JSONValue, _ description: String) -> JSONValue {
        let one = ConditionField.names.map { JSONValue.object([JSONMember("required", [.string($0)])]) }
        return [
            "type": "object", "description": .string(description), "additionalProperties": false,
            "properties": properties,
            "oneOf": [
                ["required": ["conditions"], "not": ["anyOf": .array(one)]],
                ["required": ["path", "op", "value"], "not": ["required": ["conditions"]]],
            ],
            "allOf": [reference("operands")],
        ]
    }

    // MARK: Values, by operator

    /// For each kind of value the operators that want it.
    private static var operands: [JSONValue] {
        var kinds: [(wanted: JSONValue, operators: [Operator])] = []
        for op in Operator.allCases {
            guard let wanted = wanted(by: op) else { continue }
            if let i = kinds.firstIndex(where: { $0.wanted == wanted }) {
                kinds[i].operators.append(op)
            } else {
                kinds.append((wanted, [op]))
            }
        }
        return kinds.map { wanted, operators in
            let names = JSONValue.array(operators.map { .string($0.rawValue) })
            return ["if": ["required": ["op"], "properties": ["op": ["enum": names]]], "then": ["properties": wanted]]
        }
    }

    private static func wanted(by op: Operator) -> JSONValue? {
        let elements = count(PolicyDocument.maxElements)
        switch op {
        case .contains, .notContains: return nil
        case .eq, .neq: return ["value": ["maxItems": elements]]
        case .lt, .lte, .gt, .gte: return ["value": ["type": ["number", "string"]]]
        case .in, .notIn, .subsetOf: return ["value": ["type": "array", "maxItems": elements]]
        case .regex, .notRegex:
            return ["value": ["type": "string", "maxLength": count(PolicyDocument.maxRegexBytes)]]
        case .startsWith, .endsWith: return ["value": ["type": "string"]]
        case .exists:
            let roots = PathRoot.fields.map(\.object).joined(separator: "|")
            return ["value": ["type": "boolean"], "path": ["pattern": .string("^(\(roots))([.\\[]|$)")]]
        case .pathWithin, .cidrIn, .notCidrIn:
            return [
                "value": ["type": "array", "items": ["type": "string", "minLength": 1], "maxItems": elements]
            ]
        }
    }

    // MARK: Paths

    private static let plainName = #"[^.\[\]()"\x00-\x1f\x7f]+"#
    private static let quotedName = #"\["([^"\\]|\\.)*"\]"#
    private static let index = #"\[(0|-?[1-9][0-9]*)\]"#
    /// A step to one value.
    private static var oneStep: String { #"\.\#(plainName)|\#(quotedName)|\#(index)"# }

    private static var pathPattern: String {
        let steps = #"(\#(oneStep)|\[\*\])*"#
        var roots: [String] = []
        for (object, fields) in PathRoot.fields {
            if fields.isEmpty {
                roots.append(object + steps)
                continue
            }
            let ends = fields.map { name, root in name + (root.isDocument ? steps : "") }
            // A quoted name may be written with escapes; only the loader can read those.
            roots.append(#"\#(object)(\.(\#(ends.joined(separator: "|")))|\[".*)"#)
        }
        let path = "(\(roots.joined(separator: "|")))"
        let functions = PathFunction.allCases.map(\.rawValue).joined(separator: "|")
        return #"^(\#(path)|(\#(functions))\(\#(path)\))$"#
    }

    // MARK: Time

    private static func span(upTo most: TimeSpan) -> JSONValue {
        let words = PolicyWords.Window.allCases.map(\.rawValue).joined(separator: "|")
        let units = PolicyWords.Unit.allCases.map(\.rawValue).joined()
        return [
            ["type": "integer", "minimum": 1, "maximum": count(Int(most.microseconds / 1_000_000))],
            ["type": "string", "pattern": .string("^(\(words)|0*[1-9][0-9]*[\(units)])$")],
        ]
    }

    private static func days(_ span: TimeSpan) -> Int64 { span.microseconds / TimeSpan.days(1).microseconds }

    // MARK: Pieces

    private static func properties<F: RawRepresentable & CaseIterable>(
        _ type: F.Type, _ schema: (F) -> JSONValue
    ) -> JSONValue where F.RawValue == String {
        .object(F.allCases.map { JSONMember($0.rawValue, schema($0)) })
    }

    private static func object<F: RawRepresentable & CaseIterable>(
        _ type: F.Type, _ schema: (F) -> JSONValue, _ description: String, required: [String] = []
    ) -> JSONValue where F.RawValue == String {
        var members: [JSONMember] = [
            JSONMember("type", "object"), JSONMember("description", .string(description)),
        ]
        if !required.isEmpty { members.append(JSONMember("required", .array(required.map { .string($0) }))) }
        members.append(JSONMember("additionalProperties", false))
        members.append(JSONMember("properties", properties(type, schema)))
        return .object(members)
    }

    private static func rules(_ name: String, _ description: String) -> JSONValue {
        [
            "type": "array", "items": reference(name), "maxItems": count(PolicyDocument.maxRules),
            "description": .string(description),
        ]
    }

    private static func words<W: RawRepresentable & CaseIterable>(
        _ type: W.Type, _ description: String, default fallback: W? = nil
    ) -> JSONValue where W.RawValue == String {
        var members = [JSONMember("enum", .array(W.allCases.map { .string($0.rawValue) }))]
        if let fallback { members.append(JSONMember("default", .string(fallback.rawValue))) }
        members.append(JSONMember("description", .string(description)))
        return .object(members)
    }

    private static func reference(_ name: String) -> JSONValue { ["$ref": .string("#/$defs/\(name)")] }

    private static func count(_ number: Int) -> JSONValue { .number(JSONNumber(Int64(number))) }

    private static func merged(_ objects: JSONValue...) -> JSONValue {
        .object(
            objects.flatMap { object -> [JSONMember] in
                if case .object(let members) = object { members } else { [] }
            })
    }
}

/// JSON for people: two spaces a level; what fits stands on one line.
private enum Indented {
    static let width = 100

    static func text(_ value: JSONValue, indent: String = "", after used: Int = 0) -> String {
        let (open, parts, close): (String, [(key: String, value: JSONValue)], String)
        switch value {
        case .object(let members):
            (open, parts, close) = ("{", members.map { (line(.string($0.key)) + ": ", $0.value) }, "}")
        case .array(let elements): (open, parts, close) = ("[", elements.map { ("", $0) }, "]")
        default: return line(value)
        }
        let short = spaced(value)
        if indent.utf8.count + used + short.utf8.count <= width { return short }
        let deeper = indent + "  "
        let lines = parts.map { deeper + $0.key + text($0.value, indent: deeper, after: $0.key.utf8.count) }
        return open + "\n" + lines.joined(separator: ",\n") + "\n" + indent + close
    }

    private static func spaced(_ value: JSONValue) -> String {
        switch value {
        case .object(let members):
            members.isEmpty
                ? "{}"
                : "{ " + members.map { line(.string($0.key)) + ": " + spaced($0.value) }.joined(separator: ", ") + " }"
        case .array(let elements): "[" + elements.map(spaced).joined(separator: ", ") + "]"
        default: line(value)
        }
    }

    private static func line(_ value: JSONValue) -> String {
        var writer = JSONWriter()
        writer.value(value)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
