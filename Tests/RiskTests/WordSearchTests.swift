@testable import Risk
import Support
import Testing

@Suite struct WordSearchTests {
    /// The same words as a search for each by itself finds, in random texts of few letters.
    @Test func findsWhatEachSearchFinds() {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<300 {
            let words = Set((0..<Int.random(in: 1...12, using: &random)).map { _ in Self.text(3...12, &random) })
                .sorted()
            let text = Self.text(0...40, &random)
            let search = WordSearch(words.map { .init(bytes: Array($0.utf8), left: .anything, right: .anything) })
            var found: Set<Int> = []
            Array(text.uppercased().utf8).withUnsafeBufferPointer {
                search.search($0) { word, _ in found.insert(word) }
            }
            #expect(found == Set(words.indices.filter { text.contains(words[$0]) }), "\(words) in \(text)")
        }
    }

    private static func text(_ lengths: ClosedRange<Int>, _ random: inout SeededGenerator) -> String {
        String((0..<Int.random(in: lengths, using: &random)).map { _ in "abc".randomElement(using: &random) ?? "a" })
    }
}
