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
                    let found = ScannedText.with(bytes) { scanned in
                        var found: [Place] = []
                        search.search(scanned, &found) { $0.append(Place(word: $1, start: $2)) }
                        return found
                    }
                    let wanted = Self.places(of: words, in: bytes).filter { WordSearch.canFind(words[$0.word]) }
                    #expect(Set(found) == wanted, "\(words) in \(text)")
                    #expect(found.count == Set(found).count)
                }
            }
        }
    }

    /// A group of words stands in a piece of a text where any of its words does.
    @Test(arguments: ["abc", "ab c_-é", "a b"])
    func groupsStandWhereTheirWordsDo(_ letters: String) {
        var random = SeededGenerator(seed: 8)
        for _ in 0..<300 {
            let groups = (0..<3).map { _ in
                (0..<Int.random(in: 1...6, using: &random)).map { _ in Self.word(letters, &random) }
            }
            let made = WordGroups(groups)
            let text = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                let word = groups[0].randomElement(using: &random).map { String(decoding: $0.bytes, as: UTF8.self) }
                return Bool.random(using: &random) ? word ?? "" : Self.text(letters, 0...4, &random)
            }.joined()
            Array(text.utf8).withUnsafeBufferPointer { bytes in
                for (index, group) in groups.enumerated() {
                    let places = Self.places(of: group, in: bytes)
                    let start = Int.random(in: 0...bytes.count, using: &random)
                    let starts = start...min(bytes.count, start + 20)
                    let ends = starts.lowerBound...starts.upperBound + 5
                    let there = places.filter { place in
                        starts.contains(place.start) && ends.contains(place.start + group[place.word].bytes.count)
                    }
                    let found = ScannedText.with(bytes) { made.places(of: index, in: $0, starts: starts, ends: ends) }
                    // It may find more: letters that differ in a bit, and words without the space in front of them.
                    for place in there {
                        let end = place.start + group[place.word].bytes.count
                        guard let found else {
                            Issue.record("\(group) in \(text)")
                            continue
                        }
                        #expect(found.firstStart <= place.start + 1 && place.start <= found.lastStart)
                        #expect(found.firstEnd <= end && end <= found.lastEnd)
                    }
                }
            }
        }
    }

    /// What one pass tells of a text against what each byte tells.
    @Test(arguments: ["ab ", "a1.&<", "é_- a", "abcdefgh"])
    func aScanTellsOfEachByte(_ letters: String) {
        var random = SeededGenerator(seed: 9)
        for count in 0..<200 {
            let bytes = Array(Self.text(letters, count...count, &random).utf8)
            bytes.withUnsafeBufferPointer { bytes in
                ScannedText.with(bytes) { scanned in
                    var places: [Int] = []
                    scanned.forEachPlace(from: 0, through: bytes.count - 1) { places.append($0) }
                    let wanted = bytes.indices.filter { at in
                        WordChain.isLetterOrDigit(bytes[at])
                            ? at == 0 || !WordChain.isLetterOrDigit(bytes[at - 1]) : bytes[at] != UInt8(ascii: " ")
                    }
                    #expect(places == wanted)
                    #expect(scanned.isASCII == bytes.allSatisfy { $0 < 0x80 })
                    #expect(scanned.mayBeBroken || !BrokenWords.mayBe(in: bytes))
                    #expect(scanned.mayHavePayload || EncodedPayload.runs(in: bytes).isEmpty)
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
        let edges: [WordChain.Edge] = [.anything, .anything, .boundary, .line, .apart]
        // Some begin alike and differ in their eighth letter.
        let start = Bool.random(using: &random) ? "" : "abcabca"
        let bytes = Array((start + text(letters, 3...14, &random)).utf8.prefix(32))
        return WordChain.Word(
            bytes: bytes, left: edges.randomElement(using: &random) ?? .anything,
            right: edges.dropLast().randomElement(using: &random) ?? .anything)
    }

    private static func text(
        _ letters: String, _ lengths: ClosedRange<Int>, _ random: inout SeededGenerator
    ) -> String {
        String((0..<Int.random(in: lengths, using: &random)).map { _ in letters.randomElement(using: &random) ?? "a" })
    }
}
