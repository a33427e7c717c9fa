import JSON
import Support
import Testing

@testable import Policy

/// Faulty documents, and exactly what the user sees for each: Tests/PolicyCases/problems.golden.txt.
@Suite struct ProblemTests {
    /// A document with this tool entry.
    static func entry(_ text: String) -> String {
        "{\n  \"version\": \"1\",\n  \"default\": \"deny\",\n  \"tools\": {\n    \"t\": \(text)\n  }\n}"
    }

    static func condition(_ text: String) -> String { entry("{ \"require\": [ { \"conditions\": [ \(text) ] } ] }") }
    static func limit(_ text: String) -> String { entry("{ \"limits\": [ \(text) ] }") }
    static func top(_ text: String) -> String { "{ \"version\": \"1\", \"default\": \"deny\", \(text) }" }

    static let documents: [String] = [
        // The text
        "", "   ", "{", "[]", "\"policy\"", "{ \"version\": \"1\", }", "{ 'version': '1' }", "\u{feff}{}", "{} {}",
        "{ \"version\": \"1\", \"default\": \"deny\", \"default\": \"allow\" }",
        entry("{ \"require\": [], \"require\": [], \"limits\": 1 }"),
        "{ \"version\": \"1\", \"default\": \"deny\", \"tools\": { \"a\": {}, \"b\": {\n }, \"a\": { \"x\": [1, \"}\"] } }, \"a\": 1, \"a\": 2 }",
        top("\"description\": \"\\ud800\""), String(repeating: "[", count: 70),
        // The shape
        "{}", "{ \"version\": \"1\" }", "{ \"default\": \"deny\" }", "{ \"version\": 1, \"default\": \"deny\" }",
        "{ \"version\": \"2\", \"default\": \"deny\" }", "{ \"version\": \"1\", \"default\": \"Deny\" }",
        "{ \"version\": \"1\", \"default\": true }",
        "{ \"Version\": \"1\", \"version\": \"1\", \"default\": \"deny\" }",
        top("\"tool\": {}"), top("\"mode\": \"audit\""), top("\"mode\": \"shadw\""), top("\"list\": \"none\""),
        top("\"hide\": \"delete_*\""), top("\"hide\": [1, \"\", \"@destructiv\"]"), top("\"description\": 7"),
        top("\"arguments\": { \"schema\": \"on\", \"unknown\": \"denied\", \"extra\": 1 }"), top("\"arguments\": []"),
        top("\"all_tools\": []"), top("\"all_tools\": { \"limit\": [] }"), top("\"tools\": []"),
        top("\"tools\": { \"\": {}, \"@admin\": {}, \"ok\": null }"),
        // Entries and rules
        entry("{ \"requires\": [] }"), entry("{ \"action\": \"block\" }"), entry("{ \"action\": \"approve\" }"),
        entry("{ \"reason\": \"why\" }"), entry("{ \"action\": \"deny\", \"reason\": 1, \"require\": [] }"),
        entry("{ \"require\": {} }"), entry("{ \"require\": [ 1, \"x\" ] }"), entry("{ \"require\": [ {} ] }"),
        entry("{ \"require\": [ { \"on_deny\": \"x\" } ] }"),
        entry("{ \"require\": [ { \"conditions\": {} } ] }"),
        entry("{ \"deny_if\": [ { \"conditions\": [], \"on_error\": \"allow\" } ] }"),
        entry("{ \"require\": [ { \"conditions\": [], \"on_error\": \"ignore\" } ] }"),
        entry("{ \"require\": [ { \"conditions\": [], \"path\": \"args.x\", \"op\": \"eq\", \"value\": 1 } ] }"),
        entry("{ \"approve_if\": [ { \"conditions\": [], \"timeout\": \"soon\", \"approvers\": 0 } ] }"),
        entry("{ \"approve_if\": [ { \"conditions\": [], \"timeout\": \"60d\", \"approvers\": 1.5 } ] }"),
        entry("{ \"require\": [ { \"conditions\": [], \"timeout\": \"5m\" } ] }"),
        entry("{ \"mode\": \"off\" }"),
        // Conditions
        condition("{}"), condition("{ \"path\": \"args.x\", \"op\": \"eq\" }"),
        condition("{ \"path\": 1, \"op\": 2, \"value\": 3 }"),
        condition("{ \"path\": \"args.x\", \"op\": \"equals\", \"value\": 1 }"),
        condition("{ \"path\": \"args.x\", \"op\": \"notin\", \"value\": [] }"),
        condition("{ \"path\": \"arg.x\", \"op\": \"eq\", \"value\": 1 }"),
        condition("{ \"path\": \"\", \"op\": \"eq\", \"value\": 1 }"),
        condition("{ \"path\": \"args.\", \"op\": \"eq\", \"value\": 1 }"),
        condition("{ \"path\": \"args..x\", \"op\": \"eq\", \"value\": 1 }"),
        condition("{ \"path\": \"args.*\", \"op\": \"eq\", \"value\": 1 }"),
        condition("{ \"path\": \"args[x]\", \"op\": \"eq\", \"value\": 1 }"),
        condition("{ \"path\": \"args[01]\", \"op\": \"eq\", \"value\": 1 }"),
        condition("{ \"path\": \"args[\\\"a]\", \"op\": \"eq\", \"value\": 1 }"),
        condition("{ \"path\": \"args[0\", \"op\": \"eq\", \"value\": 1 }"),
        condition("{ \"path\": \"length(args.x)\", \"op\": \"eq\", \"value\": 1 }"),
        condition("{ \"path\": \"len(args.x\", \"op\": \"eq\", \"value\": 1 }"),
        condition("{ \"path\": \"len(lower(args.x))\", \"op\": \"eq\", \"value\": 1 }"),
        condition("{ \"path\": \"len(args.x).y\", \"op\": \"eq\", \"value\": 1 }"),
        condition("{ \"path\": \"tool\", \"op\": \"eq\", \"value\": 1 }"),
        condition("{ \"path\": \"tool.nam\", \"op\": \"eq\", \"value\": 1 }"),
        condition("{ \"path\": \"grant.label.x\", \"op\": \"eq\", \"value\": 1 }"),
        condition("{ \"path\": \"client.name\", \"op\": \"eq\", \"value\": \"good\" }"),
        condition("{ \"path\": \"args.x\", \"op\": \"lt\", \"value\": true }"),
        condition("{ \"path\": \"args.x\", \"op\": \"in\", \"value\": \"a\" }"),
        condition("{ \"path\": \"args.x\", \"op\": \"in\", \"value\": [] }"),
        condition("{ \"path\": \"args.x\", \"op\": \"exists\", \"value\": \"true\" }"),
        condition("{ \"path\": \"len(args.x)\", \"op\": \"exists\", \"value\": true }"),
        condition("{ \"path\": \"args.x\", \"op\": \"regex\", \"value\": 5 }"),
        condition("{ \"path\": \"args.x\", \"op\": \"regex\", \"value\": \"(a\" }"),
        condition("{ \"path\": \"args.x\", \"op\": \"regex\", \"value\": \"(?=a)\" }"),
        condition("{ \"path\": \"args.x\", \"op\": \"regex\", \"value\": \"(a)\\\\1\" }"),
        condition(
            "{ \"path\": \"args.x\", \"op\": \"regex\", \"value\": \"\(String(repeating: "a", count: 1_025))\" }"),
        condition("{ \"path\": \"args.x\", \"op\": \"starts_with\", \"value\": null }"),
        condition("{ \"path\": \"args.x\", \"op\": \"path_within\", \"value\": \"/srv\" }"),
        condition(
            "{ \"path\": \"args.x\", \"op\": \"path_within\", \"value\": [\"/srv\", \"~/x\", \"../x\", 3, \"\"] }"),
        condition(
            "{ \"path\": \"args.x\", \"op\": \"cidr_in\", \"value\": [\"10.0.0.0/8\", \"10.0.0.1/8\", \"10.0.0.0/33\", \"ten\", \"::/129\"] }"
        ),
        condition("{ \"path\": \"args.x\", \"op\": \"eq\", \"value\": 1, \"each\": \"some\" }"),
        condition("{ \"path\": \"args.x\", \"op\": \"eq\", \"value\": 1, \"each\": \"any\" }"),
        condition("{ \"path\": \"args.x\", \"op\": \"eq\", \"value\": 1, \"valu\": 2 }"),
        condition(
            "{ \"path\": \"args.x\", \"op\": \"in\", \"value\": [\(Array(repeating: "1", count: 1_025).joined(separator: ","))] }"
        ),
        // Limits
        limit("{}"), limit("{ \"max\": 0, \"window\": \"minute\" }"), limit("{ \"max\": -1, \"window\": \"minute\" }"),
        limit("{ \"max\": \"10\", \"window\": \"minute\" }"), limit("{ \"max\": 1, \"window\": \"month\" }"),
        limit("{ \"max\": 1, \"window\": \"minutes\" }"),
        limit("{ \"max\": 1, \"window\": 0 }"), limit("{ \"max\": 1, \"window\": 1.5 }"),
        limit("{ \"max\": 1, \"window\": \"0s\" }"),
        limit("{ \"max\": 1, \"window\": \"400d\" }"), limit("{ \"max\": 1, \"window\": [] }"),
        limit("{ \"max\": 1, \"window\": \"minute\", \"scope\": \"user\" }"),
        limit("{ \"max\": 1, \"window\": \"minute\", \"scope\": \"grants\" }"),
        limit("{ \"max\": 1, \"window\": \"minute\", \"algorithm\": \"fixed\" }"),
        limit("{ \"max\": 1, \"window\": \"90m\", \"algorithm\": \"calendar\" }"),
        limit("{ \"max\": 1, \"window\": \"7m\", \"algorithm\": \"calendar\" }"),
        limit("{ \"max\": 1, \"window\": \"minute\", \"counter\": \"\" }"),
        limit("{ \"max\": 1, \"window\": \"minute\", \"cost\": \"tool.name\" }"),
        limit("{ \"max\": 1, \"window\": \"minute\", \"cost\": \"args.x[*]\" }"),
        limit("{ \"max\": 1, \"window\": \"minute\", \"cost\": \"len(args.x)\" }"),
        limit("{ \"max\": 1, \"window\": \"minute\", \"cost\": \"args.x\", \"increment_from\": \"args.y\" }"),
        limit("{ \"max\": 1, \"window\": \"minute\", \"cost\": 5 }"),
        limit(
            "{ \"max\": 1, \"window\": \"minute\", \"counter\": \"c\" }, { \"max\": 2, \"window\": \"hour\", \"scope\": \"session\", \"counter\": \"c\" }"
        ),
        limit("{ \"max\": 1e39, \"window\": \"minute\" }"), entry("{ \"rate_limit\": \"10/minute\" }"),
        entry("{ \"rate_limit\": { \"max\": 10 } }"),
        entry("{ \"rate_limit\": { \"max\": 10, \"window\": 60, \"scope\": \"grant\" } }"),
        // Oddities
        top("\"hide\": [\"t\", \"t\"], \"tools\": { \"t\": {}, \"tt\": {} }"),
        top("\"hide\": [\"*\"], \"tools\": { \"t*\": {}, \"@read\": {} }"),
        "{ \"version\": \"1\", \"default\": \"allow\", \"hide\": [\"*\"] }",
        "{ \"version\": \"1\", \"default\": \"allow\", \"hide\": [\"*\", \"resource:*\"] }",
        "{ \"version\": \"1\", \"default\": \"allow\", \"tools\": { \"*\": { \"action\": \"deny\" } } }",
        "{ \"version\": \"1\", \"default\": \"allow\", \"hide\": \"*\" }",
        condition("{ \"path\": \"args.x\", \"op\": \"neq\", \"value\": null }"),
        condition("{ \"path\": \"host(args.x)\", \"op\": \"eq\", \"value\": \"EXAMPLE.com\" }"),
        condition("{ \"path\": \"type(args.x)\", \"op\": \"in\", \"value\": [\"string\", \"Number\"] }"),
        condition("{ \"path\": \"time.hour\", \"op\": \"gt\", \"value\": 24 }"),
        condition("{ \"path\": \"args.x\", \"op\": \"path_within\", \"value\": [] }"),
        condition("{ \"path\": \"args.x\", \"op\": \"not_cidr_in\", \"value\": [] }"),
        condition(
            "{ \"path\": \"args.x\", \"op\": \"lt\", \"value\": 5 }, { \"path\": \"args.x\", \"op\": \"gt\", \"value\": 10 }"
        ),
        entry(
            "{ \"require\": [ { \"path\": \"args.x\", \"op\": \"in\", \"value\": [\"a\", \"b\"] }, { \"path\": \"args.x\", \"op\": \"regex\", \"value\": \"^c\" } ] }"
        ),
        "{ \"version\": \"1\", \"default\": \"allow\", \"tools\": { \"t\": {} } }",
        top(
            "\"tools\": { \"delete_*\": { \"action\": \"deny\" }, \"delete_draft\": {}, \"@read\": {}, \"delete_it\": { \"action\": \"deny\" } }"
        ),
        top("\"all_tools\": { \"deny_if\": [ { \"conditions\": [] } ] }, \"tools\": { \"t\": {}, \"@read\": {} }"),
        top("\"tools\": { \"*\": { \"action\": \"deny\" }, \"resource:*\": {}, \"client:sampel\": {}, \"a*\": {} }"),
        top("\"hide\": [\"*\"], \"tools\": { \"resource:*\": {}, \"client:*\": {}, \"prompt:x\": {}, \"t\": {} }"),
        top("\"mode\": \"shadow\", \"all_tools\": { \"action\": \"deny\" }, \"tools\": { \"t\": {} }"),
        entry("{ \"deny_if\": [ { \"path\": \"args.amount\", \"op\": \"gt\", \"value\": 100 } ] }"),
        entry(
            "{ \"require\": [ { \"path\": \"args.amount\", \"op\": \"gt\", \"value\": 0 } ], \"deny_if\": [ { \"path\": \"args.amount\", \"op\": \"gt\", \"value\": 100 } ] }"
        ),
        entry(
            "{\n \"require\": [ { \"conditions\": [ { \"path\": \"args.x\", \"op\": \"eqq\", \"value\": 1 } ], \"on_denny\": 1 } ],\n \"limits\": [ { \"window\": \"minut\", \"max\": 0 } ],\n \"acton\": \"deny\" }"
        ),
    ]

