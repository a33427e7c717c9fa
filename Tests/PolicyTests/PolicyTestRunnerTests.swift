import Testing

@testable import Policy

/// The runner behind `sluice policy test`: what it says when a test is wrong, or the policy is.
@Suite struct PolicyTestRunnerTests {
    static let policyText =
        #"{"version":"1","default":"deny","tools":{"t":{"limits":[{"counter":"c","window":"minute","max":1}]},"u":{"action":"deny"}}}"#

    func run(_ rest: String, policy: String = #""p.json""#) -> PolicyTestReport {
        PolicyTest.run(Array("{\"policy\":\(policy),\(rest)}".utf8), name: "p") { path in
            path == "p.json" ? .text(Array(Self.policyText.utf8), file: "a/p.json") : nil
        }
    }

    func call(_ rest: String, at time: String = "2026-01-05T10:00:00Z", tool: String = "t") -> String {
        #"{"at":"\#(time)","tool":"\#(tool)",\#(rest)}"#
    }

    @Test func passesAndCountsWhatIsUnused() {
        let report = run(
            "\"calls\":[\(call(#""expect":{"outcome":"allow","remaining":0}"#)),\(call(#""expect":{"outcome":"deny","rule":"/tools/t/limits/c","retry_after_ms":60000,"remaining":0.0,"listed":true}"#))]"
        )
        #expect(report.isGood && report.passed == 2 && report.failed == 0)
        #expect(report.unused == ["/tools/u/action"])
        #expect(report.policyFile == "a/p.json")
    }

