internal import JSON
internal import Policy

/// The entry of a policy for one tool, with reasons and what it is tried with.
struct RecommendedEntry {
    private(set) var value: JSONValue = .object([])
    /// A pointer below the entry, why, and whether something has to be replaced.
    private(set) var reasons: [(path: String, text: String, needsEditing: Bool)] = []
    private(set) var trial: Trial

    init(_ tool: ToolDefinition, _ classification: Classification, counter: String) {
        trial = Trial(tool: tool.name, category: classification.category)
        let rules = ArgumentRules(tool, classification)
        trial.arguments = RecommendedEntry.call(rules.sample, but: nil)
        var members: [JSONMember] = []
        let isAsked = classification.category.treatment == .ask
        if isAsked {
            members.append(JSONMember("action", "require_approval"))
            reasons.append(("/action", "It moves money: a person decides each call.", false))
            trial.isAsked = true
        }
        func add(_ field: String, _ kind: ArgumentRule.Kind) {
            let chosen = rules.rules.filter { $0.kind == kind }
            guard !chosen.isEmpty else { return }
            members.append(JSONMember(field, .array(chosen.map(\.value))))
            for (index, rule) in chosen.enumerated() {
                reasons.append(("/\(field)/\(index)", rule.why, rule.needsEditing))
                trial.rules.append(
                    Trial.Rule(
                        place: "\(field)/\(index)",
                        arguments: RecommendedEntry.call(rules.sample, but: (rule.argument, rule.counterexample)),
                        isAsked: kind == .approve))
            }
        }
        add("require", .require)
        add("deny_if", .deny)
        if !isAsked { add("approve_if", .approve) }
        if case .limit(let count) = classification.category.treatment {
            let limit: JSONValue = [
                "counter": .string(counter), "window": "minute", "max": .int(count), "scope": "grant",
            ]
            members.append(JSONMember("limits", [limit]))
            reasons.append(
                ("/limits/0", "A loop can't do more than \(count) of these a minute before somebody notices.", false))
            trial.limit = count
        }
        if members.isEmpty { reasons.append(("", "It only looks.", false)) }
        if !rules.isWhole {
            reasons.append(
                ("", "Its schema is too large or too deep: not all of its arguments were looked at. Read it.", false))
        }
        value = .object(members)
    }

    /// The arguments of a call with all that rules ask for, and one in place of what they would have there.
    private static func call(
        _ sample: [(argument: Argument, value: JSONValue)], but other: (argument: Argument, value: JSONValue)?
    ) -> JSONValue {
        let kept = sample.filter { $0.argument.path != other?.argument.path }
        return (kept + (other.map { [$0] } ?? [])).reduce(.object([])) { call, part in
            merged(call, part.argument.holding(part.value))
        }
    }

    /// Objects member by member, lists element by element.
    private static func merged(_ a: JSONValue, _ b: JSONValue) -> JSONValue {
        switch (a, b) {
        case (.object(let first), .object(let second)):
            let added = second.filter { member in !first.contains { $0.key == member.key } }
            return .object(
                first.map { member in
                    second.first { $0.key == member.key }.map { JSONMember(member.key, merged(member.value, $0.value)) }
                        ?? member
                } + added)
        case (.array(let first), .array(let second)) where first.count == 1 && second.count == 1:
            return [merged(first[0], second[0])]
        default: return b
        }
    }
}
