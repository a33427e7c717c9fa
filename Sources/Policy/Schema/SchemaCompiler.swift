internal import Base
internal import JSON

/// Turns schemas into nodes, each place once, following references as it meets them.
struct SchemaCompiler {
    private(set) var nodes: [SchemaNode] = []
    private(set) var problems: [String] = []
    private(set) var index: SchemaIndex
    /// Some part asks what has been evaluated; only then is that kept track of.
    private(set) var usesUnevaluated = false
    private var known: [SchemaPlace: Int] = [:]
    private var queue: [(node: Int, view: JSONView)] = []
    /// For dynamic references: the node of each anchor in each resource.
    private(set) var dynamicAnchors: [String: [Int: Int]] = [:]

    static let maxNodes = 50_000

    init(_ root: JSONView, documents: [String: JSONView], assuming dialect: SchemaDialect) {
        index = SchemaIndex(root, documents: documents, assuming: dialect)
        _ = node(root, resource: 0)
        var next = 0
        while next < queue.count, nodes.count <= Self.maxNodes {
            let (node, view) = queue[next]
            next += 1
            compile(view, into: node)
        }
        // A dynamic reference may end in any resource that the evaluation comes through, so all such anchors are compiled.
        var done = 0
        while done < index.resources.count {
            let resource = index.resources[done]
            for (name, view) in resource.dynamicAnchors {
                dynamicAnchors[name, default: [:]][done] = self.node(view, resource: done)
            }
            done += 1
            while next < queue.count, nodes.count <= Self.maxNodes {
                let (node, view) = queue[next]
                next += 1
                compile(view, into: node)
            }
        }
        if nodes.count > Self.maxNodes { problems.append("the schema has more than \(Self.maxNodes) parts") }
        problems = index.problems + problems
    }

    private mutating func node(_ view: JSONView, resource: Int) -> Int {
        let place = SchemaPlace(view)
        if let node = known[place] { return node }
        let node = nodes.count
        // Nothing passes a part that the limit of parts leaves uncompiled.
        nodes.append(
            SchemaNode(resource: index.resource(of: view) ?? resource, checks: [.never(keyword: "schema")]))
        known[place] = node
        queue.append((node, view))
        return node
    }

    private mutating func child(_ view: JSONView, of node: Int) -> Int {
        self.node(view, resource: nodes[node].resource)
    }

    // MARK: One schema

    private mutating func compile(_ view: JSONView, into node: Int) {
        var checks: [SchemaCheck] = []
        switch view.kind {
        case .boolean: if view.bool == false { checks.append(.never(keyword: "false")) }
        case .object: checks = keywords(view, node)
        case .null, .number, .string, .array:
            problems.append("a schema is an object or a boolean, not \(view.kind.phrase)")
            checks.append(.never(keyword: "schema"))
        }
        nodes[node] = SchemaNode(resource: nodes[node].resource, checks: checks)
    }

    private mutating func keywords(_ view: JSONView, _ node: Int) -> [SchemaCheck] {
        let dialect = index.resources[nodes[node].resource].dialect
        var checks: [SchemaCheck] = []
        if let reference = view["$ref"]?.string { checks.append(self.reference(reference, node)) }
        // Draft-07: nothing beside $ref counts.
        if dialect.version == .draft7, view["$ref"] != nil { return checks }
        if dialect.version == .draft2020, let reference = view["$dynamicRef"]?.string {
            checks.append(dynamicReference(reference, node))
        }
        if view["$recursiveRef"] != nil {
            // Of 2019-09, which is not spoken here; passing it over would accept too much.
            problems.append("`$recursiveRef` belongs to a dialect that is not known; 2020-12 has `$dynamicRef`")
            checks.append(.never(keyword: "$recursiveRef"))
        }
        if dialect.hasValidation { checks += assertions(view, dialect) }
        checks += applicators(view, node, dialect)
        return checks
    }

    private mutating func reference(_ reference: String, _ node: Int) -> SchemaCheck {
        guard let target = index.find(reference, from: nodes[node].resource) else { return lost(reference) }
        return .reference(self.node(target.view, resource: target.resource))
    }

    private mutating func dynamicReference(_ reference: String, _ node: Int) -> SchemaCheck {
        guard let target = index.find(reference, from: nodes[node].resource) else { return lost(reference) }
        let compiled = self.node(target.view, resource: target.resource)
        return target.dynamicAnchor.map { .dynamicReference(compiled, anchor: $0) } ?? .reference(compiled)
    }

