internal import Base
internal import JSON

/// Walks a policy document, collects every problem, and builds the compiled policy as far as it can.
///
/// Its parts are extensions in files of their own: entries, rules and conditions, limits, warnings.
struct PolicyReader {
    private let document: JSONDocument
    private(set) var problems: [PolicyProblem] = []
    /// Named counters seen so far, with the pointer of the first limit that defined each.
    var counters: [String: (limit: CompiledLimit, pointer: String)] = [:]

    /// Paths that `all_tools` requires of every call.
    var commonlyRequired: Set<[PathStep]> = []
    /// The conditions of its `require`.
    var commonConditions: [CompiledCondition] = []
    var satisfiability = Satisfiability()

    /// A hostile document could have one problem a token, and each costs a search for its line.
    static let maxProblems = 500

    init(document: JSONDocument) {
        self.document = document
    }

    // MARK: Reporting

    mutating func report(
        _ code: ProblemCode, at view: JSONView, _ pointer: JSONPointer, _ message: String, suggestion: String? = nil
    ) {
        report(.error, code, at: view, pointer, message, suggestion: suggestion)
    }

    mutating func report(
        _ severity: PolicyProblem.Severity, _ code: ProblemCode, at view: JSONView, _ pointer: JSONPointer,
        _ message: String, suggestion: String? = nil
    ) {
        guard problems.count < Self.maxProblems else { return }
        let position = SourcePosition(offset: view.range.lowerBound, in: document.bytes)
        problems.append(
            PolicyProblem(
                severity, code, at: position, pointer: pointer.description, message: message, suggestion: suggestion))
    }

    // MARK: Shapes

    /// The value itself if it is an object, to ask for its members; unknown ones are reported. Nil, reported, if it is none.
    ///
    /// COST: a table of the members took half of the time that a document of 2,000 entries needs.
    mutating func object(
        _ view: JSONView, _ pointer: JSONPointer, _ what: String, allowed: [String]
    ) -> JSONView? {
        guard view.kind == .object else {
            report(.wrongType, at: view, pointer, "\(what) is an object, not \(view.kind.phrase)")
            return nil
        }
        for (key, _) in view.members where !allowed.contains(where: { key.equals($0) }) {
            guard let name = key.string else { continue }
            report(
                .unknownField, at: key, pointer.appending(name), "\(what) has no field `\(clipped(name))`",
                suggestion: nearest(name, among: allowed))
        }
        return view
    }

    mutating func array(_ view: JSONView, _ pointer: JSONPointer, _ what: String, max: Int) -> [JSONView] {
        guard view.kind == .array else {
            report(.wrongType, at: view, pointer, "\(what) is an array, not \(view.kind.phrase)")
            return []
        }
        guard view.count <= max else {
            report(.tooMany, at: view, pointer, "\(what) has at most \(max) elements; this one has \(view.count)")
            return []
        }
        return Array(view.elements)
    }

    /// The pointer is made only for a report.
    mutating func string(_ view: JSONView?, _ pointer: @autoclosure () -> JSONPointer, _ what: String) -> String? {
        guard let view else { return nil }
        guard let text = view.string else {
            report(.wrongType, at: view, pointer(), "\(what) is a string, not \(view.kind.phrase)")
            return nil
        }
        return text
    }

    /// One of a closed list of words. The pointer is made only for a report.
    mutating func word<W: RawRepresentable & CaseIterable>(
        _ view: JSONView?, _ pointer: @autoclosure () -> JSONPointer, _ what: String, _ type: W.Type,
        code: ProblemCode = .unknownValue
    ) -> W? where W.RawValue == String {
        guard let view, let text = string(view, pointer(), what) else { return nil }
        if let word = W(rawValue: text) { return word }
        let all = W.allCases.map(\.rawValue)
        report(
            code, at: view, pointer(),
            "\(what) can't be `\(clipped(text))`; it is one of \(all.joined(separator: ", "))",
            suggestion: Self.synonyms[text.lowercased()].flatMap { all.contains($0) ? $0 : nil }
                ?? nearest(text, among: all))
        return nil
    }

    /// What other systems, or other people, call the same thing.
    private static let synonyms = [
        "equals": "eq", "equal": "eq", "==": "eq", "=": "eq", "is": "eq", "ne": "neq", "not_equals": "neq", "!=": "neq",
        "<": "lt", "<=": "lte", "le": "lte", ">": "gt", ">=": "gte", "ge": "gte", "nin": "not_in", "one_of": "in",
        "matches": "regex", "match": "regex", "pattern": "regex", "includes": "contains", "has": "contains",
        "prefix": "starts_with", "suffix": "ends_with", "present": "exists", "subset": "subset_of",
        "within": "path_within",
        "cidr": "cidr_in", "ip_in": "cidr_in", "block": "deny", "forbid": "deny", "refuse": "deny", "permit": "allow",
        "approve": "require_approval", "ask": "require_approval", "audit": "shadow", "log": "shadow",
        "dry_run": "shadow",
        "monitor": "shadow", "user": "identity", "fixed": "calendar", "rolling": "sliding", "visible": "all",
    ]

