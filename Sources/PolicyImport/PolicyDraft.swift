internal import JSON

/// The policy that is being written, which remembers where each of its parts comes from.
struct PolicyDraft {
    /// What stands before the entries.
    var head: [JSONMember] = []
    var allTools: EntryDraft?
    var tools: [(name: String, entry: EntryDraft)] = []

    var value: JSONValue {
        var members = head
        if let allTools, !allTools.isEmpty { members.append(JSONMember("all_tools", allTools.value)) }
        if !tools.isEmpty {
            members.append(JSONMember("tools", .object(tools.map { JSONMember($0.name, $0.entry.value) })))
        }
        return .object(members)
    }

    var entries: [EntryDraft] { [allTools].compactMap { $0 } + tools.map(\.entry) }

    /// Where the part at `pointer`, or the innermost part around it, comes from.
    func site(of pointer: JSONPointer) -> Site? {
        var tokens = pointer.tokens
        while true {
            let here = JSONPointer(tokens: tokens).description
            for entry in entries { if let site = entry.sites[here] { return site } }
            guard tokens.popLast() != nil else { return nil }
        }
    }
}

/// One entry of `tools`, or `all_tools`.
struct EntryDraft {
    enum List: String, CaseIterable {
        case require
        case denyIf = "deny_if"
        case approveIf = "approve_if"
        case limits
    }

    let pointer: JSONPointer
    /// `action: "deny"` with its reason. Nothing else matters then.
    private(set) var denial: (reason: String?, pointer: JSONPointer)?
    private var lists: [List: [JSONValue]] = [:]
    /// Output pointer → where it comes from.
    private(set) var sites: [String: Site] = [:]

    init(pointer: JSONPointer, site: Site) {
        self.pointer = pointer
        sites[pointer.description] = site
    }

    var isEmpty: Bool { denial == nil && lists.isEmpty }
    var hasRules: Bool { denial == nil && !lists.filter { $0.key != .limits }.isEmpty }
    var hasLimits: Bool { denial == nil && lists[.limits] != nil }

    /// - Returns: The pointer of the entry's action.
    mutating func deny(reason: String?, site: Site) -> JSONPointer {
        if let denial { return denial.pointer }
        let here = pointer.appending("action")
        denial = (reason, here)
        sites[here.description] = site
        return here
    }

    /// Adds a rule. - Returns: Its pointer.
    mutating func add(
        _ list: List, _ conditions: [DraftCondition], message: String?, ignoresErrors: Bool = false,
        timeout: JSONValue? = nil, site: Site
    ) -> JSONPointer {
        let here = pointer.appending(list.rawValue).appending(lists[list]?.count ?? 0)
        var members: [JSONMember] = []
        if conditions.count == 1 {
            members = conditions[0].members
            sites[here.description] = conditions[0].site
            sites[here.appending("value").description] = conditions[0].valueSite
        } else {
            sites[here.description] = site
            for (i, condition) in conditions.enumerated() {
                let place = here.appending("conditions").appending(i)
                sites[place.description] = condition.site
                sites[place.appending("value").description] = condition.valueSite
            }
            members.append(JSONMember("conditions", .array(conditions.map { .object($0.members) })))
        }
        if let timeout { members.append(JSONMember("timeout", timeout)) }
        if let message { members.append(JSONMember("on_deny", .string(message))) }
        if ignoresErrors { members.append(JSONMember("on_error", "ignore")) }
        lists[list, default: []].append(.object(members))
        return here
    }

    /// Adds a limit. - Returns: Its pointer.
    mutating func add(limit members: [JSONMember], site: Site) -> JSONPointer {
        let here = pointer.appending(List.limits.rawValue).appending(lists[.limits]?.count ?? 0)
        sites[here.description] = site
        lists[.limits, default: []].append(.object(members))
        return here
    }

    var value: JSONValue {
        if let denial {
            let reason = denial.reason.map { [JSONMember("reason", .string($0))] } ?? []
            return .object([JSONMember("action", "deny")] + reason)
        }
        return .object(List.allCases.compactMap { list in lists[list].map { JSONMember(list.rawValue, .array($0)) } })
    }
}
