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
        trial.arguments = rules.sample
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
                        place: "\(field)/\(index)", argument: rule.argument, value: rule.counterexample,
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
        value = .object(members)
    }
}
