internal import Base
internal import JSON

/// Whether any call at all can make some conditions hold together.
///
/// No is a proof; yes is also the answer for whatever is not decided here, so what is said because of a no is never said
/// wrongly. Where only so many values come into question, the engine itself judges each of them; for the rest, each
/// operator leaves a range of values, and a no means that the ranges have nothing in common.
struct Satisfiability {
    /// Values that the engine may judge for one document; beyond, everything counts as possible.
    static let budget = 200_000

    var evaluation = Evaluation()
    var isSpent: Bool { evaluation.steps > Self.budget }

    /// Literals of the values that are few enough to try.
    private static let constants = (try? JSONDocument.parse(Array("[null,true,false,[]]".utf8)))?.root
    private static let emptyArray = constants?[3]

    /// A text is at most as long as a message, an array has at most as many elements.
    private static let longest: Int64 = 1 << 40

    /// - Parameters:
    ///   - conditions: Conditions on one path, with or without functions around it.
    ///   - standard: The quantifier of the list that they stand in.
    ///   - demanded: What longer paths ask the value of this path to be, so that they lead anywhere.
    mutating func canHold(
        _ conditions: [CompiledCondition], _ standard: Quantifier, demanded: Set<JSONKind> = []
    ) -> Bool {
        guard let path = conditions.first?.path else { return true }
        guard path.isMany, PathDomain.isReachable(path) else { return isPossible(conditions, demanded) }
        // An array without elements satisfies *all*.
        let all = conditions.filter { ($0.each ?? standard) == .all }
        for condition in conditions where (condition.each ?? standard) == .any {
            guard isPossible([condition] + all, []) else { return false }
        }
        return true
    }

    /// Whether one value of the path can satisfy all conditions.
    private mutating func isPossible(_ conditions: [CompiledCondition], _ demanded: Set<JSONKind>) -> Bool {
        let domain = PathDomain(conditions[0].path)
        let absences = conditions.count { if case .exist(false) = $0.test { true } else { false } }
        if absences > 0 { return domain.canBeAbsent && demanded.isEmpty && absences == conditions.count }
        for kind in domain.kinds where demanded.allSatisfy({ $0 == kind }) {
            if isPossible(conditions, kind, domain) { return true }
        }
        return false
    }

    private mutating func isPossible(
        _ conditions: [CompiledCondition], _ kind: JSONKind, _ domain: PathDomain
    ) -> Bool {
        if let values = domain.values { return oneHolds(values, conditions) }
        switch kind {
        case .null: return oneHolds(constants(0..<1), conditions)
        case .boolean: return oneHolds(constants(1..<3), conditions)
        case .number, .string, .array, .object: break
        }
        if let few = fewest(conditions.compactMap { $0.path.function == nil ? $0.test : nil }) {
            for literal in few where literal.kind == kind && domain.text.admits(literal) {
                if holds(literal, conditions.map { ($0.path.function, $0.test) }) { return true }
            }
            return isSpent
        }
        func tests(_ function: PathFunction?) -> [Test] {
            conditions.compactMap { $0.path.function == function ? $0.test : nil }
        }
        for test in tests(.type) where evaluation.judge(.text(kind.word), test) != .holds { return isSpent }
        let (lower, hosts) = (tests(.lower), tests(.host))
        guard kind == .string || lower.isEmpty && hosts.isEmpty else { return false }
        let sizes: ClosedRange<Int64>?
        switch kind {
        case .null, .boolean: sizes = nil
        case .number: return tests(.len).isEmpty && numbers(tests(nil))
        case .string:
            guard texts(lower, .lower) != nil, texts(hosts, .host) != nil else { return false }
            sizes = texts(tests(nil), domain.text).map { $0...Self.longest }
        case .array: sizes = arrays(tests(nil))
        case .object: sizes = objects(tests(nil)) ? 0...Self.longest : nil
        }
        return sizes.map { lengths(tests(.len), $0) } ?? false
    }

    // MARK: Trying values

