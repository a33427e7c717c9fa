internal import JSON

/// Checks one instance. Bounded in depth and work; beyond either, the instance is refused.
struct SchemaValidator {
    private let schema: CompiledSchema
    private var work = 0
    private var depth = 0
    /// The resources on the way from the root to here, for dynamic references.
    private var scope: [Int] = []
    /// The first thing that failed, outside of alternatives that are tried.
    private(set) var fault: CompiledSchema.Fault?
    private var trials = 0
    /// Around this place, parts that let something pass because another does not hold.
    private var contraries = 0
    /// The way to the fault, innermost first; gathered while the validation returns from it.
    private var faultPath: [JSONPathStep] = []
    private(set) var isExhausted = false

    static let maxDepth = 256
    static let maxWork = 500_000

    private enum JSONPathStep {
        case key(JSONView)
        case index(Int)
    }

    /// What has been looked at in one object or array.
    private struct Evaluated {
        var members: Set<Int> = []
        var items: Set<Int> = []
        var itemsBelow = 0

        mutating func merge(_ other: Evaluated) {
            members.formUnion(other.members)
            items.formUnion(other.items)
            itemsBelow = max(itemsBelow, other.itemsBelow)
        }
    }

    init(_ schema: CompiledSchema) {
        self.schema = schema
    }

    mutating func accepts(_ instance: JSONView) -> Bool {
        var evaluated = Evaluated()
        let isValid = validate(0, instance, &evaluated) && !isExhausted
        if !isValid, let keyword {
            var tokens = faultPath.reversed().map { step in
                switch step {
                case .key(let key): key.string ?? ""
                case .index(let index): String(index)
                }
            }
            if let faultExtra { tokens.append(faultExtra) }
            fault = CompiledSchema.Fault(pointer: boundedPointer(tokens), keyword: keyword)
        }
        return isValid
    }

    // MARK: Reporting

    private var keyword: String?
    private var faultExtra: String?

    /// Notes the failure, unless it is one of alternatives that are tried. The first one stays.
    private mutating func fail(_ keyword: String, at extra: String? = nil) -> Bool {
        guard trials == 0, self.keyword == nil else { return false }
        self.keyword = keyword
        faultExtra = extra
        return false
    }

    /// Fails where nobody can say what holds. Where failing lets something pass, as under `not`, the whole is refused.
    private mutating func doubt(_ keyword: String) -> Bool {
        if contraries > 0 { isExhausted = true }
        return fail(keyword)
    }

    /// Runs a part whose failure may let something pass.
    private mutating func attemptContrary(_ node: Int, _ instance: JSONView, _ evaluated: inout Evaluated) -> Bool {
        contraries += 1
        defer { contraries -= 1 }
        return attempt(node, instance, &evaluated)
    }

    /// Runs a part whose failure is no failure of the whole.
    private mutating func attempt(_ node: Int, _ instance: JSONView, _ evaluated: inout Evaluated) -> Bool {
        trials += 1
        defer { trials -= 1 }
        var own = Evaluated()
        guard validate(node, instance, &own) else { return false }
        evaluated.merge(own)
        return true
    }

    /// Runs a part on the same instance.
    private mutating func apply(_ node: Int, _ instance: JSONView, _ evaluated: inout Evaluated) -> Bool {
        var own = Evaluated()
        guard validate(node, instance, &own) else { return false }
        if schema.usesUnevaluated { evaluated.merge(own) }
        return true
    }

    /// Runs a part on a value inside the instance.
    private mutating func descend(_ node: Int, _ value: JSONView, _ step: JSONPathStep) -> Bool {
        var own = Evaluated()
        if validate(node, value, &own) { return true }
        // Outside of trials a failure is final, so every step on the way back belongs to the fault.
        if trials == 0, keyword != nil { faultPath.append(step) }
        return false
    }

    // MARK: One node

    private mutating func validate(_ index: Int, _ instance: JSONView, _ evaluated: inout Evaluated) -> Bool {
        work += 1
        guard work < Self.maxWork, depth < Self.maxDepth, schema.nodes.indices.contains(index) else {
            isExhausted = true
            return fail("(too deep or too large)")
        }
        depth += 1
        defer { depth -= 1 }
        let node = schema.nodes[index]
        let isNewScope = schema.isDynamic && scope.last != node.resource
        if isNewScope { scope.append(node.resource) }
        defer { if isNewScope { scope.removeLast() } }
        let kind = instance.kind
        if node.kinds & kind.bit == 0 {
            guard node.allowsInteger, kind == .number, isInteger(instance) else { return fail("type") }
        }
        if let words = node.words {
            work += words.count
            guard kind == .string, isWord(instance, words) else { return fail("enum") }
        }
        if kind == .number, !node.bounds.isEmpty {
            let number = instance.shortNumber
            for (bound, view, keyword, order) in node.bounds {
                let comparison = number.map { $0.compare(to: bound) } ?? instance.compareNumber(to: view)
                guard let comparison, order.holds(comparison) else { return fail(keyword) }
            }
        }
        for check in node.checks {
            guard passes(check, instance, &evaluated), !isExhausted else { return false }
        }
        return true
    }

