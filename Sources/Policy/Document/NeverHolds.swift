internal import Base
internal import JSON

/// Conditions that no call can satisfy, alone or together. Under `require` they deny every call, under `deny_if` they are
/// guards that never act.
extension PolicyReader {
    mutating func warnAboutNeverHolding(
        _ fields: JSONView, require: [CompiledRule], denyIf: [CompiledRule], approveIf: [CompiledApproval]
    ) {
        var hopeless: Set<String> = []
        for (name, rules, standard) in [
            ("require", require, Quantifier.all), ("deny_if", denyIf, .any),
            ("approve_if", approveIf.map(\.rule), .any),
        ] {
            for rule in rules {
                for condition in rule.conditions where needsLook(condition) {
                    if !look(at: condition, standard, below: fields[name], denies: name == "require") {
                        hopeless.insert(condition.pointer)
                    }
                }
            }
        }
        // All of `require` has to hold for one call, that of `all_tools` included.
        let wanted = commonConditions + require.flatMap(\.conditions)
        warnAboutContradictions(wanted, .all, hopeless, below: fields["require"], in: "require")
        for (name, rules) in [("deny_if", denyIf), ("approve_if", approveIf.map(\.rule))] {
            for rule in rules {
                warnAboutContradictions(rule.conditions, .any, hopeless, below: fields[name], in: name)
            }
        }
    }

    // MARK: One condition

    /// COST: nearly all conditions are about an argument that can be anything; few of those can be wrong by themselves.
    private func needsLook(_ condition: CompiledCondition) -> Bool {
        let path = condition.path
        guard path.function == nil, path.root == .args, !path.steps.isEmpty, PathDomain.isReachable(path) else {
            return true
        }
        switch condition.test {
        case .equal(let literal, negated: true): return literal.kind == .null
        case .member(let list, _) where list.isEmpty: return true
        case .member(let list, negated: true): return list.allSatisfy { $0.kind == .null || $0.kind == .boolean }
        case .order(_, let literal): return literal.kind == .string
        case .match(_, negated: true), .within, .network: return true
        default: return false
        }
    }

    /// False, reported, if the condition never holds.
    private mutating func look(
        at condition: CompiledCondition, _ standard: Quantifier, below list: JSONView?, denies: Bool
    ) -> Bool {
        // An empty list has its own warning.
        if case .member(let literals, _) = condition.test, literals.isEmpty { return false }
        let path = condition.path
        guard satisfiability.canHold([condition], standard) else {
            if let (view, place) = locate("value", of: condition, below: list) {
                let literal = condition.test.literals.first
                let isOne = condition.test.literals.count == 1
                report(
                    .warning, .neverHolds, at: view, place,
                    "this condition never holds\(denies ? ", so every call is denied" : ""): \(reason(condition))",
                    suggestion: isOne ? literal.flatMap { PathDomain.suggestion(path, for: $0) } : nil)
            }
            return false
        }
        // Of a list, elements that the path can't have.
        guard case .equal(_, let negated) = condition.test.asMembership, let sentence = PathDomain.sentence(path) else {
            return true
        }
        for literal in condition.test.literals {
            let only = CompiledCondition(
                path: path, test: .equal(literal, negated: false), op: .eq, each: .any, pointer: condition.pointer)
            guard !satisfiability.canHold([only], .any) else { continue }
            guard let (value, place) = locate("value", of: condition, below: list) else { continue }
            let index =
                value.kind == .array
                ? value.elements.enumerated().first { $0.element.range == literal.view.range } : nil
            report(
                .warning, .neverMatters, at: literal.view, index.map { place.appending($0.offset) } ?? place,
                "\(sentence), and never this, so it \(negated ? "excludes" : "matches") nothing",
                suggestion: PathDomain.suggestion(path, for: literal))
        }
        return true
    }

    private func reason(_ condition: CompiledCondition) -> String {
        if let sentence = PathDomain.sentence(condition.path) { return sentence }
        let path = clipped(condition.path.text)
        switch condition.test {
        case .equal, .member:
            return "values of other types are undetermined, and of these types there is no other value; "
                + "`type(\(path))` tells types apart"
        case .order: return "no text comes before the empty one"
        case .match: return "the pattern is found in every text"
        case .within(let directories):
            return directories.isEmpty
                ? "there is no directory in the list"
                : "paths are also read with percent-escapes and backslashes resolved; write directories without them"
        case .network(let networks, let negated):
            return networks.isEmpty
                ? "there is no network in the list"
                : negated ? "the networks hold every address" : "no address lies in these networks"
        case .contain, .start, .end, .exist, .subset: return "no value satisfies it"
        }
    }

