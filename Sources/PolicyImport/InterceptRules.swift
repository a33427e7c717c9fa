internal import Base
internal import JSON

/// One rule of a tool while it is translated.
struct InterceptRule {
    let site: Site
    /// How the paths of its counters name the tool: its own name, or `_global` for `"*"`.
    let scope: String
    var name: String?
    var message: String?
    var targets: [JSONPointer] = []
    var remarks: [String] = []
}

/// Rules: `evaluate` (every condition must hold), `deny`, `require_approval`.
extension InterceptPolicy {
    private static let ruleFields = [
        "name", "action", "conditions", "rate_limit", "on_deny", "state", "approval_timeout",
    ]

    private enum Action: String, CaseIterable {
        case evaluate, deny
        case requireApproval = "require_approval"
    }

    mutating func rule(
        _ node: SourceNode, _ rule: inout InterceptRule, _ entry: inout EntryDraft, _ counters: inout [String: Int],
        index: Int
    ) {
        let pointer = rule.site.pointer
        guard
            let fields = reader.fields(
                node, pointer, "a rule", allowed: Self.ruleFields, elsewhere: Self.laterFields)
        else { return }
        rule.name = reader.text(fields["name"], pointer.appending("name"), "`name`")
        if rule.name ?? "" == "" { reader.missing("name", in: node, pointer, "a rule") }
        let text = reader.text(fields["on_deny"], pointer.appending("on_deny"), "`on_deny`")
        rule.message = text == "" ? nil : text
        let action: Action
        if let written = fields["action"], !written.isNull {
            guard let word = reader.word(written, pointer.appending("action"), "`action`", Action.self) else { return }
            action = word
        } else {
            action = .evaluate
        }
        if let wait = fields["approval_timeout"], action != .requireApproval {
            reader.report(
                .conflictingFields, at: wait.offset, pointer.appending("approval_timeout"),
                "`approval_timeout` only means something beside `action: require_approval`")
        }
        let problems = reader.problems.count
        switch action {
        case .deny: deny(fields, &rule, &entry)
        case .evaluate: evaluate(fields, node, &rule, &entry, &counters, index: index)
        case .requireApproval: approve(fields, &rule, &entry)
        }
        guard reader.problems.count == problems else { return }
        reader.step(rule.site, name: rule.name, targets: rule.targets, remarks: rule.remarks)
    }

    /// What the agent reads there if the rule has no text of its own.
    private func message(of rule: InterceptRule) -> String? {
        rule.message ?? rule.name.map { "Denied by rule \"\($0)\"" }
    }

    private mutating func refuse(
        _ names: [String], of fields: [String: SourceNode], _ rule: InterceptRule, _ message: (String) -> String
    ) {
        for name in names {
            guard let node = fields[name], !node.isNull else { continue }
            if case .list(let elements) = node.shape, elements.isEmpty { continue }
            reader.report(.conflictingFields, at: node.offset, rule.site.pointer.appending(name), message(name))
        }
    }

    // MARK: deny

    private mutating func deny(_ fields: [String: SourceNode], _ rule: inout InterceptRule, _ entry: inout EntryDraft) {
        refuse(["conditions", "rate_limit"], of: fields, rule) {
            "`\($0)` can't stand beside `action: deny`, which denies every call"
        }
        if let state = fields["state"], !state.isNull {
            rule.remarks.append("its counter is left out: what is denied is never counted")
        }
        rule.targets = [entry.deny(reason: message(of: rule), site: rule.site)]
    }

    // MARK: evaluate

