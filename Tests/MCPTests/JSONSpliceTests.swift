import JSON
import MCP
import Support
import Testing

@Suite struct JSONSpliceTests {
    private func edited(_ text: String, _ edit: (inout JSONSplice, JSONView) -> Void) throws -> String {
        let document = try JSONDocument.parse(Array(text.utf8))
        var splice = JSONSplice(document)
        edit(&splice, document.root)
        return String(decoding: splice.applied(), as: UTF8.self)
    }

    @Test func nothingAskedNothingChanged() throws {
        let text = " { \"a\" : 1.00 , \"\\u0062\":[ ] }\n"
        #expect(try edited(text) { _, _ in } == text)
    }

    @Test(arguments: [
        ("{}", "k", #"{"k":9}"#), ("{ }", "k", #"{ "k":9}"#), (#"{"a":1}"#, "k", #"{"a":1,"k":9}"#),
        (#"{"k":1}"#, "k", #"{"k":9}"#), (#"{ "k" : [1, 2] , "b":1.0}"#, "k", #"{ "k" : 9 , "b":1.0}"#),
        (#"{"\u006b":1}"#, "k", #"{"\u006b":9}"#), (#"{"a":1}"#, "q\"", #"{"a":1,"q\"":9}"#), ("[1]", "k", "[1]"),
    ])
    func setsAMember(text: String, key: String, expected: String) throws {
        #expect(try edited(text) { $0.set(key, to: 9, in: $1) } == expected)
    }

    @Test(arguments: [
        (#"{"a":1}"#, "a", "{}"), (#"{ "a" : 1 }"#, "a", "{  }"), (#"{"a":1,"b":2}"#, "a", #"{"b":2}"#),
        (#"{"a":1, "b":2}"#, "b", #"{"a":1}"#), (#"{"a":1 , "b":2 , "c":3}"#, "b", #"{"a":1 , "c":3}"#),
        (#"{"a":1}"#, "x", #"{"a":1}"#), ("7", "a", "7"),
    ])
    func removesAMember(text: String, key: String, expected: String) throws {
        #expect(try edited(text) { $0.remove(key, from: $1) } == expected)
    }

    /// Its places would be bytes that nobody meant.
    @Test func aViewOfAnotherDocumentBreaksIt() throws {
        let text = Array(#"{"a":{"b":[1]}}"#.utf8)
        let (own, other) = (try JSONDocument.parse(text).root, try JSONDocument.parse(text).root)
        let edits: [(inout JSONSplice, JSONView) -> Void] = [
            { $0.replace($1, with: "x") }, { $0.set("b", to: 1, in: $1) }, { $0.set("c", to: 1, in: $1) },
            { $0.remove("b", from: $1) }, { $0.set(["c", "d"], to: [48], under: $1) },
            { $0.remove(["b"], under: $1) }, { splice, view in view["b"].map { splice.append([48], to: $0) } },
            { splice, view in view["b"].map { splice.filter($0) { _ in false } } },
        ]
        for edit in edits {
            var splice = JSONSplice(own.document)
            if let view = other["a"] { edit(&splice, view) }
            splice.set("d", to: 1, in: own)
            #expect(splice.isBroken && !splice.isEmpty)
            #expect(splice.applied().isEmpty && splice.applied(to: own).isEmpty)
        }
    }

    @Test func editsOfOneObjectGetAlong() throws {
        let text = #"{"a":1,"b":2,"c":3,"d":4}"#
        #expect(
            try edited(text) {
                for key in ["a", "b", "c", "d"] { $0.remove(key, from: $1) }
                $0.set("x", to: 1, in: $1)
                $0.set("y", to: 2, in: $1)
            } == #"{"x":1,"y":2}"#)
        #expect(
            try edited(text) {
                $0.remove("d", from: $1)
                $0.set("c", to: 9, in: $1)
                $0.set("x", to: 1, in: $1)
                $0.set("x", to: 5, in: $1)
            } == #"{"a":1,"b":2,"c":9,"x":5}"#)
        #expect(
            try edited(text) {
                $0.remove("b", from: $1)
                $0.set("b", to: 7, in: $1)
                $0.set("x", to: 1, in: $1)
                $0.remove("x", from: $1)
            } == #"{"a":1,"b":7,"c":3,"d":4}"#)
    }

    @Test func theOuterEditSwallowsTheInner() throws {
        for innerFirst in [true, false] {
            let result = try edited(#"{"o":{"i":1},"p":{"i":1}}"#) { splice, root in
                func inner() {
                    if let o = root["o"], let p = root["p"] {
                        splice.set("i", to: 2, in: o)
                        splice.set("n", to: 2, in: o)
                        splice.remove("i", from: p)
                    }
                }
                if innerFirst { inner() }
                if let o = root["o"] { splice.replace(o, with: "new") }
                splice.remove("p", from: root)
                if !innerFirst { inner() }
            }
            #expect(result == #"{"o":"new"}"#)
        }
    }

    @Test(arguments: [
        ("{}", ["a", "b", "c"], #"{"a":{"b":{"c":9}}}"#), (#"{"a":{}}"#, ["a", "b"], #"{"a":{"b":9}}"#),
        (#"{"a":{"b":1,"z":2}}"#, ["a", "b"], #"{"a":{"b":9,"z":2}}"#), (#"{"a":[1]}"#, ["a", "b"], #"{"a":[1]}"#),
    ])
    func setsAtAPath(text: String, path: [String], expected: String) throws {
        #expect(try edited(text) { $0.set(path, to: Array("9".utf8), under: $1) } == expected)
    }

    @Test func newObjectsTakeMoreMembers() throws {
        let result = try edited(#"{"id":1}"#) {
            $0.set(["params", "_meta", "x"], to: Array("1".utf8), under: $1)
            $0.set(["params", "_meta", "y"], to: Array("2".utf8), under: $1)
            $0.set(["params", "name"], to: Array("3".utf8), under: $1)
            $0.set(["params", "_meta", "x"], to: Array("4".utf8), under: $1)
        }
        #expect(result == #"{"id":1,"params":{"_meta":{"x":4,"y":2},"name":3}}"#)
    }

    @Test(arguments: [
        ("[1,2,3,4]", [1, 2, 3, 4], "[1,2,3,4]"), ("[1, 2, 3]", [2], "[2]"), ("[1, 2, 3]", [1], "[1]"),
        ("[ 1 , 2 , 3 ]", [3], "[ 3 ]"), ("[1,2,3,4]", [1, 4], "[1,4]"), ("[1,2]", [], "[]"), ("[]", [], "[]"),
    ])
    func filtersAnArray(text: String, kept: [Int64], expected: String) throws {
        #expect(try edited(text) { $0.filter($1) { kept.contains($0.int ?? 0) } } == expected)
    }

    @Test func oneValueCanBeTakenOut() throws {
        let document = try JSONDocument.parse(Array(#"{"tools":[ {"name":"a","x":1.0} , {"name":"b"} ]}"#.utf8))
        var splice = JSONSplice(document)
        let tools = try #require(document.root["tools"])
        let (a, b) = (try #require(tools[0]), try #require(tools[1]))
        splice.set("name", to: "s__a", in: a)
        splice.append(Array("7".utf8), to: tools)
        #expect(String(decoding: splice.applied(to: a), as: UTF8.self) == #"{"name":"s__a","x":1.0}"#)
        #expect(String(decoding: splice.applied(to: b), as: UTF8.self) == #"{"name":"b"}"#)
        #expect(
            String(decoding: splice.applied(to: tools), as: UTF8.self)
                == #"[ {"name":"s__a","x":1.0} , {"name":"b"} ,7]"#)
    }

    // MARK: Random documents

    /// Edits by bytes and edits of values come to the same, and what no edit names keeps its bytes.
    @Test(arguments: 0..<40) func editingBytesIsEditingValues(seed: UInt64) throws {
        var random = RandomDocument(seed: seed)
        for _ in 0..<50 {
            let value = random.value(depth: 4)
            let text = random.spell(value)
            let document = try JSONDocument.parse(Array(text.utf8))
            var splice = JSONSplice(document)
            let expected = random.edit(document.root, &splice)
            let result = splice.applied()
            guard let parsed = try? JSONDocument.parse(result) else {
                Issue.record("\(text) became \(String(decoding: result, as: UTF8.self))")
                continue
            }
            let wanted = try JSONDocument.parse(expected.bytes)
            #expect(parsed.root == wanted.root, "\(text) became \(String(decoding: result, as: UTF8.self))")
            #expect(keysInOrder(parsed.root) == keysInOrder(wanted.root))
            // Scalars that are not new stand in the result as they were spelled.
            var spelled: [String: Int] = [:]
            scalars(document.root) { spelled[$0, default: 0] += 1 }
            scalars(parsed.root) { text in
                if !text.hasPrefix("\"new") { #expect(spelled[text] != nil, "\(text) was respelled") }
            }
        }
    }

    private func scalars(_ view: JSONView, _ each: (String) -> Void) {
        for element in view.elements { scalars(element, each) }
        for (_, value) in view.members { scalars(value, each) }
        if view.kind != .array, view.kind != .object { each(String(decoding: view.rawBytes, as: UTF8.self)) }
    }

    private func keysInOrder(_ view: JSONView) -> [String] {
        view.elements.flatMap { keysInOrder($0) }
            + view.members.flatMap { [$0.key.string ?? ""] + keysInOrder($0.value) }
    }
}

/// Random values, odd spellings of them, and random edits with what they should lead to.
struct RandomDocument {
    var random: SeededGenerator
    private var count = 0

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    mutating func value(depth: Int) -> JSONValue {
        switch random.below(depth > 0 ? 9 : 5) {
        case 0: return .null
        case 1: return .bool(random.oneIn(2))
        case 2:
            return JSONNumber(random.pick(["1.0", "-0", "1e400", "12345678901234567890.10", "7"])).map(JSONValue.number)
                ?? .null
        case 3, 4: return .string(random.pick(["", "a", "é", "\u{1F600}", "\"\\", "\n"]))
        case 5, 6: return .array((0..<random.below(5)).map { _ in value(depth: depth - 1) })
        default:
            var members: [JSONMember] = []
            for key in ["a", "b", "", "é", "\n", "_meta"].shuffled(using: &random).prefix(random.below(6)) {
                members.append(JSONMember(key, value(depth: depth - 1)))
            }
            return .object(members)
        }
    }

    mutating func spell(_ value: JSONValue) -> String {
        func padded(_ text: String) -> String {
            let pads = ["", "", " ", "\n", "\t ", "\r\n"]
            return random.pick(pads) + text + random.pick(pads)
        }
        switch value {
        case .array(let elements):
            return padded(
                "[" + elements.map { spell($0) }.joined(separator: ",") + (elements.isEmpty ? padded("") : "") + "]")
        case .object(let members):
            let inside = members.map { padded(spellString($0.key)) + ":" + spell($0.value) }
            return padded("{" + inside.joined(separator: ",") + (inside.isEmpty ? padded("") : "") + "}")
        case .string(let text): return padded(spellString(text))
        default: return padded(value.text)
        }
    }

    private mutating func spellString(_ text: String) -> String {
        if text == "a", random.oneIn(3) { return "\"\\u0061\"" }
        if text == "é", random.oneIn(3) { return "\"\\u00E9\"" }
        return JSONValue.string(text).text
    }

    /// Asks for edits at random places, and gives the value that should come of them.
    mutating func edit(_ view: JSONView, _ splice: inout JSONSplice) -> JSONValue {
        if random.oneIn(8) {
            // The inside may be edited as well: that must have no effect.
            if random.oneIn(2) { _ = editInside(view, &splice) }
            let new = fresh()
            splice.replace(view, with: new.bytes)
            return new
        }
        return editInside(view, &splice)
    }

    private mutating func fresh() -> JSONValue {
        count += 1
        return .string("new\(count)")
    }

    private mutating func editInside(_ view: JSONView, _ splice: inout JSONSplice) -> JSONValue {
        switch view.kind {
        case .object:
            var members: [JSONMember] = []
            for (key, value) in view.members {
                let name = key.string ?? ""
                let after = edit(value, &splice)
                switch random.below(6) {
                case 0: splice.remove(name, from: view)
                case 1:
                    if random.oneIn(2) { splice.remove(name, from: view) }
                    let new = fresh()
                    splice.set(name, to: new, in: view)
                    members.append(JSONMember(name, new))
                default: members.append(JSONMember(name, after))
                }
            }
            for key in ["x", "y\"", "z"] where random.oneIn(4) {
                let new = fresh()
                splice.set(key, to: new, in: view)
                if random.oneIn(4) {
                    splice.remove(key, from: view)
                } else {
                    members.append(JSONMember(key, new))
                }
            }
            if random.oneIn(6) {
                let (a, b) = (fresh(), fresh())
                splice.set(["deep", "er", "a"], to: a.bytes, under: view)
                splice.set(["deep", "b"], to: b.bytes, under: view)
                members.append(JSONMember("deep", ["er": ["a": a], "b": b]))
            }
            return .object(members)
        case .array:
            var elements: [JSONValue] = []
            var kept: Set<Int> = []
            let share = 1 + random.below(4)
            for element in view.elements {
                let after = edit(element, &splice)
                if !random.oneIn(share) || share == 4 {
                    kept.insert(element.range.lowerBound)
                    elements.append(after)
                }
            }
            splice.filter(view) { kept.contains($0.range.lowerBound) }
            if random.oneIn(4) {
                let new = fresh()
                splice.append(new.bytes, to: view)
                elements.append(new)
            }
            return .array(elements)
        default: return view.value
        }
    }
}
