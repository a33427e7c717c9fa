import Base
import JSON
import Testing

@testable import Policy

@Suite struct DecisionTests {
    @Test func noPolicyDenies() throws {
        let denial = try #require(denial(nil, try call("t")))
        #expect(denial.rule == "(no policy)")
        #expect(denial.policyName == nil)
    }

    /// hide, default, arguments, action, require, deny_if, approve_if, limits: in this order, the first one decides.
    @Test func order() throws {
        let full = #"""
            {"version":"1","default":"deny","hide":["hidden"],"tools":{
              "hidden":{},
              "t":{"require":[{"path":"args.a","op":"eq","value":1}],
                   "deny_if":[{"path":"args.b","op":"eq","value":1}],
                   "approve_if":[{"path":"args.c","op":"eq","value":1}],
                   "limits":[{"window":"minute","max":1}]},
              "no":{"action":"deny","reason":"Not today.","require":[{"path":"args.a","op":"eq","value":1}]}}}
            """#
        let policy = try policy(full)
        var quotas = QuotaWindows()
        func check(_ tool: String, _ arguments: String, _ expected: Outcome, line: Int = #line) throws {
            #expect(outcome(policy, try call(tool, arguments), &quotas) == expected, "line \(line)")
        }
        try check("hidden", "{}", .deny("(hidden)"))
        try check("nowhere", "{}", .deny("(default deny)"))
        try check("no", "{}", .deny("/tools/no/action"))
        try check("t", #"{"a":2,"b":1,"c":1}"#, .deny("/tools/t/require/0"))
        try check("t", #"{"a":1,"b":1,"c":1}"#, .deny("/tools/t/deny_if/0"))
        try check("t", #"{"a":1,"b":2,"c":1}"#, .ask("/tools/t/approve_if/0"))
        try check("t", #"{"a":1,"b":2,"c":2}"#, .allow)
        // Asking comes before the limit; only a call that goes on is counted.
        try check("t", #"{"a":1,"b":2,"c":1}"#, .ask("/tools/t/approve_if/0"))
        try check("t", #"{"a":1,"b":2,"c":2}"#, .deny("/tools/t/limits/0"))
        #expect(denial(policy, try call("no"))?.message == "Not today.")
    }

    @Test func hiddenLooksLikeUnknown() throws {
        let policy = try policy(#"{"version":"1","default":"deny","hide":["h"],"tools":{"t":{}}}"#)
        let (hidden, unknown) = (
            try #require(denial(policy, try call("h"))), try #require(denial(policy, try call("u")))
        )
        #expect(hidden.message.replacing("\"h\"", with: "") == unknown.message.replacing("\"u\"", with: ""))
        #expect(hidden.agentRule == unknown.agentRule)
        #expect(hidden.rule == "(hidden)")
        #expect(unknown.message == Denial.unknownTool("u"))
    }

    /// The table of `deny_if`, `require` and `approve_if` against the four truths.
    @Test func threeValuedRules() throws {
        let rows: [(arguments: String, require: String, deny: String, ignore: String, ask: String)] = [
            (#"{"x":5}"#, "allow", "deny", "deny", "ask"), (#"{"x":1}"#, "deny", "allow", "allow", "allow"),
            ("{}", "deny", "allow", "allow", "allow"), (#"{"x":"5"}"#, "deny", "deny", "allow", "ask"),
        ]
        func entry(_ list: String, _ more: String = "") throws -> CompiledPolicy {
            try policy(
                #"{"version":"1","default":"deny","tools":{"t":{"\#(list)":[{"path":"args.x","op":"gt","value":3\#(more)}]}}}"#
            )
        }
        for row in rows {
            let call = try call("t", row.arguments)
            #expect(outcome(try entry("require"), call).word == row.require)
            #expect(outcome(try entry("deny_if"), call).word == row.deny)
            #expect(outcome(try entry("deny_if", #","on_error":"deny""#), call).word == row.deny)
            #expect(outcome(try entry("deny_if", #","on_error":"ignore""#), call).word == row.ignore)
            #expect(outcome(try entry("approve_if"), call).word == row.ask)
        }
    }

    /// Conditions of one rule are ANDed: one that certainly fails settles `deny_if`, whatever the others are.
    @Test func conditionsAreJoined() throws {
        let policy = try policy(
            #"{"version":"1","default":"deny","tools":{"t":{"deny_if":[{"conditions":[{"path":"args.x","op":"gt","value":3},{"path":"args.y","op":"eq","value":true}]}]}}}"#
        )
        let rows = [
            (#"{"x":5,"y":true}"#, "deny"), (#"{"x":5,"y":false}"#, "allow"), (#"{"x":"5","y":false}"#, "allow"),
            (#"{"x":"5","y":true}"#, "deny"), (#"{"x":"5"}"#, "allow"), (#"{"x":5}"#, "allow"),
            (#"{"x":1,"y":"true"}"#, "allow"),
            (#"{"x":5,"y":"true"}"#, "deny"),
        ]
        for (arguments, expected) in rows {
            #expect(outcome(policy, try call("t", arguments)).word == expected, "\(arguments)")
        }
    }

    @Test func emptyConditionsAlwaysHold() throws {
        func entry(_ list: String) throws -> Outcome {
            outcome(
                try policy(
                    #"{"version":"1","default":"deny","list":"all","tools":{"t":{"\#(list)":[{"conditions":[]}]}}}"#),
                try call("t"))
        }
        #expect(try entry("require") == .allow)
        #expect(try entry("deny_if") == .deny("/tools/t/deny_if/0"))
        #expect(try entry("approve_if") == .ask("/tools/t/approve_if/0"))
    }

    @Test func evidenceNamesConditionsAndNeverValues() throws {
        let policy = try policy(
            #"{"version":"1","default":"deny","tools":{"a/b~c":{"deny_if":[{"conditions":[{"path":"args.x","op":"eq","value":"geheim"},{"path":"len(args.y)","op":"gt","value":1}]}]}}}"#
        )
        let denial = try #require(denial(policy, try call("a/b~c", #"{"x":"geheim","y":7}"#)))
        #expect(denial.rule == "/tools/a~1b~0c/deny_if/0")
        #expect(denial.alias == "/tools/a~1b~0c/deny_if/args.x-eq")
        #expect(
            denial.evidence == [
                Evidence(condition: "/tools/a~1b~0c/deny_if/0/conditions/0", path: "args.x", result: "holds"),
                Evidence(
                    condition: "/tools/a~1b~0c/deny_if/0/conditions/1", path: "len(args.y)", result: "undetermined"),
            ])
        #expect(!denial.evidence.json.contains("geheim"))
        #expect(denial.policyName == "test" && denial.policyVersion == 3)
    }

    // MARK: Selectors

    @Test func everyMatchingEntryApplies() throws {
        let policy = try policy(
            #"""
            {"version":"1","default":"deny","tools":{
              "get_*":{"deny_if":[{"path":"args.x","op":"eq","value":1}]},
              "get_book":{"deny_if":[{"path":"args.x","op":"eq","value":2}]},
              "@read":{"deny_if":[{"path":"args.x","op":"eq","value":3}]},
              "*_book":{"deny_if":[{"path":"args.x","op":"eq","value":4}]}}}
            """#)
        let facts = ToolFacts(name: "get_book", category: .read)
        func rule(_ x: Int) throws -> Outcome { outcome(policy, try call("get_book", "{\"x\":\(x)}", facts: facts)) }
        #expect(try rule(1) == .deny("/tools/get_*/deny_if/0"))
        #expect(try rule(2) == .deny("/tools/get_book/deny_if/0"))
        #expect(try rule(3) == .deny("/tools/@read/deny_if/0"))
        #expect(try rule(4) == .deny("/tools/*_book/deny_if/0"))
        #expect(try rule(5) == .allow)
        #expect(outcome(policy, try call("get_", #"{"x":2}"#)) == .allow)
        #expect(outcome(policy, try call("put_car")) == .deny("(default deny)"))
        #expect(outcome(policy, try call("get_book\u{301}", #"{"x":4}"#)).word == "allow")
    }

    /// Document order decides which entry is named when several would deny.
    @Test func documentOrder() throws {
        for (entries, first) in [
            (#""*":{"action":"deny"},"t":{"action":"deny"}"#, "*"),
            (#""t":{"action":"deny"},"*":{"action":"deny"}"#, "t"),
        ] {
            let policy = try policy(#"{"version":"1","default":"deny","tools":{\#(entries)}}"#)
            #expect(outcome(policy, try call("t")) == .deny("/tools/\(first)/action"))
        }
    }

    @Test func globs() {
        let rows: [(String, String, Bool)] = [
            ("*", "", true), ("*", "anything", true), ("a*", "a", true), ("a*", "ba", false), ("*a", "ba", true),
            ("*a", "ab", false),
            ("a*b", "ab", true), ("a*b", "axxb", true), ("a*b", "a", false), ("a*a", "a", false), ("*x*", "axb", true),
            ("*x*y*", "axbyc", true), ("*x*y*", "aybxc", false), ("a**b", "ab", true), ("delete_*", "delete", false),
            ("*ab*ab", "ab", false), ("*ab*ab", "abab", true), ("é*", "éa", true),
        ]
        for (pattern, name, expected) in rows { #expect(Glob(pattern).matches(name) == expected, "\(pattern) \(name)") }
    }

    /// Names that only look alike are different tools.
    @Test func namesAreBytes() throws {
        let policy = try policy("{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"caf\u{e9}\":{}}}")
        #expect(outcome(policy, try call("caf\u{e9}")) == .allow)
        #expect(outcome(policy, try call("cafe\u{301}")) == .deny("(default deny)"))
        #expect(outcome(policy, try call("Caf\u{e9}")) == .deny("(default deny)"))
    }

    @Test func categoryOfUnclassifiedTool() throws {
        let policy = try policy(#"{"version":"1","default":"deny","hide":["@financial"],"tools":{"@read":{}}}"#)
        #expect(outcome(policy, try call("t")) == .deny("(default deny)"))
        #expect(outcome(policy, try call("t", facts: ToolFacts(name: "t", category: .read))) == .allow)
        #expect(outcome(policy, try call("t", facts: ToolFacts(name: "t", category: .financial))) == .deny("(hidden)"))
    }

    // MARK: Lists

    @Test func callableToolsAreListed() throws {
        func text(_ list: String) -> String {
            #"""
            {"version":"1","default":"deny","list":"\#(list)","hide":["h*"],"tools":{
              "free":{},"ruled":{"require":[{"path":"args.x","op":"eq","value":1}]},"denied":{"action":"deny"},
              "blocked":{"deny_if":[{"conditions":[]}]},"asks":{"action":"require_approval"},
              "label":{"require":[{"path":"grant.label","op":"eq","value":"demo"}]},
              "others":{"require":[{"path":"grant.label","op":"eq","value":"other"}]},
              "night":{"require":[{"path":"time.hour","op":"lt","value":6}]},
              "nightly":{"deny_if":[{"path":"server.name","op":"eq","value":"studio"}]},
              "shadowed":{"action":"deny","mode":"shadow"}}}
            """#
        }
        let callable = try policy(text("callable"))
        let listed = ["free", "ruled", "asks", "label", "night", "shadowed"]
        for name in listed { #expect(callable.lists(try call(name)), "\(name)") }
        for name in ["denied", "blocked", "others", "nightly", "unknown", "hidden"] {
            #expect(!callable.lists(try call(name)), "\(name)")
        }
        // Without a caller, what depends on one may pass.
        #expect(callable.lists(tool: ToolFacts(name: "others")))
        #expect(!callable.lists(tool: ToolFacts(name: "denied")))
        let all = try policy(text("all"))
        for name in ["denied", "unknown"] { #expect(all.lists(try call(name))) }
        #expect(!all.lists(try call("hidden")))
    }

    // MARK: Approvals

    @Test func approvals() throws {
        let policy = try policy(
            #"""
            {"version":"1","default":"deny","all_tools":{"approve_if":[{"path":"args.amount","op":"gt","value":100,"timeout":"2h","approvers":2,"on_deny":"Large."}]},
             "tools":{"pay":{"action":"require_approval","approve_if":[{"path":"args.vip","op":"eq","value":true,"timeout":"5m"}],"limits":[{"window":"day","max":1}]}}}
            """#)
        var quotas = QuotaWindows()
        func ask(_ arguments: String, _ approved: [String] = []) throws -> ApprovalRequest? {
            switch decide(try call("pay", arguments), policy: policy, quotas: &quotas, approved: approved) {
            case .ask(let request): return request
            case .permit: return nil
            case .denial: return nil
            }
        }
        let both = try #require(try ask(#"{"amount":200,"vip":true}"#))
        #expect(both.rules == ["/all_tools/approve_if/0", "/tools/pay/approve_if/0"])
        #expect(both.rule == "/all_tools/approve_if/0" && both.message == "Large.")
        #expect(both.timeout == .minutes(5) && both.approvers == 2)
        // The first rule that holds asks for its entry; the action asks when none does.
        let plain = try #require(try ask(#"{"amount":1,"vip":false}"#))
        #expect(plain.rules == ["/tools/pay/action"] && plain.timeout == .minutes(15) && plain.approvers == 1)
        // Granting one of two is not enough, and a grant for another rule is none.
        #expect(try ask(#"{"amount":200,"vip":true}"#, ["/all_tools/approve_if/0"])?.rule == "/tools/pay/approve_if/0")
        #expect(try ask(#"{"amount":1}"#, ["/all_tools/approve_if/0"]) != nil)
        #expect(
            outcome(policy, try call("pay", #"{"amount":200,"vip":true}"#), &quotas, approved: both.rules) == .allow)
        // Limits still come after an approval.
        #expect(
            outcome(policy, try call("pay", #"{"amount":200,"vip":true}"#), &quotas, approved: both.rules)
                == .deny("/tools/pay/limits/0"))
    }

    // MARK: Shadow

    @Test func shadowModeLetsThroughAndSaysSo() throws {
        func text(_ mode: String) -> String {
            #"""
            {"version":"1","default":"deny","mode":"\#(mode)","hide":["h"],"tools":{
              "t":{"require":[{"path":"args.a","op":"eq","value":1}],"limits":[{"window":"minute","max":2}]},
              "h":{},"strict":{"mode":"enforce","action":"deny"}}}
            """#
        }
        let (enforced, shadowed) = (try policy(text("enforce")), try policy(text("shadow")))
        var (first, second) = (QuotaWindows(), QuotaWindows())
        for (tool, arguments) in [
            ("h", "{}"), ("u", "{}"), ("t", "{}"), ("t", #"{"a":1}"#), ("t", "{}"), ("t", #"{"a":1}"#),
            ("t", #"{"a":1}"#), ("t", #"{"a":2}"#),
        ] {
            let call = try call(tool, arguments)
            let real = outcome(enforced, call, &first)
            let shadow = outcome(shadowed, call, &second)
            #expect(shadow == (real.word == "deny" ? .shadow(real.rule) : real))
        }
        // An entry's own mode wins over the document's.
        #expect(outcome(shadowed, try call("strict")) == .deny("/tools/strict/action"))
        #expect(!shadowed.lists(try call("strict")))
        #expect(shadowed.lists(try call("u")))
        #expect(!shadowed.lists(try call("h")))
    }

    /// A full limit in shadow mode neither stops a call nor keeps other limits from counting it.
    @Test func shadowLimits() throws {
        let policy = try policy(
            #"""
            {"version":"1","default":"deny","all_tools":{"limits":[{"counter":"all","window":"minute","max":3}]},
             "tools":{"t":{"mode":"shadow","limits":[{"counter":"t","window":"minute","max":1}]}}}
            """#)
        var quotas = QuotaWindows()
        let call = try call("t")
        #expect(outcome(policy, call, &quotas) == .allow)
        #expect(outcome(policy, call, &quotas) == .shadow("/tools/t/limits/0"))
        #expect(outcome(policy, call, &quotas) == .shadow("/tools/t/limits/0"))
        #expect(outcome(policy, call, &quotas) == .deny("/all_tools/limits/0"))
    }

    // MARK: Limits

    @Test func scopesKeepApart() throws {
        func text(_ scope: String, _ counter: String = #""counter":"c","#) -> String {
            #"{"version":"1","default":"allow","tools":{"t":{"limits":[{\#(counter)"window":"minute","max":1,"scope":"\#(scope)"}]}}}"#
        }
        let other = GrantFacts(id: "g2", label: "demo", identity: "alice")
        let bob = GrantFacts(id: "g3", label: "demo", identity: "bob")
        let variants: [(String, CallFacts)] = [
            ("session", try call("t", session: "s2")), ("grant", try call("t", grant: other)),
            ("identity", try call("t", grant: bob)),
            ("server", try call("t", server: "else")), ("grant+session", try call("t", grant: other, session: "s2")),
            ("everything", try call("t", grant: bob, session: "s2", server: "else")),
        ]
        let passes: [String: Set<String>] = [
            "grant": ["grant", "identity", "server", "grant+session", "everything"],
            "session": ["session", "server", "grant+session", "everything"],
            "identity": ["identity", "everything"], "server": ["server", "everything"], "global": [],
        ]
        for (scope, expected) in passes {
            let policy = try policy(text(scope))
            for (name, variant) in variants {
                var quotas = QuotaWindows()
                #expect(outcome(policy, try call("t"), &quotas) == .allow)
                #expect(
                    outcome(policy, variant, &quotas).word == (expected.contains(name) ? "allow" : "deny"),
                    "\(scope) \(name)")
            }
        }
        // Counters without a name mean nothing on another server.
        for scope in ["identity", "global"] {
            let policy = try policy(text(scope, ""))
            var quotas = QuotaWindows()
            #expect(outcome(policy, try call("t"), &quotas) == .allow)
            #expect(outcome(policy, try call("t", server: "else"), &quotas) == .allow)
            #expect(outcome(policy, try call("t", grant: other), &quotas).word == "deny")
        }
        // What can't be counted is denied.
        let nobody = GrantFacts(id: "g4", label: "x", identity: nil)
        #expect(outcome(try policy(text("identity")), try call("t", grant: nobody)) == .deny("/tools/t/limits/0"))
        #expect(outcome(try policy(text("session")), try call("t", session: nil)) == .deny("/tools/t/limits/0"))
    }

    @Test func changingMaxKeepsTheCount() throws {
        func text(_ max: Int, _ window: String = "minute") -> String {
            #"{"version":"1","default":"deny","tools":{"t":{"limits":[{"counter":"c","window":"\#(window)","max":\#(max)}]}}}"#
        }
        var quotas = QuotaWindows()
        let call = try call("t")
        for _ in 0..<3 { #expect(outcome(try policy(text(3)), call, &quotas) == .allow) }
        #expect(outcome(try policy(text(2)), call, &quotas).word == "deny")
        #expect(outcome(try policy(text(4)), call, &quotas) == .allow)
        #expect(outcome(try policy(text(4)), call, &quotas).word == "deny")
        // 60s is the same window as a minute; an hour is another.
        #expect(outcome(try policy(text(4, "60s")), call, &quotas).word == "deny")
        #expect(outcome(try policy(text(4, "hour")), call, &quotas) == .allow)
    }

    @Test func allLimitsOrNone() throws {
        let policy = try policy(
            #"""
            {"version":"1","default":"deny","all_tools":{"limits":[{"counter":"all","window":"hour","max":3}]},
             "tools":{"a":{"limits":[{"counter":"a","window":"minute","max":1}]},"b":{}}}
            """#)
        var quotas = QuotaWindows()
        #expect(outcome(policy, try call("a"), &quotas) == .allow)
        for _ in 0..<5 { #expect(outcome(policy, try call("a"), &quotas) == .deny("/tools/a/limits/0")) }
        // The denied calls took nothing of the common counter.
        #expect(outcome(policy, try call("b"), &quotas) == .allow)
        #expect(outcome(policy, try call("b"), &quotas) == .allow)
        let last = try #require(denial(policy, try call("b", at: .seconds(1)), &quotas))
        #expect(last.rule == "/all_tools/limits/0" && last.alias == "/all_tools/limits/all")
        #expect(last.retryAfterMs == 3_599_000 && last.limit == "3" && last.remaining == "0")
    }

    @Test func rateLimitCountsBySession() throws {
        let policy = try policy(#"{"version":"1","default":"deny","tools":{"t":{"rate_limit":{"max":2,"window":60}}}}"#)
        var quotas = QuotaWindows()
        for _ in 0..<2 { #expect(outcome(policy, try call("t"), &quotas) == .allow) }
        #expect(outcome(policy, try call("t"), &quotas) == .deny("/tools/t/rate_limit"))
        #expect(outcome(policy, try call("t", session: "s2"), &quotas) == .allow)
        #expect(outcome(policy, try call("t", at: .seconds(60)), &quotas) == .allow)
    }

    @Test func standingsOfAPermit() throws {
        let policy = try policy(
            #"{"version":"1","default":"deny","tools":{"t":{"limits":[{"counter":"c","window":"minute","max":2.5,"cost":"args.n"}]}}}"#
        )
        var quotas = QuotaWindows()
        switch decide(try call("t", #"{"n":0.75}"#), policy: policy, quotas: &quotas) {
        case .permit(let permit):
            #expect(
                permit.standings == [
                    LimitStanding(
                        rule: "/tools/t/limits/0", alias: "/tools/t/limits/c", limit: "2.5", remaining: "1.75",
                        windowMilliseconds: 60_000)
                ])
            #expect(permit.reservations.count == 1)
            #expect(permit.reservations.first?.key.owner == "g1")
            quotas.release(permit.forwarded())
        case .denial(let denial): Issue.record("\(denial)")
        case .ask(let request): Issue.record("\(request)")
        }
        #expect(outcome(policy, try call("t", #"{"n":2.5}"#), &quotas) == .allow)
    }

    // MARK: Totality

    @Test func argumentsThatAreNoObject() throws {
        for mode in ["enforce", "shadow"] {
            let policy = try policy(#"{"version":"1","default":"allow","mode":"\#(mode)"}"#)
            for arguments in ["[]", "\"x\"", "1", "null", "true"] {
                #expect(outcome(policy, try call("t", arguments)) == .deny("(invalid arguments)"))
            }
        }
    }

    @Test func budgetEndsHugeCalls() throws {
        let values = (0..<500).map { "\"v\($0)\"" }.joined(separator: ",")
        let policy = try policy(
            #"{"version":"1","default":"deny","mode":"shadow","tools":{"t":{"deny_if":[{"path":"args.x[*][*]","op":"in","value":[\#(values)]}]}}}"#
        )
        let row = "[" + Array(repeating: "\"none\"", count: 100).joined(separator: ",") + "]"
        let arguments = "{\"x\":[" + Array(repeating: row, count: 100).joined(separator: ",") + "]}"
        #expect(outcome(policy, try call("t", arguments)) == .deny("(budget)"))
        let long = try self.policyContaining(String(repeating: "a", count: 1_000) + "b")
        let text = "{\"x\":\"" + String(repeating: "a", count: 2_000_000) + "\"}"
        #expect(outcome(long, try call("t", text)) == .deny("(budget)"))
    }

    private func policyContaining(_ text: String) throws -> CompiledPolicy {
        try policy(
            #"{"version":"1","default":"deny","tools":{"t":{"deny_if":[{"path":"args.x","op":"contains","value":"\#(text)"}]}}}"#
        )
    }

    @Test func absurdToolNames() throws {
        let policy = try policy(#"{"version":"1","default":"allow"}"#)
        #expect(outcome(policy, try call(String(repeating: "x", count: 2_000))).word == "deny")
        #expect(outcome(policy, try call("")) == .allow)
    }

    @Test func unavailableCountersDeny() throws {
        struct Broken: QuotaLedger {
            mutating func reserve(_ requests: [QuotaRequest], at now: Instant) -> QuotaAnswer { .unavailable }
            mutating func release(_ records: [ReservationRecord]) {}
        }
        let policy = try policy(
            #"{"version":"1","default":"deny","tools":{"t":{"limits":[{"window":"minute","max":1}]},"free":{}}}"#)
        var broken = Broken()
        #expect(Outcome(decide(try call("t"), policy: policy, quotas: &broken)) == .deny("(counters unavailable)"))
        #expect(Outcome(decide(try call("free"), policy: policy, quotas: &broken)) == .allow)
    }
}