    private func isInteger(_ instance: JSONView) -> Bool {
        instance.plainInteger != nil || ExactNumber(instance)?.isInteger == true
    }

    private func isWord(_ instance: JSONView, _ words: [[UInt8]]) -> Bool {
        instance.withText { text in
            words.contains { word in word.withUnsafeBufferPointer { ByteText.same($0, text) } }
        } ?? false
    }

    private mutating func passes(_ check: SchemaCheck, _ instance: JSONView, _ evaluated: inout Evaluated) -> Bool {
        switch check {
        case .never(let keyword): return keyword == "false" ? fail(keyword) : doubt(keyword)
        case .type(let kinds, let integer):
            if kinds.contains(instance.kind) { return true }
            if integer, instance.kind == .number,
                instance.plainInteger != nil || ExactNumber(instance)?.isInteger == true
            {
                return true
            }
            return fail("type")
        case .oneValue(let values, let keyword):
            work += values.count
            return values.contains { $0 == instance } || fail(keyword)
        case .multiple(let divisor):
            guard instance.kind == .number else { return true }
            guard let isMultiple = ExactNumber(instance)?.isMultiple(of: divisor) else { return doubt("multipleOf") }
            return isMultiple || fail("multipleOf")
        case .bound(let bound, let keyword, let order):
            guard instance.kind == .number else { return true }
            guard let comparison = instance.compareNumber(to: bound) else { return fail(keyword) }
            return order.holds(comparison) || fail(keyword)
        case .length(let min, let max):
            guard let count = text(instance, { $0.reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) } }) else { return true }
            guard count >= min else { return fail("minLength") }
            return count <= max || fail("maxLength")
        case .pattern(let pattern):
            guard let found = text(instance, { pattern.matches($0) }) else { return true }
            if case .unsupported = pattern { return doubt("pattern") }
            return found || fail("pattern")
        case .itemCount(let min, let max):
            guard instance.kind == .array else { return true }
            guard instance.count >= min else { return fail("minItems") }
            return instance.count <= max || fail("maxItems")
        case .uniqueItems: return hasUniqueItems(instance) || fail("uniqueItems")
        case .memberCount(let min, let max):
            guard instance.kind == .object else { return true }
            guard instance.count >= min else { return fail("minProperties") }
            return instance.count <= max || fail("maxProperties")
        case .required(let names):
            guard instance.kind == .object else { return true }
            for name in names where instance[name] == nil { return fail("required", at: name) }
            return true
        case .dependentRequired(let dependencies):
            guard instance.kind == .object else { return true }
            for (name, needs) in dependencies where instance[name] != nil {
                for need in needs where instance[need] == nil { return fail("dependentRequired", at: need) }
            }
            return true
        default: return passesApplicator(check, instance, &evaluated)
        }
    }

    private mutating func text<R>(_ instance: JSONView, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R? {
        guard instance.kind == .string else { return nil }
        work += instance.range.count / 64
        return instance.withText(body)
    }

    private mutating func hasUniqueItems(_ instance: JSONView) -> Bool {
        guard instance.kind == .array, instance.count > 1 else { return true }
        work += instance.range.count / 16
        var seen: Set<[UInt8]> = []
        return instance.elements.allSatisfy { seen.insert($0.canonical()).inserted }
    }

    // MARK: Applicators

    private mutating func passesApplicator(
        _ check: SchemaCheck, _ instance: JSONView, _ evaluated: inout Evaluated
    ) -> Bool {
        switch check {
        case .reference(let node): return apply(node, instance, &evaluated)
        case .dynamicReference(let node, let anchor):
            // The outermost resource on the way that has the anchor decides.
            let outer = scope.lazy.compactMap { [schema] in schema.dynamicAnchors[anchor]?[$0] }.first
            return apply(outer ?? node, instance, &evaluated)
        case .all(let nodes):
            for node in nodes { guard apply(node, instance, &evaluated) else { return false } }
            return true
        case .any(let nodes):
            var found = false
            for node in nodes where attempt(node, instance, &evaluated) {
                found = true
                // The rest only matters for what it evaluates.
                if !schema.usesUnevaluated { break }
            }
            return found || fail("anyOf")
        case .one(let nodes):
            var count = 0
            var own = Evaluated()
            for node in nodes where attemptContrary(node, instance, &own) { count += 1 }
            guard count == 1 else { return fail("oneOf") }
            evaluated.merge(own)
            return true
        case .not(let node):
            var own = Evaluated()
            return !attemptContrary(node, instance, &own) || fail("not")
        case .branch(let condition, let then, let otherwise):
            let next = attemptContrary(condition, instance, &evaluated) ? then : otherwise
            return next.map { apply($0, instance, &evaluated) } ?? true
        case .members(let members): return passes(members, instance, &evaluated)
        case .memberNames(let node):
            guard instance.kind == .object else { return true }
            for (key, _) in instance.members {
                guard descend(node, key, .key(key)) else { return false }
            }
            return true
        case .dependentSchemas(let dependencies):
            guard instance.kind == .object else { return true }
            for (name, node) in dependencies where instance[name] != nil {
                guard apply(node, instance, &evaluated) else { return false }
            }
            return true
        case .items(let prefix, let rest, let keyword):
            return passesItems(prefix, rest, keyword, instance, &evaluated)
        case .contains(let node, let min, let max):
            guard instance.kind == .array else { return true }
            var count = 0
            for (i, element) in instance.elements.enumerated() {
                var own = Evaluated()
                if max == .max ? attempt(node, element, &own) : attemptContrary(node, element, &own) {
                    count += 1
                    evaluated.items.insert(i)
                }
            }
            guard count >= min else { return fail(min == 1 ? "contains" : "minContains") }
            return count <= max || fail("maxContains")
        case .unevaluatedItems(let node):
            guard instance.kind == .array else { return true }
            for (i, element) in instance.elements.enumerated()
            where i >= evaluated.itemsBelow && !evaluated.items.contains(i) {
                guard descend(node, element, .index(i)) else { return false }
            }
            evaluated.itemsBelow = instance.count
            return true
        case .unevaluatedMembers(let node):
            guard instance.kind == .object else { return true }
            for (i, (key, value)) in instance.members.enumerated() where !evaluated.members.contains(i) {
                guard descend(node, value, .key(key)) else { return false }
                evaluated.members.insert(i)
            }
            return true
        default: return fail("(unknown)")
        }
    }

    private mutating func passes(_ members: SchemaMembers, _ instance: JSONView, _ evaluated: inout Evaluated) -> Bool {
        guard instance.kind == .object else { return true }
        var i = 0
        for (key, value) in instance.members {
            defer { i += 1 }
            work += 1
            var isKnown = false
            if let node = members.node(for: key) {
                isKnown = true
                guard descend(node, value, .key(key)) else { return false }
            }
            for (pattern, node) in members.patterns {
                // A pattern that can't be checked might be about this member.
                if case .unsupported = pattern { return doubt("patternProperties") }
                guard text(key, { pattern.matches($0) }) == true else { continue }
                isKnown = true
                guard descend(node, value, .key(key)) else { return false }
            }
            if !isKnown, let rest = members.rest {
                isKnown = true
                // `false` is the usual schema here; say which keyword it belongs to.
                if schema.nodes[rest].isNever { return fail("additionalProperties", at: key.string ?? "") }
                guard descend(rest, value, .key(key)) else { return false }
            }
            if isKnown, schema.usesUnevaluated { evaluated.members.insert(i) }
        }
        return true
    }

    private mutating func passesItems(
        _ prefix: [Int], _ rest: Int?, _ keyword: String, _ instance: JSONView, _ evaluated: inout Evaluated
    ) -> Bool {
        guard instance.kind == .array else { return true }
        for (i, element) in instance.elements.enumerated() {
            if i < prefix.count {
                guard descend(prefix[i], element, .index(i)) else { return false }
            } else if let rest {
                if schema.nodes[rest].isNever { return fail(keyword, at: String(i)) }
                guard descend(rest, element, .index(i)) else { return false }
            } else {
                break
            }
        }
        evaluated.itemsBelow = max(
            evaluated.itemsBelow, rest == nil ? min(prefix.count, instance.count) : instance.count)
        return true
    }
}

/// A pointer for the record: keys come from the caller, so there is an end to their length.
func boundedPointer(_ tokens: [String]) -> String {
    let pointer = JSONPointer(tokens: tokens).description
    guard pointer.utf8.count > 512 else { return pointer }
    return String(decoding: pointer.utf8.prefix(500), as: UTF8.self) + "…"
}
