import Base
import JSON
import Policy
import Support
import Testing

@testable import PolicyImport

/// What imported policies do to calls, one construct at a time.
@Suite struct ImportBehaviourTests {
    private func intercept(_ rules: String, default fallback: String = "deny") throws -> CompiledPolicy {
        try imported("version: '1'\ndefault: \(fallback)\ntools:\n  t:\n    rules:\n" + rules)
    }

    private func condition(_ path: String, _ op: String, _ value: String) throws -> CompiledPolicy {
        try intercept("      - {name: r, conditions: [{path: args.\(path), op: \(op), value: \(value)}]}\n")
    }

    @Test func defaultsAndHiding() throws {
        let text = "version: '1'\nhide: [secret]\ntools:\n  open: {rules: []}\n  secret:\n"
        let lax = try imported(text)
        #expect(try outcome(lax, "open", "{}") == .allow)
        #expect(try outcome(lax, "other", "{}") == .allow)
        #expect(try outcome(lax, "secret", "{}") == .deny)
        let strict = try imported(text + "default: deny\n")
        #expect(try outcome(strict, "open", "{}") == .allow)
        #expect(try outcome(strict, "other", "{}") == .deny)
        #expect(try outcome(strict, "secret", "{}") == .deny)
        #expect(try outcome(try imported("version: '1'\nhide: ['*']"), "any", "{}") == .deny)
    }

