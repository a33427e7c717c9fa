/// Finds all of many short words in a text, ASCII letters regardless of case.
///
/// Of each word the four letters in a row that are rarest in English are looked for, or the three that it has; where they
/// stand, the word is compared.
// COST: each place of the text is looked at by itself, and all that is asked at most places is two bits of 8 KiB. An
// automaton (Aho and Corasick) waits for its table at every byte: that took four times as long.
struct WordSearch: Sendable {
    private struct Entry {
        /// The word's bytes, the first one lowest, with the bit set that tells small letters from capitals.
        let bytes: UInt64
        /// Which bytes are the word's.
        let mask: UInt64
        /// How many of its bytes stand before the letters that are looked for.
        let before: Int
        let word: Int
    }

    /// A bit for each hash of letters in a row that some word is looked for by.
    private let isKnown: [UInt64]
    /// The entries by the upper bits of that hash: where those of each begin in `entries`.
    private let first: [UInt32]
    private let entries: [Entry]

    /// In bytes. The search knows words by one number of 64 bits.
    static let lengths = 3...8

    /// Sets apart capitals and small letters, and a few signs: more is found rather than less.
    private static let small: UInt64 = 0x2020_2020_2020_2020
    /// The most common letters of English texts first.
    private static let common = Array(" etaoinsrhldcumfpgwybvkjxqz".utf8)

    /// - Parameter words: in lower case, each as long as `lengths` allows.
    init(_ words: [[UInt8]]) {
        var isKnown = [UInt64](repeating: 0, count: 1 << 10)
        var buckets = [[Entry]](repeating: [], count: 1 << 12)
        for (index, word) in words.enumerated() {
            let count = min(word.count, 4)
            let places = 0...(word.count - count)
            let before = places.max {
                WordSearch.rarity(word[$0..<$0 + count]) < WordSearch.rarity(word[$1..<$1 + count])
            }
            guard let before, WordSearch.lengths.contains(word.count) else { continue }
            let bytes = WordSearch.bytes(word[...])
            let letters = UInt32(truncatingIfNeeded: bytes >> UInt64(8 * before))
            let hash = count == 4 ? WordSearch.hash(four: letters) : WordSearch.hash(three: letters)
            isKnown[hash / 64] |= 1 << UInt64(hash % 64)
            let mask = UInt64.max >> UInt64(64 - 8 * word.count)
            buckets[hash >> 4].append(Entry(bytes: bytes & mask, mask: mask, before: before, word: index))
        }
        self.isKnown = isKnown
        entries = Array(buckets.joined())
        first = buckets.reduce(into: [0]) { $0.append($0[$0.count - 1] + UInt32($1.count)) }
    }

    private static func rarity(_ letters: ArraySlice<UInt8>) -> Int {
        letters.reduce(0) { $0 + (common.firstIndex(of: $1) ?? 20) }
    }

    @inline(__always)
    private static func hash(four letters: UInt32) -> Int { Int((letters &* 0x9E37_79B1) >> 16) }

    @inline(__always)
    private static func hash(three letters: UInt32) -> Int { Int(((letters << 8) &* 0x85EB_CA6B) >> 16) }

    /// Up to eight bytes as a number, as the search compares them.
    private static func bytes(_ text: some Sequence<UInt8>) -> UInt64 {
        text.prefix(8).enumerated().reduce(0) { $0 | UInt64($1.element) << UInt64(8 * $1.offset) } | small
    }

    /// Calls `body` with each word's index as often as it stands somewhere, and where it begins. A word that ends before
    /// another begins comes before it.
    @inline(__always)
    func search(_ text: UnsafeBufferPointer<UInt8>, _ body: (_ word: Int, _ start: Int) -> Void) {
        let raw = UnsafeRawBufferPointer(text)
        isKnown.withUnsafeBufferPointer { isKnown in
            for at in 0..<max(0, text.count - 2) {
                let letters =
                    at + 4 <= text.count
                    ? raw.loadUnaligned(fromByteOffset: at, as: UInt32.self)
                        | UInt32(truncatingIfNeeded: WordSearch.small)
                    : UInt32(truncatingIfNeeded: WordSearch.bytes(text[at...]))
                let (four, three) = (WordSearch.hash(four: letters), WordSearch.hash(three: letters))
                let isFour = isKnown[four >> 6] >> UInt64(four & 63) & 1
                let isThree = isKnown[three >> 6] >> UInt64(three & 63) & 1
                guard isFour | isThree != 0 else { continue }
                if isFour != 0 { compare(four, at, text, body) }
                if isThree != 0 { compare(three, at, text, body) }
            }
        }
    }

    @inline(__always)
    private func compare(_ hash: Int, _ at: Int, _ text: UnsafeBufferPointer<UInt8>, _ body: (Int, Int) -> Void) {
        entries.withUnsafeBufferPointer { entries in
            for place in Int(first[hash >> 4])..<Int(first[hash >> 4 + 1]) {
                let start = at - entries[place].before
                guard start >= 0 else { continue }
                let bytes =
                    start + 8 <= text.count
                    ? UnsafeRawBufferPointer(text).loadUnaligned(fromByteOffset: start, as: UInt64.self)
                        | WordSearch.small
                    : WordSearch.bytes(text[start...])
                // What stands behind the text's end is no small letter's bit alone: no word's byte.
                if bytes & entries[place].mask == entries[place].bytes { body(entries[place].word, start) }
            }
        }
    }
}
