import MCP
import Testing

/// The table against lists that others wrote: `mcp_types.methods` of the Python SDK 2.3.0 (which leaves tasks out).
@Suite struct MethodTableTests {
    private static let base =
        "prompts/get prompts/list resources/list resources/read resources/templates/list "
        + "tools/call tools/list completion/complete"
    private static let oldRequests =
        base
        + " initialize logging/setLevel ping resources/subscribe resources/unsubscribe"
    private static let oldServerRequests = "ping roots/list sampling/createMessage"
    private static let oldNotes =
        "notifications/cancelled notifications/message notifications/progress "
        + "notifications/prompts/list_changed notifications/resources/list_changed notifications/resources/updated "
        + "notifications/tools/list_changed"
    private static let oldClientNotes =
        "notifications/cancelled notifications/initialized notifications/progress notifications/roots/list_changed"

    @Test(arguments: [
        (ProtocolVersion.november2024, oldRequests, oldClientNotes, oldServerRequests, oldNotes),
        (.march2025, oldRequests, oldClientNotes, oldServerRequests, oldNotes),
        (.june2025, oldRequests, oldClientNotes, oldServerRequests + " elicitation/create", oldNotes),
        (
            .november2025, oldRequests, oldClientNotes, oldServerRequests + " elicitation/create",
            oldNotes + " notifications/elicitation/complete"
        ),
        (
            .july2026, base + " server/discover subscriptions/listen", "notifications/cancelled", "",
            oldNotes + " notifications/subscriptions/acknowledged"
        ),
    ])
    func agreesWithTheSDK(
        version: ProtocolVersion, requests: String, clientNotes: String, serverRequests: String, serverNotes: String
    ) {
        func names(_ shape: MethodShape, _ sender: Party) -> Set<String> {
            Set(
                MethodTable.rules.filter {
                    $0.shape == shape && $0.sender == sender && $0.versions.contains(version)
                        && !$0.name.contains("tasks")
                }.map(\.name))
        }
        func list(_ text: String) -> Set<String> { Set(text.split(separator: " ").map(String.init)) }
        #expect(names(.request, .client) == list(requests))
        #expect(names(.notification, .client) == list(clientNotes))
        #expect(names(.request, .server) == list(serverRequests))
        #expect(names(.notification, .server) == list(serverNotes))
        #expect(
            names(.inputRequest, .server)
                == (version == .july2026 ? list("elicitation/create roots/list sampling/createMessage") : []))
    }

    @Test(arguments: [
        ("tools/call", MethodShape.request, Party.client, ProtocolVersion.july2026, Legality.legal),
        ("initialize", .request, .client, .july2026, .removed(lastIn: .november2025)),
        ("ping", .request, .client, .july2026, .removed(lastIn: .november2025)),
        ("server/discover", .request, .client, .november2025, .notYet(since: .july2026)),
        ("elicitation/create", .request, .server, .march2025, .notYet(since: .june2025)),
        ("elicitation/create", .request, .server, .july2026, .wrongShape(expected: .inputRequest)),
        ("elicitation/create", .inputRequest, .server, .july2026, .legal),
        ("tools/call", .request, .server, .november2025, .wrongDirection),
        ("tools/call", .notification, .client, .november2025, .wrongShape(expected: .request)),
        ("notifications/cancelled", .notification, .client, .july2026, .stdioOnly),
        ("notifications/cancelled", .notification, .client, .november2025, .legal),
        ("tasks/get", .request, .client, .november2025, .legal),
        ("tasks/get", .request, .client, .june2025, .notYet(since: .november2025)),
        ("tasks/get", .request, .client, .july2026, .needsExtension("io.modelcontextprotocol/tasks")),
        ("tasks/result", .request, .client, .july2026, .removed(lastIn: .november2025)),
        ("tasks/get", .request, .server, .july2026, .wrongDirection),
        ("x/y", .request, .client, .july2026, .unknown),
    ])
    func judgesAMessage(name: String, shape: MethodShape, sender: Party, version: ProtocolVersion, legality: Legality) {
        #expect(MethodTable.legality(of: name, shape, from: sender, in: version) == legality)
        #expect(legality.text.isEmpty == (legality == .legal))
    }

    @Test func extensionsAndStdioOpenMethods() {
        let tasks = MethodTable.legality(
            of: "tasks/update", .request, from: .client, in: .july2026, extensions: [ExtensionID.tasks])
        #expect(tasks == .legal)
        let cancel = MethodTable.legality(
            of: "notifications/cancelled", .notification, from: .client, in: .july2026, isHTTP: false)
        #expect(cancel == .legal)
    }

    @Test func everyMessageHasOneRule() {
        for version in ProtocolVersion.allCases {
            let rules = MethodTable.rules.filter { $0.versions.contains(version) }
            #expect(Set(rules.map { "\($0.name) \($0.shape) \($0.sender)" }).count == rules.count)
        }
        #expect(
            MethodTable.rule(for: "resources/subscribe", .request, from: .client, in: .june2025)?.serverCapability
                == ["resources", "subscribe"])
    }
}