    private mutating func lost(_ reference: String) -> SchemaCheck {
        problems.append("the reference `\(clipped(reference))` leads nowhere; schemas are never fetched")
        return .never(keyword: "$ref")
    }

    // MARK: Assertions

    private mutating func assertions(_ view: JSONView, _ dialect: SchemaDialect) -> [SchemaCheck] {
        var checks: [SchemaCheck] = []
        if let types = view["type"] { checks.append(type(types)) }
        if let list = view["enum"] { checks.append(.oneValue(Array(list.elements), keyword: "enum")) }
        if let value = view["const"] { checks.append(.oneValue([value], keyword: "const")) }
        if let value = view["multipleOf"], value.kind == .number {
            if let number = ExactNumber(value), !number.isZero {
                checks.append(.multiple(number))
            } else {
                checks.append(wrong("multipleOf", value))
            }
        }
        let bounds: [(String, Test.Order)] = [
            ("minimum", .greaterOrEqual), ("exclusiveMinimum", .greater), ("maximum", .lessOrEqual),
            ("exclusiveMaximum", .less),
        ]
        for (keyword, order) in bounds {
            guard let value = view[keyword] else { continue }
            checks.append(value.kind == .number ? .bound(value, keyword: keyword, order) : wrong(keyword, value))
        }
        if let (min, max) = range(view, "minLength", "maxLength", &checks) {
            checks.append(.length(min: min, max: max))
        }
        if let value = view["pattern"] {
            checks.append(value.string.map { .pattern(pattern($0)) } ?? wrong("pattern", value))
        }
        if let (min, max) = range(view, "minItems", "maxItems", &checks) {
            checks.append(.itemCount(min: min, max: max))
        }
        if view["uniqueItems"]?.bool == true { checks.append(.uniqueItems) }
        if let (min, max) = range(view, "minProperties", "maxProperties", &checks) {
            checks.append(.memberCount(min: min, max: max))
        }
        if let value = view["required"] {
            checks.append(names(value).map { .required($0) } ?? wrong("required", value))
        }
        if dialect.version == .draft2020, let value = view["dependentRequired"] {
            var dependencies: [(name: String, needs: [String])] = []
            for (key, needs) in value.members {
                guard let name = key.string, let needs = names(needs) else {
                    checks.append(wrong("dependentRequired", value))
                    continue
                }
                dependencies.append((name, needs))
            }
            checks.append(.dependentRequired(dependencies))
        }
        return checks
    }

    private mutating func wrong(_ keyword: String, _ value: JSONView) -> SchemaCheck {
        problems.append("the value of `\(keyword)` can't be \(value.kind.phrase)")
        return .never(keyword: keyword)
    }

    private mutating func type(_ view: JSONView) -> SchemaCheck {
        let words = view.kind == .array ? view.elements.map { $0.string ?? "" } : [view.string ?? ""]
        var kinds: Set<JSONKind> = []
        var integer = false
        for word in words {
            switch word {
            case "null": kinds.insert(.null)
            case "boolean": kinds.insert(.boolean)
            case "number": kinds.insert(.number)
            case "integer": integer = true
            case "string": kinds.insert(.string)
            case "array": kinds.insert(.array)
            case "object": kinds.insert(.object)
            default: problems.append("there is no type `\(clipped(word))`")
            }
        }
        if kinds.isEmpty, !integer { return .never(keyword: "type") }
        return .type(kinds, integer: integer)
    }

    /// Two keywords with whole numbers; nil if the schema has neither.
    private mutating func range(
        _ view: JSONView, _ low: String, _ high: String, _ checks: inout [SchemaCheck]
    ) -> (Int, Int)? {
        guard view[low] != nil || view[high] != nil else { return nil }
        var bounds = (0, Int.max)
        if let value = view[low] {
            if let number = value.int, number >= 0 { bounds.0 = Int(number) } else { checks.append(wrong(low, value)) }
        }
        if let value = view[high] {
            if let number = value.int, number >= 0 { bounds.1 = Int(number) } else { checks.append(wrong(high, value)) }
        }
        return bounds
    }

    private func names(_ view: JSONView) -> [String]? {
        guard view.kind == .array else { return nil }
        var names: [String] = []
        for element in view.elements {
            guard let name = element.string else { return nil }
            names.append(name)
        }
        return names
    }

