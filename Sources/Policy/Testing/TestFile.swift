internal import Base
internal import JSON

/// Reads a policy test file; what is wrong with it is collected in `faults`.
struct TestFile {
    private let root: JSONView
    private(set) var faults: [TestFailure] = []

    private static let fields = [
        "description", "policy", "server", "grant", "client", "tools", "calls", "expect_invalid",
    ]
    private static let callFields = ["at", "session", "tool", "arguments", "upstream", "ip", "expect", "note"]
    private static let expectFields = ["outcome", "rule", "retry_after_ms", "remaining", "listed"]
    private static let outcomes = ["allow", "deny", "ask", "shadow_deny"]
    private static let upstreams = ["ok", "tool_error", "error", "unreachable", "unknown"]

    init(_ root: JSONView) {
        self.root = root
        if root["version"] != nil, root["policy"] == nil {
            fault(root, "this is a policy; a test file names one in its field `policy`")
        } else {
            check(root, Self.fields, "the test file")
        }
    }

    private mutating func fault(_ view: JSONView, _ message: String) {
        faults.append(TestFailure(message, at: view))
    }

    private mutating func check(_ view: JSONView, _ allowed: [String], _ place: String) {
        guard view.kind == .object else {
            fault(view, "\(place) is an object, not \(view.kind.phrase)")
            return
        }
        for (key, _) in view.members {
            guard let name = key.string, !allowed.contains(name) else { continue }
            let hint = nearest(name, among: allowed).map { "; did you mean `\($0)`?" } ?? ""
            fault(key, "\(place) has no field `\(clipped(name))`\(hint)")
        }
    }

    private mutating func text(_ view: JSONView?, _ place: String) -> String? {
        guard let view else { return nil }
        if let text = view.string { return text }
        fault(view, "\(place) is a string, not \(view.kind.phrase)")
        return nil
    }

    private mutating func word(_ view: JSONView?, _ words: [String], _ place: String) -> String? {
        guard let view, let text = text(view, place) else { return nil }
        if words.contains(text) { return text }
        let hint = nearest(text, among: words).map { "; did you mean `\($0)`?" } ?? ""
        fault(view, "\(place) is one of \(words.joined(separator: ", ")), not `\(clipped(text))`\(hint)")
        return nil
    }

    // MARK: Parts

    /// The policy, and the file it stands in; no file if it stands in the test file itself.
    mutating func policy(
        name: String, resolve: (String) -> PolicySource?
    ) -> (load: PolicyLoad, file: String?)? {
        guard let view = root["policy"] else {
            fault(root, "the test file needs a field `policy`: a path, or the document itself")
            return nil
        }
        guard let path = view.string else { return (PolicyDocument.load(view, name: name, version: 1), nil) }
        switch resolve(path) {
        case .text(let bytes, let file): return (PolicyDocument.load(bytes, name: file, version: 1), file)
        case .unreadable(let reason): fault(view, "the policy `\(clipped(path))` can't be read: \(reason)")
        case nil: fault(view, "the policy `\(clipped(path))` can't be read")
        }
        return nil
    }

    /// The codes of `expect_invalid`; nil if the file has none.
    var expectedCodes: [String]? {
        mutating get {
            guard let view = root["expect_invalid"] else { return nil }
            if root["calls"] != nil { fault(view, "a test file has either `calls` or `expect_invalid`") }
            guard view.kind == .array, view.elements.allSatisfy({ $0.string != nil }) else {
                fault(view, "`expect_invalid` is a list of codes")
                return []
            }
            return view.elements.compactMap(\.string)
        }
    }

    private mutating func tools() -> [ExactName: ToolFacts] {
        var tools: [ExactName: ToolFacts] = [:]
        guard let list = root["tools"] else { return tools }
        guard list.kind == .array else {
            fault(list, "`tools` is an array, not \(list.kind.phrase)")
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
                if tool["name"] == nil { fault(tool, "\(place) needs a `name`") }
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
            fault(
                root["calls"] ?? root, "the test file needs `calls`, a list with at least one call, or `expect_invalid`"
            )
            return []
        }
        var calls: [TestCall] = []
        var last = Instant(microseconds: .min)
        for (i, view) in list.elements.enumerated() {
            let place = "calls[\(i)]"
            check(view, Self.callFields, place)
            guard view.kind == .object else { continue }
            let at = text(view["at"], "\(place).at")
            guard let at, let now = Instant(iso8601: at) else {
                let what = "is a time in UTC such as 2026-01-05T10:00:00Z"
                if view["at"] == nil {
                    fault(view, "\(place) needs an `at`: it \(what)")
                } else if let at {
                    fault(view["at"] ?? view, "\(place).at \(what), not `\(clipped(at))`")
                }
                continue
            }
            if now < last { fault(view["at"] ?? view, "\(place).at is earlier than the call before it") }
            last = now
            guard let tool = text(view["tool"], "\(place).tool") else {
                if view["tool"] == nil { fault(view, "\(place) needs a `tool`") }
                continue
            }
            let session = text(view["session"], "\(place).session") ?? "s1"
            let upstream = word(view["upstream"], Self.upstreams, "\(place).upstream") ?? "ok"
            let ip = text(view["ip"], "\(place).ip")
            if let ip, IPAddress(ip.utf8) == nil {
                fault(view["ip"] ?? view, "\(place).ip is an IPv4 or IPv6 address, not `\(clipped(ip))`")
            }
            let facts = CallFacts(
                subject: Subject(of: tool), tool: tool, arguments: view["arguments"], facts: tools[ExactName(tool)],
                server: server, grant: grant,
                client: client, session: session, ip: ip, now: now)
            calls.append(
                TestCall(
                    facts: facts, isReleased: upstream == "error" || upstream == "unreachable",
                    expected: expecting || view["expect"] != nil
                        ? expected(view["expect"], of: view, "\(place).expect") : Expected(), place: place, view: view))
        }
        return calls
    }

    private mutating func expected(_ view: JSONView?, of call: JSONView, _ place: String) -> Expected {
        var expected = Expected()
        guard let view else {
            fault(call, "\(place) is missing")
            return expected
        }
        check(view, Self.expectFields, place)
        if view.kind == .object, view["outcome"] == nil { fault(view, "\(place) needs an `outcome`") }
        expected.outcome = word(view["outcome"], Self.outcomes, "\(place).outcome") ?? "allow"
        expected.rule = text(view["rule"], "\(place).rule")
        if let wait = view["retry_after_ms"] {
            if wait.int == nil { fault(wait, "\(place).retry_after_ms is a whole number") }
            expected.retryAfterMs = wait.int
        }
        if let remaining = view["remaining"] {
            if remaining.decimal == nil { fault(remaining, "\(place).remaining is a number") }
            expected.remaining = remaining.decimal
        }
        if let listed = view["listed"] {
            if listed.bool == nil { fault(listed, "\(place).listed is true or false") }
            expected.isListed = listed.bool
        }
        return expected
    }
}
