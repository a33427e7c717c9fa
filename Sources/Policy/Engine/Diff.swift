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
    }

    /// In the order of the server's list, then of the policies.
    package let tools: [ToolChange]
    /// In the order of the calls.
    package let calls: [CallChange]

    /// Nothing changes.
    package var isEmpty: Bool { tools.isEmpty && calls.isEmpty }

    /// - Parameters:
    ///   - tools: The server's tools; those that the policies name are looked at in any case.
    ///   - calls: Recorded calls in time order; each policy counts them by itself.
    package static func between(
        _ before: CompiledPolicy, _ after: CompiledPolicy, tools: [ToolFacts], calls: [CallFacts]
    ) -> PolicyDiff {
        var known: Set<ExactName> = []
        var all: [ToolFacts] = []
        for tool in tools where known.insert(ExactName(tool.name)).inserted { all.append(tool) }
        for name in before.exactNames + after.exactNames where known.insert(ExactName(name)).inserted {
            all.append(ToolFacts(name: name))
        }
        let changes = all.compactMap { tool -> ToolChange? in
            let (old, new) = (before.standing(of: tool), after.standing(of: tool))
            return old == new ? nil : ToolChange(tool: tool.name, before: old, after: new)
        }
        var (first, second) = (QuotaWindows(), QuotaWindows())
        var callChanges: [CallChange] = []
        for (i, call) in calls.enumerated() {
            let old = words(decide(call, policy: before, quotas: &first))
            let new = words(decide(call, policy: after, quotas: &second))
            if old != new { callChanges.append(CallChange(index: i, tool: call.tool, before: old, after: new)) }
        }
        return PolicyDiff(tools: changes, calls: callChanges)
    }

    private static func words(_ verdict: consuming Verdict) -> String {
        switch verdict {
        case .permit(let permit): permit.shadow.map { "shadow_deny \($0.rule)" } ?? "allow"
        case .denial(let denial): "deny \(denial.rule)"
        case .ask(let request): "ask \(request.rule)"
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
            let (old, new) = (change.before == "allow" ? 1 : 0, change.after == "allow" ? 1 : 0)
            lines.append(
                "\(sign(old, new)) call \(change.index + 1), \(clipped(change.tool)): \(change.before) → \(change.after)"
            )
        }
        return lines.isEmpty ? "no difference\n" : lines.joined(separator: "\n") + "\n"
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
            writer.endObject()
        }
        writer.endArray()
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
