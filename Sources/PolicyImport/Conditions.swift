internal import Base
internal import JSON

/// A condition of Intercept or PolicyLayer, read.
struct SourceCondition: Sendable {
    /// The operators of both, by the names that both use.
    enum Operator: String, Sendable, CaseIterable {
        case eq, neq
        case `in`, notIn = "not_in"
        case lt, lte, gt, gte
        case regex, contains, exists
    }

    /// As it is written here.
    let path: String
    /// Steps below the arguments. Where there is but one, nothing can be in its way.
    let depth: Int
    let op: Operator
    let value: SourceNode
    let site: Site

    var valueSite: Site { Site(offset: value.offset, pointer: site.pointer.appending("value")) }

    func draft(_ op: String, _ value: JSONValue, function: String? = nil) -> DraftCondition {
        DraftCondition(
            path: function.map { "\($0)(\(path))" } ?? path, op: op, value: value, site: site, valueSite: valueSite)
    }

    /// Present, null included; a step into something that has no members counts as absent.
    var isThere: DraftCondition { draft("exists", true) }

    func kind(in kinds: [JSONKind]) -> DraftCondition {
        let words = kinds.map { JSONValue.string($0.word) }
        return words.count == 1 ? draft("eq", words[0], function: "type") : draft("in", .array(words), function: "type")
    }

    var isNotNull: DraftCondition { draft("neq", "null", function: "type") }
}

/// A condition as it is written here, and where it comes from.
struct DraftCondition: Sendable {
    let path: String
    let op: String
    let value: JSONValue
    let site: Site
    let valueSite: Site

    var members: [JSONMember] {
        [JSONMember("path", .string(path)), JSONMember("op", .string(op)), JSONMember("value", value)]
    }
}

extension JSONValue {
    fileprivate var kind: JSONKind {
        switch self {
        case .null: .null
        case .bool: .boolean
        case .number: .number
        case .string: .string
        case .array: .array
        case .object: .object
        }
    }
}

// MARK: - Reading

extension SourceReader {
    /// A condition on an argument: `{path, op, value}`. Nil, reported, if it can't be read.
    mutating func condition(
        _ fields: [String: SourceNode], _ node: SourceNode, _ pointer: JSONPointer
    ) -> SourceCondition? {
        for name in ["path", "op", "value"] where fields[name] == nil {
            missing(name, in: node, pointer, "a condition")
        }
        let op = word(
            fields["op"], pointer.appending("op"), "`op`", SourceCondition.Operator.self, code: .unknownOperator)
        let path = fields["path"].flatMap { argumentPath($0, pointer.appending("path")) }
        guard let op, let value = fields["value"], let path else { return nil }
        let condition = SourceCondition(
            path: path.text, depth: path.depth, op: op, value: value, site: Site(offset: node.offset, pointer: pointer))
        return suits(condition) ? condition : nil
    }