    // MARK: Several conditions

    /// Where a path leads, whatever function is around it.
    private struct Place: Hashable {
        let root: PathRoot
        let steps: [PathStep]
    }

    private mutating func warnAboutContradictions(
        _ conditions: [CompiledCondition], _ standard: Quantifier, _ hopeless: Set<String>, below list: JSONView?,
        in name: String
    ) {
        guard areRelated(conditions) else { return }
        var order: [Place] = []
        var groups: [Place: [CompiledCondition]] = [:]
        for condition in conditions where !hopeless.contains(condition.pointer) {
            let place = Place(root: condition.path.root, steps: condition.path.steps)
            if groups[place] == nil { order.append(place) }
            groups[place, default: []].append(condition)
        }
        // A longer path leads somewhere only through an object or an array.
        var demands: [Place: [JSONKind: CompiledCondition]] = [:]
        for condition in conditions {
            if case .exist(false) = condition.test { continue }
            for (i, step) in condition.path.steps.enumerated() {
                let place = Place(root: condition.path.root, steps: Array(condition.path.steps[..<i]))
                if groups[place] != nil {
                    let kind: JSONKind = if case .key = step { .object } else { .array }
                    demands[place, default: [:]][kind] = condition
                }
                if step == .all { break }
            }
        }
        for place in order {
            guard let group = groups[place] else { continue }
            let demanded = demands[place] ?? [:]
            guard group.count > 1 || !demanded.isEmpty,
                !satisfiability.canHold(group, standard, demanded: Set(demanded.keys))
            else { continue }
            blame(group, demanded, standard, below: list, in: name)
        }
    }

    /// Names the first condition that contradicts those before it.
    private mutating func blame(
        _ group: [CompiledCondition], _ demanded: [JSONKind: CompiledCondition], _ standard: Quantifier,
        below list: JSONView?, in name: String
    ) {
        var last = group[group.count - 1]
        var partner: CompiledCondition?
        if satisfiability.canHold(group, standard) {
            partner = demanded.values.min { $0.pointer < $1.pointer }
        } else {
            // The shortest beginning that can't hold; more conditions never make it hold again.
            var (possible, impossible) = (1, group.count)
            while impossible - possible > 1 {
                let middle = (possible + impossible) / 2
                if satisfiability.canHold(Array(group[..<middle]), standard) {
                    possible = middle
                } else {
                    impossible = middle
                }
            }
            last = group[impossible - 1]
            partner = group[..<(impossible - 1)].first { !satisfiability.canHold([$0, last], standard) }
        }
        // What `all_tools` says is in another list; what it says against itself is reported there.
        let common = commonConditions
        func isCommon(_ condition: CompiledCondition) -> Bool { common.contains { $0 === condition } }
        if isCommon(last), let found = partner, !isCommon(found) { (last, partner) = (found, last) }
        guard !isCommon(last), let (view, place) = locate("value", of: last, below: list) else { return }
        let other = partner.map { "`\($0.op.rawValue)` at \($0.pointer)" } ?? "the conditions on it before"
        report(
            .warning, .neverHolds, at: view, place,
            "no value of `\(clipped(last.path.text))` satisfies both this and \(other), "
                + (name == "require"
                    ? "so every call is denied: all of `require` has to hold; change one, or take it out"
                    : "so this rule never holds: its conditions are joined by *and*; for *or* write a rule for each"))
    }

    /// Whether two of the paths are the same, or one lies on the way of the other.
    ///
    /// COST: the usual few conditions are about different arguments, and this finds that without a table.
    private func areRelated(_ conditions: [CompiledCondition]) -> Bool {
        guard conditions.count > 1 else { return false }
        guard conditions.count <= 16 else { return true }
        for (i, a) in conditions.enumerated() {
            for b in conditions[(i + 1)...] where a.path.root == b.path.root {
                if zip(a.path.steps, b.path.steps).allSatisfy({ $0 == $1 }) { return true }
            }
        }
        return false
    }
}

extension Test {
    /// For tests of equality with one or several literals: one of equality, for its polarity.
    fileprivate var asMembership: Test? {
        switch self {
        case .equal: self
        case .member(let list, let negated): list.first.map { .equal($0, negated: negated) }
        default: nil
        }
    }
}
