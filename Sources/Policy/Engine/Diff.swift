internal import Base
package import JSON

/// What changes between two policies: `sluice policy diff`.
package struct PolicyDiff: Sendable {
    /// What a policy says of a tool before any call is made.
    package enum Standing: String, Sendable {
        case hidden, denied, conditional, asks, free
    }

    /// A tool that stands otherwise.
    package struct ToolChange: Sendable, Hashable {
        /// The tool's name.
        package let tool: String
        /// In the first policy.
        package let before: Standing
        /// In the second policy.
        package let after: Standing
    }

    /// A call that is judged otherwise.
    package struct CallChange: Sendable, Hashable {
        /// The position in the list of calls.
        package let index: Int
        /// The tool's name.
        package let tool: String
        /// `allow`, `deny`, `ask` or `shadow_deny`, and the rule.
        package let before: String
        /// The same for the second policy.
        package let after: String

        /// More than 0: the call gains, for example by passing where it was denied. Less: it loses.
        package var gain: Int { Self.openness(after) - Self.openness(before) }

        /// Whether the call goes on, may go on, or doesn't.
        private static func openness(_ words: String) -> Int {
            words == "allow" || words.hasPrefix("shadow_deny ") ? 2 : words.hasPrefix("ask ") ? 1 : 0
        }
    }

    /// In the order of the server's list, then of the policies.
    package let tools: [ToolChange]
    /// In the order of the calls.
    package let calls: [CallChange]
    /// How many calls both policies have judged.
    package let callCount: Int

    /// Nothing changes.
    package var isEmpty: Bool { tools.isEmpty && calls.isEmpty }

    /// - Parameters:
    ///   - tools: The server's tools; those that the policies name are looked at in any case.
    ///   - calls: In time order; each policy counts them by itself, as far as it lets them through.
    package static func between(
        _ before: CompiledPolicy, _ after: CompiledPolicy, tools: [ToolFacts], calls: [RecordedCall]
    ) -> PolicyDiff {
        var known: Set<ExactName> = []
        var all: [ToolFacts] = []
        for tool in tools where known.insert(ExactName(tool.name)).inserted { all.append(tool) }
        for name in before.exactNames + after.exactNames where known.insert(ExactName(name)).inserted {
            all.append(ToolFacts(name: name))
        }
        // A pattern's own text is a name that it matches, and it stands for all the names that nobody has listed.
        for selector in before.wideSelectors + after.wideSelectors where known.insert(ExactName(selector.text)).inserted
        {
            var category: ToolCategory?
            if case .category(let own) = selector { category = own }
            all.append(ToolFacts(name: selector.text, category: category))
        }
        if known.insert(ExactName("*")).inserted { all.append(ToolFacts(name: "*")) }
        let changes = all.compactMap { tool -> ToolChange? in
            let (old, new) = (before.standing(of: tool), after.standing(of: tool))
            return old == new ? nil : ToolChange(tool: tool.name, before: old, after: new)
        }
        var (first, second) = (QuotaWindows(), QuotaWindows())
        var callChanges: [CallChange] = []
        for (i, call) in calls.enumerated() {
            let old = judge(call, before, &first)
            let new = judge(call, after, &second)
            if old != new { callChanges.append(CallChange(index: i, tool: call.facts.tool, before: old, after: new)) }
        }
        return PolicyDiff(tools: changes, calls: callChanges, callCount: calls.count)
    }

    private static func judge(_ call: RecordedCall, _ policy: CompiledPolicy, _ quotas: inout QuotaWindows) -> String {
        switch decide(call.facts, policy: policy, quotas: &quotas) {
        case .permit(let permit):
            let words = permit.shadow.map { "shadow_deny \($0.rule)" } ?? "allow"
            let taken = permit.forwarded()
            if call.isReleased { quotas.release(taken) }
            return words
        case .denial(let denial): return "deny \(denial.rule)"
        case .ask(let request): return "ask \(request.rule)"
        }
    }

    /// For people: one line a change, `+` where something becomes possible, `-` where it no longer is, `~` otherwise.
    package var text: String {
        func sign(_ before: Int, _ after: Int) -> String { after > before ? "+" : after < before ? "-" : "~" }
        var lines: [String] = []
        for change in tools {
            lines.append(
                "\(sign(change.before.openness, change.after.openness)) \(clipped(change.tool)): \(change.before.rawValue) → \(change.after.rawValue)"
            )
        }
        for change in calls {
            lines.append(
                "\(sign(0, change.gain)) call \(change.index + 1), \(clipped(change.tool)): \(change.before) → \(change.after)"
            )
        }
        if callCount > 0, !isEmpty {
            let (gain, lose) = (calls.count { $0.gain > 0 }, calls.count { $0.gain < 0 })
            lines.append(
                "of \(callCount) calls \(gain) gain, \(lose) lose, \(calls.count - gain - lose) change otherwise")
        }
        if lines.isEmpty {
            return callCount == 0 ? "no difference\n" : "no difference; \(callCount) calls judged alike\n"
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Appends the differences as one JSON object.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("tools")
        writer.beginArray()
        for change in tools {
            writer.beginObject()
            writer.member("tool", change.tool)
            writer.member("before", change.before.rawValue)
            writer.member("after", change.after.rawValue)
            writer.endObject()
        }
        writer.endArray()
        writer.key("calls")
        writer.beginArray()
        for change in calls {
            writer.beginObject()
            writer.member("index", change.index)
            writer.member("tool", change.tool)
            writer.member("before", change.before)
            writer.member("after", change.after)
            writer.member("gain", change.gain)
            writer.endObject()
        }
        writer.endArray()
        writer.member("callCount", callCount)
        writer.endObject()
    }
}

extension PolicyDiff.Standing {
    fileprivate var openness: Int {
        switch self {
        case .hidden: 0
        case .denied: 1
        case .asks: 2
        case .conditional: 3
        case .free: 4
        }
    }
}

extension CompiledPolicy {
    var exactNames: [String] {
        entries.compactMap { if case .exact(let name) = $0.selector { name } else { nil } }
    }

    /// Patterns and categories, of entries and of `hide`.
    var wideSelectors: [Selector] {
        (entries.map(\.selector) + hiddenWide).filter { if case .exact = $0 { false } else { true } }
    }

    /// The standing of a tool, by its entries alone.
    func standing(of tool: ToolFacts) -> PolicyDiff.Standing {
        if hides(tool.name, category: tool.category) { return .hidden }
        let matched = entries(for: tool.name, category: tool.category)
        if matched.isEmpty, !allowsByDefault { return .denied }
        let all = (allTools.map { [$0] } ?? []) + (0..<matched.count).map { matched[$0] }
        let isBlocked = all.contains { entry in
            entry.action == .deny || entry.denyIf.contains { $0.conditions.isEmpty }
        }
        if isBlocked { return .denied }
        let asks = all.contains { entry in
            entry.action == .requireApproval || entry.approveIf.contains { $0.rule.conditions.isEmpty }
        }
        if asks { return .asks }
        return all.allSatisfy(\.isEmpty) ? .free : .conditional
    }
}
