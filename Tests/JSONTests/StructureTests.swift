import Base
import JSON
import Support
import Testing

private let sample = #"""
     {"jsonrpc":"2.0","id":-12.5e+3,"method":"tools\/call","params":{"name":"add","arguments":{"a":[1,2,[],{}],
     "b":"\u00e9\ud83d\ude00é€😀","c":true,"d":false,"e":null},"_meta":{"progressToken":3}}}
    """#

@Suite struct StructureTests {
    @Test(arguments: [
        ("", JSONError.Code.empty, 0), (" \n", .empty, 0), ("{", .unterminated, 1), ("[1", .unterminated, 2),
        ("[1,", .unterminated, 3),
        ("{\"a\"", .unterminated, 4), ("{\"a\":", .unterminated, 5), ("\"a", .unterminated, 2),
        ("tru", .unterminated, 3),
        ("trux", .unexpectedByte, 3), ("[1 2]", .unexpectedByte, 3), ("[,1]", .unexpectedByte, 1),
        ("[1,]", .unexpectedByte, 3),
        ("[1,,2]", .unexpectedByte, 3), ("{,}", .unexpectedByte, 1), ("{\"a\":1,}", .unexpectedByte, 7),
        ("{a:1}", .unexpectedByte, 1),
        ("{1:1}", .unexpectedByte, 1), ("{\"a\" 1}", .unexpectedByte, 5), ("{\"a\":1]", .unexpectedByte, 6),
        ("[1}", .unexpectedByte, 2),
        ("]", .unexpectedByte, 0), ("'a'", .unexpectedByte, 0), ("NaN", .unexpectedByte, 0),
        ("Infinity", .unexpectedByte, 0),
        ("nul", .unterminated, 3), ("True", .unexpectedByte, 0), ("// c\n1", .unexpectedByte, 0),
        ("1 2", .trailingData, 2),
        ("{}{}", .trailingData, 2), ("1,", .trailingData, 1), ("01", .invalidNumber, 0), ("-", .invalidNumber, 0),
        ("[1.]", .invalidNumber, 1), ("[1e]", .invalidNumber, 1), ("[1e+]", .invalidNumber, 1),
        ("[-a]", .invalidNumber, 1),
        ("[00]", .invalidNumber, 1), ("+1", .unexpectedByte, 0), (".1", .unexpectedByte, 0),
        ("1.e1", .invalidNumber, 0),
        ("\u{FEFF}{}", .byteOrderMark, 0), ("[1]\u{0}", .trailingData, 3), ("\u{A0}1", .unexpectedByte, 0),
        ("\u{C}1", .unexpectedByte, 0),
    ])
    func refusalsNameTheFirstFault(_ text: String, _ code: JSONError.Code, _ offset: Int) {
        do throws(JSONError) {
            _ = try JSONDocument.parse(Array(text.utf8))
            Issue.record("accepted")
        } catch {
            #expect(error == JSONError(code, at: offset))
        }
    }

    @Test func everyCodeHasItsOwnSentence() {
        let sentences = JSONError.Code.allCases.map { JSONError($0, at: 0).message }
        #expect(Set(sentences).count == sentences.count)
        #expect(JSONError(.empty, at: 3).position(in: Array("a\nb\nc".utf8)) == SourcePosition(line: 2, column: 2))
    }

    @Test func viewsAnswer() throws {
        let root = try parse(sample)
        #expect(root.kind == .object)
        #expect(root.count == 4)
        #expect(root["jsonrpc"]?.string == "2.0")
        #expect(root["id"]?.int == -12_500)
        #expect(root["method"]?.equals("tools/call") == true)
        #expect(root["missing"] == nil)
        #expect(root[0] == nil)
        let arguments = try #require(root["params"]?["arguments"])
        #expect(arguments["a"]?.count == 4)
        #expect(arguments["a"]?[1]?.int == 2)
        #expect(arguments["a"]?[3]?.kind == .object)
        #expect(arguments["a"]?[4] == nil)
        #expect(arguments["a"]?[-1] == nil)
        #expect(arguments["a"]?["x"] == nil)
        #expect(arguments["b"]?.string == "é😀é€😀")
        #expect(arguments["c"]?.bool == true)
        #expect(arguments["d"]?.bool == false)
        #expect(arguments["e"]?.isNull == true)
        #expect(arguments["e"]?.bool == nil)
        #expect(arguments.members.map { $0.key.string } == ["a", "b", "c", "d", "e"])
        #expect(arguments["a"]?.elements.map(\.kind) == [.number, .number, .array, .object])
        #expect(arguments["a"].map { String(decoding: $0.rawBytes, as: UTF8.self) } == "[1,2,[],{}]")
        #expect(root["id"]?.members.map(\.key.string) == [])
        #expect(root["id"]?.elements.map(\.kind) == [])
        #expect(root["params"]?["_meta"]?["progressToken"]?.int == 3)
    }

    // MARK: Duplicate keys

    @Test(arguments: [
        #"{"a":1,"a":2}"#, #"{"a":1,"a":1}"#, #"{"a":1,"b":2,"a":3}"#, #"{"a":1,"\u0061":2}"#,
        #"{"\u0061":1,"\u0061":2}"#,
        #"{"é":1,"\u00e9":2}"#, #"{"\ud83d\ude00":1,"😀":2}"#, #"{"":1,"":2}"#, #"[{"x":{"a":1,"a":2}}]"#,
        #"{"/":1,"\/":2}"#,
        #"{"a":{"b":1},"b":2,"a":3}"#,
    ])
    func duplicateKeys(_ json: String) {
        #expect(refusal(json) == .duplicateKey)
    }

    @Test(arguments: [
        #"{"a":1,"A":2}"#, #"{"a":{"a":1}}"#, #"[{"a":1},{"a":1}]"#, #"{"a":"a"}"#, #"{"é":1,"e\u0301":2}"#,
        #"{"a":1,"a ":2}"#,
        #"{"\\u0061":1,"a":2}"#,
    ])
    func differentKeys(_ json: String) {
        #expect(refusal(json) == nil)
    }

    /// The comparison changes its method as objects grow; every pair of places is tried on both sides of the change.
    @Test(arguments: [2, 3, 15, 16, 17, 18, 40])
    func duplicateKeysAnywhere(_ count: Int) {
        let keys = (0..<count).map { "\"key\($0)\"" }
        #expect(refusal("{" + keys.map { $0 + ":0" }.joined(separator: ",") + "}") == nil)
        for i in 0..<count {
            for j in i + 1..<count {
                var twice = keys
                twice[j] = (i + j).isMultiple(of: 2) ? keys[i] : "\"\\u006bey\(i)\""
                let text = "{" + twice.map { $0 + ":0" }.joined(separator: ",") + "}"
                #expect(refusal(text) == .duplicateKey)
            }
        }
    }

    @Test func theSecondKeyIsBlamed() throws {
        #expect(throws: JSONError(.duplicateKey, at: 7)) { try JSONDocument.parse(Array(#"{"a":1,"a":2}"#.utf8)) }
    }

    @Test func manyKeysOfOneLengthStayCheap() {
        // Quadratic comparison would need five billion steps here.
        let text = "{" + (100_000..<200_000).map { "\"\($0)\":0" }.joined(separator: ",") + "}"
        #expect(refusal(text) == nil)
    }

    // MARK: Limits

    @Test func depth() {
        func nested(_ depth: Int, _ open: String, _ close: String) -> String {
            String(repeating: open, count: depth) + "0" + String(repeating: close, count: depth)
        }
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
            let each = open.count { $0 == "[" || $0 == "{" }
            #expect(refusal(nested(64 / each, open, close)) == nil)
            #expect(refusal(nested(64 / each + 1, open, close)) == .tooDeep)
            #expect(refusal(nested(500_000, open, close)) == .tooDeep)
        }
        #expect(refusal("0", limits: JSONLimits(maxDepth: 0)) == nil)
        #expect(refusal("[]", limits: JSONLimits(maxDepth: 0)) == .tooDeep)
        #expect(refusal("[[],[],[[]]]", limits: JSONLimits(maxDepth: 3)) == nil)
    }

    @Test func size() {
        #expect(refusal("[1,2]", limits: JSONLimits(maxBytes: 5)) == nil)
        #expect(refusal("[1,2]", limits: JSONLimits(maxBytes: 4)) == .tooLarge)
    }

    @Test func tokens() {
        #expect(refusal("[1,2]", limits: JSONLimits(maxTokens: 3)) == nil)
        #expect(refusal("[1,2]", limits: JSONLimits(maxTokens: 2)) == .tooManyTokens)
        #expect(refusal("{\"a\":1}", limits: JSONLimits(maxTokens: 3)) == nil)
        #expect(refusal("{\"a\":1}", limits: JSONLimits(maxTokens: 2)) == .tooManyTokens)
        #expect(refusal("1", limits: JSONLimits(maxTokens: 0)) == .tooManyTokens)
        #expect(refusal("{\"a\":1}", limits: JSONLimits(maxTokens: 0)) == .tooManyTokens)
    }

    @Test func tokensFarBeyondTheFirstGuess() throws {
        let text = "[" + [String](repeating: "[],0", count: 50_000).joined(separator: ",") + "]"
        let root = try parse(text)
        #expect(root.count == 100_000)
        #expect(root[99_999]?.int == 0)
        #expect(root.elements.reduce(0) { $0 + ($1.int == 0 ? 1 : 0) } == 50_000)
    }

    // MARK: Broken input

    @Test func truncationAtEveryByteIsRefused() {
        let bytes = Array(sample.utf8)
        #expect(refusal(bytes) == nil)
        for length in 0..<bytes.count { #expect(refusal(Array(bytes[..<length])) != nil, "\(length) bytes") }
    }

    /// Bytes changed, dropped, doubled and swapped: never a crash, and what is accepted round trips.
    @Test func mutationsNeverConfuse() throws {
        var random = RandomJSON(seed: 21)
        var accepted = 0
        for round in 0..<12_000 {
            var bytes = round % 3 == 0 ? Array(sample.utf8) : Array(random.spell(random.value()).utf8)
            for _ in 0...random.random.below(3) where !bytes.isEmpty {
                let i = random.random.below(bytes.count)
                switch random.random.below(5) {
                case 0: bytes[i] = UInt8(truncatingIfNeeded: random.random.next())
                case 1: bytes[i] = random.random.pick(Array("{}[]\",:\\u0e-. \n".utf8))
                case 2: bytes.remove(at: i)
                case 3: bytes.insert(bytes[random.random.below(bytes.count)], at: i)
                default: bytes.swapAt(i, random.random.below(bytes.count))
                }
            }
            guard let root = try? JSONDocument.parse(bytes).root else { continue }
            accepted += 1
            let canonical = root.canonical()
            let again = try JSONDocument.parse(canonical).root
            #expect(again == root)
            #expect(again.canonical() == canonical)
        }
        #expect(accepted > 1_000)
    }

    @Test func randomBytesNeverCrash() {
        var random = SeededGenerator(seed: 22)
        for _ in 0..<12_000 { _ = refusal(random.bytes(random.below(24))) }
        let alphabet = Array("{}[]\",:\\u0159e-+.tfn \u{e9}".utf8)
        for _ in 0..<20_000 { _ = refusal((0..<random.below(24)).map { _ in random.pick(alphabet) }) }
    }
}
