internal import Base
internal import JSON

/// A `state` block: what its counter counts.
struct InterceptCounter {
    let name: String
    let window: String
    /// By how much each call counts, if not by an argument.
    let increment: Int64
    /// The path of the argument by which it counts, as it is written here.
    let cost: String?
    let site: Site
}

/// `state.<scope>.<counter> lt|lte N`: the highest count that Intercept lets stand.
struct CounterBound {
    let max: Int64
    let site: Site
    var remark: String?
}

/// Limits: `rate_limit`, and counters with an upper bound.
extension InterceptPolicy {
    private static let windows = ["minute", "hour", "day"]

    // MARK: rate_limit

    /// `N/window`
    mutating func rateLimit(
        _ node: SourceNode, _ rule: inout InterceptRule, _ entry: inout EntryDraft, _ counters: inout [String: Int],
        index: Int
    ) {
        let pointer = rule.site.pointer.appending("rate_limit")
        guard let text = reader.text(node, pointer, "`rate_limit`") else { return }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let max = count(parts[0]), Self.windows.contains(String(parts[1])) else {
            let word = parts.count == 2 ? nearest(String(parts[1]), among: Self.windows) : nil
            return reader.report(
                .badLimit, at: node.offset, pointer,
                "`rate_limit` is a number above 0 and a window, such as 5/hour, which `\(clipped(text))` is not",
                mend: word.map { "the windows are minute, hour and day; did you mean `\($0)`?" })
        }
        let counter = InterceptCounter(
            name: "_rate_\(parts[1])", window: String(parts[1]), increment: 1, cost: nil,
            site: Site(offset: node.offset, pointer: pointer))
        guard claim(counter, rule, &counters, index: index) else { return }
        add(counter, max: max, &rule, &entry)
    }