    private func constants(_ places: Range<Int>) -> [Operand] {
        places.compactMap { Self.constants?[$0].map { .json($0.cursor) } }
    }

    private mutating func oneHolds(_ operands: [Operand], _ conditions: [CompiledCondition]) -> Bool {
        for operand in operands {
            var holds = true
            for condition in conditions where holds { holds = evaluation.apply(condition, operand) == .holds }
            if holds || isSpent { return true }
        }
        return false
    }

    /// Whether everything holds for a literal's value.
    mutating func holds(_ literal: Literal, _ tests: [(function: PathFunction?, test: Test)]) -> Bool {
        let operand = Operand.json(literal.view.cursor)
        // Numbers beyond comparison are equal to nothing, not even to themselves.
        guard evaluation.judge(operand, .equal(literal, negated: false)) == .holds else { return true }
        for (function, test) in tests {
            let value = function.map { evaluation.call($0, operand) } ?? operand
            if evaluation.judge(value, test) != .holds { return isSpent }
        }
        return true
    }

    /// The shortest list of values, one of which any value that passes has to equal; nil if no test names any.
    func fewest(_ tests: [Test]) -> [Literal]? {
        var few: [Literal]?
        for test in tests {
            let list: [Literal]
            switch test {
            case .equal(let literal, negated: false): list = [literal]
            case .member(let literals, negated: false): list = literals
            default: continue
            }
            if few.map({ list.count < $0.count }) ?? true { few = list }
        }
        return few
    }

    // MARK: Numbers

    private mutating func numbers(_ tests: [Test]) -> Bool {
        var interval = Interval()
        for test in tests {
            switch test {
            case .exist: break
            case .order(let order, let literal) where literal.kind == .number: interval.narrow(order, literal)
            case .equal(let literal, negated: true) where literal.kind == .number: break
            case .member(let list, negated: true) where list.contains { $0.kind == .number }: break
            default: return false
            }
        }
        switch interval.extent {
        case .empty: return false
        case .many: return true
        case .one(let literal): return holds(literal, tests.map { (nil, $0) })
        }
    }

    /// `len`: what is asked of a whole number changes only at the numbers that the tests name, so those, their neighbours
    /// and the least of the range stand for all.
    private mutating func lengths(_ tests: [Test], _ range: ClosedRange<Int64>) -> Bool {
        guard !tests.isEmpty else { return true }
        var candidates = [range.lowerBound]
        for literal in tests.flatMap(\.literals) where literal.kind == .number {
            guard !isSpent else { return true }
            // The greatest whole number up to the literal.
            var (low, high) = (Int64(-1), range.upperBound)
            while low < high {
                let middle = low + (high - low + 1) / 2
                if evaluation.judge(.integer(middle), .order(.lessOrEqual, literal)) == .holds {
                    low = middle
                } else {
                    high = middle - 1
                }
            }
            candidates += [low, low + 1]
        }
        for candidate in candidates where range.contains(candidate) {
            var holds = true
            for test in tests where holds { holds = evaluation.judge(.integer(candidate), test) == .holds }
            if holds || isSpent { return true }
        }
        return false
    }

    // MARK: Arrays and objects

    /// How many elements an array that passes can have; nil if there is none.
    private mutating func arrays(_ tests: [Test]) -> ClosedRange<Int64>? {
        var wanted: [Literal] = []
        var unwanted: [Literal] = []
        var lists: [[Literal]] = []
        for test in tests {
            switch test {
            case .exist: break
            case .equal(let literal, negated: true) where literal.kind == .array: break
            case .member(let list, negated: true) where list.contains { $0.kind == .array }: break
            case .contain(let literal, negated: false): wanted.append(literal)
            case .contain(let literal, negated: true): unwanted.append(literal)
            case .subset(let list): lists.append(list)
            default: return nil
            }
        }
        for literal in wanted {
            if isAmong(unwanted, literal) == true { return isSpent ? 0...Self.longest : nil }
            for list in lists where isAmong(list, literal) == false { return isSpent ? 0...Self.longest : nil }
        }
        // The array without elements is all that is left if the lists have nothing in common.
        if let first = lists.min(by: { $0.count < $1.count }) {
            let hasCommon = first.contains { element in
                isAmong(unwanted, element) != true && lists.allSatisfy { isAmong($0, element) != false }
            }
            if !hasCommon, !isSpent {
                guard let empty = Self.emptyArray else { return 0...0 }
                return holds(Literal(empty), tests.map { (nil, $0) }) ? 0...0 : nil
            }
        }
        return (wanted.isEmpty ? 0 : 1)...Self.longest
    }

