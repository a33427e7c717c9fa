/// Which methods there are, in which version and direction. The only place that knows.
package enum MethodTable {
    /// Every rule. A method that changed its shape or direction between versions has several.
    package static let rules: [MethodRule] =
        clientRequests + clientNotifications + serverRequests + serverNotifications + inputRequests

    /// - Parameters:
    ///   - extensions: the extension ids that both sides have declared.
    ///   - isHTTP: whether the message came over HTTP.
    package static func legality(
        of method: String, _ shape: MethodShape, from sender: Party, in version: ProtocolVersion,
        extensions: Set<String> = [], isHTTP: Bool = true
    ) -> Legality {
        let named = byName[method] ?? []
        guard !named.isEmpty else { return .unknown }
        let inVersion = named.filter { $0.versions.contains(version) }
        guard !inVersion.isEmpty else {
            // Speak of the rule that would have fitted, if one would.
            let near = named.filter { $0.sender == sender && $0.shape == shape }
            let candidates = near.isEmpty ? named : near
            if let since = candidates.map(\.versions.lowerBound).filter({ $0 > version }).min() {
                return .notYet(since: since)
            }
            return .removed(lastIn: candidates.map(\.versions.upperBound).max() ?? version)
        }
        let directed = inVersion.filter { $0.sender == sender }
        guard let first = directed.first else { return .wrongDirection }
        guard let rule = directed.first(where: { $0.shape == shape }) else { return .wrongShape(expected: first.shape) }
        if version.era == .modern {
            if let id = rule.needsExtension, !extensions.contains(id) { return .needsExtension(id) }
            if rule.isStdioOnlyWhenModern, isHTTP { return .stdioOnly }
        }
        return .legal
    }

    /// The rule for a message that is legal, or nil.
    package static func rule(
        for method: String, _ shape: MethodShape, from sender: Party, in version: ProtocolVersion
    ) -> MethodRule? {
        byName[method]?.first { $0.shape == shape && $0.sender == sender && $0.versions.contains(version) }
    }

    /// The requests that may be answered with "input required" (2026-07-28).
    package static let mayRequireInput: Set<String> = ["tools/call", "prompts/get", "resources/read"]

    /// Whether a name that no version has could be taken for one that some version has: by a server that ignores case, or
    /// blanks around it. Names of anything but printable ASCII are suspected of it.
    package static func looksKnown(_ method: String) -> Bool {
        guard method.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return true }
        let folded = LookAlike.folded(method)
        return rules.contains { $0.name != method && LookAlike.folded($0.name) == folded }
    }

    private static let byName = Dictionary(grouping: rules, by: \.name)

    // MARK: The table

    private static let always = ProtocolVersion.november2024...ProtocolVersion.july2026
    private static let legacy = ProtocolVersion.november2024...ProtocolVersion.november2025
    private static let modern = ProtocolVersion.july2026...ProtocolVersion.july2026
    private static let coreTasks = ProtocolVersion.november2025...ProtocolVersion.november2025
    private static let elicitation = ProtocolVersion.june2025...ProtocolVersion.november2025

    private static let clientRequests: [MethodRule] = [
        rule("initialize", legacy),
        rule("ping", legacy),
        rule("tools/list", always, server: ["tools"]),
        rule("tools/call", always, server: ["tools"]),
        rule("prompts/list", always, server: ["prompts"]),
        rule("prompts/get", always, server: ["prompts"]),
        rule("resources/list", always, server: ["resources"]),
        rule("resources/templates/list", always, server: ["resources"]),
        rule("resources/read", always, server: ["resources"]),
        rule("resources/subscribe", legacy, server: ["resources", "subscribe"]),
        rule("resources/unsubscribe", legacy, server: ["resources", "subscribe"]),
        rule("completion/complete", always, server: ["completions"]),
        rule("logging/setLevel", legacy, server: ["logging"]),
        rule("tasks/get", coreTasks, server: ["tasks"]),
        rule("tasks/result", coreTasks, server: ["tasks"]),
        rule("tasks/list", coreTasks, server: ["tasks", "list"]),
        rule("tasks/cancel", coreTasks, server: ["tasks", "cancel"]),
        rule("server/discover", modern),
        rule("subscriptions/listen", modern),
        rule("tasks/get", modern, extension: ExtensionID.tasks),
        rule("tasks/update", modern, extension: ExtensionID.tasks),
        rule("tasks/cancel", modern, extension: ExtensionID.tasks),
    ]

    private static let clientNotifications: [MethodRule] = [
        note("notifications/initialized", .client, legacy),
        note("notifications/cancelled", .client, always, stdioOnly: true),
        note("notifications/progress", .client, legacy),
        note("notifications/roots/list_changed", .client, legacy, clientCapability: ["roots", "listChanged"]),
        note("notifications/tasks/status", .client, coreTasks),
    ]

    private static let serverRequests: [MethodRule] = [
        rule("ping", .server, legacy),
        rule("sampling/createMessage", .server, legacy, client: ["sampling"]),
        rule("elicitation/create", .server, elicitation, client: ["elicitation"]),
        rule("roots/list", .server, legacy, client: ["roots"]),
        rule("tasks/get", .server, coreTasks, client: ["tasks"]),
        rule("tasks/result", .server, coreTasks, client: ["tasks"]),
        rule("tasks/list", .server, coreTasks, client: ["tasks", "list"]),
        rule("tasks/cancel", .server, coreTasks, client: ["tasks", "cancel"]),
    ]

    private static let serverNotifications: [MethodRule] = [
        note("notifications/progress", .server, always),
        note("notifications/message", .server, always, serverCapability: ["logging"]),
        note("notifications/cancelled", .server, always, stdioOnly: true),
        note("notifications/tools/list_changed", .server, always, serverCapability: ["tools", "listChanged"]),
        note("notifications/prompts/list_changed", .server, always, serverCapability: ["prompts", "listChanged"]),
        note("notifications/resources/list_changed", .server, always, serverCapability: ["resources", "listChanged"]),
        note("notifications/resources/updated", .server, always, serverCapability: ["resources", "subscribe"]),
        note("notifications/elicitation/complete", .server, coreTasks, clientCapability: ["elicitation", "url"]),
        note("notifications/tasks/status", .server, coreTasks),
        note("notifications/subscriptions/acknowledged", .server, modern),
        note("notifications/tasks", .server, modern, extension: ExtensionID.tasks),
    ]

    private static let inputRequests: [MethodRule] = [
        rule("sampling/createMessage", .server, modern, client: ["sampling"], shape: .inputRequest),
        rule("elicitation/create", .server, modern, client: ["elicitation"], shape: .inputRequest),
        rule("roots/list", .server, modern, client: ["roots"], shape: .inputRequest),
    ]

    private static func rule(
        _ name: String, _ versions: ClosedRange<ProtocolVersion>, extension id: String? = nil, server: [String] = []
    ) -> MethodRule {
        rule(name, .client, versions, extension: id, server: server)
    }

    private static func rule(
        _ name: String, _ sender: Party, _ versions: ClosedRange<ProtocolVersion>,
        extension id: String? = nil, server: [String] = [], client: [String] = [], shape: MethodShape = .request
    ) -> MethodRule {
        MethodRule(
            name: name, shape: shape, sender: sender, versions: versions, needsExtension: id,
            serverCapability: server, clientCapability: client)
    }

    private static func note(
        _ name: String, _ sender: Party, _ versions: ClosedRange<ProtocolVersion>, extension id: String? = nil,
        stdioOnly: Bool = false, serverCapability: [String] = [], clientCapability: [String] = []
    ) -> MethodRule {
        MethodRule(
            name: name, shape: .notification, sender: sender, versions: versions, needsExtension: id,
            isStdioOnlyWhenModern: stdioOnly, serverCapability: serverCapability, clientCapability: clientCapability)
    }
}
