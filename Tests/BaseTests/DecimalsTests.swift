import Base
import Testing

@Suite struct DecimalsTests {
    @Test(
        arguments: [0, 1, 9, 10, 99, 100, 101, 999, 1_000, 12_345, -1, -10, -100, 1_767_607_200_000_000, .max, .min]
            as [Int64])
    func appendsWhatDescriptionSays(_ number: Int64) {
        var text = Array("n=".utf8)
        text.append(decimal: number)
        #expect(String(decoding: text, as: UTF8.self) == "n=\(number)")
    }

    @Test(arguments: ["0", "-7", "12.5", "9223372036854775808", "-0.05"])
    func exactDecimalsWriteWhatTheyDescribe(_ text: String) throws {
        var written: [UInt8] = []
        try #require(ExactDecimal(text: text.utf8)).write(to: &written)
        #expect(String(decoding: written, as: UTF8.self) == text)
    }
}