    /// `args.a.b`: members by name and nothing else, so what looks like an index is part of a name.
    mutating func argumentPath(_ node: SourceNode, _ pointer: JSONPointer) -> (text: String, depth: Int)? {
        guard let text = text(node, pointer, "a path") else {
            if node.isNull { report(.badPath, at: node.offset, pointer, "a path starts with `args.`") }
            return nil
        }
        guard text.hasPrefix("args.") else {
            report(
                .badPath, at: node.offset, pointer,
                "a path starts with `args.`, which `\(clipped(text))` does not")
            return nil
        }
        let keys = text.dropFirst(5).split(separator: ".", omittingEmptySubsequences: false)
        var path = "args"
        for key in keys {
            let isPlain =
                !key.isEmpty && key != "*"
                && key.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F && !"[]()\"".utf8.contains($0) }
            path += isPlain ? ".\(key)" : "[\(JSONValue.string(String(key)).text)]"
        }
        return (path, keys.count)
    }

    /// Whether the value is of the operator's type.
    private mutating func suits(_ condition: SourceCondition) -> Bool {
        let value = condition.value
        func refuse(_ wanted: String) -> Bool {
            report(
                .badValue, at: condition.valueSite,
                "the value of `\(condition.op.rawValue)` is \(wanted), not \(value.phrase)")
            return false
        }
        if case .ambiguous(let why) = value.value {
            if case .refused(let code, let message, let mend) = Equals.ambiguous(why) {
                report(code, at: condition.valueSite, message, mend: mend)
            }
            return false
        }
        switch (condition.op, value.value) {
        case (.in, _), (.notIn, _):
            guard case .list = value.shape else { return refuse("a list") }
        case (.exists, .bool), (.regex, .string): break
        case (.exists, _): return refuse("true or false")
        case (.regex, _): return refuse("a regular expression in a string")
        case (.lt, .integer), (.lt, .decimal), (.lte, .integer), (.lte, .decimal), (.gt, .integer), (.gt, .decimal),
            (.gte, .integer), (.gte, .decimal):
            break
        case (.lt, _), (.lte, _), (.gt, _), (.gte, _): return refuse("a number")
        case (.eq, nil), (.neq, nil), (.contains, nil):
            report(
                .inexactText, at: condition.valueSite,
                "Intercept compares lists and objects by how they print, which can't be said here",
                mend: "compare their elements one by one")
            return false
        case (.eq, _), (.neq, _), (.contains, _): break
        }
        return true
    }

    // MARK: Values

    /// The value as it is written. Nil, reported, if it is another one there.
    private mutating func single(_ condition: SourceCondition) -> JSONValue? {
        guard case .values(let values) = twins(condition.value, condition.valueSite) else { return nil }
        return values.first
    }

    /// Everything that equals the value of `eq`, or any element of `in`. Nil, reported, if that can't be listed.
    private mutating func equals(_ condition: SourceCondition, _ reach: Equals.Reach) -> [JSONValue]? {
        guard condition.op == .in || condition.op == .notIn else {
            guard case .values(let values) = twins(condition.value, condition.valueSite, reach) else { return nil }
            return values
        }
        guard case .list(let elements) = condition.value.shape else { return nil }
        var all: [JSONValue] = []
        var isWhole = true
        // By bytes: Swift takes texts for equal that are not the same, and none of them may get lost.
        var seen: Set<[UInt8]> = []
        for (i, element) in elements.enumerated() {
            let site = Site(offset: element.offset, pointer: condition.valueSite.pointer.appending(i))
            guard case .values(let values) = twins(element, site, reach) else {
                isWhole = false
                continue
            }
            all += values.filter { seen.insert($0.bytes).inserted }
        }
        return isWhole ? all : nil
    }

    private mutating func twins(_ node: SourceNode, _ site: Site, _ reach: Equals.Reach = .exact) -> Equals.Twins? {
        guard let value = node.value else {
            report(
                .inexactText, at: site,
                "Intercept compares lists and objects by how they print, which can't be said here",
                mend: "compare their elements one by one")
            return nil
        }
        let twins = Equals.twins(of: value, reach)
        if case .refused(let code, let message, let mend) = twins { report(code, at: site, message, mend: mend) }
        return twins
    }

    private func literal(_ node: SourceNode) -> JSONValue {
        guard case .string(let text) = node.value else { return .null }
        return .string(text)
    }

    // MARK: - Intercept

    /// What has to be asked so that a call passes exactly when Intercept finds that the condition holds. There, a path that
    /// is missing makes everything false but `exists: false`, for which null is missing, too.
    struct Requirement {
        /// Under `require`: each must hold.
        var require: [DraftCondition] = []
        /// Under `deny_if`: a rule each.
        var denyIf: [(conditions: [DraftCondition], ignoresErrors: Bool)] = []
    }

    mutating func requirement(_ condition: SourceCondition) -> Requirement? {
        let c = condition
        switch c.op {
        case .lt, .lte, .gt, .gte:
            return single(c).map { Requirement(require: [c.draft(c.op.rawValue, $0)]) }
        case .regex: return Requirement(require: [c.draft("regex", literal(c.value))])
        case .eq, .in:
            guard let values = equals(c, .exact) else { return nil }
            guard !values.isEmpty else { return Requirement(denyIf: [([], false)]) }
            return Requirement(require: [c.equal(to: values)])
        case .neq, .notIn:
            guard let values = equals(c, .exact) else { return nil }
            // What is of another type than all values is different there, and undetermined here: it passes.
            return Requirement(require: [c.isThere], denyIf: values.isEmpty ? [] : [([c.equal(to: values)], true)])
        case .contains:
            guard let values = equals(c, .exact) else { return nil }
            if values.count == 1, case .string = values[0] {
                return Requirement(require: [c.draft("contains", values[0])])
            }
            // One of several is enough, which `require` can't say; that none is there, `deny_if` can.
            let none = values.map { c.draft("not_contains", $0) }
            if case .string = values.first { return Requirement(require: [c.isThere], denyIf: [(none, false)]) }
            return Requirement(require: [c.kind(in: [.array])], denyIf: [(none, false)])
        case .exists:
            if c.value.value == .bool(true) { return Requirement(require: [c.isNotNull]) }
            return Requirement(denyIf: [([c.isNotNull], true)])
        }
    }

    /// Lists of conditions, of which all of one hold exactly when Intercept finds that the condition holds, and none is
    /// ever undetermined unless it does.
    mutating func alternatives(_ condition: SourceCondition) -> [[DraftCondition]]? {
        let c = condition
        // A step into a value that has no members is missing there, and undetermined here.
        let guarded = c.depth > 1 ? [c.isThere] : []
        switch c.op {
        case .lt, .lte, .gt, .gte:
            return single(c).map { [guarded + [c.kind(in: [.number]), c.draft(c.op.rawValue, $0)]] }
        case .regex: return [guarded + [c.kind(in: [.string]), c.draft("regex", literal(c.value))]]
        case .eq, .in:
            guard let values = equals(c, .exact) else { return nil }
            return values.isEmpty ? [] : [guarded + [c.kind(in: kinds(values)), c.equal(to: values)]]
        case .neq, .notIn:
            guard let values = equals(c, .exact) else { return nil }
            guard !values.isEmpty else { return [[c.isThere]] }
            // Undetermined, which asks, where the type is another: that is different there as well.
            return [guarded + [values.count == 1 ? c.draft("neq", values[0]) : c.draft("not_in", .array(values))]]
        case .contains:
            guard let values = equals(c, .exact) else { return nil }
            return values.enumerated().map { i, value in
                // Only the value as written is looked for inside strings.
                let isText = i == 0 && value.kind == .string
                return guarded + [c.kind(in: isText ? [.string, .array] : [.array]), c.draft("contains", value)]
            }
        case .exists:
            if c.value.value == .bool(true) { return [guarded + [c.isNotNull]] }
            return [[c.draft("exists", false)], guarded + [c.kind(in: [.null])]]
        }
    }

    private func kinds(_ values: [JSONValue]) -> [JSONKind] {
        var kinds: [JSONKind] = []
        for value in values where !kinds.contains(value.kind) { kinds.append(value.kind) }
        return kinds
    }

    // MARK: - PolicyLayer

    /// PolicyLayer does not say whether it converts as Intercept does. Under `require`, what lets less through under either
    /// reading; nil, reported, if there is none.
    mutating func strictRequirement(_ condition: SourceCondition) -> [DraftCondition]? {
        let c = condition
        switch c.op {
        case .lt, .lte, .gt, .gte, .regex, .neq:
            return c.op == .regex
                ? [c.draft("regex", literal(c.value))] : single(c).map { [c.draft(c.op.rawValue, $0)] }
        case .eq, .contains: return single(c).map { [c.draft(c.op.rawValue, $0)] }
        case .in:
            // The values alone: each text or number that they might be converted to would let more through.
            guard case .list(let elements) = c.value.shape, equals(c, .exact) != nil else { return nil }
            let values = elements.compactMap { element -> JSONValue? in
                guard let value = element.value, case .values(let all) = Equals.twins(of: value, .exact) else {
                    return nil
                }
                return all.first
            }
            return [c.draft("in", .array(values))]
        case .notIn: return equals(c, .wide).map { [c.draft("not_in", .array($0))] }
        case .exists:
            return c.value.value == .bool(true) ? [c.isNotNull] : [c.draft("exists", false)]
        }
    }

    /// Under `deny_if`: lists of conditions, a rule each, that together deny whatever is denied under either reading.
    mutating func strictAlternatives(_ condition: SourceCondition) -> [[DraftCondition]]? {
        let c = condition
        switch c.op {
        case .regex: return [[c.draft("regex", literal(c.value))]]
        case .lt, .lte, .gt, .gte, .eq, .neq: return single(c).map { [[c.draft(c.op.rawValue, $0)]] }
        case .in: return equals(c, .wide).map { $0.isEmpty ? [] : [[c.equal(to: $0)]] }
        case .notIn:
            guard case .list(let elements) = c.value.shape, equals(c, .exact) != nil else { return nil }
            guard !elements.isEmpty else { return [[c.isThere]] }
            let values = elements.compactMap { element -> JSONValue? in
                guard let value = element.value, case .values(let all) = Equals.twins(of: value, .exact) else {
                    return nil
                }
                return all.first
            }
            return [[c.draft("not_in", .array(values))]]
        case .contains: return equals(c, .wide).map { $0.map { [c.draft("contains", $0)] } }
        case .exists:
            if c.value.value == .bool(true) { return [[c.isThere]] }
            return [[c.draft("exists", false)], [c.kind(in: [.null])]]
        }
    }
}

extension SourceCondition {
    fileprivate func equal(to values: [JSONValue]) -> DraftCondition {
        values.count == 1 ? draft("eq", values[0]) : draft("in", .array(values))
    }
}