    /// Names that look like YAML booleans, numbers or null are names.
    @Test func oddNames() throws {
        let policy = try imported(
            "version: '1'\ndefault: deny\nhide: [off, 007]\ntools:\n  no:\n  1e3:\n  'null':\n  0x1F: {}\n")
        for name in ["no", "1e3", "null", "0x1F"] { #expect(try outcome(policy, name, "{}") == .allow, "\(name)") }
        for name in ["false", "1000", "31", "off", "007", "7"] {
            #expect(try outcome(policy, name, "{}") == .deny, "\(name)")
        }
    }

    /// Intercept finds false whatever is asked of an argument that is missing; null is missing for `exists` alone.
    @Test func missingAndNull() throws {
        for (op, value) in [
            ("eq", "x"), ("neq", "x"), ("in", "[x]"), ("not_in", "[x]"), ("lt", "5"), ("contains", "x"),
        ] {
            #expect(try outcome(try condition("a.b", op, value), "t", #"{"a": {}}"#) == .deny, "\(op)")
            #expect(try outcome(try condition("a.b", op, value), "t", #"{"a": "text"}"#) == .deny, "\(op)")
        }
        let there = try condition("a", "exists", "true")
        let absent = try condition("a", "exists", "false")
        for (arguments, isThere) in [("{}", false), (#"{"a": null}"#, false), (#"{"a": false}"#, true)] {
            #expect(try outcome(there, "t", arguments) == (isThere ? .allow : .deny), "\(arguments)")
            #expect(try outcome(absent, "t", arguments) == (isThere ? .deny : .allow), "\(arguments)")
        }
        let different = try condition("a", "neq", "x")
        #expect(try outcome(different, "t", #"{"a": null}"#) == .allow)
    }

    @Test func conversions() throws {
        let five = try condition("a", "eq", "5")
        for yes in ["5", "5.0", "\"5\""] { #expect(try outcome(five, "t", "{\"a\": \(yes)}") == .allow, "\(yes)") }
        for no in ["6", "\"5.0\"", "[5]", "null"] {
            #expect(try outcome(five, "t", "{\"a\": \(no)}") == .deny, "\(no)")
        }
        let different = try condition("a", "neq", "true")
        for no in ["true", "\"true\""] { #expect(try outcome(different, "t", "{\"a\": \(no)}") == .deny, "\(no)") }
        for yes in ["false", "\"yes\"", "1", "[true]"] {
            #expect(try outcome(different, "t", "{\"a\": \(yes)}") == .allow, "\(yes)")
        }
    }

    @Test func rulesForAllTools() throws {
        let policy = try imported(
            """
            version: "1"
            default: deny
            tools:
              a: {rules: []}
              "*":
                rules:
                  - {name: calm, rate_limit: 2/minute}
                  - {name: no trace, conditions: [{path: args.trace, op: exists, value: false}]}
            """)
        var quotas = QuotaWindows()
        // A wildcard rescues nobody.
        #expect(try outcome(policy, "b", "{}", &quotas) == .deny)
        #expect(try outcome(policy, "a", #"{"trace": 1}"#, &quotas) == .deny)
        #expect(try outcome(policy, "a", "{}", &quotas) == .allow)
        // Whoever calls: there is one counter.
        let other = GrantFacts(id: "g2", label: "other", identity: nil)
        #expect(try outcome(policy, "a", "{}", at: .seconds(59), grant: other, &quotas) == .allow)
        #expect(try outcome(policy, "a", "{}", at: .seconds(59), &quotas) == .deny)
        // The calendar's next minute.
        #expect(try outcome(policy, "a", "{}", at: .seconds(60), &quotas) == .allow)
    }

    @Test func costs() throws {
        let policy = try intercept(
            """
                  - name: budget
                    conditions: [{path: state.t.sum, op: lte, value: 10}]
                    state: {counter: sum, window: day, increment_from: args.amount}

            """)
        var quotas = QuotaWindows()
        for wrong in ["{}", #"{"amount": "5"}"#, #"{"amount": -5}"#, #"{"amount": null}"#, #"{"amount": 11}"#] {
            #expect(try outcome(policy, "t", wrong, &quotas) == .deny, "\(wrong)")
        }
        #expect(try outcome(policy, "t", #"{"amount": 9.5}"#, &quotas) == .allow)
        #expect(try outcome(policy, "t", #"{"amount": 0.6}"#, &quotas) == .deny)
        #expect(try outcome(policy, "t", #"{"amount": 0.5}"#, &quotas) == .allow)
    }

    @Test func approvals() throws {
        let policy = try intercept(
            "      - {name: r, action: require_approval, conditions: [{path: args.amount, op: gt, value: 100}]}\n")
        #expect(try outcome(policy, "t", #"{"amount": 101}"#) == .ask)
        for small in ["{}", #"{"amount": 100}"#, #"{"amount": "5000"}"#] {
            #expect(try outcome(policy, "t", small) == .allow, "\(small)")
        }
    }

    /// Where PolicyLayer lets values of a wrong type through, as Intercept would, this does not.
    @Test func policyLayer() throws {
        let policy = try imported(
            #"""
            {"version": "1", "default": "allow", "tools": {
              "t": {"deny_if": [{"conditions": [{"path": "args.amount", "op": "gt", "value": 100}]},
                                {"conditions": [{"path": "args.note", "op": "exists", "value": false}]}]},
              "capped": {"limits": [{"counter": "c", "window": "minute", "max": 1, "scope": "grant"}]}}}
            """#)
        #expect(try outcome(policy, "t", #"{"note": "x", "amount": 5}"#) == .allow)
        #expect(try outcome(policy, "t", #"{"note": "x"}"#) == .allow)
        for wrong in [#"{"note": "x", "amount": "5000"}"#, #"{"amount": 5}"#, #"{"note": null, "amount": 5}"#] {
            #expect(try outcome(policy, "t", wrong) == .deny, "\(wrong)")
        }
        var quotas = QuotaWindows()
        #expect(try outcome(policy, "capped", "{}", at: .seconds(59), &quotas) == .allow)
        #expect(try outcome(policy, "capped", "{}", at: .seconds(61), &quotas) == .deny)
        #expect(try outcome(policy, "capped", "{}", at: .seconds(119), &quotas) == .allow)
    }

    // MARK: Hostile texts

    /// No text makes the reader trap, and what it accepts is a valid policy.
    @Test(arguments: 0..<4) func mutilatedDocuments(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let whole = try ImportTests.cases().map { try readFile("\(Places.packageRoot)/\(ImportTests.folder)/\($0)") }
        let sources = whole + ImportProblemTests.documents.filter { $0.utf8.count < 800 }.map { Array($0.utf8) }
        let marks = Array("{}[]\",:0-.*@&!%#|>'?~<=\n\t\\\u{7F}ae".utf8) + [0, 0x80, 0xC3, 0xFF]
        for _ in 0..<250 {
            var bytes = random.pick(sources)
            for _ in 0..<(1 + random.below(3)) where !bytes.isEmpty {
                let position = random.below(bytes.count)
                switch random.below(4) {
                case 0: bytes[position] = random.pick(marks)
                case 1: bytes.remove(at: position)
                case 2: bytes.removeSubrange(position...)
                default: bytes.insert(contentsOf: random.pick(sources).prefix(random.below(40)), at: position)
                }
            }
            let result = PolicyImport.translate(bytes, format: random.pick([.intercept, .policylayer, nil]))
            #expect((result.policy == nil) == !result.problems.isEmpty)
            guard let policy = result.policy else { continue }
            #expect(
                PolicyDocument.load(policy, name: "p", version: 1).policy != nil,
                "\(String(decoding: bytes, as: UTF8.self))")
        }
    }

    /// Texts that make careless readers slow or large end soon, with an error.
    @Test func bombs() {
        var laughs = "a0: &a0 [x, x, x, x, x, x, x, x]\n"
        for i in 1..<30 {
            laughs += "a\(i): &a\(i) [\(Array(repeating: "*a\(i - 1)", count: 8).joined(separator: ", "))]\n"
        }
        let full = 256 << 10
        let texts = [
            laughs, String(repeating: "[", count: full), String(repeating: "{a: ", count: full / 4),
            String(repeating: "- ", count: full / 2), String(repeating: "? ", count: full / 2),
            String(repeating: "!", count: full), String(repeating: "&", count: full),
            "\"" + String(repeating: "\\", count: full - 1),
            "version: '1'\nhide: [" + String(repeating: "a,", count: full / 2 - 20) + "]",
            "version: '1'\ndefault: deny\ntools: {" + (0..<20_000).map { "t\($0): ~" }.joined(separator: ", ") + "}",
            String(repeating: "x", count: full + 1), String(repeating: "é: é\n", count: full / 8),
        ]
        for text in texts {
            let result = PolicyImport.translate(Array(text.utf8), format: .intercept)
            #expect(result.policy == nil, "\(text.prefix(40))")
            #expect((1...500).contains(result.problems.count), "\(text.prefix(40))")
        }
    }
}