    private mutating func evaluate(
        _ fields: [String: SourceNode], _ node: SourceNode, _ rule: inout InterceptRule, _ entry: inout EntryDraft,
        _ counters: inout [String: Int], index: Int
    ) {
        if let rate = fields["rate_limit"], !rate.isNull {
            refuse(["conditions", "state"], of: fields, rule) {
                "`\($0)` can't stand beside `rate_limit`; write two rules"
            }
            rateLimit(rate, &rule, &entry, &counters, index: index)
            return
        }
        let problems = reader.problems.count
        let here = rule.site.pointer.appending("conditions")
        let conditions = reader.list(fields["conditions"], here, "`conditions`")
        let counter = fields["state"].flatMap { $0.isNull ? nil : state($0, &rule, &counters, index: index) }
        if conditions.isEmpty {
            reader.missing("conditions", in: node, rule.site.pointer, "a rule that denies nothing by itself")
        }
        var bounds: [CounterBound] = []
        var require: [DraftCondition] = []
        var denyIf: [(conditions: [DraftCondition], ignoresErrors: Bool)] = []
        for (i, node) in conditions.enumerated() {
            let pointer = here.appending(i)
            guard let members = reader.fields(node, pointer, "a condition", allowed: ["path", "op", "value"]) else {
                continue
            }
            if members["path"]?.text?.hasPrefix("state.") == true {
                if let bound = bound(members, node, pointer, rule, counter, hasState: fields["state"]?.isNull == false)
                {
                    bounds.append(bound)
                }
            } else if let condition = reader.condition(members, node, pointer),
                let requirement = reader.requirement(condition)
            {
                require += requirement.require
                denyIf += requirement.denyIf
                remark(on: members["path"]?.text, &rule)
            }
        }
        if !require.isEmpty {
            rule.targets.append(entry.add(.require, require, message: message(of: rule), site: rule.site))
        }
        for (conditions, ignoresErrors) in denyIf {
            rule.targets.append(
                entry.add(
                    .denyIf, conditions, message: message(of: rule), ignoresErrors: ignoresErrors, site: rule.site))
        }
        if let counter { limit(counter, bounds, &rule, &entry, since: problems) }
    }

    private func remark(on path: String?, _ rule: inout InterceptRule) {
        guard let path, path.contains("[") else { return }
        rule.remarks.append("Intercept takes `\(clipped(path))` for the name of a member, not for an element")
    }

    // MARK: require_approval

    /// Known only from descriptions of later releases: conditions that hold, or none at all, send the call to a person.
    private mutating func approve(
        _ fields: [String: SourceNode], _ rule: inout InterceptRule, _ entry: inout EntryDraft
    ) {
        refuse(["rate_limit", "state"], of: fields, rule) { "`\($0)` can't stand beside `action: require_approval`" }
        let here = rule.site.pointer.appending("conditions")
        // The rule holds if every condition does: every combination of their alternatives is a rule here.
        var combinations: [[DraftCondition]] = [[]]
        for (i, node) in reader.list(fields["conditions"], here, "`conditions`").enumerated() {
            let pointer = here.appending(i)
            guard let members = reader.fields(node, pointer, "a condition", allowed: ["path", "op", "value"]) else {
                continue
            }
            if let path = members["path"]?.text, path.hasPrefix("state.") {
                reader.report(
                    .counterRead, at: members["path"]?.offset ?? node.offset, pointer.appending("path"),
                    "whether a person is asked can't depend on a counter here", mend: "write a limit instead")
                continue
            }
            guard let condition = reader.condition(members, node, pointer),
                let alternatives = reader.alternatives(condition)
            else { continue }
            remark(on: members["path"]?.text, &rule)
            combinations = combinations.flatMap { left in alternatives.map { left + $0 } }
            guard combinations.count <= 64 else {
                return reader.report(
                    .notSayable, at: rule.site, "these conditions would become more than 64 rules",
                    mend: "write several rules with fewer conditions")
            }
        }
        let wait = fields["approval_timeout"].flatMap { timeout($0, rule) }
        if combinations.isEmpty { rule.remarks.append("left out: it never holds") }
        for conditions in combinations {
            rule.targets.append(
                entry.add(.approveIf, conditions, message: rule.message, timeout: wait, site: rule.site))
        }
        if wait == nil { rule.remarks.append("a person has 15 minutes; how long Intercept waits is not known") }
    }

    /// A span as Go writes it: `30m`, `1h30m`. In seconds.
    private mutating func timeout(_ node: SourceNode, _ rule: InterceptRule) -> JSONValue? {
        let pointer = rule.site.pointer.appending("approval_timeout")
        guard let text = reader.text(node, pointer, "`approval_timeout`") else { return nil }
        var seconds: Int64 = 0
        var digits = ""
        for character in text.utf8 {
            if character &- 48 < 10, digits.utf8.count < 7 {
                digits.unicodeScalars.append(Unicode.Scalar(character))
                continue
            }
            let units: [UInt8: Int64] = [UInt8(ascii: "s"): 1, UInt8(ascii: "m"): 60, UInt8(ascii: "h"): 3_600]
            guard let unit = units[character], let number = Int64(digits) else {
                seconds = 0
                break
            }
            seconds += number * unit
            digits = ""
        }
        guard digits.isEmpty, (1...2_592_000).contains(seconds) else {
            reader.report(
                .badValue, at: node.offset, pointer,
                "`approval_timeout` is a time such as 30m, up to 30 days, which `\(clipped(text))` is not")
            return nil
        }
        return .int(seconds)
    }
}