    /// Whether some literal of the list equals this one; nil if that can't be told.
    private mutating func isAmong(_ list: [Literal], _ literal: Literal) -> Bool? {
        var isCertain = true
        for other in list where other.kind == literal.kind {
            switch evaluation.judge(.json(literal.view.cursor), .equal(other, negated: false)) {
            case .holds: return true
            case .fails: break
            case .missing, .undetermined: isCertain = false
            }
            if isSpent { return nil }
        }
        return isCertain ? false : nil
    }

    private func objects(_ tests: [Test]) -> Bool {
        tests.allSatisfy { test in
            switch test {
            case .exist: true
            case .equal(let literal, negated: true): literal.kind == .object
            case .member(let list, negated: true): list.contains { $0.kind == .object }
            default: false
            }
        }
    }
}

/// What `lt`, `lte`, `gt` and `gte` leave of the numbers, or of the texts.
struct Interval {
    enum Extent {
        case empty
        case one(Literal)
        /// Several, or it can't be told.
        case many
    }

    private(set) var low: (literal: Literal, isOpen: Bool)?
    private(set) var high: (literal: Literal, isOpen: Bool)?
    private var isUnknown = false

    /// All literals have to be of one kind: numbers or strings.
    mutating func narrow(_ order: Test.Order, _ literal: Literal) {
        let isOpen = order == .less || order == .greater
        switch order {
        case .less, .lessOrEqual:
            if let high, !isTighter(literal, isOpen, than: high, sign: -1) { return }
            high = (literal, isOpen)
        case .greater, .greaterOrEqual:
            if let low, !isTighter(literal, isOpen, than: low, sign: 1) { return }
            low = (literal, isOpen)
        }
    }

    private mutating func isTighter(
        _ literal: Literal, _ isOpen: Bool, than bound: (literal: Literal, isOpen: Bool), sign: Int
    ) -> Bool {
        guard let comparison = literal.compare(to: bound.literal) else {
            isUnknown = true
            return false
        }
        return comparison == 0 ? isOpen : comparison == sign
    }

    var extent: Extent {
        if isUnknown { return .many }
        // Nothing comes before the empty text.
        if let high, high.isOpen, high.literal.kind == .string, high.literal.bytes.isEmpty { return .empty }
        guard let low, let high, let comparison = low.literal.compare(to: high.literal) else { return .many }
        if comparison > 0 { return .empty }
        if comparison < 0 { return .many }
        return low.isOpen || high.isOpen ? .empty : .one(low.literal)
    }
}

extension Literal {
    /// -1, 0 or 1 for two numbers or two strings; nil for the rest, and for numbers beyond comparison.
    func compare(to other: Literal) -> Int? {
        guard kind == other.kind else { return nil }
        switch kind {
        case .number: return view.compareNumber(to: other.view)
        case .string:
            return bytes.withUnsafeBufferPointer { a in other.bytes.withUnsafeBufferPointer { compareBytes(a, $0) } }
        case .null, .boolean, .array, .object: return nil
        }
    }
}

extension Test {
    /// Everything that values are compared with.
    var literals: [Literal] {
        switch self {
        case .equal(let literal, _), .order(_, let literal), .contain(let literal, _): [literal]
        case .member(let list, _), .subset(let list): list
        case .match, .start, .end, .exist, .within, .network: []
        }
    }
}
