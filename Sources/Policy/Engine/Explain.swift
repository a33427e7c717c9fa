internal import Base
package import JSON

/// How a decision came about, as a tree: `sluice policy explain`.
package struct Explanation: Sendable {
    /// `allow`, `deny`, `ask` or `shadow_deny`.
    package let outcome: String
    /// The deciding rule; empty for an allowed call.
    package let rule: String
    /// The readable form of `rule`.
    package let alias: String
    /// What the agent would read; empty for an allowed call.
    package let message: String
    /// The steps in the order of a decision.
    package let steps: [Step]

    /// One question that the policy asks, and the answer.
    package struct Step: Sendable {
        /// For people.
        package let title: String
        /// Into the policy; nil for steps that have no place in it.
        package let pointer: String?
        /// `holds`, `does_not_hold`, `missing`, `undetermined`, or a few plain words.
        package let result: String
        /// Whether this step decided the call.
        package internal(set) var isDecisive = false
        /// The steps in the order of a decision.
        package let steps: [Step]

        init(_ title: String, _ pointer: String? = nil, _ result: String, _ steps: [Step] = []) {
            self.title = title
            self.pointer = pointer
            self.result = result
            self.steps = steps
        }

        fileprivate func marked(_ rule: String) -> Step {
            var copy = Step(title, pointer, result, steps.map { $0.marked(rule) })
            copy.isDecisive = pointer == rule
            return copy
        }
    }

    /// For people: one line a step, indented, the deciding one marked with `►`.
    package var text: String {
        var lines = [rule.isEmpty ? outcome : "\(outcome) by \(rule)\(alias == rule ? "" : " (\(alias))")"]
        if !message.isEmpty { lines.append(message) }
        func add(_ step: Step, _ depth: Int) {
            let mark = step.isDecisive ? "► " : "  "
            lines.append(mark + String(repeating: "  ", count: depth) + "\(step.title): \(step.result)")
            for child in step.steps { add(child, depth + 1) }
        }
        for step in steps { add(step, 0) }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Appends the explanation as one JSON object.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("outcome", outcome)
        writer.member("rule", rule)
        writer.member("alias", alias)
        writer.member("message", message)
        writer.key("steps")
        Self.write(steps, to: &writer)
        writer.endObject()
    }

    private static func write(_ steps: [Step], to writer: inout JSONWriter) {
        writer.beginArray()
        for step in steps {
            writer.beginObject()
            writer.member("title", step.title)
            writer.memberIfPresent("pointer", step.pointer)
            writer.member("result", step.result)
            writer.member("decisive", step.isDecisive)
            writer.key("steps")
            write(step.steps, to: &writer)
            writer.endObject()
        }
        writer.endArray()
    }
}

/// Decides a call with empty counters and tells every step, also those that a decision would not have come to.
package func explain(_ call: CallFacts, policy: CompiledPolicy?) -> Explanation {
    var quotas = QuotaWindows()
    return explain(call, policy: policy, quotas: &quotas)
}

/// The same with counters, which it uses as `decide` does.
package func explain<Quotas: QuotaLedger>(_ call: CallFacts, policy: CompiledPolicy?, quotas: inout Quotas)
    -> Explanation
{
    var (outcome, rule, alias, message) = ("allow", "", "", "")
    func take(_ denial: Denial) { (rule, alias, message) = (denial.rule, denial.alias, denial.message) }
    switch decide(call, policy: policy, quotas: &quotas) {
    case .permit(let permit):
        if let shadow = permit.shadow {
            outcome = "shadow_deny"
            take(shadow)
        }
    case .denial(let denial):
        outcome = "deny"
        take(denial)
    case .ask(let request): (outcome, rule, alias, message) = ("ask", request.rule, request.alias, request.message)
    }
    let steps = policy.map { Explainer(policy: $0, call: call).steps } ?? []
    return Explanation(
        outcome: outcome, rule: rule, alias: alias, message: message, steps: steps.map { $0.marked(rule) })
}

/// Walks the policy in the order of a decision, without stopping.
private struct Explainer {
    typealias Step = Explanation.Step

