internal import Base
internal import JSON

/// One call's conditions, worked out. Total: every path through here ends, within the step budget, in one of four truths.
struct Evaluation {
    /// Values looked at, list elements compared and 64-byte pieces of text read, all together.
    static let budget = 1_000_000

    var steps = 0
    var isExhausted: Bool { steps > Self.budget }

    private static let emptyObject = (try? JSONDocument.parse(Array("{}".utf8)))?.root

    // MARK: Rules

    /// `require`: whether every condition holds.
    mutating func holds(_ rule: CompiledRule, _ call: CallFacts) -> Bool {
        for condition in rule.conditions where truth(condition, call, .all) != .holds { return false }
        return true
    }

    /// `deny_if` and `approve_if`: the conditions joined by *and*. One that certainly does not hold (or is missing) settles
    /// it; otherwise one that is undetermined leaves the rule undetermined.
    mutating func fires(_ rule: CompiledRule, _ call: CallFacts) -> Truth {
        var result = Truth.holds
        for condition in rule.conditions {
            switch truth(condition, call, .any) {
            case .holds: break
            case .fails, .missing: return .fails
            case .undetermined: result = .undetermined
            }
        }
        return result
    }

    /// Every condition of a rule with its result, for the record of a denial.
    static func evidence(_ rule: CompiledRule, _ call: CallFacts, _ standard: Quantifier) -> [Evidence] {
        var evaluation = Evaluation()
        return rule.conditions.map {
            Evidence(
                condition: $0.pointer, path: $0.path.text, result: evaluation.truth($0, call, standard).word)
        }
    }

    // MARK: Conditions

    /// - Parameter standard: The quantifier of the list that the rule stands in.
    mutating func truth(_ condition: CompiledCondition, _ call: CallFacts, _ standard: Quantifier) -> Truth {
        let path = condition.path
        guard path.isMany else { return apply(condition, resolve(path, call)) }
        guard let start = document(path.root, call) else { return judge(.absent, condition.test) }
        var tally = Tally(quantifier: condition.each ?? standard)
        visit(start, path, from: 0, condition, &tally)
        return tally.truth
    }

    /// The value of a path without `[*]`.
    mutating func resolve(_ path: CompiledPath, _ call: CallFacts) -> Operand {
        guard var place = document(path.root, call) else { return plain(path.root, call) }
        for i in 0..<path.moves.count {
            switch move(path, i, place) {
            case .at(let next): place = next
            case .absent: return .absent
            case .wrong, .all: return .wrong
            }
            if isExhausted { return .wrong }
        }
        return .json(place)
    }

    /// Where a step leads.
    private enum Reach {
        case at(JSONCursor)
        case absent
        case wrong
        /// To every element of this array.
        case all
    }

    private mutating func move(_ path: CompiledPath, _ step: Int, _ place: JSONCursor) -> Reach {
        steps += 1
        switch path.moves[step] {
        case .key(let name):
            guard place.kind == .object else { return .wrong }
            // A wide object is read member by member.
            steps += place.count / 8
            let next = path.names.withUnsafeBufferPointer { place.member(UnsafeBufferPointer(rebasing: $0[name])) }
            return next.map { .at($0) } ?? .absent
        case .index(let index):
            guard place.kind == .array else { return .wrong }
            let position = index < 0 ? place.count + index : index
            steps += max(0, min(position, place.count)) / 8
            return place.element(position).map { .at($0) } ?? .absent
        case .all: return place.kind == .array ? .all : .wrong
        }
    }

    /// Walks on from the first `[*]`, and what follows it, for each value.
    private mutating func visit(
        _ start: JSONCursor, _ path: CompiledPath, from first: Int, _ condition: CompiledCondition, _ tally: inout Tally
    ) {
        var place = start
        for i in first..<path.moves.count {
            switch move(path, i, place) {
            case .at(let next): place = next
            case .absent: return tally.add(judge(.absent, condition.test))
            case .wrong: return tally.add(judge(.wrong, condition.test))
            case .all:
                for element in place.view.elements {
                    visit(element.cursor, path, from: i + 1, condition, &tally)
                    if tally.isSettled || isExhausted { return }
                }
                return
            }
            if isExhausted { return tally.add(.undetermined) }
        }
        tally.add(apply(condition, .json(place)))
    }

