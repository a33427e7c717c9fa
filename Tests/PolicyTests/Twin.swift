import JSON

/// The policy language once more: slow, plain, written from the specification alone (and docs/policy.md where that chooses
/// a reading), on JSON trees instead of the engine's compiled form. It shares no code with the engine and knows only
/// documents without errors.
struct Twin {
    struct Call {
        var tool = "t"
        var category: String?
        var severity: String?
        var annotations: JSONValue?
        var arguments: JSONValue = .object([])
        var server = "server"
        var grantID = "g"
        var label = "label"
        var identity: String?
        var clientName: String?
        var clientVersion: String?
        var session: String?
        var ip: String?
        /// Microseconds since 1970.
        var now: Int64 = 0
    }

    /// One amount taken from one counter, in thousandths.
    struct Taken: Equatable {
        var counter: String
        var amount: Int
        var time: Int64
        var number: Int
    }

    struct Answer: Equatable {
        var word: String
        var rule = ""
        var evidence: [String] = []
        var retryAfterMs: Int64?
        /// Thousandths; of the limit that denied, or the least of those that counted the call.
        var remaining: Int?
        var taken: [Taken] = []
    }

    let policy: JSONValue
    var taken: [Taken] = []
    private var nextNumber = 0

    init(_ policy: JSONValue) {
        self.policy = policy
    }

    // MARK: Order of evaluation

    mutating func decide(_ call: Call) -> Answer {
        var shadow: Answer?
        let documentShadow = policy["mode"]?.string == "shadow"
        func deny(_ answer: Answer, _ isShadow: Bool) -> Answer? {
            if !isShadow { return answer }
            if shadow == nil {
                shadow = answer
                shadow?.word = "shadow_deny"
            }
            return nil
        }
        if list(policy["hide"]).contains(where: { matches($0.string ?? "", call) }),
            let answer = deny(Answer(word: "deny", rule: "(hidden)"), documentShadow)
        {
            return answer
        }
        var entries = members(policy["tools"]).filter { matches($0.key, call) }.map {
            ("/tools/" + escaped($0.key), $0.value)
        }
        if entries.isEmpty, policy["default"]?.string == "deny",
            let answer = deny(Answer(word: "deny", rule: "(default deny)"), documentShadow)
        {
            return answer
        }
        if policy["arguments"]?["unknown"]?.string == "deny",
            let first = members(call.arguments).min(by: { Array($0.key.utf8).lexicographicallyPrecedes($1.key.utf8) }),
            let answer = deny(
                Answer(
                    word: "deny", rule: "/arguments/unknown",
                    evidence: ["/arguments/unknown /\(escaped(first.key)) does_not_hold"]), documentShadow)
        {
            return answer
        }
        if let common = policy["all_tools"] { entries.insert(("/all_tools", common), at: 0) }
        func isShadow(_ entry: JSONValue) -> Bool { (entry["mode"]?.string).map { $0 == "shadow" } ?? documentShadow }

        for (pointer, entry) in entries {
            if entry["action"]?.string == "deny",
                let answer = deny(Answer(word: "deny", rule: pointer + "/action"), isShadow(entry))
            {
                return answer
            }
            for (i, rule) in list(entry["require"]).enumerated() {
                let place = "\(pointer)/require/\(i)"
                let results = conditions(rule, place).map { result($0.condition, call, standard: "all") }
                guard !results.allSatisfy({ $0 == "holds" }) else { continue }
                let answer = Answer(word: "deny", rule: place, evidence: evidence(rule, place, results))
                if let answer = deny(answer, isShadow(entry)) { return answer }
            }
            for (i, rule) in list(entry["deny_if"]).enumerated() {
                let place = "\(pointer)/deny_if/\(i)"
                let results = conditions(rule, place).map { result($0.condition, call, standard: "any") }
                switch joined(results) {
                case "holds": break
                case "undetermined" where rule["on_error"]?.string != "ignore": break
                default: continue
                }
                let answer = Answer(word: "deny", rule: place, evidence: evidence(rule, place, results))
                if let answer = deny(answer, isShadow(entry)) { return answer }
            }
        }
        for (pointer, entry) in entries where !(isShadow(entry) && shadow != nil) {
            for (i, rule) in list(entry["approve_if"]).enumerated() {
                let place = "\(pointer)/approve_if/\(i)"
                let results = conditions(rule, place).map { result($0.condition, call, standard: "any") }
                if ["holds", "undetermined"].contains(joined(results)) {
                    return Answer(word: "ask", rule: place, evidence: evidence(rule, place, results))
                }
            }
            if entry["action"]?.string == "require_approval" { return Answer(word: "ask", rule: pointer + "/action") }
        }

        // Limits: with those in shadow mode first; if one of them stops the call, without.
        var limits: [(place: String, limit: JSONValue, isShadow: Bool)] = []
        for (pointer, entry) in entries {
            for (i, limit) in list(entry["limits"]).enumerated() {
                limits.append(("\(pointer)/limits/\(i)", limit, isShadow(entry)))
            }
            if let short = entry["rate_limit"] {
                let limit = JSONValue.object([
                    JSONMember("max", short["max"] ?? .null), JSONMember("window", short["window"] ?? .null),
                    JSONMember("scope", "session"),
                ])
                limits.append((pointer + "/rate_limit", limit, isShadow(entry)))
            }
        }
        var countable: [(place: String, limit: JSONValue, isShadow: Bool, counter: String, amount: Int)] = []
        for (place, limit, isShadow) in limits {
            guard let counter = counter(limit, place, call) else {
                if let answer = deny(Answer(word: "deny", rule: place), isShadow) { return answer }
                continue
            }
            var amount = 1_000
            if let path = (limit["cost"] ?? limit["increment_from"])?.string {
                guard case .value(.number(let number)) = values(path, call).first ?? .missing,
                    let cost = thousandths(number.text),
                    cost >= 0
                else {
                    let isMissing = if case .missing = values(path, call).first ?? .missing { true } else { false }
                    let line = "\(place)/cost \(path) \(isMissing ? "missing" : "undetermined")"
                    if let answer = deny(Answer(word: "deny", rule: place, evidence: [line]), isShadow) {
                        return answer
                    }
                    continue
                }
                amount = cost
            }
            countable.append((place, limit, isShadow, counter, amount))
        }
        if shadow != nil { countable.removeAll { $0.isShadow } }
        for withShadow in [true, false] {
            var trial = taken
            var added: [Taken] = []
            var least: Int?
            var full: Answer?
            var fullIsShadow = false
            for (place, limit, isShadow, counter, amount) in countable where withShadow || !isShadow {
                let max = thousandths(number(limit["max"])) ?? 0
                let total = sum(trial, counter, limit, at: call.now)
                guard total + amount <= max else {
                    full = Answer(
                        word: "deny", rule: place,
                        retryAfterMs: retry(trial, before: added, counter, limit, amount, max, at: call.now).map {
                            ($0 + 999) / 1_000
                        },
                        remaining: Swift.max(0, max - total))
                    fullIsShadow = isShadow
                    break
                }
                nextNumber += 1
                let entry = Taken(counter: counter, amount: amount, time: call.now, number: nextNumber)
                added.append(entry)
                trial.append(entry)
                least = Swift.min(least ?? .max, max - total - amount)
            }
            guard let full else {
                taken = trial
                var answer = shadow ?? Answer(word: "allow")
                answer.taken = added
                if shadow == nil { answer.remaining = least }
                return answer
            }
            if !fullIsShadow { return full }
            _ = deny(full, true)
        }
        return Answer(word: "(unreachable)")
    }

