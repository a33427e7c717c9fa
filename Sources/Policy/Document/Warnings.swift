internal import Base
internal import JSON

/// What is no error, but hardly what the author meant.
extension PolicyReader {
    /// Inside one entry.
    mutating func warnAboutRules(
        _ fields: JSONView, _ pointer: JSONPointer, require: [CompiledRule], denyIf: [CompiledRule],
        approveIf: [CompiledApproval], action: CompiledEntry.Action
    ) {
        if action == .deny {
            for name in ["require", "deny_if", "approve_if", "limits", "rate_limit"] {
                guard let view = fields[name] else { continue }
                report(
                    .warning, .neverMatters, at: view, pointer.appending(name),
                    "`\(name)` never matters beside `action: \"deny\"`")
            }
        }
        warnAboutClient(fields["require"], require)
        warnAboutClient(fields["deny_if"], denyIf)
        warnAboutClient(fields["approve_if"], approveIf.map(\.rule))
        warnAboutUnguarded(fields["deny_if"], denyIf, require: require)
        if action != .deny {
            warnAboutNeverHolding(fields, require: require, denyIf: denyIf, approveIf: approveIf)
        }
    }

    private mutating func warnAboutClient(_ list: JSONView?, _ rules: [CompiledRule]) {
        for condition in rules.flatMap(\.conditions) where condition.path.root.isClient {
            guard let (view, place) = locate("path", of: condition, below: list) else { continue }
            report(
                .warning, .clientGuard, at: view, place,
                "`\(condition.path.text)` is what the client says of itself; anyone can say it")
        }
    }

    /// A missing argument lets a `deny_if` pass, so the path should be required somewhere.
    private mutating func warnAboutUnguarded(_ list: JSONView?, _ rules: [CompiledRule], require: [CompiledRule]) {
        guard !rules.isEmpty else { return }
        let required = commonlyRequired.union(paths(requiredBy: require))
        for rule in rules {
            for condition in rule.conditions where condition.path.root == .args && !condition.path.steps.isEmpty {
                if case .exist = condition.test { continue }
                // `args.a.b` is also there whenever `args.a.b.c` is.
                if required.contains(where: { $0.starts(with: condition.path.steps) }) { continue }
                guard let (view, place) = locate("path", of: condition, below: list) else { continue }
                report(
                    .warning, .unguardedDeny, at: view, place,
                    "a call without `\(clipped(condition.path.text))` passes this rule; no `require` of the entry makes it present"
                )
            }
        }
    }

    /// The arguments that these rules make sure of.
    func paths(requiredBy rules: [CompiledRule]) -> Set<[PathStep]> {
        Set(
            rules.flatMap(\.conditions).compactMap { condition -> [PathStep]? in
                if case .exist(false) = condition.test { return nil }
                return condition.path.root == .args ? condition.path.steps : nil
            })
    }

    /// A member of a condition, its `path` or its `value`, in the text. Nil if the condition does not stand in the list.
    func locate(
        _ member: String, of condition: CompiledCondition, below list: JSONView?
    ) -> (JSONView, JSONPointer)? {
        guard let list, let full = JSONPointer(condition.pointer) else { return nil }
        // The condition's pointer is the list's plus what leads from the list to the condition.
        for depth in [3, 1] where full.tokens.count >= depth {
            let rest = JSONPointer(tokens: Array(full.tokens.suffix(depth)) + [member])
            if let view = list[rest] { return (view, full.appending(member)) }
        }
        return nil
    }

    /// A document of nothing but patterns would be compared with itself otherwise.
    private static let maxWalls = 64

    /// The entry that denies whatever another one would let through.
    private func wall(
        around entry: CompiledEntry, _ policy: CompiledPolicy, _ walls: ArraySlice<CompiledEntry>
    ) -> String? {
        guard !entry.deniesEverything else { return nil }
        if policy.allTools?.deniesEverything == true { return "all_tools" }
        let found = walls.first { wall in
            switch (wall.selector, entry.selector) {
            case (.pattern, .exact(let name)): wall.selector.matches(name, nil)
            case (.pattern(let glob), let selector): glob.text == "*" && Subject(of: selector.text) == .tool
            default: false
            }
        }
        return found.map { clipped($0.selector.text) }
    }

