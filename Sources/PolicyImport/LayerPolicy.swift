internal import Base
internal import JSON

/// PolicyLayer's JSON, version "1": `default`, `hide`, `all_tools.limits`, and for each tool `require`, `deny_if`, `limits`.
///
/// The format is this one's ancestor; what differs is what an engine makes of values. PolicyLayer does not say whether it
/// converts values as Intercept does, so of both readings the one that lets less through is written down.
struct LayerPolicy: PolicyTranslation {
    var reader: SourceReader
    var draft = PolicyDraft()

    static let everyTool: String? = nil

    private enum Scope: String, CaseIterable { case grant }
    private enum Window: String, CaseIterable { case minute, hour, day }
    private enum Action: String, CaseIterable {
        case allow, deny
        case requireApproval = "require_approval"
    }

    init(reader: SourceReader) {
        self.reader = reader
    }

    mutating func document(_ root: SourceNode) {
        let top = JSONPointer()
        let allowed = ["version", "description", "default", "hide", "all_tools", "tools"]
        guard let fields = reader.fields(root, top, "a policy", allowed: allowed) else { return }
        reader.version(fields["version"], in: root)
        let description = reader.text(fields["description"], top.appending("description"), "`description`")
        if fields["default"]?.isNull != false { reader.missing("default", in: root, top, "a policy") }
        let fallback =
            reader.word(fields["default"], top.appending("default"), "`default`", ImportDefault.self) ?? .deny
        draft.head.append(JSONMember("version", "1"))
        if let description { draft.head.append(JSONMember("description", .string(description))) }
        draft.head.append(JSONMember("default", .string(fallback.rawValue)))
        let hidden = reader.hidden(fields["hide"])
        if !hidden.isEmpty { draft.head.append(JSONMember("hide", .array(hidden.map(JSONValue.string)))) }
        if let node = fields["all_tools"] {
            let here = top.appending("all_tools")
            var entry = EntryDraft(pointer: here, site: Site(offset: node.offset, pointer: here))
            if let fields = reader.fields(node, here, "`all_tools`", allowed: ["limits"]) {
                limits(fields["limits"], here.appending("limits"), isStatic: true, &entry)
            }
            draft.allTools = entry
        }
        if let node = fields["tools"] { tools(node, top.appending("tools"), fallback) }
        if draft.entries.contains(where: \.hasLimits) {
            reader.remark("limits are sliding: no span as long as the window has more than `max`, wherever it starts")
        }
        if draft.entries.contains(where: \.hasRules) {
            reader.remark(
                "PolicyLayer does not say how it compares values of different types; "
                    + "of two readings, the one that lets less through was written down")
        }
        reader.remark(
            "calls also have to satisfy the tools' own schemas; "
                + "`\"arguments\": { \"schema\": \"off\" }` turns that off")
    }

    mutating func tool(_ node: SourceNode, _ pointer: JSONPointer, name: String, _ entry: inout EntryDraft) {
        let allowed = ["require", "deny_if", "limits", "rate_limit", "action", "reason"]
        guard let fields = reader.fields(node, pointer, "a tool", allowed: allowed) else { return }
        let firstStep = reader.steps.count
        for list in [EntryDraft.List.require, .denyIf] {
            let here = pointer.appending(list.rawValue)
            for (i, node) in reader.list(fields[list.rawValue], here, "`\(list.rawValue)`").enumerated() {
                rule(node, here.appending(i), list, &entry)
            }
        }
        limits(fields["limits"], pointer.appending("limits"), isStatic: false, &entry)
        if let node = fields["rate_limit"] { rateLimit(node, pointer.appending("rate_limit"), &entry) }
        action(fields, pointer, &entry, firstStep)
    }

    /// `action` and `reason`, which PolicyLayer's answers to questions name.
    private mutating func action(
        _ fields: [String: SourceNode], _ pointer: JSONPointer, _ entry: inout EntryDraft, _ firstStep: Int
    ) {
        let here = pointer.appending("action")
        let action = reader.word(fields["action"], here, "`action`", Action.self)
        let reason = reader.text(fields["reason"], pointer.appending("reason"), "`reason`")
        if let node = fields["reason"], action != .deny, fields["action"] == nil || action != nil {
            reader.report(
                .conflictingFields, at: node.offset, pointer.appending("reason"),
                "`reason` only means something beside `action: \"deny\"`")
        }
        guard let node = fields["action"], let action, action != .allow else { return }
        let site = Site(offset: node.offset, pointer: here)
        if action == .deny {
            reader.discard(stepsFrom: firstStep, except: [], because: "left out: the tool is denied")
            reader.step(site, targets: [entry.deny(reason: reason, site: site)])
        } else {
            reader.step(site, targets: [entry.add(.approveIf, [], message: nil, site: site)])
        }
    }

    // MARK: Rules

