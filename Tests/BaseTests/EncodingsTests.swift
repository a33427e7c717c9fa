import Base
import Support
import Testing

@Suite struct EncodingsTests {
    /// RFC 4648, section 10.
    @Test(arguments: [
        ("", "", "", ""), ("f", "Zg==", "Zg", "66"), ("fo", "Zm8=", "Zm8", "666f"), ("foo", "Zm9v", "Zm9v", "666f6f"),
        ("foob", "Zm9vYg==", "Zm9vYg", "666f6f62"), ("fooba", "Zm9vYmE=", "Zm9vYmE", "666f6f6261"),
        ("foobar", "Zm9vYmFy", "Zm9vYmFy", "666f6f626172"),
    ])
    func vectorsOfTheRFC(_ plain: String, _ base64: String, _ url: String, _ hex: String) {
        let bytes = Array(plain.utf8)
        #expect(Base64.encode(bytes) == base64)
        #expect(Base64.decode(base64) == bytes)
        #expect(Base64.encodeURL(bytes) == url)
        #expect(Base64.decodeURL(url) == bytes)
        #expect(Hex.encode(bytes) == hex)
        #expect(Hex.decode(hex) == bytes)
    }

    @Test func everyByteValueRoundTrips() {
        let bytes = (0...255).map { UInt8($0) }
        #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        #expect(Base64.decodeURL(Base64.encodeURL(bytes)) == bytes)
        #expect(Hex.decode(Hex.encode(bytes)) == bytes)
        #expect(Hex.decode(Hex.encode(bytes).uppercased()) == bytes)
    }

    @Test func randomBytesOfEveryLengthRoundTrip() {
        var random = SeededGenerator(seed: 1)
        for length in 0..<200 {
            let bytes = random.bytes(length)
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
            #expect(Base64.decodeURL(Base64.encodeURL(bytes)) == bytes)
            #expect(Hex.decode(Hex.encode(bytes)) == bytes)
        }
    }

    /// Padding that is missing, early or too long; white space; the other alphabet; bits that no encoder leaves.
    @Test(arguments: [
        "Zg", "Zg=", "Zm9v=", "Zm9v====", "====", "=", "Z===", "Zg==Zg==", "Zg=A", " Zg==", "Zg==\n", "Zm9v\nZm9v",
        "Zh==",
        "Zm9=", "-_-_", "Zm9\u{e9}", "A",
    ])
    func base64IsStrict(_ text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test(arguments: ["Zg==", "Zh", "Zm9", "+/+/", "A", "Zm9vY", "Zm 9", "Zg\n"])
    func base64URLIsStrict(_ text: String) {
        #expect(Base64.decodeURL(text) == nil)
    }

    /// No two texts stand for the same bytes: of all texts of one group, as many decode as there are byte strings.
    @Test func everyTextOfTwoCharactersDecodesToItsOwnByte() {
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        var decoded: [[UInt8]] = []
        for a in alphabet { for b in alphabet { Base64.decodeURL("\(a)\(b)").map { decoded.append($0) } } }
        #expect(decoded.count == 256)
        #expect(Set(decoded).count == 256)
    }

    @Test(arguments: ["0", "abc", "0g", "g0", "0x00", " 00", "00 ", "\u{ff10}\u{ff10}"])
    func hexIsStrict(_ text: String) {
        #expect(Hex.decode(text) == nil)
    }
}
