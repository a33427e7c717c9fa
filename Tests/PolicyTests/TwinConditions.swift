import JSON

/// The twin's paths, functions and operators.
extension Twin {
    enum Value {
        case value(JSONValue)
        case missing
        case wrong
    }

    // MARK: Paths

    func values(_ text: String, _ call: Call) -> [Value] {
        for name in ["len", "lower", "host", "type"] where text.hasPrefix(name + "(") {
            return values(String(text.dropFirst(name.count + 1).dropLast()), call).map { function(name, $0) }
        }
        var rest = text[...]
        let root = rest.prefix { $0 != "." && $0 != "[" }
        rest = rest.dropFirst(root.count)
        var current: [Value]
        if root == "args" {
            current = [.value(call.arguments)]
        } else {
            let field = rest.dropFirst().prefix { $0 != "." && $0 != "[" }
            rest = rest.dropFirst(field.count + 1)
            current = [plain("\(root).\(field)", call)]
        }
        while let first = rest.first {
            var step: Substring
            if first == "." {
                step = rest.dropFirst().prefix { $0 != "." && $0 != "[" }
                rest = rest.dropFirst(step.count + 1)
                current = current.map { member(String(step), $0) }
                continue
            }
            step = rest.dropFirst().prefix { $0 != "]" }
            rest = rest.dropFirst(step.count + 2)
            if step == "*" {
                current = current.flatMap(elements)
            } else if step.hasPrefix("\"") {
                current = current.map { member(String(step.dropFirst().dropLast()), $0) }
            } else {
                current = current.map { element(Int(step) ?? 0, $0) }
            }
        }
        return current
    }

    private func member(_ name: String, _ value: Value) -> Value {
        guard case .value(let json) = value else { return value }
        guard case .object(let members) = json else { return .wrong }
        return members.first { Array($0.key.utf8) == Array(name.utf8) }.map { .value($0.value) } ?? .missing
    }

    private func element(_ index: Int, _ value: Value) -> Value {
        guard case .value(let json) = value else { return value }
        guard case .array(let list) = json else { return .wrong }
        let position = index < 0 ? list.count + index : index
        return list.indices.contains(position) ? .value(list[position]) : .missing
    }

    private func elements(_ value: Value) -> [Value] {
        guard case .value(let json) = value else { return [value] }
        guard case .array(let list) = json else { return [.wrong] }
        return list.map { .value($0) }
    }

    private func plain(_ name: String, _ call: Call) -> Value {
        func text(_ text: String?) -> Value { text.map { .value(.string($0)) } ?? .missing }
        let seconds = call.now / 1_000_000
        switch name {
        case "tool.name": return text(call.tool)
        case "tool.category": return text(call.category)
        case "tool.severity": return text(call.severity)
        case "tool.annotations": return call.annotations.map { .value($0) } ?? .missing
        case "server.name": return text(call.server)
        case "grant.label": return text(call.label)
        case "grant.identity": return text(call.identity)
        case "client.name": return text(call.clientName)
        case "client.version": return text(call.clientVersion)
        case "session.id": return text(call.session)
        case "request.ip": return text(call.ip)
        case "time.hour": return .value(.int(seconds / 3_600 % 24))
        case "time.minute": return .value(.int(seconds / 60 % 60))
        // 1970-01-01 was a Thursday.
        case "time.weekday": return .value(.int((seconds / 86_400 + 3) % 7 + 1))
        default: return .missing
        }
    }

    private func function(_ name: String, _ value: Value) -> Value {
        guard case .value(let json) = value else { return value }
        switch (name, json) {
        case ("type", _): return .value(.string(kind(json)))
        case ("len", .string(let text)): return .value(.int(text.unicodeScalars.count))
        case ("len", .array(let list)): return .value(.int(list.count))
        case ("len", .object(let members)): return .value(.int(members.count))
        case ("lower", .string(let text)): return .value(.string(text.lowercased()))
        case ("host", .string(let text)): return Self.hosts[text].map { .value(.string($0)) } ?? .wrong
        default: return .wrong
        }
    }

