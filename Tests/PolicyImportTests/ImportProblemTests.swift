import JSON
import Support
import Policy
import Testing

@testable import PolicyImport

/// Documents that are refused, and exactly what the user sees for each: Tests/PolicyImportTests/Cases/problems.golden.txt.
@Suite struct ImportProblemTests {
    static func rule(_ text: String) -> String { "version: '1'\ntools:\n  t:\n    rules:\n      - \(text)\n" }
    static func condition(_ text: String) -> String { rule("{name: r, conditions: [\(text)]}") }
    static func value(_ op: String, _ text: String) -> String {
        rule(
            "name: r\n        conditions:\n          - path: args.a\n            op: \(op)\n            value: \(text)")
    }
    static func state(_ state: String, _ conditions: String = "{path: state.t.c, op: lte, value: 5}") -> String {
        rule("{name: r, state: \(state), conditions: [\(conditions)]}")
    }
    static func json(_ text: String) -> String { "{\"version\": \"1\", \"default\": \"deny\", \(text)}" }
    static func jsonRule(_ condition: String) -> String {
        json("\"tools\": {\"t\": {\"deny_if\": [{\"conditions\": [\(condition)]}]}}")
    }

    static let documents: [String] = [
        // The text
        "", "# nothing\n", "version: [", "version: '1'\n\ttools: {}", "a: b: c", "version: '1'\n  tools: {}\n",
        "\u{feff}version: '1'", "version: \"1", "version: '1'\ndescription: \"\\q\"", "version: '1'\0",
        "version: '1'\n---\nversion: '1'\n", "%YAML 1.1\n---\nversion: '1'\n", "%TAG ! !x\n---\nversion: '1'\n",
        "- version: '1'", "just text", "42", "null",
        // Anchors, aliases, merge keys, tags, repeated and complex keys
        "version: '1'\ntools: &t {}\nhide: *t\n", "version: '1'\ntools:\n  a: &r {rules: []}\n  b:\n    <<: *r\n",
        "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]\n",
        "version: !!str 1", "version: '1'\nhide: !!python/object:os.system [x]", "version: ! 1",
        "version: '1'\nversion: '1'", "version: '1'\ntools: {a: {rules: []}, 'a': {rules: []}}",
        "version: '1'\n? [a, b]\n: c", "version: '1'\ntools: {? {a: b} : c}",
        String(repeating: "[", count: 70), String(repeating: "- ", count: 70) + "x",
        // The shape
        "{}", "default: deny", "version: 2", "version: 1.0", "version: ''", "version: '1'\ndefault: Deny",
        "version: '1'\ndefault: no", "version: '1'\nDefault: deny", "version: '1'\ntool: {}", "version: '1'\ntools: []",
        "version: '1'\ntools: {t: []}", "version: '1'\ntools: {t: {rule: []}}", "version: '1'\ntools: {t: {rules: {}}}",
        "version: '1'\nhide: x", "version: '1'\nhide: [a, a, '', ~, [b], 'x*', '@read']",
        "version: '1'\ntools: {'': {rules: []}, ~: {rules: []}, 'get_*': {rules: []}, '@read': {rules: []}, 'resource:x': ~}",
        "version: '1'\napprovals: {webhook: x}", "version: '1'\ntools: {t: {spend: {daily: 5}}}",
        // Rules
        rule("~"), rule("x"), rule("{}"), rule("{name: r}"), rule("{name: r, conditions: []}"),
        rule("{name: '', rate_limit: 5/hour}"), rule("{name: [r], rate_limit: 5/hour}"),
        rule("{name: r, action: allow, conditions: [{path: args.a, op: exists, value: true}]}"),
        rule("{name: r, action: Deny}"), rule("{name: r, action: ''}"),
        rule("{name: r, action: deny, conditions: [{path: args.a, op: exists, value: true}], rate_limit: 5/hour}"),
        rule("{name: r, require: []}"), rule("{name: r, spend: {per_call: 5}, idempotency_window: 5m}"),
        rule("{name: r, on_deny: {a: b}, action: deny}"), rule("{name: r, action: deny, approval_timeout: 5m}"),
        // Conditions
        condition("~"), condition("{}"), condition("{path: args.a, op: eq}"), condition("{path: a, op: eq, value: 1}"),
        condition("{path: args, op: eq, value: 1}"), condition("{path: ~, op: eq, value: 1}"),
        condition("{path: args.a, op: equals, value: 1}"), condition("{path: args.a, op: notin, value: []}"),
        condition("{path: args.a, op: eq, value: 1, each: any}"),
        value("in", "a"), value("lt", "\"5\""), value("gt", "true"), value("exists", "\"true\""),
        value("exists", "yes"),
        value("regex", "5"), value("regex", "'(a'"), value("regex", "'(?=a)'"), value("regex", "'(?<n>a)'"),
        value("regex", "'\(String(repeating: "a", count: 1_025))'"),
        // Values that readers disagree about, and values that can't be said
        value("eq", "yes"), value("eq", "No"), value("eq", "on"), value("eq", "y"), value("eq", "1e3"),
        value("eq", "010"),
        value("eq", "0x1F"), value("eq", "0o17"), value("eq", "0b11"), value("eq", "1_000"), value("eq", "12:30:45"),
        value("eq", "2026-01-05"), value("eq", "2026-01-05 10:00:00"), value("eq", ".inf"), value("eq", ".NaN"),
        value("eq", "="), value("in", "[a, no, 0777]"),
        value("eq", "9007199254740993"), value("neq", "-9007199254740993"), value("lt", "18446744073709551616"),
        value("eq", "0.1000000000000000055"), value("eq", "1.0e+999"),
        value("eq", "[a, b]"), value("neq", "{a: b}"), value("in", "[[a], {b: c}]"), value("contains", "[a]"),
        value("eq", "'[a b]'"), value("neq", "'map[a:b]'"), value("in", "['0', '-0', '[]']"),
        // Limits
        rule("{name: r, rate_limit: 5}"), rule("{name: r, rate_limit: 0/hour}"), rule("{name: r, rate_limit: -5/hour}"),
        rule("{name: r, rate_limit: 5/week}"), rule("{name: r, rate_limit: 5/hours}"),
        rule("{name: r, rate_limit: '5 / hour'}"),
        rule("{name: r, rate_limit: 1e3/hour}"), rule("{name: r, rate_limit: ''}"),
        rule("{name: r, rate_limit: 99999999999999999999/hour}"),
        rule(
            "{name: r, rate_limit: 5/hour, conditions: [{path: args.a, op: exists, value: true}], state: {counter: c, window: day}}"
        ),
        rule("{name: r, rate_limit: 5/hour}\n      - {name: s, rate_limit: 6/hour}"),
        state("{counter: c}"), state("{window: day}"), state("{counter: c, window: week}"),
        state("{counter: c, window: day, increment: -1}"), state("{counter: c, window: day, increment: 0.5}"),
        state("{counter: c, window: day, increment_from: amount}"), state("{counter: c, window: day, size: 5}"),
        state("{counter: c, window: day}", "{path: args.a, op: eq, value: x}"),
        state("{counter: c, window: day}", "{path: state.t.d, op: lte, value: 5}"),
        state("{counter: c, window: day}", "{path: state.other.c, op: lte, value: 5}"),
        state("{counter: c, window: day}", "{path: state.t.c, op: gte, value: 5}"),
        state("{counter: c, window: day}", "{path: state.t.c, op: lte, value: '5'}"),
        state("{counter: c, window: day}", "{path: state.t.c, op: lte, value: 5}, {path: state.t.c, op: lt, value: 9}"),
        state("{counter: c, window: day, increment_from: args.n}", "{path: state.t.c, op: lt, value: 1}"),
        state(
            "{counter: \(String(repeating: "c", count: 300)), window: day}",
            "{path: state.t.\(String(repeating: "c", count: 300)), op: lte, value: 1}"),
        condition("{path: state.t.c, op: lte, value: 5}"),
        "version: '1'\ntools: {_global: {rules: [{name: r, rate_limit: 5/hour}]}}",
        // Approvals
        rule("{name: r, action: require_approval, rate_limit: 5/hour, state: {counter: c, window: day}}"),
        rule("{name: r, action: require_approval, approval_timeout: soon}"),
        rule("{name: r, action: require_approval, approval_timeout: 800h}"),
        rule("{name: r, action: require_approval, conditions: [{path: state.t.c, op: lte, value: 5}]}"),
        rule(
            "{name: r, action: require_approval, conditions: ["
                + (0..<7).map { "{path: args.a\($0), op: exists, value: false}" }.joined(separator: ", ") + "]}"),
        // Several at once, in the order of the text
        "version: '2'\ndefault: maybe\nhide: ['']\ntools:\n  t:\n    rules:\n      - nam: r\n        conditions:\n          - {path: arg.a, op: equal, value: 1}\n      - {name: s, rate_limit: x}\n    mode: shadow\n",
        // PolicyLayer
        "{", "{\"version\": \"1\", }", "{\"version\": \"1\", \"version\": \"1\"}", "{\"version\": \"1\"}",
        "{\"version\": 1, \"default\": \"deny\"}", json("\"default2\": 1"), json("\"mode\": \"shadow\""),
        json("\"tools\": []"), json("\"tools\": {\"get_*\": {}, \"@read\": {}, \"\": {}, \"*\": {}}"),
        json("\"tools\": {\"t\": {\"rules\": [], \"approve_if\": []}}"),
        json(
            "\"all_tools\": {\"require\": [], \"limits\": [{\"window\": \"minute\", \"max\": 1, \"increment_from\": \"args.a\"}]}"
        ),
        json(
            "\"tools\": {\"t\": {\"limits\": [{}, {\"window\": \"week\", \"max\": 0, \"scope\": \"global\"}, {\"window\": 60, \"max\": 1.5}]}}"
        ),
        json(
            "\"tools\": {\"t\": {\"limits\": [{\"counter\": \"c\", \"window\": \"minute\", \"max\": 1}, {\"counter\": \"c\", \"window\": \"hour\", \"max\": 1}]}}"
        ),
        json("\"tools\": {\"t\": {\"rate_limit\": {\"max\": 1}, \"action\": \"block\", \"reason\": \"x\"}}"),
        json("\"tools\": {\"t\": {\"rate_limit\": \"5/hour\", \"reason\": \"x\"}}"),
        json("\"tools\": {\"t\": {\"require\": [{}, {\"conditions\": [], \"on_error\": \"ignore\"}]}}"),
        jsonRule("{\"path\": \"args.a\", \"op\": \"starts_with\", \"value\": \"x\"}"),
        jsonRule("{\"path\": \"tool.name\", \"op\": \"eq\", \"value\": \"x\"}"),
        jsonRule(
            "{\"path\": \"args.a\", \"op\": \"eq\", \"value\": [1]}, {\"path\": \"args.a\", \"op\": \"in\", \"value\": [9007199254740993]}"
        ),
        jsonRule("{\"path\": \"args.a\", \"op\": \"regex\", \"value\": \"(\"}"),
    ]

    @Test func everyMessageIsAsReviewed() throws {
        #expect(Self.documents.count >= 100)
        var text = ""
        for document in Self.documents {
            let shown = document.utf8.count > 600 ? "\(document.prefix(100)) … \(document.utf8.count) bytes" : document
            let said = report(Array(document.utf8), file: "p")
            #expect(said.hasSuffix("-> refused\n"), "\(document)\n\(said)")
            text += "=== \(shown.replacing("\0", with: "<NUL>"))\n\(said)\n"
        }
        let difference = try Golden.difference(text, "\(ImportTests.folder)/problems.golden.txt")
        #expect(difference == nil)
    }

    @Test func everyCodeIsMet() {
        var met: Set<String> = []
        for document in Self.documents {
            met.formUnion(PolicyImport.translate(Array(document.utf8)).problems.map(\.code))
        }
        met.formUnion(PolicyImport.translate(Array(repeating: 0x20, count: (256 << 10) + 1)).problems.map(\.code))
        #expect(ImportCode.allCases.map(\.rawValue).filter { !met.contains($0) } == [])
    }
}
