import Base
import JSON
import Testing

@testable import Policy

@Suite struct ExplainTests {
    @Test func explanationIsATree() throws {
        let policy = try policy(
            #"""
            {"version":"1","default":"deny","all_tools":{"limits":[{"counter":"calls","window":"minute","max":2}]},
             "tools":{"pay":{"require":[{"conditions":[{"path":"args.amount","op":"gt","value":0},{"path":"args.currency","op":"eq","value":"EUR"}]}],
                             "deny_if":[{"path":"args.amount","op":"gt","value":100,"on_deny":"Too much."}]}}}
            """#)
        let explanation = explain(try call("pay", #"{"amount":500,"currency":"EUR"}"#), policy: policy)
        #expect(
            explanation.text == """
                deny by /tools/pay/deny_if/0 (/tools/pay/deny_if/args.amount-gt)
                Too much.
                  hide: does not match
                  tools: 1 matching entry
                  arguments: checked
                    schema: the tool has none
                  all_tools: applies
                    limit `calls`: 2 per minute by grant, sliding
                  entry `pay`: applies
                    require: holds
                      args.amount gt: holds
                      args.currency eq: holds
                ►   deny_if: holds
                      args.amount gt: holds

                """)
        var writer = JSONWriter()
        explanation.write(to: &writer)
        #expect(try JSONDocument.parse(writer.bytes).root["rule"]?.string == "/tools/pay/deny_if/0")
        #expect(!String(decoding: writer.bytes, as: UTF8.self).contains("500"))
        #expect(explain(try call("pay"), policy: nil).rule == "(no policy)")
        #expect(explain(try call("pay", #"{"amount":5,"currency":"EUR"}"#), policy: policy).outcome == "allow")
    }

    /// The tree tells the same as the decision: the deciding rule is in it, marked once.
    @Test(arguments: 400..<404) func markIsTheRule(_ seed: UInt64) throws {
        var random = PolicyGenerator(seed: seed)
        for _ in 0..<150 {
            let value = random.policy()
            let policy = try #require(PolicyDocument.load(value.bytes, name: "p", version: 1).policy)
            let call = random.call(at: monday.microseconds)
            var quotas = QuotaWindows()
            let (answer, _) = try TwinTests.engine(call, policy, &quotas, random: &random)
            let facts = CallFacts(
                tool: call.tool, arguments: try JSONDocument.parse(call.arguments.bytes).root,
                facts: ToolFacts(
                    name: call.tool, category: call.category.flatMap(ToolCategory.init(rawValue:)),
                    severity: call.severity,
                    annotations: try call.annotations.map { try JSONDocument.parse($0.bytes).root }),
                server: call.server,
                grant: GrantFacts(id: call.grantID, label: call.label, identity: call.identity),
                client: ClientFacts(name: call.clientName, version: call.clientVersion), session: call.session,
                ip: call.ip,
                now: Instant(microseconds: call.now))
            let explanation = explain(facts, policy: policy)
            #expect(explanation.outcome == answer.word && explanation.rule == answer.rule)
            func marks(_ steps: [Explanation.Step]) -> Int {
                steps.reduce(0) { $0 + ($1.isDecisive ? 1 : 0) + marks($1.steps) }
            }
            #expect(marks(explanation.steps) == (answer.rule.isEmpty ? 0 : 1), "\(explanation.text)")
        }
    }

    @Test func differences() throws {
        let before = try policy(
            #"{"version":"1","default":"deny","tools":{"a":{},"b":{"action":"deny"},"c":{"limits":[{"window":"minute","max":1}]},"d":{}}}"#
        )
        let after = try policy(
            #"{"version":"1","default":"deny","hide":["d"],"tools":{"a":{},"b":{},"c":{"limits":[{"window":"minute","max":2}]},"e":{"action":"require_approval"}}}"#
        )
        let calls = [try call("c"), try call("c"), try call("a"), try call("d"), try call("b")].map { RecordedCall($0) }
        let diff = PolicyDiff.between(before, after, tools: [], calls: calls)
        #expect(
            diff.text == """
                + b: denied → free
                - d: free → hidden
                + e: denied → asks
                + call 2, c: deny /tools/c/limits/0 → allow
                - call 4, d: allow → deny (hidden)
                + call 5, b: deny /tools/b/action → allow
                of 5 calls 2 gain, 1 lose, 0 change otherwise

                """)
        #expect(
            PolicyDiff.between(before, before, tools: [], calls: calls).text == "no difference; 5 calls judged alike\n")
        #expect(PolicyDiff.between(before, before, tools: [], calls: []).text == "no difference\n")
        // What has given its quota back counts for neither policy.
        let released = [RecordedCall(try call("c"), isReleased: true), RecordedCall(try call("c"))]
        #expect(PolicyDiff.between(before, after, tools: [], calls: released).calls == [])
    }

    /// What no list of tools names: patterns, categories, and everything else.
    @Test func differencesOfPatterns() throws {
        let before = try policy(#"{"version":"1","default":"deny","tools":{"get_*":{},"@read":{"action":"deny"}}}"#)
        let after = try policy(#"{"version":"1","default":"allow","hide":["x*"],"tools":{"get_*":{"action":"deny"}}}"#)
        #expect(
            PolicyDiff.between(before, after, tools: [], calls: []).text == """
                - get_*: free → denied
                + @read: denied → free
                - x*: denied → hidden
                + *: denied → free

                """)
    }

    @Test func recordedCallsAreThoseOfATestFile() {
        let text = #"""
            {"policy":"ignored.json","grant":{"label":"g","identity":"i"},"tools":[{"name":"t","category":"write"}],
             "calls":[{"at":"2026-01-05T10:00:00Z","tool":"t","arguments":{"a":1},"upstream":"unreachable"},
                      {"at":"2026-01-05T10:00:01Z","tool":"u","expect":{"outcome":"deny"}}]}
            """#
        let (calls, faults) = RecordedCall.read(Array(text.utf8))
        #expect(faults == [])
        #expect(calls.map(\.facts.tool) == ["t", "u"] && calls.map(\.isReleased) == [true, false])
        #expect(calls.first?.facts.facts?.category == .write && calls.first?.facts.grant.identity == "i")
        #expect(RecordedCall.read(Array("{".utf8)).faults.count == 1)
        #expect(RecordedCall.read(Array(#"{"calls":[{"tool":1}],"x":1}"#.utf8)).faults.count == 2)
    }
}