    /// The URLs that the generator uses, and what their hosts are.
    static let hosts = [
        "https://a.example/x": "a.example", "HTTP://User@A.EXAMPLE:8080": "a.example", "http://b.example": "b.example",
        "http://[2001:db8:0::1]/": "2001:db8::1", "http://0x7f.1/": "127.0.0.1",
        "https://b\u{fc}.example./": "xn--b-xga.example",
    ]

    // MARK: Operators

    func kind(_ value: JSONValue) -> String {
        switch value {
        case .null: "null"
        case .bool: "boolean"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }

    func equal(_ a: JSONValue, _ b: JSONValue) -> Bool {
        switch (a, b) {
        case (.null, .null): return true
        case (.bool(let x), .bool(let y)): return x == y
        case (.number(let x), .number(let y)): return x.compare(to: y) == 0
        case (.string(let x), .string(let y)): return Array(x.utf8) == Array(y.utf8)
        case (.array(let x), .array(let y)): return x.count == y.count && zip(x, y).allSatisfy { equal($0, $1) }
        case (.object(let x), .object(let y)):
            return x.count == y.count
                && x.allSatisfy { member in y.contains { $0.key == member.key && equal($0.value, member.value) } }
        default: return false
        }
    }

    func test(_ value: Value, _ op: String, _ wanted: JSONValue) -> String {
        func say(_ holds: Bool) -> String { holds ? "holds" : "does_not_hold" }
        func not(_ word: String) -> String {
            word == "holds" ? "does_not_hold" : word == "does_not_hold" ? "holds" : word
        }
        if op == "exists" {
            if case .value = value { return say(wanted == .bool(true)) }
            return say(wanted == .bool(false))
        }
        let json: JSONValue
        switch value {
        case .missing: return "missing"
        case .wrong: return "undetermined"
        case .value(let found): json = found
        }
        if let positive = [
            "neq": "eq", "not_in": "in", "not_regex": "regex", "not_contains": "contains", "not_cidr_in": "cidr_in",
        ][op] {
            return not(test(value, positive, wanted))
        }
        let choices: [JSONValue] = if case .array(let list) = wanted { list } else { [] }
        switch (op, json, wanted) {
        case ("eq", _, _): return kind(json) == kind(wanted) ? say(equal(json, wanted)) : "undetermined"
        case ("lt", .number(let a), .number(let b)): return say((a.compare(to: b) ?? 0) < 0)
        case ("lte", .number(let a), .number(let b)): return say((a.compare(to: b) ?? 0) <= 0)
        case ("gt", .number(let a), .number(let b)): return say((a.compare(to: b) ?? 0) > 0)
        case ("gte", .number(let a), .number(let b)): return say((a.compare(to: b) ?? 0) >= 0)
        case ("lt", .string(let a), .string(let b)): return say(before(a, b))
        case ("lte", .string(let a), .string(let b)): return say(!before(b, a))
        case ("gt", .string(let a), .string(let b)): return say(before(b, a))
        case ("gte", .string(let a), .string(let b)): return say(!before(a, b))
        case ("in", _, _):
            if choices.contains(where: { equal(json, $0) }) { return "holds" }
            return choices.contains { kind($0) == kind(json) } ? "does_not_hold" : "undetermined"
        case ("regex", .string(let text), .string(let pattern)):
            guard let regex = try? Regex(pattern).matchingSemantics(.unicodeScalar) else { return "(bad pattern)" }
            return say(text.contains(regex))
        case ("contains", .string(let text), .string(let part)):
            let (whole, piece) = (Array(text.unicodeScalars), Array(part.unicodeScalars))
            return say((0...whole.count).contains { whole[$0...].starts(with: piece) })
        case ("contains", .array(let list), _): return say(list.contains { equal($0, wanted) })
        case ("starts_with", .string(let text), .string(let part)):
            return say(text.unicodeScalars.starts(with: part.unicodeScalars))
        case ("ends_with", .string(let text), .string(let part)):
            return say(text.unicodeScalars.reversed().starts(with: part.unicodeScalars.reversed()))
        case ("subset_of", .array(let list), _):
            return say(list.allSatisfy { item in choices.contains { equal(item, $0) } })
        case ("path_within", .string(let path), _):
            return isWithin(path, choices.compactMap(\.string)).map(say) ?? "undetermined"
        case ("cidr_in", .string(let text), _):
            guard let address = address(text) else { return "undetermined" }
            return say(choices.compactMap(\.string).contains { inside(address, $0) })
        default: return "undetermined"
        }
    }

    private func before(_ a: String, _ b: String) -> Bool {
        a.unicodeScalars.map(\.value).lexicographicallyPrecedes(b.unicodeScalars.map(\.value))
    }

    // MARK: File paths

    /// Where it lies as written and after each round of decoding; nil where that is not one answer.
    private func isWithin(_ path: String, _ directories: [String]) -> Bool? {
        guard !path.isEmpty, !path.hasPrefix("~"), !path.unicodeScalars.contains("\0") else { return nil }
        var places = [place(path, directories)]
        if path.contains("\\") { places.append(place(path.replacing("\\", with: "/"), directories)) }
        let once = decoded(path)
        if once != path { places.append(isWithin(once, directories)) }
        return places.allSatisfy { $0 == places[0] } ? places[0] : nil
    }

    private func place(_ path: String, _ directories: [String]) -> Bool? {
        guard let parts = cleaned(path) else { return nil }
        if directories.contains(where: { lies(parts, path, in: $0) }) { return true }
        return directories.contains { $0.hasPrefix("/") != path.hasPrefix("/") } ? nil : false
    }

    private func cleaned(_ path: String) -> [String]? {
        var parts: [String] = []
        for part in path.split(separator: "/") where part != "." {
            if part != ".." {
                parts.append(String(part))
            } else if !parts.isEmpty {
                parts.removeLast()
            } else if !path.hasPrefix("/") {
                return nil
            }
        }
        return parts
    }

    private func lies(_ parts: [String], _ path: String, in directory: String) -> Bool {
        path.hasPrefix("/") == directory.hasPrefix("/") && parts.starts(with: cleaned(directory) ?? ["\0"])
    }

    private func decoded(_ text: String) -> String {
        for (escape, plain) in [
            ("%2e", "."), ("%2E", "."), ("%2f", "/"), ("%2F", "/"), ("%5c", "\\"), ("%00", "\0"), ("%20", " "),
            ("%7e", "~"),
        ]
        where text.contains(escape) {
            // One round replaces all escapes at once: those that decoding itself makes wait for the next.
            let parts = text.split(separator: escape, omittingEmptySubsequences: false).map { decoded(String($0)) }
            return parts.joined(separator: plain)
        }
        return text.replacing("%25", with: "%")
    }

    // MARK: Addresses

    private func address(_ text: String) -> [Int]? {
        if let known = [
            "::1": [0, 0, 0, 0, 0, 0, 0, 1], "2001:db8::1": [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], "::ffff:10.0.0.9": nil,
        ][text],
            let known
        {
            return known.flatMap { [$0 >> 8, $0 & 255] }
        }
        if text == "::ffff:10.0.0.9" { return [10, 0, 0, 9] }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { part in
            Int(part).flatMap { (0...255).contains($0) && String($0) == part ? $0 : nil }
        }
        return parts.count == 4 && bytes.count == 4 ? bytes : nil
    }

    private func inside(_ address: [Int], _ network: String) -> Bool {
        let known: [String: ([Int], Int)] = [
            "10.0.0.0/8": ([10, 0, 0, 0], 8), "127.0.0.1": ([127, 0, 0, 1], 32), "0.0.0.0/0": ([0, 0, 0, 0], 0),
            "192.168.4.0/22": ([192, 168, 4, 0], 22),
            "2001:db8::/32": ([0x20, 1, 0xd, 0xb8] + Array(repeating: 0, count: 12), 32),
        ]
        guard let (base, length) = known[network], base.count == address.count else { return false }
        func bits(_ bytes: [Int]) -> [Int] { bytes.flatMap { byte in (0..<8).map { byte >> (7 - $0) & 1 } } }
        return bits(base).prefix(length) == bits(address).prefix(length)
    }
}
