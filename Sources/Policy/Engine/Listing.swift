internal import Base
internal import JSON

/// `tools/list`: which tools an agent sees.
extension CompiledPolicy {
    /// Whether some call of the tool could pass, as far as that follows from the tool alone.
    package func lists(tool: ToolFacts) -> Bool {
        let call = CallFacts(
            tool: tool.name, arguments: nil, facts: tool, server: "",
            grant: GrantFacts(id: "", label: "", identity: nil),
            now: Instant(microseconds: 0))
        return lists(call) { $0.isTool }
    }

    /// Whether some call of the tool by this caller could pass. Arguments, time and address count as unknown, because the
    /// next call may have others.
    package func lists(_ call: CallFacts) -> Bool {
        lists(call) { $0.isTool || $0.isCaller }
    }

    private func lists(_ call: CallFacts, knows: (PathRoot) -> Bool) -> Bool {
        guard call.tool.utf8.count <= Selector.maxBytes, call.subject == Subject(of: call.tool),
            !hides(call.tool, category: call.facts?.category)
        else { return false }
        let entries = entries(for: call.tool, category: call.facts?.category)
        if call.subject == .client, entries.isEmpty { return false }
        guard !listsAll else { return true }
        if entries.isEmpty, !allowsByDefault, !isShadow { return false }
        if let allTools, !couldPass(allTools, call, knows) { return false }
        return (0..<entries.count).allSatisfy { couldPass(entries[$0], call, knows) }
    }

    private func couldPass(_ entry: CompiledEntry, _ call: CallFacts, _ knows: (PathRoot) -> Bool) -> Bool {
        // In shadow mode everything passes.
        guard !entry.isShadow else { return true }
        guard entry.action != .deny else { return false }
        var evaluation = Evaluation()
        for rule in entry.require {
            for condition in rule.conditions where knows(condition.path.root) {
                guard evaluation.truth(condition, call, .all) == .holds else { return false }
            }
        }
        for rule in entry.denyIf where rule.conditions.allSatisfy({ knows($0.path.root) }) {
            switch evaluation.fires(rule, call) {
            case .holds: return false
            case .undetermined: if !rule.ignoresErrors { return false }
            case .fails, .missing: break
            }
        }
        // A limit by identity denies every call of a grant that has none.
        return call.grant.identity != nil || !knows(.grantIdentity) || !entry.limits.contains { $0.scope == .identity }
    }
}

extension PathRoot {
    fileprivate var isTool: Bool {
        switch self {
        case .toolName, .toolCategory, .toolSeverity, .toolAnnotations: true
        default: false
        }
    }

    fileprivate var isCaller: Bool {
        switch self {
        case .serverName, .grantLabel, .grantIdentity, .clientName, .clientVersion, .sessionID: true
        default: false
        }
    }
}
