import JSON
import Support
import Testing

@Suite struct StringTests {
    @Test(arguments: [
        (#""""#, ""), (#""a""#, "a"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u0041""#, "A"),
        (#""\u00e9""#, "é"),
        (#""\u00E9""#, "é"), (#""\u0000""#, "\u{0}"), (#""\uFFFF""#, "\u{FFFF}"), (#""\ud83d\ude00""#, "\u{1F600}"),
        (#""\uD800\uDC00""#, "\u{10000}"), (#""\uDBFF\uDFFF""#, "\u{10FFFF}"), (#""\uD7FF\uE000""#, "\u{D7FF}\u{E000}"),
        (#""12345678\n12345678""#, "12345678\n12345678"),
        ("\"\u{7F}\u{80}\u{2028}\u{1F600}\"", "\u{7F}\u{80}\u{2028}\u{1F600}"),
    ])
    func decoding(_ json: String, _ text: String) throws {
        let view = try parse(json)
        #expect(view.string.map { Array($0.utf8) } == Array(text.utf8))
        #expect(view.stringBytes == Array(text.utf8))
        #expect(view.equals(text))
        #expect(!view.equals(text + "x"))
        #expect((view.plainStringRange != nil) == !json.contains("\\"))
        #expect(view.value == .string(text))
    }

    @Test(arguments: [
        #""\ud800""#, #""\udc00""#, #""\ud800x""#, #""\ud800\n""#, #""\ud800\\udc00""#, #""\ud800\ud800""#,
        #""\ud800\u0041""#,
        #""\udc00\ud800""#, #""\ude00\ud83d""#, #"{"\ud800":1}"#,
    ])
    func loneSurrogates(_ json: String) {
        #expect(refusal(json) == .loneSurrogate)
    }

    @Test(arguments: [
        #""\x""#, #""\a""#, #""\'""#, #""\U0041""#, #""\u004g""#, #""\u00 1""#, #""\u+041""#, #""\0""#, "\"\\\n\"",
        "\"\\\u{e9}\"",
    ])
    func badEscapes(_ json: String) {
        #expect(refusal(json) == .invalidEscape)
    }

    /// At every position of a long string, so that the eight-byte steps meet it at each of their places.
    @Test func everyControlCharacterIsRefusedEverywhere() {
        for control in UInt8(0)..<0x20 {
            for position in 0..<20 {
                var bytes = Array("\"aaaaaaaaaaaaaaaaaaaa\"".utf8)
                bytes[1 + position] = control
                #expect(refusal(bytes) == .controlCharacter)
            }
        }
    }

    @Test func everyByteInsideAStringIsTreatedByItsClass() {
        for byte in UInt8.min...UInt8.max {
            for position in 0..<20 {
                var bytes = Array("\"aaaaaaaaaaaaaaaaaaaa\"".utf8)
                bytes[1 + position] = byte
                let code = refusal(bytes)
                switch byte {
                case 0..<0x20: #expect(code == .controlCharacter)
                case UInt8(ascii: "\""): #expect(code == .trailingData)
                case UInt8(ascii: "\\"): #expect(code == (position == 19 ? .unterminated : .invalidEscape))
                case 0x80...: #expect(code == .invalidUTF8)
                default: #expect(code == nil)
                }
            }
        }
    }

    /// Every sequence of two bytes and a choice of longer ones, against the standard library's validation.
    @Test func wellFormedUTF8IsWhatTheStandardLibrarySays() {
        func check(_ sequence: [UInt8]) {
            let valid = String(validating: sequence, as: UTF8.self) != nil
            let code = refusal([0x22] + sequence + [0x22])
            #expect(valid ? code == nil : code == .invalidUTF8, "\(sequence)")
        }
        for a in UInt8(0x80)...0xFF {
            check([a])
            for b in stride(from: UInt8(0x80), through: 0xFE, by: 2) { check([a, b]) }
        }
        let edges: [UInt8] = [0x61, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF]
        for a in UInt8(0xDF)...0xF8 {
            for b in edges {
                for c in edges {
                    check([a, b, c])
                    for d in edges { check([a, b, c, d]) }
                }
            }
        }
    }

    @Test func everyScalarRoundTripsEscapedAndNot() throws {
        var plain: [UInt8] = []
        for value in UInt32(0x20)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value), value != 0x22, value != 0x5C else { continue }
            plain.append(contentsOf: Array(String(scalar).utf8))
        }
        let root = try JSONDocument.parse([0x22] + plain + [0x22], limits: JSONLimits(maxBytes: 8 << 20)).root
        #expect(root.stringBytes == plain)
        for value in stride(from: UInt32(0), through: 0x10FFFF, by: 37) {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let escapes = String(scalar).utf16.map { unit in
                let hex = String(unit, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - hex.utf8.count) + hex
            }
            #expect(try parse("\"\(escapes.joined())\"").stringBytes == Array(String(scalar).utf8))
        }
    }
}
