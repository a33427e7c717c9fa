import JSON
import Support
import Testing

@Suite struct WriterTests {
    @Test func commasAndColonsComeByThemselves() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("a", 1)
        writer.key("b")
        writer.beginArray()
        writer.null()
        writer.bool(true)
        writer.string("x")
        writer.beginArray()
        writer.endArray()
        writer.beginObject()
        writer.endObject()
        writer.endArray()
        writer.member("c", false)
        writer.memberIfPresent("d", nil)
        writer.memberIfPresent("e", "f")
        writer.key("g")
        writer.raw("{ }".utf8)
        writer.member("h", UInt64.max)
        writer.endObject()
        let expected = #"{"a":1,"b":[null,true,"x",[],{}],"c":false,"e":"f","g":{ },"h":18446744073709551615}"#
        #expect(String(decoding: writer.bytes, as: UTF8.self) == expected)
    }

    @Test func escapesWhatMustBeEscapedAndNothingElse() {
        for value in UInt32(0)...0x2FF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let text = JSONValue.string("a\(scalar)b").text
            let inner = text.dropFirst(2).dropLast(2)
            #expect(inner.contains("\\") == (value < 0x20 || scalar == "\"" || scalar == "\\"), "\(value)")
        }
    }

    @Test func literals() {
        let value: JSONValue = ["a": [1, "b", true, nil], "c": [:]]
        #expect(value.text == #"{"a":[1,"b",true,null],"c":{}}"#)
        #expect(value["a"] == [1, "b", true, nil])
        #expect(value["x"] == nil)
        #expect(value["a"]?.string == nil)
    }

    @Test func viewsAreCopiedAsTheyStand() throws {
        let root = try parse(#"{"a" : 1.50 , "b":[ "\u0041" ]}"#)
        var writer = JSONWriter()
        writer.beginArray()
        writer.view(root)
        writer.view(try #require(root["b"]))
        writer.endArray()
        #expect(String(decoding: writer.bytes, as: UTF8.self) == #"[{"a" : 1.50 , "b":[ "\u0041" ]},[ "\u0041" ]]"#)
    }

    @Test func whatIsWrittenReadsBackTheSame() throws {
        var random = RandomJSON(seed: 31)
        for _ in 0..<5_000 {
            let value = random.value()
            let root = try JSONDocument.parse(value.bytes).root
            #expect(root.value == value)
            #expect(root.value.bytes == value.bytes)
        }
    }

    @Test func everySpellingHasTheSameValueAndCanonicalForm() throws {
        var random = RandomJSON(seed: 32)
        for _ in 0..<3_000 {
            let value = random.value()
            let (a, b) = try (parse(random.spell(value)), parse(random.spell(value)))
            #expect(a == b)
            #expect(a.canonical() == b.canonical())
            #expect(try JSONDocument.parse(a.canonical()).root.canonical() == a.canonical())
        }
    }

    @Test func equalityMeansTheSameCanonicalForm() throws {
        var random = RandomJSON(seed: 33)
        for _ in 0..<20_000 {
            let (a, b) = try (parse(random.spell(random.value(depth: 1))), parse(random.spell(random.value(depth: 1))))
            #expect((a == b) == (a.canonical() == b.canonical()))
        }
    }

    @Test(arguments: [
        ("[1]", "[1,1]"), ("{}", "[]"), ("{\"a\":1}", "{\"b\":1}"), ("{\"a\":1}", "{\"a\":1,\"b\":2}"),
        ("null", "false"), ("\"1\"", "1"),
        ("[1,2]", "[2,1]"), ("\"é\"", "\"e\\u0301\""),
    ])
    func unequal(_ a: String, _ b: String) throws {
        #expect(try parse(a) != parse(b))
    }

    @Test(arguments: [
        ("{\"b\":1,\"a\":2.0}", "{\"a\":2,\"b\":1}"), (" [ 1 , 1e0 ] ", "[1,1]"), (#""\u0041\/\n""#, #""A/\n""#),
        ("[]", "[]"), ("{}", "{}"),
        (#"{"\u00e9":1,"z":2,"😀":3,"\uffff":4}"#, "{\"z\":2,\"é\":1,\"\u{FFFF}\":4,\"😀\":3}"),
    ])
    func canonicalForms(_ text: String, _ canonical: String) throws {
        #expect(String(decoding: try parse(text).canonical(), as: UTF8.self) == canonical)
    }
}