    static let failing: [(expect: String, message: String)] = [
        (#"{"outcome":"deny"}"#, "calls[0] (t): expected deny, got allow"),
        (#"{"outcome":"allow","rule":"/tools/t/limits/0"}"#, "calls[0] (t): expected rule /tools/t/limits/0, got none"),
        (#"{"outcome":"allow","remaining":1}"#, "calls[0] (t): expected remaining 1, got 0"),
        (#"{"outcome":"allow","retry_after_ms":5}"#, "calls[0] (t): expected retry_after_ms 5, got none"),
        (#"{"outcome":"allow","listed":false}"#, "calls[0] (t): expected the tool not to be listed"),
        (
            #"{"outcome":"allowed"}"#,
            "calls[0].expect.outcome is one of allow, deny, ask, shadow_deny, not `allowed`; did you mean `allow`?"
        ),
        (#"{"outcome":"allow","rul":""}"#, "calls[0].expect has no field `rul`; did you mean `rule`?"),
        (#"{}"#, "calls[0].expect needs an `outcome`"),
    ]

    @Test(arguments: failing.indices) func saysWhatDiffers(_ index: Int) {
        let (expect, message) = Self.failing[index]
        let report = run("\"calls\":[\(call("\"expect\":\(expect)"))]")
        #expect(report.failures.map(\.message) == [message])
        #expect(!report.isGood)
    }

    @Test func settlesByTheUpstream() {
        for (upstream, second) in [
            ("ok", "deny"), ("tool_error", "deny"), ("unknown", "deny"), ("error", "allow"), ("unreachable", "allow"),
        ] {
            let report = run(
                "\"calls\":[\(call("\"upstream\":\"\(upstream)\",\"expect\":{\"outcome\":\"allow\"}")),\(call("\"expect\":{\"outcome\":\"\(second)\"}"))]"
            )
            #expect(report.failures == [], "\(upstream)")
        }
    }

    @Test func faultyFiles() {
        let good = #""expect":{"outcome":"allow"}"#
        let rows: [(String, String)] = [
            ("\"calls\":[]", "the test file needs `calls`, a list with at least one call, or `expect_invalid`"),
            ("\"call\":[]", "the test file has no field `call`; did you mean `calls`?"),
            (
                "\"calls\":[\(call(good, at: "yesterday"))]",
                "calls[0].at is a time in UTC such as 2026-01-05T10:00:00Z, not `yesterday`"
            ),
            (
                "\"calls\":[\(call(good)),\(call(good, at: "2026-01-05T09:00:00Z"))]",
                "calls[1].at is earlier than the call before it"
            ),
            (
                "\"calls\":[\(call(#""upstream":"fine","# + good))]",
                "calls[0].upstream is one of ok, tool_error, error, unreachable, unknown, not `fine`"
            ),
            (
                "\"calls\":[\(call(#""ip":"10.0.0.300","# + good))]",
                "calls[0].ip is an IPv4 or IPv6 address, not `10.0.0.300`"
            ),
            ("\"tools\":[{\"category\":\"none\"}],\"calls\":[\(call(good))]", "tools[0] needs a `name`"),
            ("\"expect_invalid\":[1]", "`expect_invalid` is a list of codes"),
            ("\"expect_invalid\":[]", "the policy should be invalid, and is valid"),
        ]
        for (rest, message) in rows {
            let report = run(rest)
            #expect(report.failures.map(\.message).contains(message), "\(rest): \(report.failures)")
            #expect(!report.isGood)
        }
        #expect(
            run("\"calls\":[]", policy: #""missing.json""#).failures.map(\.description) == [
                "1:11: the policy `missing.json` can't be read"
            ])
        #expect(!PolicyTest.run(Array("{".utf8), name: "p") { _ in nil }.isGood)
        #expect(!PolicyTest.run(Array("[]".utf8), name: "p") { _ in nil }.isGood)
    }

    /// Rules about resources and prompts can be tested like those about tools.
    @Test func otherSubjects() {
        let policy =
            #"{"version":"1","default":"deny","tools":{"resource:file:///srv/*":{},"prompt:hello":{"action":"deny"}}}"#
        func expect(_ name: String, _ outcome: String) -> String {
            call(#""expect":{"outcome":"\#(outcome)"}"#, tool: name)
        }
        let calls = [
            expect("resource:file:///srv/a", "allow"), expect("resource:file:///etc/a", "deny"),
            expect("prompt:hello", "deny"),
        ]
        #expect(run("\"calls\":[\(calls.joined(separator: ","))]", policy: policy).failures == [])
    }

    /// What users mix up.
    @Test func mistakenFiles() {
        func first(_ text: String) -> String {
            PolicyTest.run(Array(text.utf8), name: "p") { _ in nil }.failures.first?.description ?? ""
        }
        #expect(first(Self.policyText) == "1:1: this is a policy; a test file names one in its field `policy`")
        #expect(first(#"{"calls":[],}"#) == "1:13: `}` can't follow a comma; take the comma out")
        #expect(first("version: 1") == "1:1: JSON can't begin with `v`; a policy begins with `{`")
        #expect(first("{ // a\n}") == "1:3: `/` can't stand here; JSON has no comments")
        #expect(first("{'a': 1}") == "1:2: `'` can't stand here; JSON has texts in double quotes")
        #expect(first("{} {}") == "1:4: the document ends before `{`; nothing may follow it")
        #expect(first("\u{1}") == "1:1: byte 0x01 can't stand here; JSON is text in UTF-8")
        let wide = PolicyTest.run([0xFF, 0xFE, 0x7B, 0], name: "p") { _ in nil }
        #expect(wide.failures.map(\.message) == ["the text is in UTF-16; save it in UTF-8"])
    }

    @Test func invalidPolicies() {
        let bad = #"{"version":"1","default":"deny","tool":{},"tools":{"t":{"limits":[{"window":"minute","max":0}]}}}"#
        #expect(run(#""expect_invalid":["policy.unknown_field","policy.bad_max"]"#, policy: bad).isGood)
        #expect(run(#""expect_invalid":[]"#, policy: bad).isGood)
        #expect(
            run(#""expect_invalid":["policy.bad_regex"]"#, policy: bad).failures.map(\.message)
                == ["the policy should have policy.bad_regex; it has policy.unknown_field, policy.bad_max"])
        let report = run("\"calls\":[\(call(#""expect":{"outcome":"allow"}"#))]", policy: bad)
        #expect(report.failures.first?.message.hasPrefix("the policy is invalid, so no call was tried: p:1:") == true)
        #expect(report.failures.first?.message.hasSuffix(", and 1 more error") == true)
        #expect(report.problems.count == 2)
        #expect(report.policyFile == nil)
    }
}
