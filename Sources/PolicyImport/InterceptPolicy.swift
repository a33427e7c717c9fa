internal import Base
internal import JSON

/// Intercept's YAML, version "1": `default`, `hide`, and for each tool, or for all (`"*"`), rules that must pass.
struct InterceptPolicy: PolicyTranslation {
    var reader: SourceReader
    var draft = PolicyDraft()

    static let everyTool: String? = "*"

    /// What later releases of Intercept have, as far as it is known, and a policy can't say here.
    static let laterFields = [
        "approvals": "how people are told of approvals belongs to the gateway and not to a policy",
        "spend": "limits on what paid tools may charge can't be said here",
        "spend_limit": "limits on what paid tools may charge can't be said here",
        "idempotency_window": "the suppression of repeated calls can't be said here",
    ]

    init(reader: SourceReader) {
        self.reader = reader
    }

    mutating func document(_ root: SourceNode) {
        let top = JSONPointer()
        let allowed = ["version", "description", "default", "hide", "tools"]
        guard
            let fields = reader.fields(root, top, "a policy", allowed: allowed, elsewhere: Self.laterFields)
        else { return }
        reader.version(fields["version"], in: root)
        let description = reader.text(fields["description"], top.appending("description"), "`description`")
        let fallback =
            reader.word(fields["default"], top.appending("default"), "`default`", ImportDefault.self) ?? .allow
        if fields["default"]?.isNull != false {
            reader.step(
                Site(offset: root.offset, pointer: top.appending("default")), targets: [top.appending("default")],
                remarks: ["Intercept allows what it does not know, unless `default` says otherwise"])
        }
        draft.head.append(JSONMember("version", "1"))
        if let description { draft.head.append(JSONMember("description", .string(description))) }
        draft.head.append(JSONMember("default", .string(fallback.rawValue)))
        // Intercept lists every tool that is not hidden, also those that no call can pass.
        draft.head.append(JSONMember("list", "all"))
        let hidden = reader.hidden(fields["hide"])
        if !hidden.isEmpty { draft.head.append(JSONMember("hide", .array(hidden.map(JSONValue.string)))) }
        if let node = fields["tools"], !node.isNull { tools(node, top.appending("tools"), fallback) }
        if draft.entries.contains(where: \.hasLimits) {
            reader.remark(
                "limits count the calls of all grants and servers together, as one state store of Intercept does")
        }
        reader.remark(
            "calls also have to satisfy the tools' own schemas, which Intercept does not check; "
                + "`\"arguments\": { \"schema\": \"off\" }` turns that off")
        reader.remark(
            "`default` and the rules for all tools count for resources and prompts as well, which Intercept never judges; "
                + "entries `resource:*` and `prompt:*` allow them")
    }

    mutating func tool(_ node: SourceNode, _ pointer: JSONPointer, name: String, _ entry: inout EntryDraft) {
        let scope = name == Self.everyTool ? "_global" : name
        guard !node.isNull else { return }
        guard
            let fields = reader.fields(
                node, pointer, "a tool", allowed: ["rules"], elsewhere: Self.laterFields)
        else { return }
        let here = pointer.appending("rules")
        let firstStep = reader.steps.count
        var denials: Set<Int> = []
        var counters: [String: Int] = [:]
        for (i, node) in reader.list(fields["rules"], here, "`rules`").enumerated() {
            let before = entry.denial == nil
            var rule = InterceptRule(site: Site(offset: node.offset, pointer: here.appending(i)), scope: scope)
            self.rule(node, &rule, &entry, &counters, index: i)
            if before, entry.denial != nil { denials.insert(reader.steps.count - 1) }
        }
        if entry.denial != nil {
            reader.discard(
                stepsFrom: firstStep, except: denials, because: "left out: another rule denies every call of the tool")
        }
    }
}
