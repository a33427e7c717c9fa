import Base
import JSON
import Testing

@testable import Policy

/// Resources, prompts and what a server asks of the client, judged like tools but never mistaken for them.
struct SubjectTests {
    private func policy(_ text: String) throws -> CompiledPolicy {
        let load = PolicyDocument.load(Array(text.utf8), name: "p", version: 1)
        return try #require(load.policy, "\(load.errors.map(\.message))")
    }

    private func facts(_ subject: Subject, _ name: String, _ arguments: String = "{}") throws -> CallFacts {
        CallFacts(
            subject: subject, tool: subject.selectorName(of: name),
            arguments: try JSONDocument.parse(Array(arguments.utf8)).root, server: "s",
            grant: GrantFacts(id: "g", label: "g", identity: nil), session: "s1", now: Instant(microseconds: 0))
    }

    /// The rule that denies, or "allow".
    private func outcome(_ text: String, _ subject: Subject, _ name: String, _ arguments: String = "{}") throws
        -> String
    {
        var quotas = QuotaWindows()
        switch decide(try facts(subject, name, arguments), policy: try policy(text), quotas: &quotas) {
        case .permit(let permit):
            _ = permit.forwarded()
            return "allow"
        case .denial(let denial): return denial.rule
        case .ask: return "ask"
        }
    }

