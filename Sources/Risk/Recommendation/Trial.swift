package import JSON
internal import Policy

/// What shows that a tool's entry does what it is there for.
struct Trial: Sendable {
    struct Rule: Sendable {
        /// Below the tool's entry.
        let place: String
        /// Arguments with which the rule acts.
        let arguments: JSONValue
        let isAsked: Bool
    }

    let tool: String
    let category: ToolCategory
    var isHidden = false
    var isAsked = false
    var limit: Int?
    var rules: [Rule] = []
    /// Arguments with which no rule acts.
    var arguments: JSONValue = .object([])

    init(tool: String, category: ToolCategory, isHidden: Bool = false) {
        self.tool = tool
        self.category = category
        self.isHidden = isHidden
    }

    /// The calls of a policy test, and what is expected of each.
    var calls: [JSONValue] {
        if isHidden { return [call(.object([]), "deny", nil, listed: false)] }
        let place = "/tools/" + JSONPointer(tokens: [tool]).description.dropFirst()
        var calls: [JSONValue] = []
        for rule in rules {
            calls.append(call(rule.arguments, rule.isAsked ? "ask" : "deny", place + "/" + rule.place))
        }
        if isAsked { return calls + [call(arguments, "ask", place + "/action")] }
        for _ in 0..<(limit ?? 1) { calls.append(call(arguments, "allow", nil)) }
        if limit != nil { calls.append(call(arguments, "deny", place + "/limits/0")) }
        return calls
    }

    private func call(_ arguments: JSONValue, _ outcome: String, _ rule: String?, listed: Bool = true) -> JSONValue {
        var expect = [JSONMember("outcome", .string(outcome)), JSONMember("listed", .bool(listed))]
        if let rule { expect.insert(JSONMember("rule", .string(rule)), at: 1) }
        var members = [JSONMember("at", "2026-01-05T10:00:00Z"), JSONMember("tool", .string(tool))]
        if arguments != .object([]) { members.append(JSONMember("arguments", arguments)) }
        return .object(members + [JSONMember("expect", .object(expect))])
    }
}

extension Recommendation {
    /// A `*.policytest.json` that tries every entry, rule and limit of the policy.
    /// - Parameter policy: the policy itself, or the path of its file from the test's.
    package func test(policy: JSONValue) -> JSONValue {
        .object([
            JSONMember("policy", policy),
            JSONMember(
                "tools",
                .array(trials.map { ["name": .string($0.tool), "category": .string($0.category.rawValue)] })),
            JSONMember("calls", .array(trials.flatMap(\.calls))),
        ])
    }
}
