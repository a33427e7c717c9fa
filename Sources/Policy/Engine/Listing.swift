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

    /// Whether the caller may have to do with it in another way than by a call, such as subscribing to a resource: what is
    /// denied, or needs a person, is out of reach, however `list` shows it. Arguments count as far as there are any.
    package func reaches(_ call: CallFacts) -> Bool {
        let hasArguments = call.arguments != nil
        return lists(call, isAsked: true) { $0.isTool || $0.isCaller || hasArguments && $0 == .args }
    }

    private func lists(_ call: CallFacts, isAsked: Bool = false, knows: (PathRoot) -> Bool) -> Bool {
        guard call.tool.utf8.count <= Selector.maxBytes, call.subject == Subject(of: call.tool),
            !hides(call.tool, category: call.facts?.category)
        else { return false }
        let entries = entries(for: call.tool, category: call.facts?.category)
        if call.subject == .client, entries.isEmpty { return false }
        guard !listsAll || isAsked else { return true }
        if entries.isEmpty, !allowsByDefault, !isShadow { return false }
        let all = (allTools.map { [$0] } ?? []) + (0..<entries.count).map { entries[$0] }
        return all.allSatisfy { couldPass($0, call, knows) && !(isAsked && $0.asks && !$0.isShadow) }
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