    mutating func release(_ entries: [Taken]) {
        taken.removeAll { entries.contains($0) }
    }

    // MARK: Limits

    private func seconds(_ window: JSONValue?) -> Int64 {
        if case .number(let number)? = window { return number.int ?? 0 }
        switch window?.string {
        case "second": return 1
        case "minute": return 60
        case "hour": return 3_600
        case "day": return 86_400
        case "week": return 604_800
        case let text?:
            let unit: [Character: Int64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
            return (Int64(text.dropLast()) ?? 0) * (text.last.flatMap { unit[$0] } ?? 0)
        case nil: return 0
        }
    }

    private func counter(_ limit: JSONValue, _ place: String, _ call: Call) -> String? {
        let name = limit["counter"]?.string
        let scope = limit["scope"]?.string ?? "grant"
        var owner = ""
        switch scope {
        case "grant": owner = call.grantID
        case "session":
            guard let session = call.session else { return nil }
            owner = session
        case "identity":
            guard let identity = call.identity else { return nil }
            owner = identity
        default: break
        }
        let spansServers = name != nil && (scope == "identity" || scope == "global")
        return [
            scope, owner, spansServers ? "" : call.server, name.map { "named " + $0 } ?? place,
            "\(seconds(limit["window"]))",
            limit["algorithm"]?.string ?? "sliding",
        ].joined(separator: "\u{0}")
    }

    private func windowStart(_ time: Int64, _ limit: JSONValue) -> Int64 {
        let size = seconds(limit["window"]) * 1_000_000
        // 1970-01-05 was a Monday; times of the tests are far later.
        let origin: Int64 = size == 604_800_000_000 ? 4 * 86_400_000_000 : 0
        return (time - origin) / size * size + origin
    }

    private func counts(_ entry: Taken, _ limit: JSONValue, at now: Int64) -> Bool {
        limit["algorithm"]?.string == "calendar"
            ? windowStart(entry.time, limit) == windowStart(now, limit)
            : entry.time > now - seconds(limit["window"]) * 1_000_000
    }

    private func sum(_ taken: [Taken], _ counter: String, _ limit: JSONValue, at now: Int64) -> Int {
        taken.filter { $0.counter == counter && counts($0, limit, at: now) }.reduce(0) { $0 + $1.amount }
    }

    /// Microseconds until the amount would fit if nobody else called; what the call itself has added never leaves.
    private func retry(
        _ trial: [Taken], before added: [Taken], _ counter: String, _ limit: JSONValue, _ amount: Int, _ max: Int,
        at now: Int64
    ) -> Int64? {
        let own = added.filter { $0.counter == counter }.reduce(0) { $0 + $1.amount }
        guard own + amount <= max else { return nil }
        let others = trial.filter { $0.counter == counter && !added.contains($0) }
        let size = seconds(limit["window"]) * 1_000_000
        let moments = others.map {
            limit["algorithm"]?.string == "calendar" ? windowStart($0.time, limit) + size : $0.time + size
        }
        for moment in moments.sorted() where moment > now {
            if sum(others, counter, limit, at: moment) + own + amount <= max { return moment - now }
        }
        return nil
    }

    private func number(_ value: JSONValue?) -> String {
        if case .number(let number)? = value { return number.text }
        return ""
    }

    /// Only for numbers with at most three decimals; that is all the generator makes.
    private func thousandths(_ text: String) -> Int? {
        if let e = text.firstIndex(of: "e"), let mantissa = thousandths(String(text[..<e])),
            let exponent = Int(text[text.index(after: e)...])
        {
            return exponent < 0 ? mantissa / 10 : (0..<exponent).reduce(mantissa) { value, _ in value * 10 }
        }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = Int(parts[0]) else { return nil }
        let digits = parts.count == 2 ? String(parts[1]) : ""
        guard digits.count <= 3, let fraction = Int((digits + "000").prefix(3)) else { return nil }
        return text.hasPrefix("-") ? whole * 1_000 - fraction : whole * 1_000 + fraction
    }

    // MARK: Selectors

    private func matches(_ selector: String, _ call: Call) -> Bool {
        if selector.hasPrefix("@") { return call.category == String(selector.dropFirst()) }
        return glob(Array(selector.unicodeScalars), Array(call.tool.unicodeScalars))
    }

    private func glob(_ pattern: [Unicode.Scalar], _ name: [Unicode.Scalar]) -> Bool {
        guard let first = pattern.first else { return name.isEmpty }
        let rest = Array(pattern.dropFirst())
        if first == "*" { return glob(rest, name) || !name.isEmpty && glob(pattern, Array(name.dropFirst())) }
        return name.first == first && glob(rest, Array(name.dropFirst()))
    }

    // MARK: Rules

    private func conditions(_ rule: JSONValue, _ place: String) -> [(condition: JSONValue, place: String)] {
        guard case .array(let list)? = rule["conditions"] else { return [(rule, place)] }
        return list.enumerated().map { ($0.element, "\(place)/conditions/\($0.offset)") }
    }

    private func evidence(_ rule: JSONValue, _ place: String, _ results: [String]) -> [String] {
        zip(conditions(rule, place), results).map { "\($0.place) \($0.condition["path"]?.string ?? "") \($1)" }
    }

    /// *And*, for rules that deny or ask.
    private func joined(_ results: [String]) -> String {
        if results.contains("does_not_hold") || results.contains("missing") { return "does_not_hold" }
        return results.contains("undetermined") ? "undetermined" : "holds"
    }

    func result(_ condition: JSONValue, _ call: Call, standard: String) -> String {
        let path = condition["path"]?.string ?? ""
        let results = values(path, call).map { test($0, condition["op"]?.string ?? "", condition["value"] ?? .null) }
        guard path.contains("[*]") else { return results[0] }
        if (condition["each"]?.string ?? standard) == "all" {
            for word in ["does_not_hold", "undetermined", "missing"] where results.contains(word) { return word }
            return "holds"
        }
        for word in ["holds", "undetermined", "does_not_hold", "missing"] where results.contains(word) { return word }
        return "does_not_hold"
    }

    private func list(_ value: JSONValue?) -> [JSONValue] {
        if case .array(let list)? = value { list } else { [] }
    }

    private func members(_ value: JSONValue?) -> [JSONMember] {
        if case .object(let members)? = value { members } else { [] }
    }

    private func escaped(_ key: String) -> String { key.replacing("~", with: "~0").replacing("/", with: "~1") }
}