    @Test(arguments: [
        // A pattern of tools says nothing of anything else.
        (#"{"version":"1","default":"deny","tools":{"*":{}}}"#, Subject.resource, "file:///a", "(default deny)"),
        (#"{"version":"1","default":"deny","tools":{"*":{}}}"#, .prompt, "greet", "(default deny)"),
        (#"{"version":"1","default":"deny","tools":{"*":{}}}"#, .client, "sampling", "(default deny)"),
        (#"{"version":"1","default":"deny","tools":{"*":{}}}"#, .tool, "t", "allow"),
        // A wide pattern of a subject says nothing of tools.
        (#"{"version":"1","default":"deny","tools":{"resource:*":{}}}"#, .resource, "file:///a", "allow"),
        (#"{"version":"1","default":"deny","tools":{"resource:*":{}}}"#, .tool, "t", "(default deny)"),
        (#"{"version":"1","default":"deny","tools":{"resource:*":{}}}"#, .tool, "resource:t", "(default deny)"),
        (#"{"version":"1","default":"allow","tools":{}}"#, .tool, "resource:t", "(default deny)"),
        (
            #"{"version":"1","default":"deny","tools":{"resource:file:///pub/*":{}}}"#, .resource, "file:///pub/x",
            "allow"
        ),
        (
            #"{"version":"1","default":"deny","tools":{"resource:file:///pub/*":{}}}"#, .resource, "file:///etc",
            "(default deny)"
        ),
        (
            #"{"version":"1","default":"allow","hide":["resource:file:///etc*"]}"#, .resource, "file:///etc/x",
            "(hidden)"
        ),
        (#"{"version":"1","default":"allow","hide":["*"]}"#, .resource, "file:///etc/x", "allow"),
        (#"{"version":"1","default":"allow","hide":["prompt:g*"]}"#, .prompt, "greet", "(hidden)"),
        // What a server asks of the client has to be listed, whatever the default and the mode.
        (#"{"version":"1","default":"allow"}"#, .resource, "x:y", "allow"),
        (#"{"version":"1","default":"allow"}"#, .client, "elicitation", "(default deny)"),
        (#"{"version":"1","default":"allow","mode":"shadow"}"#, .client, "elicitation", "(default deny)"),
        (#"{"version":"1","default":"allow","tools":{"client:elicitation":{}}}"#, .client, "elicitation", "allow"),
        (#"{"version":"1","default":"allow","tools":{"client:*":{}}}"#, .client, "roots", "allow"),
        (
            #"{"version":"1","default":"allow","tools":{"client:elicitation":{}}}"#, .client, "sampling",
            "(default deny)"
        ),
    ])
    func selectors(_ text: String, _ subject: Subject, _ name: String, _ rule: String) throws {
        #expect(try outcome(text, subject, name) == rule)
    }

    @Test func conditionsSeeTheParameters() throws {
        let text = #"""
            {"version":"1","default":"deny","tools":{"client:sampling":{"require":[{"conditions":[
              {"path":"args.maxTokens","op":"lte","value":100}]}]}}}
            """#
        #expect(try outcome(text, .client, "sampling", #"{"maxTokens":100}"#) == "allow")
        #expect(try outcome(text, .client, "sampling", #"{"maxTokens":101}"#).hasSuffix("/require/0"))
        #expect(try outcome(text, .client, "sampling").hasSuffix("/require/0"))
    }

    @Test func limitsCount() throws {
        let policy = try policy(
            #"{"version":"1","default":"deny","tools":{"prompt:*":{"rate_limit":{"max":1,"window":60}}}}"#)
        var quotas = QuotaWindows()
        guard case .permit(let permit) = decide(try facts(.prompt, "a"), policy: policy, quotas: &quotas) else {
            Issue.record("denied")
            return
        }
        _ = permit.forwarded()
        guard case .denial = decide(try facts(.prompt, "b"), policy: policy, quotas: &quotas) else {
            Issue.record("allowed")
            return
        }
    }

    @Test func unknownArgumentsAreAMatterOfTools() throws {
        let text = #"{"version":"1","default":"allow","arguments":{"unknown":"deny"}}"#
        #expect(try outcome(text, .resource, "x:y", #"{"uri":"x:y"}"#) == "allow")
    }

    @Test func misspeltRequestsToTheClientAreRefused() throws {
        let load = PolicyDocument.load(
            Array(#"{"version":"1","default":"deny","tools":{"client:samplin":{}}}"#.utf8), name: "p", version: 1)
        #expect(load.policy == nil)
        #expect(load.errors.first?.suggestion == "client:sampling")
    }

    @Test func listsShowWhatCouldPass() throws {
        let policy = try policy(#"{"version":"1","default":"deny","tools":{"resource:a:*":{},"client:roots":{}}}"#)
        #expect(policy.lists(try facts(.resource, "a:1")))
        #expect(!policy.lists(try facts(.resource, "b:1")))
        #expect(policy.lists(try facts(.client, "roots")))
        #expect(!policy.lists(try facts(.client, "sampling")))
        #expect(!policy.lists(try facts(.tool, "resource:a:1")))
    }

    @Test(arguments: [
        ("file:///a/b", true), ("test://template/a%2Fb/data?q=..", true),
        ("test://with%20spaces/%C3%A4?q=1#part", true),
        ("urn:isbn:0451450523", true), ("a://b//c", true), ("notes", true), ("FILE:///a", false), ("file:////a", false),
        ("file://localhost/a", false), ("file:///a//b", false), ("file:///%61", false), ("file:///a%c3", false),
        ("file:///a/../b", false), ("file:///a/.", false), ("file:///a%2e%2e/b", false), ("file:///a%", false),
        ("http://Example.org/a", false), (#"file:///a\b"#, false), ("file:/etc/secret", false),
        ("file:etc/secret", false), (" file:///etc/secret", false), ("file:///e\tc/secret", false),
        ("file:///a?x", false), ("file:///a#x", false), ("file:///\u{E4}", false), ("file:///{path}", true),
        ("https://a.example/b?q=1", true), ("https://a.example:8443/b", true), ("https://[2001:db8::1]/b", true),
        ("https://127.0.0.1/", true), ("https://a.example", false), ("https:/a.example/b", false),
        ("https:a.example/b", false), ("https:///a.example/b", false), ("https://a.example:443/b", false),
        ("https://a.example:/b", false), ("https://@a.example/b", false), ("https://a\u{3002}example/b", false),
        ("https://a.\u{FF45}xample/b", false), ("https://a.example./b", false), ("https://a.example/b#x", false),
        ("\u{1}https://a.example/b", false), ("http://0x7f.1/", false), ("http://127.1/", false),
        ("http://[2001:DB8::1]/", false), ("ftp://a.example:21/b", false), ("1a:b", false), (":b", false),
    ])
    func uriSpellings(_ uri: String, _ isNormal: Bool) throws {
        #expect(ResourceURI.isNormal(uri) == isNormal)
        #expect(try policy(#"{"version":"1","default":"allow"}"#).canJudge(resource: uri))
        let careful = try policy(#"{"version":"1","default":"allow","hide":["resource:file:///a*"]}"#)
        #expect(careful.canJudge(resource: uri) == isNormal)
    }

    @Test func whatIsShownIsNotAlwaysInReach() throws {
        let policy = try policy(
            #"""
            {"version":"1","default":"deny","list":"all","tools":{
              "resource:a:*":{"require":[{"conditions":[{"path":"args.uri","op":"starts_with","value":"a:1"}]}]},
              "prompt:asks":{"action":"require_approval"},"prompt:free":{}}}
            """#)
        #expect(policy.lists(try facts(.resource, "b:1")))
        #expect(!policy.reaches(try facts(.resource, "b:1")))
        #expect(policy.reaches(try facts(.resource, "a:1", #"{"uri":"a:1"}"#)))
        #expect(!policy.reaches(try facts(.resource, "a:2", #"{"uri":"a:2"}"#)))
        #expect(!policy.reaches(try facts(.prompt, "asks")))
        #expect(policy.reaches(try facts(.prompt, "free")))
    }
}
