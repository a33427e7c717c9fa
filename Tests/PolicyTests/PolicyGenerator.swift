import JSON
import Support

/// Random policies without errors, and calls that are about the same few names, so that everything meets.
struct PolicyGenerator {
    private var random: SeededGenerator
    private var counters: [String: JSONValue] = [:]

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed &* 7_919 &+ 17)
    }

    mutating func oneIn(_ n: Int) -> Bool { random.oneIn(n) }

    // MARK: Policies

    mutating func policy(shadow: Bool = true) -> JSONValue {
        counters = [:]
        var members = [
            JSONMember("version", "1"), JSONMember("default", .string(random.pick(["allow", "deny", "deny"]))),
        ]
        if shadow, random.oneIn(6) { members.append(JSONMember("mode", .string(random.pick(["shadow", "enforce"])))) }
        if random.oneIn(4) { members.append(JSONMember("hide", .array(several(2) { .string($0.selector()) }))) }
        if random.oneIn(12) {
            members.append(JSONMember("arguments", ["unknown": .string(random.pick(["deny", "schema"]))]))
        }
        if random.oneIn(3) { members.append(JSONMember("all_tools", entry(shadow: shadow))) }
        if !random.oneIn(10) {
            var entries: [JSONMember] = []
            for _ in 0...random.below(3) {
                let selector = selector()
                guard !entries.contains(where: { $0.key == selector }) else { continue }
                entries.append(JSONMember(selector, entry(shadow: shadow)))
            }
            members.append(JSONMember("tools", .object(entries)))
        }
        return .object(members)
    }

    private mutating func several(_ most: Int, _ make: (inout PolicyGenerator) -> JSONValue) -> [JSONValue] {
        (0..<(1 + random.below(most))).map { _ in make(&self) }
    }

    private mutating func selector() -> String {
        random.pick(["get_book", "put_book", "get_*", "*_book", "*", "@read", "@write", "a/b~c", "g*_*k", "other"])
    }

    mutating func entry(shadow: Bool) -> JSONValue {
        var members: [JSONMember] = []
        if random.oneIn(12) {
            members.append(JSONMember("action", .string(random.pick(["deny", "require_approval", "allow"]))))
        }
        if shadow, random.oneIn(6) { members.append(JSONMember("mode", .string(random.pick(["shadow", "enforce"])))) }
        if random.oneIn(3) { members.append(JSONMember("require", .array(several(2) { $0.rule(onError: false) }))) }
        if random.oneIn(3) { members.append(JSONMember("deny_if", .array(several(2) { $0.rule(onError: true) }))) }
        if random.oneIn(8) { members.append(JSONMember("approve_if", .array(several(2) { $0.rule(onError: false) }))) }
        if random.oneIn(3) { members.append(JSONMember("limits", .array(several(2) { $0.limit() }))) }
        if random.oneIn(10) {
            members.append(JSONMember("rate_limit", ["max": .int(1 + random.below(3)), "window": 60]))
        }
        return .object(members)
    }

    private mutating func rule(onError: Bool) -> JSONValue {
        var members: [JSONMember]
        if random.oneIn(3), case .object(let condition) = condition() {
            members = condition
        } else {
            members = [JSONMember("conditions", .array(random.oneIn(25) ? [] : several(2) { $0.condition() }))]
        }
        if onError, random.oneIn(3) {
            members.append(JSONMember("on_error", .string(random.pick(["deny", "ignore"]))))
        }
        return .object(members)
    }

    private mutating func limit() -> JSONValue {
        let name = random.oneIn(2) ? random.pick(["one", "two", "three"]) : nil
        // Limits of one counter have to agree; only their cost is their own.
        if let name, let known = counters[name], case .object(let members) = known {
            return .object(
                members
                    + (random.oneIn(3) ? [JSONMember("cost", .string(random.pick(["args.n", "args.deep.n"])))] : []))
        }
        let calendar = random.oneIn(3)
        let windows: [JSONValue] = ["second", "minute", "hour", "day", "week", 90, "15m", "6h", "7d", 1]
        var members = [
            JSONMember("window", random.pick(windows)),
            JSONMember(
                "max", .number(JSONNumber(random.pick(["1", "2", "3", "2.5", "10", "1.001"])) ?? JSONNumber(1))),
        ]
        if random.oneIn(2) {
            members.append(
                JSONMember("scope", .string(random.pick(["grant", "session", "identity", "server", "global"]))))
        }
        if calendar { members.append(JSONMember("algorithm", "calendar")) }
        if let name {
            members.append(JSONMember("counter", .string(name)))
            counters[name] = .object(members)
        }
        if random.oneIn(4) {
            members.append(
                JSONMember(
                    random.pick(["cost", "increment_from"]),
                    .string(random.pick(["args.n", "args.deep.n", "args.list[0]"]))))
        }
        return .object(members)
    }

    // MARK: Conditions

    private static let paths = [
        "args.s", "args.n", "args.list", "args.list[*]", "args.list[0]", "args.list[-1]", "args.deep.n",
        "args.deep[\"s t\"]",
        "args.rows[*].n", "args.rows[*][*]", "args.rows[1].n", "args.u", "args.p", "args.ip", "args.none", "args.s.x",
        "args", "args[0]",
    ]
    private static let roots = [
        "tool.name", "tool.category", "tool.severity", "tool.annotations.readOnlyHint", "tool.annotations",
        "server.name",
        "grant.label", "grant.identity", "client.name", "client.version", "session.id", "request.ip", "time.hour",
        "time.minute",
        "time.weekday",
    ]

    mutating func condition() -> JSONValue {
        let op = random.pick([
            "eq", "neq", "lt", "lte", "gt", "gte", "in", "not_in", "regex", "not_regex", "contains", "not_contains",
            "starts_with", "ends_with", "exists", "subset_of", "path_within", "cidr_in", "not_cidr_in",
        ])
        var path = random.pick(random.oneIn(4) ? Self.roots : Self.paths)
        if op != "exists", random.oneIn(5) { path = "\(random.pick(["len", "lower", "host", "type"]))(\(path))" }
        // Half of the time the pair makes sense; the rest is for the other truths.
        if random.oneIn(2) {
            switch op {
            case "path_within": path = "args.p"
            case "cidr_in", "not_cidr_in": path = random.pick(["args.ip", "request.ip", "host(args.u)"])
            case "regex", "not_regex", "starts_with", "ends_with":
                path = random.pick(["args.s", "args.u", "tool.name"])
            case "lt", "lte", "gt", "gte":
                path = random.pick(["args.n", "args.deep.n", "args.rows[*].n", "time.hour", "len(args.s)"])
            default: break
            }
        }
        var members = [
            JSONMember("path", .string(path)), JSONMember("op", .string(op)), JSONMember("value", operand(op)),
        ]
        if path.contains("[*]"), random.oneIn(3) {
            members.append(JSONMember("each", .string(random.pick(["any", "all"]))))
        }
        return .object(members)
    }

    private mutating func operand(_ op: String) -> JSONValue {
        switch op {
        case "lt", "lte", "gt", "gte": return random.oneIn(3) ? .string(text()) : number()
        case "in", "not_in", "subset_of":
            return .array(random.oneIn(12) ? [] : several(4) { $0.random.oneIn(3) ? $0.value(1) : $0.scalar() })
        case "regex", "not_regex":
            return .string(random.pick(["^a", "b$", "a.*b", "^[a-c]+$", "é", "(x|get)", "^$", "\\d", "https?://"]))
        case "starts_with", "ends_with": return .string(random.pick(["a", "b", "", "get", "ab", "example", "é"]))
        case "exists": return .bool(random.oneIn(2))
        case "path_within":
            return .array(
                several(2) { .string($0.random.pick(["/srv/images", "/srv/", "/", "uploads", "/srv/a/../images"])) })
        case "cidr_in", "not_cidr_in":
            return .array(
                several(2) {
                    .string(
                        $0.random.pick(["10.0.0.0/8", "127.0.0.1", "0.0.0.0/0", "192.168.4.0/22", "2001:db8::/32"]))
                })
        case "contains", "not_contains": return random.oneIn(2) ? .string(text()) : scalar()
        default: return random.oneIn(6) ? value(2) : scalar()
        }
    }

    // MARK: Values

    private mutating func text() -> String {
        random.pick([
            "a", "ab", "b", "abc", "", "é", "get_book", "read", "alice", "1", "s1", "string", "a.example", "127.0.0.1",
            "Ab",
        ])
    }

    private mutating func number() -> JSONValue {
        let texts = [
            "0", "1", "1.0", "10e-1", "2", "-1", "2.5", "3", "10", "9007199254740993", "9007199254740992", "1e2", "100",
            "0.5", "10.0",
        ]
        return .number(JSONNumber(random.pick(texts)) ?? JSONNumber(0))
    }

    private mutating func scalar() -> JSONValue {
        switch random.below(6) {
        case 0: .null
        case 1: .bool(random.oneIn(2))
        case 2, 3: number()
        default: .string(text())
        }
    }

    private mutating func value(_ depth: Int) -> JSONValue {
        guard depth > 0, random.oneIn(2) else { return scalar() }
        if random.oneIn(2) { return .array((0..<random.below(3)).map { _ in value(depth - 1) }) }
        return .object(["n", "s t"].filter { _ in random.oneIn(2) }.map { JSONMember($0, value(depth - 1)) })
    }

    // MARK: Calls

    mutating func wait() -> Int64 {
        random.pick([
            0, 0, 1, 999, 400_000, 1_000_000, 59_999_999, 60_000_000, 899_000_000, 3_600_000_000, 90_000_000_000,
        ])
    }

    mutating func call(at now: Int64) -> Twin.Call {
        var call = Twin.Call()
        call.tool = random.pick(["get_book", "get_book", "put_book", "get_car", "a/b~c", "other", "else"])
        call.category = random.pick(["read", "write", "execute", nil])
        call.severity = random.pick(["low", nil])
        call.annotations = random.oneIn(2) ? ["readOnlyHint": .bool(random.oneIn(2)), "n": number()] : nil
        call.server = random.pick(["server", "server", "a"])
        call.grantID = random.pick(["g1", "g1", "g2"])
        call.label = random.pick(["alice", "ab"])
        call.identity = random.pick(["alice", "b", nil])
        call.clientName = random.pick(["a", nil])
        call.clientVersion = random.pick(["1", nil])
        call.session = random.oneIn(10) ? nil : random.pick(["s1", "s2"])
        call.ip = random.pick(["10.0.0.9", "::1", "192.168.7.255", nil])
        call.now = now
        var members: [JSONMember] = []
        func add(_ key: String, _ value: JSONValue) { members.append(JSONMember(key, value)) }
        if !random.oneIn(4) { add("s", random.oneIn(5) ? value(2) : .string(text())) }
        if !random.oneIn(4) {
            let costs = ["0", "1", "1", "0.5", "2.25", "-1", "0.001", "3", "100"]
            add("n", random.oneIn(4) ? scalar() : .number(JSONNumber(random.pick(costs)) ?? JSONNumber(1)))
        }
        if random.oneIn(2) {
            add("list", random.oneIn(8) ? scalar() : .array((0..<random.below(4)).map { _ in scalar() }))
        }
        if random.oneIn(2) { add("deep", random.oneIn(8) ? scalar() : ["n": number(), "s t": .string(text())]) }
        if random.oneIn(2) {
            add("rows", random.oneIn(8) ? scalar() : .array((0..<random.below(4)).map { _ in value(2) }))
        }
        if random.oneIn(2) {
            add(
                "u",
                .string(
                    random.pick(
                        Array(Twin.hosts.keys).sorted() + ["no url", "http://a.example\\@b.example", "mailto:a@b"])))
        }
        if random.oneIn(2) {
            add(
                "p",
                .string(
                    random.pick([
                        "/srv/images/a", "/srv/images/../x", "/srv/%2e%2e/etc", "/srv/images/%252e%252e/%252e%252e/x",
                        "uploads/a", "uploads/../x", "~/a", "/srv/images",
                        "/srv/images/a%20b", "/srv/imagesx", "/srv//./images/", "/../srv/images", "", "%2fsrv/images",
                        "/srv/images\\..\\..\\x", "/srv/images/%5c..%5c..",
                        "/srv/images/a%00", "%7e/x",
                    ])))
        }
        if random.oneIn(2) {
            add(
                "ip",
                .string(
                    random.pick([
                        "10.0.0.9", "127.0.0.1", "::1", "2001:db8::1", "::ffff:10.0.0.9", "010.0.0.1", "x",
                        "192.168.8.0", "192.168.5.1",
                    ])))
        }
        call.arguments = .object(members)
        return call
    }

    /// The same value in other words: keys in another order, white space, escapes. `arguments.unknown` names the first key
    /// it meets, so the top level keeps its order.
    mutating func written(_ value: JSONValue, shuffled: Bool = true) -> String {
        let space = random.pick(["", "", " ", "\n\t"])
        switch value {
        case .array(let list):
            return "[" + space
                + list.map { written($0, shuffled: shuffled) }.joined(separator: "," + space) + space
                + "]"
        case .object(var members):
            if shuffled { members.shuffle(using: &random) }
            return "{" + space
                + members.map {
                    JSONValue.string($0.key).text + space + ":" + written($0.value, shuffled: shuffled)
                }.joined(
                    separator: "," + space)
                + "}" + space
        case .string(let text) where random.oneIn(4):
            let units = text.utf16.map { unit in
                let digits = String(unit, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
            return "\"" + units.joined() + "\""
        case .null, .bool, .number, .string: return value.text
        }
    }

    // MARK: Tightening

    /// The same policy with one more guard somewhere.
    mutating func tightened(_ value: JSONValue) -> JSONValue {
        guard case .object(var members) = value else { return value }
        counters = ["one": .null, "two": .null, "three": .null]
        if random.oneIn(4) {
            let more = JSONValue.string(selector())
            if let i = members.firstIndex(where: { $0.key == "hide" }), case .array(let list) = members[i].value {
                members[i] = JSONMember("hide", .array(list + [more]))
            } else {
                members.append(JSONMember("hide", .array([more])))
            }
            return .object(members)
        }
        let name = random.pick(["require", "deny_if", "limits"])
        let addition: JSONValue =
            name == "limits" ? ["window": "minute", "max": 1, "counter": "new"] : rule(onError: name == "deny_if")
        func extended(_ entry: JSONValue) -> JSONValue {
            guard case .object(var fields) = entry else { return entry }
            if let i = fields.firstIndex(where: { $0.key == name }), case .array(let list) = fields[i].value {
                fields[i] = JSONMember(name, .array(list + [addition]))
            } else {
                fields.append(JSONMember(name, .array([addition])))
            }
            return .object(fields)
        }
        if let i = members.firstIndex(where: { $0.key == "tools" }), case .object(var entries) = members[i].value,
            random.oneIn(2),
            !entries.isEmpty
        {
            let chosen = random.below(entries.count)
            entries[chosen] = JSONMember(entries[chosen].key, extended(entries[chosen].value))
            members[i] = JSONMember("tools", .object(entries))
        } else if let i = members.firstIndex(where: { $0.key == "all_tools" }) {
            members[i] = JSONMember("all_tools", extended(members[i].value))
        } else {
            members.append(JSONMember("all_tools", extended(.object([]))))
        }
        return .object(members)
    }
}
