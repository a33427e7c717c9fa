internal import Base
internal import JSON

/// Reads a policy test file; what is wrong with it is collected in `faults`.
struct TestFile {
    private let root: JSONView
    private(set) var faults: [String] = []

    private static let fields = [
        "description", "policy", "server", "grant", "client", "tools", "calls", "expect_invalid",
    ]
    private static let callFields = ["at", "session", "tool", "arguments", "upstream", "ip", "expect", "note"]
    private static let expectFields = ["outcome", "rule", "retry_after_ms", "remaining", "listed"]
    private static let outcomes = ["allow", "deny", "ask", "shadow_deny"]
    private static let upstreams = ["ok", "tool_error", "error", "unreachable", "unknown"]

    init(_ root: JSONView) {
        self.root = root
        check(root, Self.fields, "the test file")
    }

    private mutating func check(_ view: JSONView, _ allowed: [String], _ place: String) {
        guard view.kind == .object else {
            faults.append("\(place) is an object, not \(view.kind.phrase)")
            return
        }
        for (key, _) in view.members {
            guard let name = key.string, !allowed.contains(name) else { continue }
            let hint = nearest(name, among: allowed).map { "; did you mean `\($0)`?" } ?? ""
            faults.append("\(place) has no field `\(clipped(name))`\(hint)")
        }
    }

    private mutating func text(_ view: JSONView?, _ place: String) -> String? {
        guard let view else { return nil }
        if let text = view.string { return text }
        faults.append("\(place) is a string, not \(view.kind.phrase)")
        return nil
    }

    private mutating func word(_ view: JSONView?, _ words: [String], _ place: String) -> String? {
        guard let text = text(view, place) else { return nil }
        if words.contains(text) { return text }
        faults.append("\(place) is one of \(words.joined(separator: ", ")), not `\(clipped(text))`")
        return nil
    }

    // MARK: Parts

    mutating func policy(name: String, resolve: (String) -> [UInt8]?) -> PolicyLoad? {
        guard let view = root["policy"] else {
            faults.append("the test file needs a field `policy`: a path, or the document itself")
            return nil
        }
        guard let path = view.string else { return PolicyDocument.load(view, name: name, version: 1) }
        guard let bytes = resolve(path) else {
            faults.append("the policy `\(clipped(path))` can't be read")
            return nil
        }
        return PolicyDocument.load(bytes, name: name, version: 1)
    }

    /// The codes of `expect_invalid`; nil if the file has none.
    var expectedCodes: [String]? {
        mutating get {
            guard let view = root["expect_invalid"] else { return nil }
            if root["calls"] != nil { faults.append("a test file has either `calls` or `expect_invalid`") }
            guard view.kind == .array, view.elements.allSatisfy({ $0.string != nil }) else {
                faults.append("`expect_invalid` is a list of codes")
                return []
            }
            return view.elements.compactMap(\.string)
        }
    }

    private mutating func tools() -> [ExactName: ToolFacts] {
        var tools: [ExactName: ToolFacts] = [:]
        guard let list = root["tools"] else { return tools }
        guard list.kind == .array else {
            faults.append("`tools` is an array, not \(list.kind.phrase)")
            return tools
        }
        for (i, tool) in list.elements.enumerated() {
            let place = "tools[\(i)]"
            check(
                tool,
                [
                    "name", "category", "severity", "annotations", "inputSchema", "outputSchema", "description",
                    "title",
                ], place)
            guard let name = text(tool["name"], "\(place).name") else {
                if tool["name"] == nil { faults.append("\(place) needs a `name`") }
                continue
            }
            let category = word(tool["category"], ToolCategory.allCases.map(\.rawValue), "\(place).category")
            tools[ExactName(name)] = ToolFacts(
                name: name, category: category.flatMap(ToolCategory.init(rawValue:)),
                severity: text(tool["severity"], "\(place).severity"), annotations: tool["annotations"],
                schema: tool["inputSchema"].map(CompiledSchema.compile))
        }
        return tools
    }

    /// - Parameter expecting: Whether each call has to say what is expected of it.
    mutating func calls(expecting: Bool = true) -> [TestCall] {
        let tools = tools()
        if let server = root["server"] { check(server, ["name"], "`server`") }
        if let grant = root["grant"] { check(grant, ["label", "identity"], "`grant`") }
        if let client = root["client"] { check(client, ["name", "version"], "`client`") }
        let server = text(root["server"]?["name"], "server.name") ?? "server"
        let label = text(root["grant"]?["label"], "grant.label") ?? "grant"
        let grant = GrantFacts(
            id: label, label: label, identity: text(root["grant"]?["identity"], "grant.identity"))
        let client = ClientFacts(
            name: text(root["client"]?["name"], "client.name"),
            version: text(root["client"]?["version"], "client.version"))
        guard let list = root["calls"], list.kind == .array, list.count > 0 else {
            faults.append("the test file needs `calls`, a list with at least one call, or `expect_invalid`")
            return []
        }
        var calls: [TestCall] = []
        var last = Instant(microseconds: .min)
        for (i, view) in list.elements.enumerated() {
            let place = "calls[\(i)]"
            check(view, Self.callFields, place)
            let at = text(view["at"], "\(place).at")
            guard let at, let now = Instant(iso8601: at) else {
                faults.append("\(place).at is a time such as 2026-01-05T10:00:00Z")
                continue
            }
            if now < last { faults.append("\(place).at is earlier than the call before it") }
            last = now
            guard let tool = text(view["tool"], "\(place).tool") else {
                if view["tool"] == nil { faults.append("\(place) needs a `tool`") }
                continue
            }
            let session = text(view["session"], "\(place).session") ?? "s1"
            let upstream = word(view["upstream"], Self.upstreams, "\(place).upstream") ?? "ok"
            let facts = CallFacts(
                tool: tool, arguments: view["arguments"], facts: tools[ExactName(tool)], server: server, grant: grant,
                client: client, session: session, ip: text(view["ip"], "\(place).ip"), now: now)
            calls.append(
                TestCall(
                    facts: facts, isReleased: upstream == "error" || upstream == "unreachable",
                    expected: expecting || view["expect"] != nil
                        ? expected(view["expect"], "\(place).expect") : Expected(), place: place))
        }
        return calls
    }

    private mutating func expected(_ view: JSONView?, _ place: String) -> Expected {
        var expected = Expected()
        guard let view else {
            faults.append("\(place) is missing")
            return expected
        }
        check(view, Self.expectFields, place)
        if view["outcome"] == nil { faults.append("\(place) needs an `outcome`") }
        expected.outcome = word(view["outcome"], Self.outcomes, "\(place).outcome") ?? "allow"
        expected.rule = text(view["rule"], "\(place).rule")
        if let wait = view["retry_after_ms"] {
            if wait.int == nil { faults.append("\(place).retry_after_ms is a whole number") }
            expected.retryAfterMs = wait.int
        }
        if let remaining = view["remaining"] {
            if remaining.decimal == nil { faults.append("\(place).remaining is a number") }
            expected.remaining = remaining.decimal
        }
        if let listed = view["listed"] {
            if listed.bool == nil { faults.append("\(place).listed is true or false") }
            expected.isListed = listed.bool
        }
        return expected
    }
}
