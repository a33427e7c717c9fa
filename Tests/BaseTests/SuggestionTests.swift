import Base
import Testing

@Suite struct SuggestionTests {
    @Test(arguments: [
        ("", "", 0), ("a", "", 1), ("", "abc", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("rule", "rule", 0),
        ("naïve", "naive", 1), ("\u{1F600}", "\u{1F601}", 1),
    ])
    func distances(_ a: String, _ b: String, _ distance: Int) {
        #expect(editDistance(a, b, limit: 10) == distance)
        #expect(editDistance(b, a, limit: 10) == distance)
        #expect(editDistance(a, b, limit: distance) == distance)
        if distance > 0 { #expect(editDistance(a, b, limit: distance - 1) == nil) }
    }

    @Test func veryLongWordsAreNotCompared() {
        let long = String(repeating: "a", count: 100_000)
        #expect(editDistance(long, long, limit: 3) == nil)
        #expect(nearest(long, among: ["allow", "deny"]) == nil)
    }

    @Test(arguments: [
        ("alow", "allow"), ("DENY", "deny"), ("dney", nil), ("x", nil), ("polcy", "policy"), ("polices", "policy"),
        ("", nil),
    ])
    func suggestions(_ word: String, _ suggestion: String?) {
        #expect(nearest(word, among: ["allow", "deny", "policy"]) == suggestion)
    }

    @Test func positionsAreLinesAndColumnsOfBytes() {
        let text = Array("a\nb\u{e9}c\n".utf8)
        #expect(SourcePosition(offset: 0, in: text).description == "1:1")
        #expect(SourcePosition(offset: 1, in: text).description == "1:2")
        #expect(SourcePosition(offset: 2, in: text).description == "2:1")
        #expect(SourcePosition(offset: 5, in: text).description == "2:4")
        #expect(SourcePosition(offset: 99, in: text).description == "3:1")
        #expect(SourcePosition(line: 2, column: 1) > SourcePosition(line: 1, column: 99))
    }
}
