internal import Base
internal import JSON

/// Entries of `tools`, and the rules in them.
extension PolicyReader {
    mutating func entry(
        _ view: JSONView, _ pointer: JSONPointer, selector: Selector, mode: Mode
    ) -> CompiledEntry? {
        guard let fields = object(view, pointer, "a tool entry", allowed: EntryField.names) else { return nil }
        let action =
            word(fields["action"], pointer.appending("action"), "`action`", CompiledEntry.Action.self) ?? .allow
        let reason = string(fields["reason"], pointer.appending("reason"), "`reason`")
        if let view = fields["reason"], action != .deny, fields["action"]?.kind == .string || fields["action"] == nil {
            report(
                .warning, .neverMatters, at: view, pointer.appending("reason"),
                "`reason` is only said by `action: \"deny\"`")
        }
        let require = rules(fields["require"], pointer.appending("require"), "`require`")
        let denyIf = rules(fields["deny_if"], pointer.appending("deny_if"), "`deny_if`")
        let approveIf = approvals(fields["approve_if"], pointer.appending("approve_if"))
        let ownMode = word(fields["mode"], pointer.appending("mode"), "`mode`", Mode.self) ?? mode
        var limits = limits(fields["limits"], pointer.appending("limits"), ownMode)
        if let short = fields["rate_limit"], let limit = rateLimit(short, pointer.appending("rate_limit"), ownMode) {
            limits.append(limit)
        }
        warnAboutRules(fields, pointer, require: require, denyIf: denyIf, approveIf: approveIf, action: action)
        return CompiledEntry(
            selector: selector, pointer: pointer.description, action: action, reason: reason, require: require,
            denyIf: denyIf, approveIf: approveIf, limits: limits, isShadow: ownMode == .shadow)
    }

    // MARK: Rules

    private mutating func rules(
        _ view: JSONView?, _ pointer: @autoclosure () -> JSONPointer, _ list: String
    ) -> [CompiledRule] {
        guard let view else { return [] }
        let pointer = pointer()
        var rules: [CompiledRule] = []
        for (i, element) in array(view, pointer, list, max: PolicyDocument.maxRules).enumerated() {
            let here = pointer.appending(i)
            guard let fields = object(element, here, "a rule", allowed: RuleField.names) else { continue }
            rules.append(rule(fields, element, here, list: pointer))
        }
        return rules
    }

    private mutating func approvals(
        _ view: JSONView?, _ pointer: @autoclosure () -> JSONPointer
    ) -> [CompiledApproval] {
        guard let view else { return [] }
        let pointer = pointer()
        var approvals: [CompiledApproval] = []
        for (i, element) in array(view, pointer, "`approve_if`", max: PolicyDocument.maxRules).enumerated() {
            let here = pointer.appending(i)
            guard let fields = object(element, here, "a rule", allowed: ApprovalField.names) else { continue }
            var timeout = TimeSpan.minutes(15)
            if let view = fields["timeout"] {
                if let span = span(view), span <= PolicyDocument.maxTimeout {
                    timeout = span
                } else {
                    report(
                        .badTimeout, at: view, here.appending("timeout"),
                        "`timeout` is a time such as \"15m\", or a number of seconds, up to 30 days")
                }
            }
            var approvers = 1
            if let view = fields["approvers"] {
                if let number = view.int, (1...PolicyDocument.maxApprovers).contains(number) {
                    approvers = Int(number)
                } else {
                    report(
                        .badApprovers, at: view, here.appending("approvers"),
                        "`approvers` is a whole number from 1 to 100")
                }
            }
            approvals.append(
                CompiledApproval(
                    rule: rule(fields, element, here, list: pointer), timeout: timeout, approvers: approvers))
        }
        return approvals
    }

    private mutating func rule(
        _ fields: JSONView, _ view: JSONView, _ pointer: JSONPointer, list: JSONPointer
    ) -> CompiledRule {
        let message = string(fields["on_deny"], pointer.appending("on_deny"), "`on_deny`")
        let onError = word(fields["on_error"], pointer.appending("on_error"), "`on_error`", PolicyWords.OnError.self)
        if let view = fields["on_error"], onError == .ignore, list.tokens.last != "deny_if" {
            report(
                .warning, .neverMatters, at: view, pointer.appending("on_error"),
                "`on_error: \"ignore\"` only changes rules of `deny_if`")
        }
        var conditions: [CompiledCondition] = []
        let isShort = fields["path"] != nil || fields["op"] != nil || fields["value"] != nil || fields["each"] != nil
        if let listed = fields["conditions"] {
            if isShort {
                report(
                    .conflictingFields, at: view, pointer,
                    "a rule has either `conditions`, or one condition's `path`, `op` and `value`, not both")
            }
            let here = pointer.appending("conditions")
            for (i, element) in array(listed, here, "`conditions`", max: PolicyDocument.maxConditions).enumerated() {
                guard let fields = object(element, here.appending(i), "a condition", allowed: ConditionField.names),
                    let condition = condition(fields, element, here.appending(i))
                else { continue }
                conditions.append(condition)
            }
        } else if isShort {
            if let condition = condition(fields, view, pointer) { conditions.append(condition) }
        } else {
            missing("conditions", in: view, pointer, "a rule")
        }
        let alias = conditions.first.map { "\(list)/\($0.path.text)-\($0.op.rawValue)" }
        return CompiledRule(
            conditions: conditions, message: message, ignoresErrors: onError == .ignore, pointer: pointer.description,
            alias: alias ?? pointer.description)
    }
}