    mutating func missing(_ name: String, in view: JSONView, _ pointer: JSONPointer, _ what: String) {
        report(.missingField, at: view, pointer, "\(what) needs a field `\(name)`")
    }

    // MARK: The document

    typealias Mode = PolicyWords.Mode

    mutating func policy(_ view: JSONView, name: String, version: Int) -> CompiledPolicy? {
        let root = JSONPointer()
        guard let fields = object(view, root, "a policy", allowed: DocumentField.names) else { return nil }
        readVersion(fields["version"], in: view)
        let description = string(fields["description"], root.appending("description"), "`description`")
        if fields["default"] == nil { missing("default", in: view, root, "a policy") }
        let fallback = word(fields["default"], root.appending("default"), "`default`", PolicyWords.Default.self)
        let mode = word(fields["mode"], root.appending("mode"), "`mode`", Mode.self) ?? .enforce
        let listing = word(fields["list"], root.appending("list"), "`list`", PolicyWords.Listing.self) ?? .callable
        let hidden = hide(fields["hide"], root.appending("hide"))
        let (schema, unknown) = arguments(fields["arguments"], root.appending("arguments"))
        let allTools = fields["all_tools"].map {
            entry($0, root.appending("all_tools"), selector: .pattern(Glob("*")), mode: mode)
        }
        let common = (allTools ?? nil)?.require ?? []
        commonlyRequired = paths(requiredBy: common)
        commonConditions = common.flatMap(\.conditions)
        let entries = tools(fields["tools"], root.appending("tools"), mode: mode)
        let policy = CompiledPolicy(
            name: name, version: version, description: description, allowsByDefault: fallback == .allow,
            isShadow: mode == .shadow, listsAll: listing == .all, hidden: hidden.map(\.selector),
            checksSchema: schema == .enforce, refusesUnknown: unknown == .deny, allTools: allTools ?? nil,
            entries: entries.map(\.entry))
        warnAboutEntries(policy, hidden: hidden, entries: entries)
        return policy
    }

    private mutating func readVersion(_ view: JSONView?, in document: JSONView) {
        guard let view else { return missing("version", in: document, JSONPointer(), "a policy") }
        guard !view.equals(PolicyDocument.languageVersion) else { return }
        let written = view.string.map { "`\(clipped($0))`" } ?? view.kind.phrase
        report(
            view.kind == .string ? .unknownVersion : .wrongType, at: view, JSONPointer(tokens: ["version"]),
            "`version` is the string \"1\", not \(written)", suggestion: "\"1\"")
    }

    private mutating func hide(_ view: JSONView?, _ pointer: JSONPointer) -> [(selector: Selector, view: JSONView)] {
        guard let view else { return [] }
        var selectors: [(selector: Selector, view: JSONView)] = []
        var seen: Set<Selector> = []
        for (i, element) in array(view, pointer, "`hide`", max: PolicyDocument.maxEntries).enumerated() {
            let here = pointer.appending(i)
            guard let text = string(element, here, "an entry of `hide`"),
                let selector = selector(text, at: element, here)
            else { continue }
            if !seen.insert(selector).inserted {
                report(.warning, .neverMatters, at: element, here, "`\(clipped(text))` stands in `hide` before")
            }
            selectors.append((selector, element))
        }
        return selectors
    }

    mutating func selector(_ text: String, at view: JSONView, _ pointer: JSONPointer) -> Selector? {
        switch Selector.read(text) {
        case .selector(let selector): return selector
        case .refused(let message, let suggestion):
            report(.badSelector, at: view, pointer, message, suggestion: suggestion)
            return nil
        }
    }

    private mutating func arguments(
        _ view: JSONView?, _ pointer: JSONPointer
    ) -> (PolicyWords.SchemaCheck, PolicyWords.Unknown) {
        guard let view, let fields = object(view, pointer, "`arguments`", allowed: ArgumentsField.names) else {
            return (.enforce, .schema)
        }
        return (
            word(fields["schema"], pointer.appending("schema"), "`arguments.schema`", PolicyWords.SchemaCheck.self)
                ?? .enforce,
            word(fields["unknown"], pointer.appending("unknown"), "`arguments.unknown`", PolicyWords.Unknown.self)
                ?? .schema
        )
    }

    private mutating func tools(
        _ view: JSONView?, _ pointer: JSONPointer, mode: Mode
    ) -> [(entry: CompiledEntry, key: JSONView)] {
        guard let view else { return [] }
        guard view.kind == .object else {
            report(.wrongType, at: view, pointer, "`tools` is an object, not \(view.kind.phrase)")
            return []
        }
        guard view.count <= PolicyDocument.maxEntries else {
            report(
                .tooMany, at: view, pointer,
                "`tools` has at most \(PolicyDocument.maxEntries) entries; this one has \(view.count)")
            return []
        }
        var entries: [(entry: CompiledEntry, key: JSONView)] = []
        for (key, value) in view.members {
            guard let text = key.string else { continue }
            let here = pointer.appending(text)
            // A bad selector must not hide the problems inside its entry.
            let selector = selector(text, at: key, here)
            if let entry = entry(value, here, selector: selector ?? .exact(text), mode: mode) {
                entries.append((entry, key))
            }
        }
        return entries
    }
}
