import Base
import JSON
import Testing

@testable import Policy

/// Each operator on each kind of value: the table of the specification, row by row.
@Suite struct OperatorTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let op: String
        let value: String
        let argument: String?
        let expected: String
        let path: String

        var testDescription: String { "\(path)=\(argument ?? "absent") \(op) \(value)" }
    }

    static func row(
        _ argument: String?, _ op: String, _ value: String, _ expected: String, path: String = "args.x"
    ) -> Row {
        Row(op: op, value: value, argument: argument, expected: expected, path: path)
    }

    static let yes = "holds"
    static let no = "does_not_hold"
    static let odd = "undetermined"

    static let equality = [
        row("1", "eq", "1", yes), row("1.0", "eq", "1", yes), row("1e0", "eq", "1", yes),
        row("10e-1", "eq", "1.0", yes),
        row("-0", "eq", "0", yes), row("0.1", "eq", "0.10", yes), row("0.1", "eq", "0.2", no),
        row("9007199254740993", "eq", "9007199254740992", no), row("9007199254740993", "eq", "9007199254740993", yes),
        row("123456789012345678901234567890", "eq", "123456789012345678901234567891", no),
        row("1e400", "eq", "1e400", yes), row("1e400", "eq", "10e399", yes), row("1e400", "eq", "1e401", no),
        row("\"a\"", "eq", "\"a\"", yes), row("\"\\u0061\"", "eq", "\"a\"", yes), row("\"a\"", "eq", "\"A\"", no),
        row("\"\u{e9}\"", "eq", "\"e\u{301}\"", no),
        row("true", "eq", "true", yes), row("false", "eq", "true", no), row("null", "eq", "null", yes),
        row("[1,2]", "eq", "[1.0,2]", yes), row("[1,2]", "eq", "[2,1]", no), row("[1]", "eq", "[\"1\"]", no),
        row("{\"a\":1,\"b\":2}", "eq", "{\"b\":2,\"a\":1}", yes), row("{\"a\":1}", "eq", "{\"a\":1,\"b\":2}", no),
        row("\"true\"", "eq", "true", odd), row("\"5\"", "eq", "5", odd), row("null", "eq", "\"null\"", odd),
        row("[]", "eq", "{}", odd), row("0", "eq", "false", odd), row("null", "eq", "0", odd),
        row("1", "neq", "1", no), row("2", "neq", "1", yes), row("\"1\"", "neq", "1", odd),
        row(nil, "eq", "1", "missing"),
        row(nil, "neq", "1", "missing"), row(nil, "eq", "null", "missing"),
    ]

    static let order = [
        row("1", "lt", "2", yes), row("2", "lt", "2", no), row("2", "lte", "2", yes), row("3", "lte", "2", no),
        row("3", "gt", "2", yes), row("2", "gt", "2", no), row("2", "gte", "2", yes), row("1", "gte", "2", no),
        row("10", "lt", "10.5", yes), row("10.5", "lt", "10.5", no), row("10.49999999999999999999", "lt", "10.5", yes),
        row("9007199254740993", "gt", "9007199254740992", yes), row("-1", "lt", "0", yes), row("-1.5", "gt", "-1", no),
        row("1e999", "gt", "1e998", yes), row("-1e999", "lt", "0", yes), row("1e-999", "gt", "0", yes),
        row("\"b\"", "gt", "\"a\"", yes), row("\"a\"", "lt", "\"B\"", no), row("\"a\"", "lt", "\"ab\"", yes),
        row("\"\u{ffff}\"", "lt", "\"\u{10000}\"", yes), row("\"2026-01-05\"", "gte", "\"2026-01-01\"", yes),
        row("\"5000\"", "gt", "100", odd), row("5000", "gt", "\"100\"", odd), row("null", "lt", "1", odd),
        row("true", "lt", "1", odd), row("[1]", "gt", "0", odd), row(nil, "gt", "0", "missing"),
    ]

    static let lists = [
        row("\"a\"", "in", "[\"a\",\"b\"]", yes), row("\"c\"", "in", "[\"a\",\"b\"]", no),
        row("1.0", "in", "[1,\"a\"]", yes),
        row("2", "in", "[1,\"a\"]", no), row("true", "in", "[1,\"a\"]", odd), row("\"1\"", "in", "[1]", odd),
        row("null", "in", "[null]", yes), row("\"a\"", "in", "[]", odd), row("[1]", "in", "[[1],[2]]", yes),
        row("[3]", "in", "[[1],[2]]", no), row(nil, "in", "[1]", "missing"),
        row("\"c\"", "not_in", "[\"a\"]", yes), row("\"a\"", "not_in", "[\"a\"]", no),
        row("1", "not_in", "[\"a\"]", odd),
        row(nil, "not_in", "[1]", "missing"),
        row("[1,2]", "subset_of", "[1,2,3]", yes), row("[1,4]", "subset_of", "[1,2,3]", no),
        row("[]", "subset_of", "[]", yes),
        row("[]", "subset_of", "[1]", yes), row("[\"1\"]", "subset_of", "[1]", no),
        row("\"a\"", "subset_of", "[\"a\"]", odd),
        row("{}", "subset_of", "[1]", odd), row(nil, "subset_of", "[1]", "missing"),
    ]

    static let text = [
        row("\"archive-7\"", "regex", "\"^archive-\"", yes), row("\"x archive-7\"", "regex", "\"archive\"", yes),
        row("\"x\"", "regex", "\"^y\"", no), row("\"\"", "regex", "\"\"", yes), row("7", "regex", "\"7\"", odd),
        row("\"ÄB\"", "regex", "\"^.B$\"", yes), row("\"a\\nb\"", "regex", "\"^b$\"", no),
        row("\"a\\u0000b\"", "regex", "\"b$\"", yes), row("null", "regex", "\".*\"", odd),
        row(nil, "regex", "\"a\"", "missing"),
        row("\"a\"", "not_regex", "\"b\"", yes), row("\"b\"", "not_regex", "\"b\"", no),
        row("[]", "not_regex", "\"b\"", odd),
        row("\"hello\"", "contains", "\"ell\"", yes), row("\"hello\"", "contains", "\"Ell\"", no),
        row("\"hello\"", "contains", "\"\"", yes), row("\"aab\"", "contains", "\"ab\"", yes),
        row("[1,\"a\"]", "contains", "\"a\"", yes), row("[1,\"a\"]", "contains", "1.0", yes),
        row("[1]", "contains", "\"1\"", no),
        row("[]", "contains", "1", no), row("[[1]]", "contains", "[1]", yes), row("\"5\"", "contains", "5", odd),
        row("5", "contains", "5", odd), row("{\"a\":1}", "contains", "\"a\"", odd),
        row("null", "contains", "\"a\"", odd),
        row("\"hello\"", "not_contains", "\"x\"", yes), row("[1]", "not_contains", "1", no),
        row("1", "not_contains", "1", odd),
        row("\"prefix-1\"", "starts_with", "\"prefix\"", yes), row("\"pre\"", "starts_with", "\"prefix\"", no),
        row("\"\\u0070re\"", "starts_with", "\"pre\"", yes), row("1", "starts_with", "\"1\"", odd),
        row("\"a.png\"", "ends_with", "\".png\"", yes), row("\"a.PNG\"", "ends_with", "\".png\"", no),
        row("[]", "ends_with", "\"a\"", odd), row(nil, "ends_with", "\"a\"", "missing"),
    ]

    static let presence = [
        row("1", "exists", "true", yes), row("null", "exists", "true", yes), row(nil, "exists", "true", no),
        row("1", "exists", "false", no), row("null", "exists", "false", no), row(nil, "exists", "false", yes),
        row("\"s\"", "exists", "true", no, path: "args.x.y"), row("\"s\"", "exists", "false", yes, path: "args.x.y"),
        row("[1]", "exists", "true", yes, path: "args.x[0]"), row("[1]", "exists", "true", no, path: "args.x[1]"),
    ]

    static let places = [
        row("\"/srv/images/a.png\"", "path_within", "[\"/srv/images\"]", yes),
        row("\"/srv/images\"", "path_within", "[\"/srv/images/\"]", yes),
        row("\"/srv/imagesX/a\"", "path_within", "[\"/srv/images\"]", no),
        row("\"/srv//images/./b/../a.png\"", "path_within", "[\"/srv/images\"]", yes),
        row("\"/srv/images/../secret\"", "path_within", "[\"/srv/images\"]", no),
        row("\"/srv/images/%2e%2e/secret\"", "path_within", "[\"/srv/images\"]", odd),
        row("\"/srv/images/%2E%2E%2fsecret\"", "path_within", "[\"/srv/images\"]", odd),
        row("\"/srv/images/%252e%252e/secret\"", "path_within", "[\"/srv/images\"]", odd),
        row("\"/etc/%2e%2e/srv/images/a\"", "path_within", "[\"/srv/images\"]", odd),
        row("\"/srv/images/a%20b.png\"", "path_within", "[\"/srv/images\"]", yes),
        row("\"/srv/images/..\\\\..\\\\secret\"", "path_within", "[\"/srv/images\"]", odd),
        row("\"/srv/images/a\\u0000.png\"", "path_within", "[\"/srv/images\"]", odd),
        row("\"/srv/images/a%00.png\"", "path_within", "[\"/srv/images\"]", odd),
        row("\"~/a.png\"", "path_within", "[\"/\"]", odd), row("\"%7E/a.png\"", "path_within", "[\"a\"]", odd),
        row("\"srv/images/a\"", "path_within", "[\"/srv/images\"]", odd),
        row("\"uploads/a\"", "path_within", "[\"uploads\"]", yes),
        row("\"uploads/../../uploads/a\"", "path_within", "[\"uploads\"]", odd),
        row("\"/../srv/images/a\"", "path_within", "[\"/srv/images\"]", yes),
        row("\"/anything\"", "path_within", "[\"/\"]", yes),
        row("\"/b/x\"", "path_within", "[\"/a\",\"/b\"]", yes), row("\"\"", "path_within", "[\"/a\"]", odd),
        row("\"/\(String(repeating: "a", count: 16_384))\"", "path_within", "[\"/\"]", odd),
        row("\"/etc/x%2f..%2f..%2ft/../passwd\"", "path_within", "[\"/etc\"]", odd),
        row("\"/etc/\\\\..\\\\..\\\\x/../passwd\"", "path_within", "[\"/etc\"]", odd),
        row("\"../../../../../etc/passwd\"", "path_within", "[\"/etc\"]", odd),
        row("\"/srv/a\"", "path_within", "[\"srv\"]", odd), row("\"a\"", "path_within", "[\"/b\",\"a\"]", yes),
        row("7", "path_within", "[\"/a\"]", odd), row(nil, "path_within", "[\"/a\"]", "missing"),
        row("\"10.1.2.3\"", "cidr_in", "[\"10.0.0.0/8\"]", yes), row("\"11.1.2.3\"", "cidr_in", "[\"10.0.0.0/8\"]", no),
        row("\"::ffff:10.1.2.3\"", "cidr_in", "[\"10.0.0.0/8\"]", yes),
        row("\"::ffff:a01:203\"", "cidr_in", "[\"10.0.0.0/8\"]", yes),
        row("\"2001:db8::1\"", "cidr_in", "[\"2001:db8::/32\"]", yes),
        row("\"2001:db9::1\"", "cidr_in", "[\"2001:db8::/32\"]", no),
        row("\"127.0.0.1\"", "cidr_in", "[\"127.0.0.1\"]", yes),
        row("\"::1\"", "cidr_in", "[\"127.0.0.0/8\",\"::1\"]", yes),
        row("\"1.2.3.4\"", "cidr_in", "[\"0.0.0.0/0\"]", yes), row("\"::1\"", "cidr_in", "[\"0.0.0.0/0\"]", no),
        row("\"010.1.2.3\"", "cidr_in", "[\"10.0.0.0/8\"]", odd),
        row("\"localhost\"", "cidr_in", "[\"127.0.0.0/8\"]", odd),
        row("\"10.1.2\"", "cidr_in", "[\"10.0.0.0/8\"]", odd),
        row("\"fe80::1%eth0\"", "cidr_in", "[\"fe80::/10\"]", odd),
        row("167838211", "cidr_in", "[\"10.0.0.0/8\"]", odd),
        row("\"11.1.2.3\"", "not_cidr_in", "[\"10.0.0.0/8\"]", yes),
        row("\"10.1.2.3\"", "not_cidr_in", "[\"10.0.0.0/8\"]", no),
        row("\"x\"", "not_cidr_in", "[\"10.0.0.0/8\"]", odd),
        row(nil, "not_cidr_in", "[\"10.0.0.0/8\"]", "missing"),
    ]

    static let paths = [
        row("{\"y\":{\"z\":1}}", "eq", "1", yes, path: "args.x.y.z"),
        row("{\"a b\":1}", "eq", "1", yes, path: "args.x[\"a b\"]"),
        row("{\"a.b\":1}", "eq", "1", yes, path: "args[\"x\"][\"a.b\"]"),
        row("{\"\\\"\":1}", "eq", "1", yes, path: "args.x[\"\\\"\"]"),
        row("[1,2,3]", "eq", "3", yes, path: "args.x[-1]"), row("[1,2,3]", "eq", "1", yes, path: "args.x[0]"),
        row("[1,2,3]", "eq", "1", yes, path: "args.x[-3]"), row("[1,2,3]", "eq", "1", "missing", path: "args.x[3]"),
        row("[1,2,3]", "eq", "1", "missing", path: "args.x[-4]"), row("{\"0\":1}", "eq", "1", yes, path: "args.x.0"),
        row("[1]", "eq", "1", odd, path: "args.x.0"), row("{\"0\":1}", "eq", "1", odd, path: "args.x[0]"),
        row("null", "eq", "1", odd, path: "args.x.y"), row("{}", "eq", "1", "missing", path: "args.x.y.z"),
        row("[1,2,3]", "eq", "3", yes, path: "len(args.x)"), row("{\"a\":1}", "eq", "1", yes, path: "len(args.x)"),
        row("\"\u{1F600}e\u{301}\"", "eq", "3", yes, path: "len(args.x)"),
        row("5", "eq", "1", odd, path: "len(args.x)"),
        row("null", "eq", "0", odd, path: "len(args.x)"), row(nil, "eq", "0", "missing", path: "len(args.x)"),
        row("1", "eq", "1", yes, path: "len(args)"), row("\"ÄBC\"", "eq", "\"äbc\"", yes, path: "lower(args.x)"),
        row("5", "eq", "\"5\"", odd, path: "lower(args.x)"), row("null", "eq", "\"null\"", yes, path: "type(args.x)"),
        row("1.5", "eq", "\"number\"", yes, path: "type(args.x)"),
        row("[]", "eq", "\"array\"", yes, path: "type(args.x)"),
        row("{}", "eq", "\"object\"", yes, path: "type(args.x)"),
        row("false", "eq", "\"boolean\"", yes, path: "type(args.x)"),
        row("\"\"", "eq", "\"string\"", yes, path: "type(args.x)"),
        row(nil, "eq", "\"null\"", "missing", path: "type(args.x)"),
    ]

    static let all = equality + order + lists + text + presence + places + paths

    @Test(arguments: all) func tableRow(_ row: Row) throws {
        let path = JSONValue.string(row.path).text
        let policy = try policy(
            #"{"version":"1","default":"deny","tools":{"t":{"require":[{"path":\#(path),"op":"\#(row.op)","value":\#(row.value)}]}}}"#
        )
        let condition = try #require(policy.entries.first?.require.first?.conditions.first)
        var evaluation = Evaluation()
        let call = try call("t", row.argument.map { #"{"x":\#($0)}"# } ?? "{}")
        #expect(evaluation.truth(condition, call, .all).word == row.expected)
    }

    // MARK: Several values

    static let many: [(path: String, each: String?, argument: String, all: String, any: String)] = [
        ("args.x[*]", nil, "[1,1]", yes, yes), ("args.x[*]", nil, "[1,2]", no, yes),
        ("args.x[*]", nil, "[2,2]", no, no),
        ("args.x[*]", nil, "[]", yes, no), ("args.x[*]", nil, "[1,\"1\"]", odd, yes),
        ("args.x[*]", nil, "[2,\"1\"]", no, odd),
        ("args.x[*]", nil, "1", odd, odd), ("args.x[*]", nil, "null", odd, odd),
        ("args.x[*]", nil, "{\"a\":1}", odd, odd),
        ("args.x[*].y", nil, "[{\"y\":1},{}]", "missing", yes), ("args.x[*].y", nil, "[{},{}]", "missing", "missing"),
        ("args.x[*].y", nil, "[{\"y\":2},{}]", no, no), ("args.x[*].y", nil, "[{\"y\":1},7]", odd, yes),
        ("args.x[*].y[*]", nil, "[{\"y\":[1,1]},{\"y\":[]}]", yes, yes), ("args.x[*][*]", nil, "[[1],[2]]", no, yes),
        ("args.x[*]", "any", "[1,2]", yes, yes), ("args.x[*]", "all", "[1,2]", no, no),
        ("args.x[*]", "any", "[]", no, no),
        ("args.x[*]", "all", "[]", yes, yes), ("len(args.x[*])", nil, "[[7],[8]]", yes, yes),
        ("len(args.x[*])", nil, "[[7],[8,9]]", no, yes),
    ]

    @Test(arguments: many.indices) func severalValues(_ index: Int) throws {
        let row = Self.many[index]
        let each = row.each.map { #","each":"\#($0)""# } ?? ""
        let policy = try policy(
            #"{"version":"1","default":"deny","tools":{"t":{"require":[{"path":"\#(row.path)","op":"eq","value":1\#(each)}]}}}"#
        )
        let condition = try #require(policy.entries.first?.require.first?.conditions.first)
        let call = try call("t", #"{"x":\#(row.argument)}"#)
        var evaluation = Evaluation()
        #expect(evaluation.truth(condition, call, .all).word == row.all, "all: \(row)")
        #expect(evaluation.truth(condition, call, .any).word == row.any, "any: \(row)")
    }

    @Test func absentArrayIsMissing() throws {
        let policy = try policy(
            #"{"version":"1","default":"deny","tools":{"t":{"require":[{"path":"args.x[*]","op":"eq","value":1}]}}}"#)
        #expect(outcome(policy, try call("t")) == .deny("/tools/t/require/0"))
        #expect(outcome(policy, try call("t", "{}")) == .deny("/tools/t/require/0"))
    }

    // MARK: Roots

    static let roots = [
        ("tool.name", "\"render\""), ("tool.category", "\"write\""), ("tool.severity", "\"medium\""),
        ("tool.annotations.readOnlyHint", "false"), ("tool[\"annotations\"][\"list\"][1]", "5"),
        ("server.name", "\"studio\""),
        ("grant.label", "\"demo\""), ("grant.identity", "\"alice\""), ("client.name", "\"claude\""),
        ("client.version", "\"2\""),
        ("session.id", "\"s1\""), ("time.hour", "10"), ("time.minute", "7"), ("time.weekday", "1"),
        ("time.date", "\"2026-01-05\""), ("request.ip", "\"10.0.0.7\""), ("len(grant.label)", "4"),
        ("type(time.hour)", "\"number\""),
        ("len(tool.annotations)", "2"),
    ]

    @Test(arguments: roots) func root(_ path: String, _ value: String) throws {
        let policy = try policy(
            #"{"version":"1","default":"deny","tools":{"*":{"require":[{"path":"\#(path.replacing("\"", with: "\\\""))","op":"eq","value":\#(value)}]}}}"#
        )
        let facts = ToolFacts(
            name: "render", category: .write, severity: "medium",
            annotations: try json(#"{"readOnlyHint":false,"list":[4,5]}"#))
        let known = try call(
            "render", "{}", at: .minutes(7), facts: facts, client: ClientFacts(name: "claude", version: "2"),
            ip: "10.0.0.7")
        #expect(outcome(policy, known) == .allow)
        let bare = try call(
            "other", "{}", at: .hours(25) + .minutes(8), grant: GrantFacts(id: "x", label: "y", identity: nil),
            session: nil, server: "z")
        #expect(outcome(policy, bare).word == "deny" || path == "type(time.hour)")
    }
}

extension TimeSpan {
    static func + (a: TimeSpan, b: TimeSpan) -> TimeSpan { .microseconds(a.microseconds + b.microseconds) }
}
