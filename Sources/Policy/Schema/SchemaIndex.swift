internal import Base
internal import JSON

/// A schema with an address of its own, and the anchors in it.
struct SchemaResource {
    var uri: String
    var view: JSONView
    var dialect: SchemaDialect
    var anchors: [String: JSONView] = [:]
    var dynamicAnchors: [String: JSONView] = [:]
}

/// A place in one of the documents.
struct SchemaPlace: Hashable {
    private let document: ObjectIdentifier
    private let offset: Int

    init(_ view: JSONView) {
        document = ObjectIdentifier(view.document)
        offset = view.range.lowerBound
    }
}

/// All schemas that can be referred to: the root, what was handed in, and the meta-schemas. Nothing is fetched.
struct SchemaIndex {
    private(set) var resources: [SchemaResource] = []
    private(set) var problems: [String] = []
    private var byURI: [String: Int] = [:]
    /// The resource of every place that is known to be a schema.
    private var owner: [SchemaPlace: Int] = [:]
    /// Documents that were handed in and are read when something refers to them.
    private var unread: [String: JSONView]
    private let documents: [String: JSONView]
    private let assumed: SchemaDialect
    private var visited = 0

    static let maxSubschemas = 50_000

    init(_ root: JSONView, documents: [String: JSONView], assuming dialect: SchemaDialect) {
        let all = MetaSchemas.documents.merging(documents) { _, handedIn in handedIn }
        self.documents = all
        unread = all
        assumed = dialect
        read(root, uri: "")
    }

    // MARK: Reading

    private mutating func read(_ view: JSONView, uri: String) {
        var dialect = assumed
        if let written = view["$schema"]?.string {
            switch SchemaDialect.read(written, documents: documents) {
            case .dialect(let read): dialect = read
            case .refused(let reason):
                problems.append(reason)
                // The older ones share their keywords with draft-07 (`dependencies`), and what differs refuses.
                if written.utf8.starts(with: "http://json-schema.org/draft-0".utf8) { dialect = .draft7 }
            }
        }
        var resource = SchemaResource(uri: uri, view: view, dialect: dialect)
        if let id = identifier(of: view, dialect) { resource.uri = SchemaURI.resolve(id, base: uri) }
        let index = add(resource, alsoAt: uri)
        visit(view, index, isRoot: true)
    }

    private mutating func add(_ resource: SchemaResource, alsoAt uri: String) -> Int {
        let index = resources.count
        resources.append(resource)
        byURI[resource.uri] = index
        if byURI[uri] == nil { byURI[uri] = index }
        return index
    }

    /// `$id` as far as it names a resource; in draft-07 `#name` is an anchor and a `$ref` beside it silences it.
    private func identifier(of view: JSONView, _ dialect: SchemaDialect) -> String? {
        guard let id = view["$id"]?.string, !SchemaURI.withoutFragment(id).isEmpty else { return nil }
        if dialect.version == .draft7, view["$ref"] != nil { return nil }
        return id
    }

    private mutating func visit(_ view: JSONView, _ parent: Int, isRoot: Bool = false) {
        visited += 1
        guard visited <= Self.maxSubschemas else {
            if visited == Self.maxSubschemas + 1 {
                problems.append("the schema has more than \(Self.maxSubschemas) parts")
            }
            return
        }
        var resource = parent
        let dialect = resources[parent].dialect
        if !isRoot, view.kind == .object, let id = identifier(of: view, dialect) {
            let uri = SchemaURI.resolve(id, base: resources[parent].uri)
            var own = SchemaResource(uri: uri, view: view, dialect: dialect)
            if let written = view["$schema"]?.string,
                case .dialect(let read) = SchemaDialect.read(written, documents: documents)
            {
                own.dialect = read
            }
            resource = add(own, alsoAt: uri)
        }
        owner[SchemaPlace(view)] = resource
        guard view.kind == .object else { return }
        if dialect.version == .draft7 {
            if view["$ref"] == nil, let id = view["$id"]?.string, id.utf8.first == UInt8(ascii: "#") {
                resources[resource].anchors[String(id.dropFirst())] = view
            } else if view["$ref"] == nil, let id = view["$id"]?.string, let fragment = SchemaURI.fragment(id),
                !fragment.isEmpty
            {
                resources[resource].anchors[fragment] = view
            }
        } else {
            if let anchor = view["$anchor"]?.string { resources[resource].anchors[anchor] = view }
            if let anchor = view["$dynamicAnchor"]?.string {
                resources[resource].anchors[anchor] = view
                resources[resource].dynamicAnchors[anchor] = view
            }
        }
        for child in Self.children(of: view, resources[resource].dialect) { visit(child, resource) }
    }

    /// The schemas directly inside a schema.
    private static func children(of view: JSONView, _ dialect: SchemaDialect) -> [JSONView] {
        var children: [JSONView] = []
        for keyword in dialect.schemaKeywords {
            if let value = view[keyword], value.kind == .object || value.kind == .boolean { children.append(value) }
        }
        for keyword in dialect.listKeywords {
            if let value = view[keyword], value.kind == .array { children += value.elements }
        }
        for keyword in dialect.mapKeywords {
            guard let value = view[keyword] else { continue }
            for (_, child) in value.members where child.kind == .object || child.kind == .boolean {
                children.append(child)
            }
        }
        return children
    }

    // MARK: Finding

    /// The resource that a schema belongs to.
    func resource(of view: JSONView) -> Int? { owner[SchemaPlace(view)] }

    struct Target {
        var view: JSONView
        var resource: Int
        /// The anchor's name if the reference led to a `$dynamicAnchor`.
        var dynamicAnchor: String?
    }

    /// What a reference inside a resource leads to; nil if it leads nowhere.
    mutating func find(_ reference: String, from resource: Int) -> Target? {
        let uri = SchemaURI.resolve(reference, base: resources[resource].uri)
        guard let index = self.resource(at: uri) else { return nil }
        let fragment = SchemaURI.fragment(reference) ?? ""
        if fragment.isEmpty { return Target(view: resources[index].view, resource: index) }
        if fragment.utf8.first == UInt8(ascii: "/") {
            guard let pointer = JSONPointer(fragment) else { return nil }
            return walk(pointer, from: index)
        }
        guard let view = resources[index].anchors[fragment] else { return nil }
        let isDynamic = resources[index].dynamicAnchors[fragment] != nil
        return Target(view: view, resource: self.resource(of: view) ?? index, dynamicAnchor: isDynamic ? fragment : nil)
    }

    private mutating func resource(at uri: String) -> Int? {
        if let index = byURI[uri] { return index }
        guard let document = unread.removeValue(forKey: uri) else { return nil }
        read(document, uri: uri)
        return byURI[uri]
    }

    /// Follows a pointer; identifiers on the way change the resource. A place that no keyword makes a schema becomes one.
    private mutating func walk(_ pointer: JSONPointer, from index: Int) -> Target? {
        var view = resources[index].view
        var resource = index
        for token in pointer.tokens {
            guard let next = view[JSONPointer(tokens: [token])] else { return nil }
            view = next
            resource = owner[SchemaPlace(view)] ?? resource
        }
        if owner[SchemaPlace(view)] == nil {
            visit(view, resource)
            resource = owner[SchemaPlace(view)] ?? resource
        }
        return Target(view: view, resource: resource)
    }
}
