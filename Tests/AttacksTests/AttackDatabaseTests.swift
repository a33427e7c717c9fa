import Attacks
import JSON
import MCP
import Policy
import Risk
import Support
import Testing

/// Every documented attack, played again.
@Suite struct AttackDatabaseTests {
    static let database = try? AttackDatabase.standard()
    static let lint = try? MetadataLint.standard()
    static let attacks = database?.attacks ?? []

    @Test func allAreThere() throws {
        let database = try AttackDatabase.standard()
        #expect(database.families.count == 36)
        #expect(database.attacks.count == 164)
        for (index, family) in database.families.enumerated() {
            let file = Places.packageRoot + "/Assets/attacks/\(family.id).json"
            #expect(
                AttackDatabase.embedded[index] == (try readFile(file)),
                "embedded is older than \(family.id).json: make build")
        }
    }

    /// Without the snippet the harm is done, with it it is not; and what is honest passes either way.
    @Test(arguments: attacks.map(\.id))
    func decisionsAreAsExpected(id: String) throws {
        let attack = try #require(Self.attacks.first { $0.id == id })
        let judged = attack.replay["messages"]?.elements.filter { $0["with"] != nil } ?? []
        var (changed, spared) = (0, 0)
        for (policy, key) in [(attack.replay["baseline"], "without"), (attack.snippet as JSONView?, "with")] {
            let policy = try #require(policy)
            guard !judged.isEmpty else { continue }
            let test = Self.policyTest(attack.replay, judged, policy, key)
            let report = PolicyTest.run(test.bytes, name: "\(id).\(key)") { _ in nil }
            #expect(report.failures.isEmpty, "\(id) \(key): \(report.failures)")
            #expect(report.passed == judged.count)
            // A warning may be meant; an error never.
            #expect(!report.problems.contains { $0.severity == .error })
            if key == "with" { #expect(report.unused.isEmpty, "\(id): \(report.unused) decides nothing") }
        }
        for message in judged {
            if message["with"]?.string == message["without"]?.string { spared += 1 } else { changed += 1 }
        }
        if attack.stoppedBy == .policy {
            #expect(changed > 0, "the snippet changes nothing")
            #expect(spared > 0, "the snippet changes everything")
        }
    }

    private static func policyTest(
        _ replay: JSONView, _ judged: [JSONView], _ policy: JSONView, _ key: String
    ) -> JSONValue {
        var members = [JSONMember("policy", policy.value)]
        for name in ["server", "grant", "client", "tools"] {
            if let value = replay[name] { members.append(JSONMember(name, value.value)) }
        }
        let calls = judged.map { message -> JSONValue in
            var call: [JSONMember] = []
            for name in ["at", "session", "ip", "arguments", "upstream"] {
                if let value = message[name] { call.append(JSONMember(name, value.value)) }
            }
            if let params = message["params"] { call.append(JSONMember("arguments", params.value)) }
            call.append(JSONMember("tool", .string(message["tool"]?.string ?? message["asks"]?.string ?? "")))
            var expect = [JSONMember("outcome", .string(message[key]?.string ?? ""))]
            if key == "with", let rule = message["rule"]?.string { expect.append(JSONMember("rule", .string(rule))) }
            return .object(call + [JSONMember("expect", .object(expect))])
        }
        return .object(members + [JSONMember("calls", .array(calls))])
    }

    @Test(arguments: attacks.filter { $0.replay["findings"] != nil }.map(\.id))
    func findingsAreFound(id: String) throws {
        let attack = try #require(Self.attacks.first { $0.id == id })
        let tools = attack.replay["tools"].map { $0.elements.compactMap(ToolDefinition.init) } ?? []
        let lint = try #require(Self.lint)
        var found = Set(tools.flatMap { lint.findings(in: $0) }.map(\.code.rawValue))
        let servers = Dictionary(grouping: tools) { $0.entry["server"]?.string ?? "server" }
        found.formUnion(
            NameFindings.findings(servers.map { ServerProfile(name: $0.key, tools: $0.value) }).map(\.code.rawValue))
        for expected in attack.replay["findings"]?.elements.compactMap({ $0["code"]?.string }) ?? [] {
            #expect(found.contains(expected), "\(id): \(found)")
        }
    }

    @Test(arguments: attacks.filter { $0.replay["pin"] != nil }.map(\.id))
    func changesAreNoticed(id: String) throws {
        let attack = try #require(Self.attacks.first { $0.id == id })
        let pin = try #require(attack.replay["pin"])
        let (before, after) = (try #require(pin["before"]), try #require(pin["after"]))
        #expect(Definition.pinInput(.tools, before) != Definition.pinInput(.tools, after))
    }

    @Test func everyEntryIsReachedFromSomeTool() throws {
        for attack in Self.attacks {
            let links = attack.links
            #expect(
                !links.categories.isEmpty || !links.traits.isEmpty || !links.media.isEmpty || !links.findings.isEmpty,
                "\(attack.id)")
        }
    }
}
