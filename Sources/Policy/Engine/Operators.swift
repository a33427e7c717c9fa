internal import Base
internal import JSON

/// What each operator makes of a value.
extension Evaluation {
    mutating func judge(_ operand: Operand, _ test: Test) -> Truth {
        if case .exist(let wanted) = test {
            if case .absent = operand { return Truth(!wanted) }
            if case .wrong = operand { return Truth(!wanted) }
            return Truth(wanted)
        }
        switch operand {
        case .absent: return .missing
        case .wrong: return .undetermined
        case .json, .text, .integer: break
        }
        switch test {
        case .exist: return .undetermined
        case .equal(let literal, let negated): return equality(operand, literal).negated(if: negated)
        case .order(let order, let literal):
            guard let comparison = compare(operand, literal) else { return .undetermined }
            return Truth(order.holds(comparison))
        case .member(let list, let negated): return membership(operand, list).negated(if: negated)
        case .match(let pattern, let negated):
            guard let (found, bytes) = operand.withText({ (pattern.matches($0), $0.count) }) else {
                return .undetermined
            }
            charge(bytes)
            return Truth(found != negated)
        case .contain(let literal, let negated): return containment(operand, literal).negated(if: negated)
        case .start(let prefix):
            return Truth(
                operand.withText { text in
                    text.count >= prefix.count && prefix.indices.allSatisfy { text[$0] == prefix[$0] }
                })
        case .end(let suffix):
            return Truth(
                operand.withText { text in
                    let start = text.count - suffix.count
                    return start >= 0 && suffix.indices.allSatisfy { text[start + $0] == suffix[$0] }
                })
        case .subset(let list): return inclusion(operand, list)
        case .within(let directories):
            guard let (isInside, work) = operand.withText({ DirectoryPath.contains($0, in: directories) })
            else { return .undetermined }
            // Parts are cut and compared, which takes longer for a byte than what others charge for.
            charge(work * (4 + directories.count))
            return Truth(isInside)
        case .network(let networks, let negated):
            guard let address = operand.withText({ IPAddress($0) }) ?? nil else { return .undetermined }
            steps += networks.count / 8
            return Truth(networks.contains { $0.contains(address) } != negated)
        }
    }

    // MARK: Equality

    /// JSON equality; undetermined if the types differ.
    private mutating func equality(_ operand: Operand, _ literal: Literal) -> Truth {
        guard operand.kind == literal.kind else { return .undetermined }
        switch literal.kind {
        case .null: return .holds
        case .number:
            guard let comparison = compareNumbers(operand, literal) else { return .undetermined }
            return Truth(comparison == 0)
        case .string:
            return Truth(
                operand.withText { text in literal.bytes.withUnsafeBufferPointer { ByteText.same(text, $0) } })
        case .boolean, .array, .object:
            guard case .json(let place) = operand else { return .undetermined }
            return deepEquality(place.view, literal.view)
        }
    }

    /// Equality of two values that may hold others. Inside, types that differ make them unequal, not undetermined.
    private mutating func deepEquality(_ a: JSONView, _ b: JSONView) -> Truth {
        guard a.kind == b.kind else { return .fails }
        steps += 1
        if isExhausted { return .undetermined }
        switch a.kind {
        case .null: return .holds
        case .boolean: return Truth(a.bool == b.bool)
        case .number:
            if let x = a.shortNumber, let y = b.shortNumber { return Truth(x.compare(to: y) == 0) }
            guard let comparison = a.compareNumber(to: b) else { return .undetermined }
            return Truth(comparison == 0)
        case .string:
            charge(a.range.count)
            return Truth(a == b)
        case .array:
            guard a.count == b.count else { return .fails }
            var result = Truth.holds
            for (x, y) in zip(a.elements, b.elements) {
                let truth = deepEquality(x, y)
                if truth == .fails { return .fails }
                if truth == .undetermined { result = .undetermined }
            }
            return result
        case .object:
            guard a.count == b.count else { return .fails }
            var result = Truth.holds
            for (key, x) in a.members {
                steps += b.count / 8
                guard let name = key.string, let y = b[name] else { return .fails }
                let truth = deepEquality(x, y)
                if truth == .fails { return .fails }
                if truth == .undetermined { result = .undetermined }
            }
            return result
        }
    }

    private mutating func membership(_ operand: Operand, _ list: [Literal]) -> Truth {
        var isComparable = false
        var isDoubtful = false
        for literal in list where literal.kind == operand.kind {
            steps += 1
            if isExhausted { return .undetermined }
            switch equality(operand, literal) {
            case .holds: return .holds
            case .fails, .missing: isComparable = true
            case .undetermined: isDoubtful = true
            }
        }
        return isComparable && !isDoubtful ? .fails : .undetermined
    }

    private mutating func inclusion(_ operand: Operand, _ list: [Literal]) -> Truth {
        guard case .json(let place) = operand, place.kind == .array else { return .undetermined }
        var result = Truth.holds
        for element in place.view.elements {
            var found = Truth.fails
            for literal in list where literal.kind == element.kind {
                steps += 1
                if isExhausted { return .undetermined }
                let truth = equality(.json(element.cursor), literal)
                if truth == .holds {
                    found = .holds
                    break
                }
                if truth == .undetermined { found = .undetermined }
            }
            if found == .fails { return .fails }
            if found == .undetermined { result = .undetermined }
        }
        return result
    }

    private mutating func containment(_ operand: Operand, _ literal: Literal) -> Truth {
        if case .json(let place) = operand, place.kind == .array {
            var result = Truth.fails
            for element in place.view.elements {
                steps += 1
                if isExhausted { return .undetermined }
                guard element.kind == literal.kind else { continue }
                switch equality(.json(element.cursor), literal) {
                case .holds: return .holds
                case .undetermined: result = .undetermined
                case .fails, .missing: break
                }
            }
            return result
        }
        guard literal.kind == .string else { return .undetermined }
        let room = Swift.max(0, Self.budget - steps) * 64
        let search = operand.withText { text in
            literal.bytes.withUnsafeBufferPointer { findBytes($0, in: text, maxWork: room) }
        }
        guard let search else { return .undetermined }
        charge(search.work)
        return Truth(search.found)
    }

    // MARK: Order

    private func compare(_ operand: Operand, _ literal: Literal) -> Int? {
        guard operand.kind == literal.kind else { return nil }
        switch literal.kind {
        case .number: return compareNumbers(operand, literal)
        case .string:
            return operand.withText { text in literal.bytes.withUnsafeBufferPointer { compareBytes(text, $0) } }
        case .null, .boolean, .array, .object: return nil
        }
    }

    /// By exact value; nil only if both numbers have exponents of more than 17 digits.
    private func compareNumbers(_ operand: Operand, _ literal: Literal) -> Int? {
        switch operand {
        case .json(let place):
            if let y = literal.short, let x = place.shortNumber { return x.compare(to: y) }
            return place.view.compareNumber(to: literal.view)
        case .integer(let x):
            // Hours, counts and lengths are far below 18 digits.
            if let y = literal.short { return ShortNumber(coefficient: x, scale: 0).compare(to: y) }
            return literal.view.number.flatMap { JSONNumber(x).compare(to: $0) }
        case .text, .absent, .wrong: return nil
        }
    }
}

extension Truth {
    /// Undetermined if there was nothing to test.
    fileprivate init(_ holds: Bool?) {
        self = holds.map { $0 ? .holds : .fails } ?? .undetermined
    }
}
