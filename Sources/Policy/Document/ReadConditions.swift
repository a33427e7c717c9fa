internal import Base
internal import JSON

/// Conditions: a path, an operator, and a value of the operator's type.
extension PolicyReader {
    mutating func condition(
        _ fields: JSONView, _ view: JSONView, _ pointer: JSONPointer
    ) -> CompiledCondition? {
        for name in ["path", "op", "value"] where fields[name] == nil {
            missing(name, in: view, pointer, "a condition")
        }
        let path = fields["path"].flatMap { self.path($0, pointer.appending("path")) }
        let each = word(fields["each"], pointer.appending("each"), "`each`", Quantifier.self)
        let op = word(fields["op"], pointer.appending("op"), "`op`", Operator.self, code: .unknownOperator)
        guard let op, let value = fields["value"] else { return nil }
        let test = test(op, value, pointer.appending("value"))
        guard let path, let test else { return nil }
        if case .exist = test, path.function != nil, let view = fields["path"] {
            report(
                .badPath, at: view, pointer.appending("path"),
                "`exists` asks whether a path is there and takes no function around it")
            return nil
        }
        if let view = fields["each"], !path.isMany {
            report(
                .warning, .neverMatters, at: view, pointer.appending("each"),
                "`each` changes nothing for a path without `[*]`")
        }
        return CompiledCondition(path: path, test: test, op: op, each: each, pointer: pointer.description)
    }

    mutating func path(_ view: JSONView, _ pointer: JSONPointer) -> CompiledPath? {
        guard let text = string(view, pointer, "`path`") else { return nil }
        do throws(PathError) {
            return try PathParser.parse(text)
        } catch {
            report(error.code, at: view, pointer, error.message, suggestion: error.suggestion)
            return nil
        }
    }

    private mutating func test(_ op: Operator, _ value: JSONView, _ pointer: JSONPointer) -> Test? {
        switch op {
        case .eq, .neq:
            guard value.kind != .array || value.count <= PolicyDocument.maxElements else {
                _ = array(value, pointer, "`value`", max: PolicyDocument.maxElements)
                return nil
            }
            return .equal(Literal(value), negated: op == .neq)
        case .lt, .lte, .gt, .gte:
            guard value.kind == .number || value.kind == .string else {
                return wrongValue(op, value, pointer, "a number or a string")
            }
            let order: Test.Order =
                switch op {
                case .lt: .less
                case .lte: .lessOrEqual
                case .gt: .greater
                default: .greaterOrEqual
                }
            return .order(order, Literal(value))
        case .in, .notIn: return list(op, value, pointer).map { .member($0.map(Literal.init), negated: op == .notIn) }
        case .subsetOf: return list(op, value, pointer).map { .subset($0.map(Literal.init)) }
        case .regex, .notRegex: return regex(op, value, pointer).map { .match($0, negated: op == .notRegex) }
        case .contains, .notContains: return .contain(Literal(value), negated: op == .notContains)
        case .startsWith, .endsWith:
            guard let bytes = value.stringBytes else { return wrongValue(op, value, pointer, "a string") }
            return op == .startsWith ? .start(bytes) : .end(bytes)
        case .exists:
            guard let wanted = value.bool else { return wrongValue(op, value, pointer, "true or false") }
            return .exist(wanted)
        case .pathWithin:
            return read(
                op, value, pointer, .badDirectory, "no directory", "a directory such as \"/srv/images\"",
                DirectoryPath.init
            ).map { .within($0) }
        case .cidrIn, .notCidrIn:
            return read(
                op, value, pointer, .badNetwork, "no network", "a network such as \"10.0.0.0/8\" or \"2001:db8::/32\"",
                IPNetwork.init
            ).map { .network($0, negated: op == .notCidrIn) }
        }
    }

    private mutating func wrongValue(
        _ op: Operator, _ value: JSONView, _ pointer: JSONPointer, _ wanted: String
    ) -> Test? {
        report(.badValue, at: value, pointer, "the value of `\(op.rawValue)` is \(wanted), not \(value.kind.phrase)")
        return nil
    }

    private mutating func list(_ op: Operator, _ value: JSONView, _ pointer: JSONPointer) -> [JSONView]? {
        guard value.kind == .array else {
            report(.badValue, at: value, pointer, "the value of `\(op.rawValue)` is a list, not \(value.kind.phrase)")
            return nil
        }
        guard value.count <= PolicyDocument.maxElements else {
            return array(value, pointer, "the value of `\(op.rawValue)`", max: PolicyDocument.maxElements)
        }
        // Of the other operators a condition without a chance is said in its own words.
        if value.count == 0, op == .in || op == .notIn || op == .notCidrIn {
            report(
                .warning, .emptyList, at: value, pointer,
                op == .notCidrIn
                    ? "every address lies outside of an empty list of networks"
                    : "an empty list never holds and never fails: it is undetermined")
        }
        return Array(value.elements)
    }

    private mutating func regex(_ op: Operator, _ value: JSONView, _ pointer: JSONPointer) -> Pattern? {
        guard let text = value.string else {
            _ = wrongValue(op, value, pointer, "a regular expression in a string")
            return nil
        }
        guard text.utf8.count <= PolicyDocument.maxRegexBytes else {
            report(
                .badRegex, at: value, pointer,
                "a regular expression has at most \(PolicyDocument.maxRegexBytes) bytes; this one has \(text.utf8.count)"
            )
            return nil
        }
        switch Pattern.compile(text) {
        case .pattern(let pattern): return pattern
        case .refused(let reason):
            report(.badRegex, at: value, pointer, "RE2 does not accept this regular expression: \(clipped(reason))")
            return nil
        }
    }

    private mutating func read<Element>(
        _ op: Operator, _ value: JSONView, _ pointer: JSONPointer, _ code: ProblemCode, _ complaint: String,
        _ wanted: String, _ make: (String) -> Element?
    ) -> [Element]? {
        guard let views = list(op, value, pointer) else { return nil }
        var elements: [Element] = []
        for (i, view) in views.enumerated() {
            let here = pointer.appending(i)
            guard let text = view.string else {
                report(
                    .badValue, at: view, here, "an element of `\(op.rawValue)` is \(wanted), not \(view.kind.phrase)")
                continue
            }
            guard let element = make(text) else {
                report(code, at: view, here, "`\(clipped(text))` is \(complaint); write \(wanted)")
                continue
            }
            elements.append(element)
        }
        return elements.count == views.count ? elements : nil
    }
}