    /// `*` looks like everything, and is all tools: under `default: "allow"` resources and prompts then stay open.
    private mutating func warnAboutToolsOnly(
        _ policy: CompiledPolicy, hidden: [(selector: Selector, view: JSONView)],
        entries: [(entry: CompiledEntry, key: JSONView)]
    ) {
        guard policy.allowsByDefault, policy.allTools?.deniesEverything != true else { return }
        let spoken = Set((hidden.map(\.selector) + entries.map(\.entry.selector)).map(\.subject))
        let open = [Subject.resource, .prompt].filter { !spoken.contains($0) }
        let selectors = open.map { "`\($0.selectorName(of: "*"))`" }.joined(separator: " and ")
        guard !open.isEmpty else { return }
        let everyTool = Selector.pattern(Glob("*"))
        for (i, entry) in hidden.enumerated() where entry.selector == everyTool {
            report(
                .warning, .toolsOnly, at: entry.view, JSONPointer(tokens: ["hide", "\(i)"]),
                "`*` hides all tools and nothing else; under `default: \"allow\"` add \(selectors) to close those, too")
        }
        for (entry, key) in entries where entry.selector == everyTool && entry.deniesEverything {
            report(
                .warning, .toolsOnly, at: key, JSONPointer(tokens: ["tools", "*"]),
                "`*` is about all tools and nothing else; under `default: \"allow\"` say the same of \(selectors), "
                    + "or of everything in `all_tools`")
        }
    }

    /// Entries against `hide`, `default` and each other.
    mutating func warnAboutEntries(
        _ policy: CompiledPolicy, hidden: [(selector: Selector, view: JSONView)],
        entries: [(entry: CompiledEntry, key: JSONView)]
    ) {
        warnAboutToolsOnly(policy, hidden: hidden, entries: entries)
        let walls = entries.map(\.entry).filter { $0.deniesEverything && !$0.selector.isExact }.prefix(Self.maxWalls)
        for (entry, key) in entries {
            // Made only for a report.
            var pointer: JSONPointer { JSONPointer(tokens: ["tools", key.string ?? ""]) }
            switch entry.selector {
            case .exact(let name):
                if policy.hides(name, category: nil) {
                    report(
                        .warning, .hiddenAndListed, at: key, pointer,
                        "`\(clipped(name))` is hidden, so this entry never matters")
                    continue
                }
            case .pattern, .category:
                let isTool = Subject(of: entry.selector.text) == .tool
                if hidden.contains(where: {
                    $0.selector == entry.selector || isTool && $0.selector == .pattern(Glob("*"))
                }) {
                    report(
                        .warning, .hiddenAndListed, at: key, pointer,
                        "everything that this entry matches is hidden, so it never matters")
                    continue
                }
            }
            if let wall = wall(around: entry, policy, walls) {
                report(
                    .warning, .neverMatters, at: key, pointer,
                    "`\(wall)` denies every call that this entry is about; a more exact key never loosens it")
                continue
            }
            // What servers ask of clients is refused unless an entry is about it, so there an empty one matters most.
            if entry.isEmpty, policy.allowsByDefault, Subject(of: entry.selector.text) != .client {
                report(
                    .warning, .neverMatters, at: key, pointer,
                    "an empty entry allows what `default: \"allow\"` allows anyway")
            }
        }
    }
}

extension CompiledEntry {
    /// No call passes, whatever it is.
    fileprivate var deniesEverything: Bool {
        !isShadow && (action == .deny || denyIf.contains { $0.conditions.isEmpty })
    }
}

extension Selector {
    fileprivate var isExact: Bool { if case .exact = self { true } else { false } }
}
