@testable import Risk
import Support
import Testing

@Suite struct WordSearchTests {
    /// The same words at the same places as a search for each by itself finds, in random texts of few characters: words of
    /// letters, several of them in one, with and without something that must be next to them.
    @Test(arguments: ["abc", "ab c_-é", "a b"])
    func findsWhatEachSearchFinds(_ letters: String) {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<300 {
            let words = Set((0..<Int.random(in: 1...12, using: &random)).map { _ in Self.word(letters, &random) })
                .sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
            // Words among letters, else long ones would hardly stand in it.
            let text = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                let word = words.randomElement(using: &random).map { String(decoding: $0.bytes, as: UTF8.self) }
                return Bool.random(using: &random) ? word ?? "" : Self.text(letters, 0...4, &random)
            }.joined()
            let search = WordSearch(words)
            for bytes in [Array(text.utf8), Array(text.utf8.map { (97...122).contains($0) ? $0 - 32 : $0 })] {
                bytes.withUnsafeBufferPointer { bytes in
                    var found: [Place] = []
                    search.search(bytes, &found) { $0.append(Place(word: $1, start: $2)) }
                    #expect(Set(found) == Self.places(of: words, in: bytes), "\(words) in \(text)")
                    #expect(found.count == Set(found).count)
                    // A word that ends before another begins comes before it.
                    var latest = 0
                    for place in found {
                        #expect(place.start + words[place.word].bytes.count > latest)
                        latest = max(latest, place.start)
                    }
                }
            }
        }
    }

    private struct Place: Hashable {
        let word: Int
        let start: Int
    }

    private static func places(of words: [WordChain.Word], in text: UnsafeBufferPointer<UInt8>) -> Set<Place> {
        var places: Set<Place> = []
        for (index, word) in words.enumerated() {
            for start in 0..<max(0, text.count - word.bytes.count + 1) {
                let end = start + word.bytes.count
                let isThere = text[start..<end].elementsEqual(word.bytes) {
                    (65...90).contains($0) ? $0 + 32 == $1 : $0 == $1
                }
                if isThere, word.left.isThere(text, start), word.right.isThere(text, end) {
                    places.insert(Place(word: index, start: start))
                }
            }
        }
        return places
    }

    private static func word(_ letters: String, _ random: inout SeededGenerator) -> WordChain.Word {
        let edges: [WordChain.Edge] = [.anything, .anything, .boundary, .line]
        // Some begin alike and differ in their eighth letter.
        let start = Bool.random(using: &random) ? "" : "abcabca"
        let bytes = Array((start + text(letters, 3...14, &random)).utf8.prefix(32))
        return WordChain.Word(
            bytes: bytes, left: edges.randomElement(using: &random) ?? .anything,
            right: edges.randomElement(using: &random) ?? .anything)
    }

    private static func text(
        _ letters: String, _ lengths: ClosedRange<Int>, _ random: inout SeededGenerator
    ) -> String {
        String((0..<Int.random(in: lengths, using: &random)).map { _ in letters.randomElement(using: &random) ?? "a" })
    }
}