    private func count(_ text: Substring) -> Int64? {
        let digits = text.hasPrefix("+") ? text.dropFirst() : text
        guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 &- 48 < 10 }), let count = Int64(digits), count > 0 else {
            return nil
        }
        return count
    }

    /// Intercept refuses two counters of one name on a tool.
    private mutating func claim(
        _ counter: InterceptCounter, _ rule: InterceptRule, _ counters: inout [String: Int], index: Int
    ) -> Bool {
        if rule.scope == "_global", rule.site.pointer.tokens.dropFirst().first != "*" {
            reader.report(
                .badName, at: counter.site,
                "a tool named `_global` shares its counters with the rule for all tools there, and not here")
            return false
        }
        guard let first = counters.updateValue(index, forKey: counter.name) else { return true }
        reader.report(
            .duplicateCounter, at: counter.site,
            "rule \(first) of this tool has the counter `\(clipped(counter.name))` already",
            mend: "Intercept refuses that, too; give one of them another name or window")
        return false
    }

    // MARK: state

    mutating func state(
        _ node: SourceNode, _ rule: inout InterceptRule, _ counters: inout [String: Int], index: Int
    ) -> InterceptCounter? {
        let pointer = rule.site.pointer.appending("state")
        let allowed = ["counter", "window", "increment", "increment_from"]
        guard let fields = reader.fields(node, pointer, "`state`", allowed: allowed) else { return nil }
        let name = reader.text(fields["counter"], pointer.appending("counter"), "`counter`")
        if name ?? "" == "" { reader.missing("counter", in: node, pointer, "`state`") }
        let window = reader.text(fields["window"], pointer.appending("window"), "`window`")
        if let window {
            if !Self.windows.contains(window) {
                reader.report(
                    .badLimit, at: fields["window"]?.offset ?? node.offset, pointer.appending("window"),
                    "`window` is minute, hour or day, not `\(clipped(window))`",
                    mend: nearest(window, among: Self.windows).map { "did you mean `\($0)`?" })
                return nil
            }
        } else {
            reader.missing("window", in: node, pointer, "`state`")
        }
        guard let increment = increment(fields["increment"], pointer.appending("increment")) else { return nil }
        var cost: String?
        if let from = fields["increment_from"], !from.isNull, from.text != "" {
            guard let path = reader.argumentPath(from, pointer.appending("increment_from")) else { return nil }
            cost = path.text
        }
        guard let name, name != "", let window else { return nil }
        let counter = InterceptCounter(
            name: name, window: window, increment: increment, cost: cost,
            site: Site(offset: node.offset, pointer: pointer))
        return claim(counter, rule, &counters, index: index) ? counter : nil
    }

    /// By how much a call counts; 0 means 1 there.
    private mutating func increment(_ node: SourceNode?, _ pointer: JSONPointer) -> Int64? {
        guard let node, !node.isNull else { return 1 }
        guard case .integer(let text) = node.value, let number = Int64(text), number >= 0 else {
            reader.report(
                .badLimit, at: node.offset, pointer,
                "`increment` is a whole number above 0; what goes down again can't be said here")
            return nil
        }
        return Swift.max(number, 1)
    }

    /// A condition on a counter. Only the upper bound on the rule's own counter does there what it says.
    mutating func bound(
        _ fields: [String: SourceNode], _ node: SourceNode, _ pointer: JSONPointer, _ rule: InterceptRule,
        _ counter: InterceptCounter?, hasState: Bool
    ) -> CounterBound? {
        for name in ["op", "value"] where fields[name] == nil { reader.missing(name, in: node, pointer, "a condition") }
        let site = Site(offset: fields["path"]?.offset ?? node.offset, pointer: pointer.appending("path"))
        let path = fields["path"]?.text ?? ""
        guard let counter else {
            // A `state` that can't be read was reported already.
            if hasState { return nil }
            reader.report(
                .counterRead, at: site, "this reads a counter that the rule itself does not count",
                mend: "put `state` and the condition on its counter into one rule")
            return nil
        }
        guard path == "state.\(rule.scope).\(counter.name)" else {
            reader.report(
                .counterRead, at: site, "this reads another counter than the rule's own",
                mend: "the rule's own is `state.\(clipped(rule.scope)).\(clipped(counter.name))`")
            return nil
        }
        let op = reader.word(
            fields["op"], pointer.appending("op"), "`op`", SourceCondition.Operator.self, code: .unknownOperator)
        guard let op, let value = fields["value"] else { return nil }
        guard op == .lt || op == .lte else {
            reader.report(
                .counterRead, at: fields["op"]?.offset ?? node.offset, pointer.appending("op"),
                "only `lt` and `lte` bound a counter; with `\(op.rawValue)` Intercept never counts",
                mend: "write `lte` and the highest count")
            return nil
        }
        return self.max(value, pointer.appending("value"), op).map {
            CounterBound(max: $0.0, site: site, remark: $0.1)
        }
    }

    /// `lt N` is stored as N-1, `lte N` as N, and fractions are cut off first.
    private mutating func max(
        _ node: SourceNode, _ pointer: JSONPointer, _ op: SourceCondition.Operator
    ) -> (Int64, String?)? {
        let text: String
        switch node.value {
        case .integer(let digits), .decimal(let digits): text = digits
        case .ambiguous, .null, .bool, .string, nil:
            reader.report(.badValue, at: node.offset, pointer, "the bound of a counter is a number, not \(node.phrase)")
            return nil
        }
        guard let (number, _) = Equals.exactDecimal(text), abs(number) < 9e15 else {
            reader.report(
                .inexactNumber, at: node.offset, pointer, "Intercept can't hold the number `\(clipped(text))` exactly")
            return nil
        }
        let written = Int64(number)
        let remark = number == Double(written) ? nil : "Intercept cuts `\(text)` off to \(written)"
        return (op == .lt ? written - 1 : written, remark)
    }

    // MARK: Both

    /// The limit that a counter and its bounds come to.
    mutating func limit(
        _ counter: InterceptCounter, _ bounds: [CounterBound], _ rule: inout InterceptRule, _ entry: inout EntryDraft,
        since problems: Int
    ) {
        guard let bound = bounds.first else {
            // What is wrong with its conditions was said.
            if reader.problems.count > problems { return }
            return reader.report(
                .counterUnused, at: counter.site,
                "no `lt` or `lte` condition of the rule bounds this counter, so Intercept never counts",
                mend: "add the condition, or remove `state`")
        }
        if bounds.count > 1 {
            return reader.report(
                .counterRead, at: bounds[1].site, "a counter has one bound; Intercept only counts up to the first",
                mend: "keep the lower one")
        }
        if let remark = bound.remark { rule.remarks.append(remark) }
        add(counter, max: bound.max, &rule, &entry)
    }

    private mutating func add(
        _ counter: InterceptCounter, max: Int64, _ rule: inout InterceptRule, _ entry: inout EntryDraft
    ) {
        var name = "\(rule.scope).\(counter.name)"
        var highest = max
        if counter.cost == nil, counter.increment > 1 {
            // Every call counts the same, so the limit can count calls.
            highest = max >= 0 ? max / counter.increment : 0
            name += " by \(counter.increment)"
            rule.remarks.append("\(max) in steps of \(counter.increment) are \(highest) calls")
        }
        guard highest > 0 else {
            guard counter.cost == nil else {
                return reader.report(
                    .badLimit, at: counter.site, "a limit of \(max) lets only calls through that cost nothing",
                    mend: "require the argument to be 0")
            }
            rule.targets.append(entry.add(.denyIf, [], message: rule.message, site: rule.site))
            rule.remarks.append("a limit of \(max) lets no call through")
            return
        }
        var members = [
            JSONMember("counter", .string(name)), JSONMember("window", .string(counter.window)),
            JSONMember("max", .int(highest)), JSONMember("scope", "global"), JSONMember("algorithm", "calendar"),
        ]
        if let cost = counter.cost {
            members.append(JSONMember("cost", .string(cost)))
            rule.remarks.append(
                "fractions count here, and negative costs are refused; Intercept cuts off the ones and refunds the others"
            )
        }
        if let message = rule.message { members.append(JSONMember("on_deny", .string(message))) }
        rule.targets.append(entry.add(limit: members, site: counter.site))
    }
}