    private mutating func pattern(_ text: String) -> SchemaPattern {
        let (pattern, problem) = SchemaPattern.compile(text)
        if let problem { problems.append(problem) }
        return pattern
    }

    // MARK: Applicators

    private mutating func applicators(_ view: JSONView, _ node: Int, _ dialect: SchemaDialect) -> [SchemaCheck] {
        var checks: [SchemaCheck] = []
        let isNew = dialect.version == .draft2020
        for (keyword, make) in [("allOf", SchemaCheck.all), ("anyOf", SchemaCheck.any), ("oneOf", SchemaCheck.one)] {
            guard let list = view[keyword] else { continue }
            guard list.kind == .array else {
                checks.append(wrong(keyword, list))
                continue
            }
            checks.append(make(list.elements.map { child($0, of: node) }))
        }
        if let value = view["not"] { checks.append(.not(child(value, of: node))) }
        if let condition = view["if"] {
            checks.append(
                .branch(
                    condition: child(condition, of: node), then: view["then"].map { child($0, of: node) },
                    otherwise: view["else"].map { child($0, of: node) }))
        }
        if let members = members(view, node) { checks.append(.members(members)) }
        if let value = view["propertyNames"] { checks.append(.memberNames(child(value, of: node))) }
        if isNew, let value = view["dependentSchemas"] {
            checks.append(.dependentSchemas(value.members.map { ($0.key.string ?? "", child($0.value, of: node)) }))
        }
        if !isNew, let value = view["dependencies"] { checks += dependencies(value, node) }
        if let items = items(view, node, isNew) { checks.append(items) }
        if let value = view["contains"] {
            let low = isNew && dialect.hasValidation ? view["minContains"]?.int ?? 1 : 1
            let high = isNew && dialect.hasValidation ? view["maxContains"]?.int : nil
            checks.append(
                .contains(child(value, of: node), min: Int(clamping: low), max: high.map { Int(clamping: $0) } ?? .max))
        }
        // These look at what all the others have evaluated, so they come last.
        if isNew, let value = view["unevaluatedItems"] {
            usesUnevaluated = true
            checks.append(.unevaluatedItems(child(value, of: node)))
        }
        if isNew, let value = view["unevaluatedProperties"] {
            usesUnevaluated = true
            checks.append(.unevaluatedMembers(child(value, of: node)))
        }
        return checks
    }

    private mutating func members(_ view: JSONView, _ node: Int) -> SchemaMembers? {
        guard view["properties"] != nil || view["patternProperties"] != nil || view["additionalProperties"] != nil
        else {
            return nil
        }
        var all: [(name: [UInt8], node: Int)] = []
        var patternMembers: [(pattern: SchemaPattern, node: Int)] = []
        if let named = view["properties"] {
            for (key, value) in named.members { all.append((key.stringBytes ?? [], child(value, of: node))) }
        }
        if let patterns = view["patternProperties"] {
            for (key, value) in patterns.members {
                patternMembers.append((pattern(key.string ?? ""), child(value, of: node)))
            }
        }
        let rest = view["additionalProperties"].map { child($0, of: node) }
        return SchemaMembers(named: all, patterns: patternMembers, rest: rest)
    }

    /// Draft-07's `dependencies`: names that need names, or a schema.
    private mutating func dependencies(_ view: JSONView, _ node: Int) -> [SchemaCheck] {
        var needs: [(name: String, needs: [String])] = []
        var schemas: [(name: String, node: Int)] = []
        for (key, value) in view.members {
            let name = key.string ?? ""
            if let list = names(value) {
                needs.append((name, list))
            } else {
                schemas.append((name, child(value, of: node)))
            }
        }
        return [.dependentRequired(needs), .dependentSchemas(schemas)]
    }

    private mutating func items(_ view: JSONView, _ node: Int, _ isNew: Bool) -> SchemaCheck? {
        let (prefix, rest, keyword) =
            isNew
            ? (view["prefixItems"], view["items"], "items")
            : view["items"]?.kind == .array
                ? (view["items"], view["additionalItems"], "additionalItems") : (nil, view["items"], "items")
        guard prefix != nil || rest != nil else { return nil }
        return .items(
            prefix: prefix.map { $0.elements.map { child($0, of: node) } } ?? [],
            rest: rest.map { child($0, of: node) },
            keyword: keyword)
    }
}