    let policy: CompiledPolicy
    let call: CallFacts

    var steps: [Step] {
        let category = call.facts?.category
        let matched = policy.entries(for: call.tool, category: category)
        let isHidden = policy.hides(call.tool, category: category)
        var steps = [
            Step("hide", "(hidden)", isHidden ? "the tool is hidden" : "does not match"),
            Step(
                "tools", "(default deny)",
                matched.isEmpty
                    ? "no entry matches; default is \(policy.allowsByDefault ? "allow" : "deny")"
                    : "\(matched.count) matching \(matched.count == 1 ? "entry" : "entries")"),
            arguments,
        ]
        if let entry = policy.allTools { steps.append(describe(entry, "all_tools")) }
        for i in 0..<matched.count {
            let entry = matched[i]
            let name =
                switch entry.selector {
                case .exact(let name): name
                case .pattern(let glob): glob.text
                case .category(let category): "@" + category.rawValue
                }
            steps.append(describe(entry, "entry `\(clipped(name))`"))
        }
        return steps
    }

    private var arguments: Step {
        var steps: [Step] = []
        if let arguments = call.arguments, arguments.kind != .object {
            steps.append(Step("shape", "(invalid arguments)", "\(arguments.kind.phrase), where an object has to be"))
        }
        if !policy.checksSchema {
            steps.append(Step("schema", "/arguments/schema", "off"))
        } else if let schema = call.facts?.schema {
            let fault = schema.fault(in: call.arguments)
            steps.append(
                Step(
                    "schema", "/arguments/schema",
                    fault.map { "\($0.keyword) at \($0.pointer.isEmpty ? "the arguments as a whole" : $0.pointer)" }
                        ?? "satisfied"))
        } else {
            steps.append(Step("schema", "/arguments/schema", "the tool has none"))
        }
        if policy.refusesUnknown {
            let unknown = (call.arguments?.members.compactMap { $0.key.string } ?? []).filter {
                call.facts?.schema?.names(argument: $0) != true
            }
            let names = unknown.map { "`\(clipped($0))`" }.joined(separator: ", ")
            steps.append(Step("unknown", "/arguments/unknown", unknown.isEmpty ? "none" : names))
        }
        return Step("arguments", nil, "checked", steps)
    }

    private func describe(_ entry: CompiledEntry, _ title: String) -> Step {
        var steps: [Step] = []
        if entry.action != .allow { steps.append(Step("action", entry.pointer + "/action", entry.action.rawValue)) }
        for rule in entry.require { steps.append(describe(rule, "require", .all)) }
        for rule in entry.denyIf { steps.append(describe(rule, "deny_if", .any)) }
        for approval in entry.approveIf { steps.append(describe(approval.rule, "approve_if", .any)) }
        for limit in entry.limits {
            let cost = limit.cost.map { ", cost \($0.text)" } ?? ""
            let name = limit.kind.isNamed ? " `\(clipped(limit.kind.counter))`" : ""
            steps.append(
                Step(
                    "limit\(name)", limit.pointer,
                    "\(limit.max) per \(limit.window.span.phrase) by \(limit.scope.rawValue), \(limit.window.algorithm.rawValue)\(cost)"
                ))
        }
        return Step(
            title + (entry.isShadow ? " (shadow)" : ""), entry.pointer, steps.isEmpty ? "no conditions" : "applies",
            steps)
    }

    private func describe(_ rule: CompiledRule, _ list: String, _ standard: Quantifier) -> Step {
        var evaluation = Evaluation()
        let conditions = rule.conditions.map { condition in
            Step(
                "\(condition.path.text) \(condition.op.rawValue)",
                condition.pointer == rule.pointer ? nil : condition.pointer,
                evaluation.truth(condition, call, standard).word)
        }
        var again = Evaluation()
        let result: String =
            switch standard {
            case .all: again.holds(rule, call) ? "holds" : "does_not_hold"
            case .any: again.fires(rule, call).word
            }
        return Step(list, rule.pointer, result, conditions)
    }
}
