import Testing

@testable import Runtime

@Suite struct LastLinesTests {
    @Test func keepsTheLastLinesOnly() {
        var lines = LastLines(maxLines: 2, maxLineBytes: 4)
        Array("one\ntwo\r\nthreeee\nx\u{1B}".utf8).withUnsafeBytes { lines.append($0) }
        #expect(lines.lines == ["thre…", "x?"])
        #expect(lines.text == "thre…\nx?")
    }
}