    private mutating func rule(
        _ node: SourceNode, _ pointer: JSONPointer, _ list: EntryDraft.List, _ entry: inout EntryDraft
    ) {
        let problems = reader.problems.count
        guard let fields = reader.fields(node, pointer, "a rule", allowed: ["conditions", "on_deny"]) else { return }
        let site = Site(offset: node.offset, pointer: pointer)
        let message = reader.text(fields["on_deny"], pointer.appending("on_deny"), "`on_deny`")
        if fields["conditions"] == nil { reader.missing("conditions", in: node, pointer, "a rule") }
        let here = pointer.appending("conditions")
        var combinations: [[DraftCondition]] = [[]]
        for (i, node) in reader.list(fields["conditions"], here, "`conditions`").enumerated() {
            guard
                let members = reader.fields(node, here.appending(i), "a condition", allowed: ["path", "op", "value"]),
                let condition = reader.condition(members, node, here.appending(i))
            else { continue }
            let alternatives =
                list == .require
                ? reader.strictRequirement(condition).map { [$0] } : reader.strictAlternatives(condition)
            guard let alternatives else { continue }
            combinations = combinations.flatMap { left in alternatives.map { left + $0 } }
            guard combinations.count <= 64 else {
                return reader.report(
                    .notSayable, at: site, "these conditions would become more than 64 rules",
                    mend: "write several rules with fewer conditions")
            }
        }
        guard reader.problems.count == problems else { return }
        let targets = combinations.map { entry.add(list, $0, message: message, site: site) }
        reader.step(site, targets: targets, remarks: targets.isEmpty ? ["left out: it never holds"] : [])
    }

    // MARK: Limits

    private mutating func limits(
        _ node: SourceNode?, _ pointer: JSONPointer, isStatic: Bool, _ entry: inout EntryDraft
    ) {
        let allowed = ["counter", "window", "max", "scope", "on_deny"] + (isStatic ? [] : ["increment_from"])
        for (i, node) in reader.list(node, pointer, "`limits`").enumerated() {
            let here = pointer.appending(i)
            let problems = reader.problems.count
            guard let fields = reader.fields(node, here, "a limit", allowed: allowed) else { continue }
            for name in ["window", "max"] where fields[name] == nil { reader.missing(name, in: node, here, "a limit") }
            var members: [JSONMember] = []
            if let counter = reader.text(fields["counter"], here.appending("counter"), "`counter`") {
                members.append(JSONMember("counter", .string(counter)))
            }
            if let window = reader.word(fields["window"], here.appending("window"), "`window`", Window.self) {
                members.append(JSONMember("window", .string(window.rawValue)))
            }
            if let max = count(fields["max"], here.appending("max"), "`max`") {
                members.append(JSONMember("max", .int(max)))
            }
            if let scope = reader.word(fields["scope"], here.appending("scope"), "`scope`", Scope.self) {
                members.append(JSONMember("scope", .string(scope.rawValue)))
            }
            if let from = fields["increment_from"],
                let path = reader.argumentPath(from, here.appending("increment_from"))
            {
                members.append(JSONMember("cost", .string(path.text)))
            }
            if let message = reader.text(fields["on_deny"], here.appending("on_deny"), "`on_deny`") {
                members.append(JSONMember("on_deny", .string(message)))
            }
            guard reader.problems.count == problems else { continue }
            let site = Site(offset: node.offset, pointer: here)
            reader.step(site, targets: [entry.add(limit: members, site: site)])
        }
    }

    /// `{"max": 10, "window": 60}`: calls of a session, in seconds.
    private mutating func rateLimit(_ node: SourceNode, _ pointer: JSONPointer, _ entry: inout EntryDraft) {
        let problems = reader.problems.count
        guard let fields = reader.fields(node, pointer, "`rate_limit`", allowed: ["max", "window"]) else { return }
        for name in ["max", "window"] where fields[name] == nil {
            reader.missing(name, in: node, pointer, "`rate_limit`")
        }
        let max = count(fields["max"], pointer.appending("max"), "`max`")
        let window = count(fields["window"], pointer.appending("window"), "`window`")
        guard reader.problems.count == problems, let max, let window else { return }
        let site = Site(offset: node.offset, pointer: pointer)
        let members = [
            JSONMember("window", .int(window)), JSONMember("max", .int(max)), JSONMember("scope", "session"),
        ]
        reader.step(site, targets: [entry.add(limit: members, site: site)])
    }

    private mutating func count(_ node: SourceNode?, _ pointer: JSONPointer, _ what: String) -> Int64? {
        guard let node else { return nil }
        guard case .integer(let text) = node.value, let number = Int64(text), number > 0 else {
            reader.report(.badLimit, at: node.offset, pointer, "\(what) is a whole number above 0")
            return nil
        }
        return number
    }
}