    @Test func everyMessageIsAsReviewed() throws {
        #expect(Self.documents.count >= 60)
        var text = ""
        for document in Self.documents {
            let load = PolicyDocument.load(Array(document.utf8), name: "p", version: 1)
            let shown = document.utf8.count > 400 ? "\(document.prefix(100)) … \(document.utf8.count) bytes" : document
            text += "=== \(shown)\n"
            for problem in load.problems { text += problem.text(file: "p.json") + "\n" }
            text += load.policy == nil ? "-> refused\n\n" : "-> accepted\n\n"
        }
        let difference = try Golden.difference(text, "Tests/PolicyCases/problems.golden.txt")
        #expect(difference == nil)
    }

    /// Against a server's tools, each with its place in the text.
    @Test func namesThatTheServerDoesNotHave() throws {
        let text = """
            {
              "version": "1", "default": "deny",
              "hide": ["delete_*", "get_bok"],
              "tools": {
                "get_book": {},
                "list_*": {}, "@read": {},
                "set_book": {}, "resource:file:///*": {}
              }
            }
            """
        let policy = try #require(PolicyDocument.load(Array(text.utf8), name: "p", version: 1).policy)
        let tools = [ToolFacts(name: "get_book", category: .read), ToolFacts(name: "get_book_list")]
        #expect(
            policy.problems(against: tools, in: Array(text.utf8)).map { $0.text(file: "p") } == [
                "p:3:12: warning: no tool of the server matches `delete_*` (policy.unmatched_selector, at /hide/0)",
                "p:3:24: warning: the server has no tool `get_bok` (policy.unknown_tool, at /hide/1); did you mean `get_book`?",
                "p:6:5: warning: no tool of the server matches `list_*` (policy.unmatched_selector, at /tools/list_*)",
                "p:7:5: warning: the server has no tool `set_book` (policy.unknown_tool, at /tools/set_book); did you mean `get_book`?",
            ])
    }

    @Test func largeDocuments() {
        func codes(_ text: String) -> [String] {
            PolicyDocument.load(Array(text.utf8), name: "p", version: 1).errors.map(\.code)
        }
        let filler = String(repeating: " ", count: 256 << 10)
        #expect(codes(Self.entry("{}") + filler) == ["policy.too_large"])
        func tools(_ count: Int) -> String {
            Self.top("\"tools\": { " + (0..<count).map { "\"t\($0)\": {}" }.joined(separator: ", ") + " }")
        }
        #expect(codes(tools(2_000)) == [])
        #expect(codes(tools(2_001)) == ["policy.too_many"])
        func rules(_ count: Int) -> String {
            Self.entry(
                "{ \"deny_if\": [" + Array(repeating: "{\"conditions\":[]}", count: count).joined(separator: ",")
                    + "] }")
        }
        #expect(codes(rules(64)) == [])
        #expect(codes(rules(65)) == ["policy.too_many"])
        func conditions(_ count: Int) -> String {
            Self.condition(
                Array(repeating: "{\"path\":\"args.x\",\"op\":\"eq\",\"value\":1}", count: count).joined(separator: ",")
            )
        }
        #expect(codes(conditions(32)) == [])
        #expect(codes(conditions(33)) == ["policy.too_many"])
        // Problems are capped, too.
        let many = Self.top("\"tools\": {" + (0..<1_500).map { "\"t\($0)\": 1" }.joined(separator: ",") + "}")
        #expect(codes(many).count == PolicyReader.maxProblems)
    }

    /// No text makes the reader trap, and one with errors never yields a policy.
    @Test(arguments: 0..<8) func mutilatedDocuments(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let sources = Self.documents.filter { $0.utf8.count < 500 }.map { Array($0.utf8) }
        for _ in 0..<400 {
            var bytes = random.pick(sources)
            for _ in 0..<(1 + random.below(3)) where !bytes.isEmpty {
                let position = random.below(bytes.count)
                switch random.below(3) {
                case 0: bytes[position] = random.pick(Array("{}[]\",:0-.*@()\\ae\u{7f}".utf8))
                case 1: bytes.remove(at: position)
                default: bytes.insert(contentsOf: random.pick(sources).prefix(random.below(40)), at: position)
                }
            }
            let load = PolicyDocument.load(bytes, name: "p", version: 1)
            #expect((load.policy == nil) == !load.errors.isEmpty, "\(String(decoding: bytes, as: UTF8.self))")
        }
    }
}