    /// The truth of a condition about what its path, without the function around it, leads to.
    mutating func apply(_ condition: CompiledCondition, _ operand: Operand) -> Truth {
        steps += 1
        guard let function = condition.path.function else { return judge(operand, condition.test) }
        return judge(call(function, operand), condition.test)
    }

    // MARK: Roots

    /// The call keeps the document as long as its conditions are worked out.
    private func document(_ root: PathRoot, _ call: CallFacts) -> JSONCursor? {
        switch root {
        case .args: call.arguments?.cursor ?? Self.emptyObject?.cursor
        case .toolAnnotations: call.facts?.annotations?.cursor
        default: nil
        }
    }

    private func plain(_ root: PathRoot, _ call: CallFacts) -> Operand {
        func text(_ text: String?) -> Operand { text.map { .text($0) } ?? .absent }
        switch root {
        case .args, .toolAnnotations: return .absent
        case .toolName: return .text(call.tool)
        case .toolCategory: return text(call.facts?.category?.rawValue)
        case .toolSeverity: return text(call.facts?.severity)
        case .serverName: return .text(call.server)
        case .grantLabel: return .text(call.grant.label)
        case .grantIdentity: return text(call.grant.identity)
        case .clientName: return text(call.client?.name)
        case .clientVersion: return text(call.client?.version)
        case .sessionID: return text(call.session)
        case .requestIP: return text(call.ip)
        case .timeHour: return .integer(Int64(CivilTime(call.now).hour))
        case .timeMinute: return .integer(Int64(CivilTime(call.now).minute))
        case .timeWeekday: return .integer(Int64(CivilTime(call.now).weekday))
        case .timeDate: return .text(String(call.now.iso8601.prefix(10)))
        }
    }

    // MARK: Functions

    mutating func call(_ function: PathFunction, _ operand: Operand) -> Operand {
        guard let kind = operand.kind else { return operand }
        switch function {
        case .type: return .text(kind.word)
        case .len:
            if case .json(let place) = operand, kind == .array || kind == .object {
                return .integer(Int64(place.count))
            }
            guard let count = scalarCount(operand) else { return .wrong }
            return .integer(Int64(count))
        case .lower:
            guard let lower = operand.withText({ String(decoding: $0, as: UTF8.self).lowercased() }) else {
                return .wrong
            }
            charge(lower.utf8.count)
            return .text(lower)
        case .host:
            guard let host = operand.withText({ HostName.of(url: Array($0)) }) ?? nil else { return .wrong }
            charge(host.utf8.count)
            return .text(host)
        }
    }

    private mutating func scalarCount(_ operand: Operand) -> Int? {
        guard
            let (count, bytes) = operand.withText({ text in
                (text.reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }, text.count)
            })
        else { return nil }
        charge(bytes)
        return count
    }

    mutating func charge(_ bytes: Int) { steps += bytes / 64 + 1 }
}

/// Counts the results of the values that `[*]` yields.
private struct Tally {
    let quantifier: Quantifier
    private var holds = false
    private var fails = false
    private var missing = false
    private var undetermined = false

    init(quantifier: Quantifier) {
        self.quantifier = quantifier
    }

    mutating func add(_ truth: Truth) {
        switch truth {
        case .holds: holds = true
        case .fails: fails = true
        case .missing: missing = true
        case .undetermined: undetermined = true
        }
    }

    /// No further value can change the result.
    var isSettled: Bool { quantifier == .any ? holds : fails }

    var truth: Truth {
        switch quantifier {
        // None at all satisfies *all*.
        case .all: fails ? .fails : undetermined ? .undetermined : missing ? .missing : .holds
        case .any: holds ? .holds : undetermined ? .undetermined : fails || !missing ? .fails : .missing
        }
    }
}
