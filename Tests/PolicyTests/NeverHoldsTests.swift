import Base
import Glibc
import JSON
import Support
import Testing

@testable import Policy

/// Conditions that can't hold: what is said of them, and that it is never said of one that can.
struct NeverHoldsTests {
    private static func problems(_ entry: String, common: String = "{}") -> [PolicyProblem] {
        let text = #"{"version":"1","default":"deny","all_tools":\#(common),"tools":{"t":\#(entry)}}"#
        let load = PolicyDocument.load(Array(text.utf8), name: "p", version: 1)
        #expect(load.errors == [], "\(entry)")
        return load.warnings.filter { $0.code == "policy.never_holds" || $0.code == "policy.never_matters" }
    }

    private static func condition(_ path: String, _ op: String, _ value: String) -> String {
        let quoted = path.replacing("\"", with: "\\\"")
        return #"{"path":"\#(quoted)","op":"\#(op)","value":\#(value)}"#
    }

    /// Each alone; the second word of a row is what `require` makes of it.
    static let lone: [(path: String, op: String, value: String)] = [
        ("args.x", "neq", "null"), ("args.x", "not_in", "[null]"), ("args.x", "not_in", "[true, false, null]"),
        ("args.x", "lt", #""""#), ("args.x", "not_regex", #""""#), ("args.x", "not_regex", #""a*|b""#),
        ("args.x", "path_within", "[]"), ("args.x", "path_within", #"["/srv/a%20b", "C:\\x"]"#),
        ("args.x", "cidr_in", "[]"), ("args.x", "not_cidr_in", #"["10.0.0.0/8", "0.0.0.0/0", "::/0"]"#),
        ("args", "exists", "false"), ("args", "eq", "[]"), ("args[0]", "eq", "1"), ("args[*].x", "exists", "true"),
        ("len(args.x)", "lt", "0"), ("len(args.x)", "eq", "1.5"), ("len(args.x)", "in", "[-1, 0.5]"),
        ("len(args.x)", "eq", #""3""#), ("len(time.hour)", "gte", "0"),
        ("lower(args.x)", "eq", #""ABC""#), ("lower(args.x)", "in", #"["Abc", 5]"#),
        ("lower(args.x)", "contains", #""DROP""#), ("lower(args.x)", "regex", #""^Bearer ""#),
        ("lower(args.x)", "starts_with", #""É""#),
        ("host(args.x)", "eq", #""EXAMPLE.com""#), ("host(args.x)", "eq", #""https://example.com/""#),
        ("host(args.x)", "in", #"["example.com:443", "[::1]", "a.example."]"#),
        ("host(args.x)", "ends_with", #"".Example.com""#),
        ("type(args.x)", "eq", #""String""#), ("type(args.x)", "in", #"["int", "float"]"#),
        ("type(args.x)", "contains", #""z""#), ("type(time.hour)", "eq", #""string""#),
        ("time.hour", "gt", "23"), ("time.hour", "eq", "24"), ("time.hour", "eq", #""9""#), ("time.minute", "eq", "60"),
        ("time.weekday", "lt", "1"), ("time.weekday", "in", "[0, 8]"), ("time.date", "eq", #""2026-1-5""#),
        ("time.date", "in", #"["05.01.2026", "2026-02-30"]"#), ("time.date", "starts_with", #""2026/""#),
        ("tool.category", "eq", #""Read""#), ("tool.category", "regex", #""^x""#), ("tool.name", "exists", "false"),
        ("tool.name", "eq", "5"), ("request.ip", "gt", "5"), ("server.name", "subset_of", #"["a"]"#),
    ]

    @Test(arguments: lone) func alone(_ row: (path: String, op: String, value: String)) {
        for list in ["require", "deny_if", "approve_if"] {
            let found = Self.problems(#"{"\#(list)":[\#(Self.condition(row.path, row.op, row.value))]}"#)
            #expect(found.map(\.code) == ["policy.never_holds"], "\(list) \(row)")
            #expect(found.first?.pointer == "/tools/t/\(list)/0/value")
        }
    }

    /// Together; in one rule of either list.
    static let groups: [[(String, String, String)]] = [
        [("args.x", "lt", "5"), ("args.x", "gt", "10")], [("args.x", "lt", "5"), ("args.x", "gte", "5")],
        [("args.x", "lte", "5"), ("args.x", "gte", "5.0"), ("args.x", "neq", "5")],
        [("args.x", "lt", "5"), ("args.x", "gt", #""a""#)], [("args.x", "gt", #""b""#), ("args.x", "lt", #""a""#)],
        [("args.x", "eq", "3"), ("args.x", "in", "[1, 2]")], [("args.x", "in", "[1, 2]"), ("args.x", "in", "[3, 4]")],
        [("args.x", "in", #"["a", "b"]"#), ("args.x", "regex", #""^c""#)],
        [("args.x", "in", #"["a", "b"]"#), ("args.x", "not_in", #"["b", "a", "c"]"#)],
        [("args.x", "eq", "true"), ("args.x", "neq", "true")], [("args.x", "neq", "true"), ("args.x", "neq", "false")],
        [("args.x", "in", #"["abc", "de"]"#), ("len(args.x)", "gt", "3")],
        [("len(args.x)", "gte", "10"), ("len(args.x)", "lte", "5")],
        [("len(args.x)", "gt", "2"), ("len(args.x)", "lt", "3")],
        [("args.x", "starts_with", #""https://""#), ("len(args.x)", "lt", "8")],
        [("args.x", "starts_with", #""ab""#), ("args.x", "starts_with", #""ac""#)],
        [("args.x", "ends_with", #"".png""#), ("args.x", "ends_with", #"".jpg""#)],
        [("args.x", "ends_with", #"".tar.gz""#), ("args.x", "not_contains", #""tar""#)],
        [("args.x", "regex", #""^ab$""#), ("args.x", "starts_with", #""b""#)],
        [("args.x", "regex", #""a.c""#), ("args.x", "not_regex", #""a.c""#)],
        [("args.x", "starts_with", #""b""#), ("args.x", "lt", #""b""#)],
        [("args.x", "starts_with", #""b""#), ("args.x", "gt", #""c""#)],
        [("args.x", "path_within", #"["/srv/a", "/tmp"]"#), ("args.x", "path_within", #"["/srv/b", "tmp"]"#)],
        [("args.x", "cidr_in", #"["10.0.0.0/8"]"#), ("args.x", "cidr_in", #"["192.168.0.0/16", "::/0"]"#)],
        [("args.x", "cidr_in", #"["10.1.0.0/16"]"#), ("args.x", "not_cidr_in", #"["10.0.0.0/8"]"#)],
        [("args.x", "contains", #""a""#), ("args.x", "not_contains", #""a""#)],
        [("args.x", "contains", "1"), ("args.x", "subset_of", "[2, 3]")],
        [("args.x", "subset_of", "[1]"), ("args.x", "subset_of", "[2]"), ("len(args.x)", "gt", "0")],
        [("args.x", "contains", "1"), ("len(args.x)", "eq", "0")],
        [("args.x", "exists", "false"), ("args.x", "eq", "1")],
        [("args.x", "exists", "true"), ("args.x", "exists", "false")],
        [("args.x", "exists", "false"), ("args.x.y", "eq", "1")],
        [("args.x", "eq", #""a""#), ("args.x.y", "exists", "true")],
        [("args.x[0]", "eq", "1"), ("type(args.x)", "eq", #""object""#)],
        [("type(args.x)", "eq", #""string""#), ("args.x", "gt", "5")],
        [("type(args.x)", "neq", #""string""#), ("lower(args.x)", "eq", #""a""#)],
        [("lower(args.x)", "eq", #""a""#), ("lower(args.x)", "eq", #""b""#)],
        [("args.x", "in", #"["A", "B"]"#), ("lower(args.x)", "eq", #""c""#)],
        [("host(args.x)", "eq", #""a.example""#), ("host(args.x)", "ends_with", #"".org""#)],
        [("time.hour", "gt", "20"), ("time.hour", "lt", "6")],
        [("time.weekday", "gt", "5"), ("time.weekday", "lt", "6.5"), ("time.weekday", "neq", "6")],
        [("tool.category", "neq", #""read""#), ("tool.category", "eq", #""read""#)],
    ]

    @Test(arguments: groups) func together(_ row: [(String, String, String)]) {
        let conditions = row.map { Self.condition($0.0, $0.1, $0.2) }.joined(separator: ",")
        for list in ["require", "deny_if", "approve_if"] {
            let found = Self.problems(#"{"\#(list)":[{"conditions":[\#(conditions)]}]}"#)
            #expect(found.map(\.code) == ["policy.never_holds"], "\(list) \(row)")
        }
        let rules = row.map { Self.condition($0.0, $0.1, $0.2) }
        // All rules of `require` have to hold, those of `deny_if` not.
        #expect(Self.problems(#"{"require":[\#(rules.joined(separator: ","))]}"#).count == 1)
        #expect(Self.problems(#"{"deny_if":[\#(rules.joined(separator: ","))]}"#).isEmpty)
        let common = #"{"require":[\#(rules.dropLast().joined(separator: ","))]}"#
        #expect(Self.problems(#"{"require":[\#(rules.last ?? "")]}"#, common: common).count == 1)
    }

    /// What can hold, near what can't.
    static let fine: [[(String, String, String)]] = [
        [("args.x", "lte", "5"), ("args.x", "gte", "5.0")], [("args.x", "neq", "1"), ("args.x", "neq", "2")],
        [("args.x", "in", "[1, 2]"), ("args.x", "in", "[2.0, 3]")], [("args.x", "gt", "4"), ("args.x", "lt", "4.1")],
        [("args.x", "lte", #""""#)], [("args.x", "not_contains", #""""#)], [("args.x", "subset_of", "[]")],
        [("args.x", "subset_of", "[1]"), ("args.x", "subset_of", "[2]")], [("args.x", "not_in", "[true]")],
        [("args.x", "not_regex", #""^a*$""#)], [("args.x", "path_within", #"["/srv/a%20b", "/srv/a b"]"#)],
        [("args.x", "path_within", #"["/srv"]"#), ("args.x", "path_within", #"["/srv/a"]"#)],
        [("args.x", "not_cidr_in", #"["0.0.0.0/0"]"#)],
        [("args.x", "cidr_in", #"["10.0.0.0/8"]"#), ("args.x", "not_cidr_in", #"["10.1.0.0/16"]"#)],
        [("args.x[*]", "eq", "1"), ("args.x[*]", "eq", "2")], [("args.x", "exists", "false"), ("args.y", "eq", "1")],
        [("args.x.y", "exists", "false"), ("args.x", "eq", #""a""#)],
        [("args.x", "contains", #""a""#), ("args.x", "contains", #""b""#)],
        [("args.x", "starts_with", #""a""#), ("args.x", "ends_with", #""b""#)],
        [("args.x", "starts_with", #""b""#), ("args.x", "gt", #""b""#)],
        [("len(args.x)", "gt", "2"), ("len(args.x)", "lt", "4")], [("args.x", "eq", "1e99999999999999999999")],
        [("host(args.x)", "eq", #""xn--b-xga.example""#)],
        [("host(args.x)", "in", #"["2001:db8::1", "127.0.0.1", "a_b"]"#)],
        [("lower(args.x)", "eq", #""straße""#)], [("time.date", "eq", #""2028-02-29""#)],
        [("time.hour", "in", "[0, 23]")],
        [("type(args.x)", "regex", #""^(string|number)$""#)], [("tool.category", "exists", "false")],
    ]

    @Test(arguments: fine) func possible(_ row: [(String, String, String)]) {
        let conditions = row.map { Self.condition($0.0, $0.1, $0.2) }.joined(separator: ",")
        #expect(Self.problems(#"{"require":[{"conditions":[\#(conditions)]}]}"#) == [], "\(row)")
    }

    @Test func oneOfAList() {
        let found = Self.problems(
            #"{"require":[{"path":"args.x","op":"exists","value":true}],"deny_if":[{"path":"host(args.x)","op":"in","value":["a.example", "B.example"]}]}"#
        )
        #expect(
            found.map { "\($0.code) \($0.pointer) \($0.suggestion ?? "")" } == [
                "policy.never_matters /tools/t/deny_if/0/value/1 b.example"
            ])
        #expect(found.first?.message.hasSuffix("and never this, so it matches nothing") == true)
    }

    @Test func whereAndHow() {
        let text = """
            {"version": "1", "default": "deny", "tools": {"t": {
              "require": [
                {"path": "args.amount", "op": "gt", "value": 10},
                {"path": "args.amount", "op": "lt",
                 "value": 5}
              ]}}}
            """
        let load = PolicyDocument.load(Array(text.utf8), name: "p", version: 1)
        #expect(
            load.problems.map { $0.text(file: "p") } == [
                "p:5:15: warning: no value of `args.amount` satisfies both this and `gt` at /tools/t/require/0, so every call is denied: "
                    + "all of `require` has to hold; change one, or take it out (policy.never_holds, at /tools/t/require/1/value)"
            ])
    }

    // MARK: Against brute force

    /// Policies for each seed; `SLUICE_NEVER_HOLDS_ROUNDS` asks for more.
    private static let rounds = getenv("SLUICE_NEVER_HOLDS_ROUNDS").flatMap { Int(String(cString: $0)) } ?? 60

    /// Lower case is worked out scalar by scalar, and doing it twice changes nothing: what `TextDomain.lower` relies on.
    @Test func lowerCaseIsFixed() {
        var odd: [UInt32] = []
        // Beyond lie no letters with case.
        for value in UInt32(0)...0x1_FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let lower = String(Character(scalar)).lowercased()
            if !TextDomain.lower.admits(part: Array(lower.utf8)) { odd.append(value) }
            if !lower.unicodeScalars.elementsEqual(scalar.properties.lowercaseMapping.unicodeScalars) {
                odd.append(value)
            }
        }
        #expect(odd == [])
        #expect(
            "ΑΣ ΑΣΑ".lowercased().unicodeScalars.elementsEqual(
                "ΑΣ ΑΣΑ".unicodeScalars.flatMap { $0.properties.lowercaseMapping.unicodeScalars }))
    }

    /// Whatever is called impossible holds for none of many values that are made from the conditions themselves.
    @Test(arguments: 0..<8) func neverFalse(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed &* 104_729 &+ 3)
        var impossible = 0
        for _ in 0..<Self.rounds {
            let conditions = (0...random.below(4)).map { _ in Self.randomCondition(&random) }
            let list = random.pick(["require", "deny_if"])
            let text =
                #"{"version":"1","default":"deny","tools":{"t":{"\#(list)":[{"conditions":[\#(conditions.joined(separator: ","))]}]}}}"#
            let load = PolicyDocument.load(Array(text.utf8), name: "p", version: 1)
            guard let policy = load.policy else { continue }
            let warned = load.warnings.contains { $0.code == "policy.never_holds" }
            guard warned else { continue }
            impossible += 1
            let rule = try #require(policy.entries[0].require.first ?? policy.entries[0].denyIf.first)
            for facts in try Self.calls(rule, &random) {
                var evaluation = Evaluation()
                let holds = list == "require" ? evaluation.holds(rule, facts) : evaluation.fires(rule, facts) == .holds
                #expect(
                    !holds,
                    "seed \(seed): \(text) holds for \(facts.arguments.map { String(decoding: $0.rawBytes, as: UTF8.self) } ?? "")"
                )
                if holds { return }
            }
        }
        #expect(impossible * 5 > Self.rounds)
    }

    private static let texts = [
        "a", "ab", "b", "abc", "", "A", "Ab", "bc", "/srv/a", "/srv", "/srv/a%20b", "10.1.2.3", "http://A.example/",
        "a.example", "string", "null", "\u{e9}", "c\\d",
    ]
    private static let numbers = ["0", "1", "1.0", "2", "2.5", "-1", "3", "5", "10", "1e1", "23", "24", "0.5"]

    private static func randomCondition(_ random: inout SeededGenerator) -> String {
        let path = random.pick([
            "args.x", "args.x", "args.x", "args.x", "len(args.x)", "len(args.x)", "lower(args.x)", "type(args.x)",
            "host(args.x)", "args.x.n", "args.x[0]",
            "args.x[*]", "args.x[*]", "len(args.x[*])", "time.hour", "time.weekday", "tool.category", "tool.name",
            "time.date", "args",
        ])
        func text() -> String { JSONValue.string(random.pick(Self.texts)).text }
        func scalar() -> String {
            random.oneIn(2)
                ? text()
                : random.oneIn(4)
                    ? random.pick(["null", "true", "false", "[]", "{}", "[1]", #"["a","b"]"#, #"{"n":1}"#])
                    : random.pick(Self.numbers)
        }
        func list(_ make: () -> String) -> String {
            "[" + (0..<(1 + random.below(3))).map { _ in make() }.joined(separator: ",") + "]"
        }
        let op = random.pick([
            "eq", "neq", "lt", "lte", "gt", "gte", "in", "not_in", "regex", "not_regex", "contains", "not_contains",
            "starts_with", "ends_with", "exists",
            "subset_of", "path_within", "cidr_in", "not_cidr_in",
        ])
        let value: String
        switch op {
        case "lt", "lte", "gt", "gte": value = random.oneIn(3) ? text() : random.pick(Self.numbers)
        case "in", "not_in", "subset_of": value = list(scalar)
        case "regex", "not_regex":
            value =
                JSONValue.string(
                    random.pick(["^a", "b$", "a.*b", "^[a-c]+$", "a*", "", "ab", "^ab$", "^A", "x|", "\\d", "^$", "B"])
                ).text
        case "starts_with", "ends_with": value = text()
        case "exists": value = random.pick(["true", "false"])
        case "path_within":
            value = list {
                JSONValue.string(random.pick(["/srv", "/srv/a", "/tmp", "srv", "/srv/a%20b", "/", "."])).text
            }
        case "cidr_in", "not_cidr_in":
            value = list {
                JSONValue.string(random.pick(["10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0", "::/0", "::1", "10.1.2.3"]))
                    .text
            }
        default: value = scalar()
        }
        let each = path.contains("*") && random.oneIn(2) ? #","each":"\#(random.pick(["any", "all"]))""# : ""
        return #"{"path":"\#(path)","op":"\#(op)","value":\#(value)\#(each)}"#
    }

    /// Calls whose values come from the conditions: their literals, what lies beside and between them, and all sorts put
    /// together.
    private static func calls(_ rule: CompiledRule, _ random: inout SeededGenerator) throws -> [CallFacts] {
        var numbers: [String] = ["0", "1", "2", "3", "0.25", "1.5", "2.25", "4", "6", "7", "100", "-5", "1e3"]
        var texts: [String] = [
            "", "a", "z", "ab", "abc", "bca", "~", "10.1.2.3", "10.200.0.1", "192.168.0.1", "::1", "2001:db8::5",
            "http://a.example/", "/srv/a/b", "/tmp/x", "srv/x", "x", "http://b/",
        ]
        var others: [String] = ["null", "true", "false", "[]", "{}"]
        for literal in rule.conditions.flatMap(\.test.literals) {
            let raw = String(decoding: literal.view.rawBytes, as: UTF8.self)
            switch literal.kind {
            case .number: numbers.append(raw)
            case .string: texts.append(literal.view.string ?? "")
            case .null, .boolean, .array, .object: others.append(raw)
            }
        }
        for condition in rule.conditions {
            switch condition.test {
            case .start(let bytes), .end(let bytes): texts.append(String(decoding: bytes, as: UTF8.self))
            default: break
            }
        }
        let words = texts
        for a in words {
            texts += [a + "a", a + "0", a + " ", "http://\(a)/", a.uppercased(), a.lowercased()]
            for _ in 0..<3 { texts.append(a + random.pick(words)) }
        }
        for number in numbers {
            if let value = Double(number) { numbers += ["\(value + 1)", "\(value - 1)", "\(value + 0.5)"] }
        }
        var values = numbers + others + texts.map { JSONValue.string($0).text }
        let elements = values
        for element in elements { values += ["[\(element)]", "{\"n\":\(element)}"] }
        for _ in 0..<80 {
            values.append(
                "[" + (0..<(2 + random.below(4))).map { _ in random.pick(elements) }.joined(separator: ",") + "]")
        }
        let categories: [ToolCategory?] = ToolCategory.allCases + [nil]
        var calls: [CallFacts] = []
        for value in values.map({ "{\"x\":\($0)}" }) + ["{}"] {
            let facts = ToolFacts(name: "t", category: random.pick(categories))
            calls.append(try call("t", value, at: .hours(Int64(random.below(168))), facts: facts))
        }
        for hour in 0..<168 {
            let facts = ToolFacts(name: "t", category: categories[hour % categories.count])
            calls.append(try call("t", "{\"x\":\(random.pick(values))}", at: .hours(Int64(hour)), facts: facts))
        }
        return calls
    }
}
