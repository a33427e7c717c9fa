/// Finds all of many words in a text, ASCII letters regardless of case.
///
/// Each word is looked for by some of its bytes in a row: by eight of them, or four or three where it has no more. If a word
/// of letters begins with them, they are looked for only where one begins in the text: at one of seven places. Of all that
/// a word has the ones with the rarest letters are taken, rather such as begin a word.
// COST: all that is asked at most places is one bit of 8 KiB, and the next place need not wait for the answer. An automaton
// (Aho and Corasick) waits for its table at every byte, and has to cut long words to keep it small.
//
// COST: an object; a struct was copied for every text, each of its tables kept and released.
final class WordSearch: Sendable {
    /// Where the words are that are looked for by some bytes: a range of `words`, empty if there are none.
    // COST: of the bytes only a part, because smaller tables are at hand sooner; the words tell whether it is they.
    private struct Slot {
        var tag: UInt32 = 0
        /// The number of words in the lowest byte.
        var range: UInt32 = 0
    }

    private struct Whole {
        /// The first eight bytes, or all of a shorter word, the last one highest, with the bits set that make letters small.
        let number: UInt64
        /// The place in `bytes`.
        let start: Int32
        let index: Int32
        let count: UInt8
        /// How far behind its start it is looked for.
        let offset: UInt8
        /// How many bits of eight bytes at its start are not the word's.
        let spare: UInt8
        let left: WordChain.Edge
        let right: WordChain.Edge

        init(_ word: WordChain.Word, index: Int, offset: Int, start: Int) {
            (self.index, self.start) = (Int32(index), Int32(start))
            (count, self.offset) = (UInt8(word.bytes.count), UInt8(offset))
            (left, right) = (word.left, word.right)
            spare = UInt8(64 - 8 * min(word.bytes.count, 8))
            number = WordSearch.number(word.bytes) << UInt64(spare)
        }
    }

    /// A bit for each hash of the first four bytes that some word is looked for by.
    private let isKnown: [UInt64]
    /// By the upper bits of that hash: by how many bytes words are looked for there.
    private let lengths: [Lengths]
    /// A power of two of them, at most a quarter full.
    private let slots: [Slot]
    private let words: [Whole]
    private let bytes: [UInt8]

    private struct Lengths: OptionSet {
        let rawValue: UInt8
        static let three = Lengths(rawValue: 1)
        static let four = Lengths(rawValue: 2)
        static let eight = Lengths(rawValue: 4)

        /// Takes out the shortest: how many bits of eight bytes are not its; nil when there is none left.
        @inline(__always)
        mutating func takeSpare() -> UInt64? {
            guard rawValue != 0 else { return nil }
            let spare: UInt64 = rawValue & 1 != 0 ? 40 : rawValue & 2 != 0 ? 32 : 0
            self = Lengths(rawValue: rawValue & (rawValue &- 1))
            return spare
        }
    }

    /// In bytes.
    static let lengths = 3...32

    /// More words are none that rules are written with.
    static let mostWords = 50_000

    /// Words of one slot; more of them have several.
    private static let mostTogether = 255
    /// How many bits of a hash the table of lengths leaves out.
    private static let lowerBits = 2
    /// Makes capitals small letters. A few signs become others by it, so that more may be found than is there.
    private static let small: UInt64 = 0x2020_2020_2020_2020
    /// For each byte how rare it is: the most common letters of English texts first.
    private static let rarities: [Int] = {
        let common = Array(" etaoinsrhldcumfpgwybvkjxqz".utf8)
        return (0...255).map { byte in common.firstIndex { Int($0) == byte } ?? 20 }
    }()

    /// - Parameter all: words, each as long as `lengths` allows; others are not looked for.
    init(_ all: [WordChain.Word]) {
        var isKnown = [UInt64](repeating: 0, count: 1 << 10)
        var lengths = [Lengths](repeating: [], count: 1 << (16 - WordSearch.lowerBits))
        let placed = all.indices.compactMap { index in Place(all[index]).map { (place: $0, index: index) } }.sorted {
            ($0.place.key, $0.index) < ($1.place.key, $1.index)
        }
        var slots = [Slot](repeating: Slot(), count: 64)
        let keys = placed.indices.count { $0 == 0 || placed[$0].place.key != placed[$0 - 1].place.key }
        while slots.count < 4 * keys { slots += slots }
        var (words, bytes) = ([Whole](), [UInt8]())
        var next = 0
        while next < placed.count {
            let (key, first) = (placed[next].place.key, next)
            while next < placed.count, next - first < WordSearch.mostTogether, placed[next].place.key == key {
                let (place, index) = placed[next]
                for hash in place.hashes {
                    isKnown[hash >> 6] |= 1 << UInt64(hash & 63)
                    lengths[hash >> WordSearch.lowerBits].insert(place.lengths)
                }
                words.append(Whole(all[index], index: index, offset: place.offset, start: bytes.count))
                bytes += all[index].bytes
                next += 1
            }
            let mixed = WordSearch.mixed(key)
            var at = WordSearch.place(mixed, slots.count)
            while slots[at].range > 0 { at = (at + 1) & (slots.count - 1) }
            slots[at] = Slot(tag: WordSearch.tag(mixed), range: UInt32(first << 8 | (next - first)))
        }
        self.isKnown = isKnown
        self.lengths = lengths
        self.slots = slots
        self.words = words
        self.bytes = bytes
    }

    /// Whether a word can be looked for: it begins a word of the text, or has a sign other than a space in it.
    static func canFind(_ word: WordChain.Word) -> Bool {
        lengths.contains(word.bytes.count) && (0...word.bytes.count - 3).contains(where: word.isPlace)
    }

    /// Where in a word it is looked for, and by what.
    private struct Place {
        let offset: Int
        /// 3, 4 or 8.
        let count: Int
        let key: UInt64

        init?(_ word: WordChain.Word) {
            let bytes = word.bytes
            guard WordSearch.lengths.contains(bytes.count) else { return nil }
            var best: (rarity: Int, offset: Int, count: Int)?
            for at in 0...bytes.count - 3 where word.isPlace(at) {
                let count = Place.count(bytes.count - at)
                let rarity = bytes[at..<at + count].reduce(0) { $0 + WordSearch.rarities[Int($1)] }
                if rarity > best?.rarity ?? -1 { best = (rarity, at, count) }
            }
            guard let (_, offset, count) = best else { return nil }
            (self.offset, self.count) = (offset, count)
            key = bytes[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt64($1 | 0x20) }
        }

        private static func count(_ rest: Int) -> Int { rest >= 8 ? 8 : rest >= 4 ? 4 : 3 }

        var lengths: Lengths { count == 8 ? .eight : count == 4 ? .four : .three }

        /// Of the first four bytes; of three, with every byte behind them.
        var hashes: [Int] {
            let four = UInt32(truncatingIfNeeded: key)
            return count > 3 ? [WordSearch.hash(four)] : (0..<32).map { WordSearch.hash(four | $0 << 24) }
        }
    }

    /// Of four bytes, 16 bits; capitals and small letters are the same.
    @inline(__always)
    private static func hash(_ four: UInt32) -> Int { Int(((four & 0x1F1F_1F1F) &* 0x9E37_79B1) &>> 16) }

    /// Of the bytes that words are looked for by: every bit depends on all of them.
    @inline(__always)
    private static func mixed(_ key: UInt64) -> UInt64 {
        let product = key.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return product.high ^ product.low
    }

    @inline(__always)
    private static func place(_ mixed: UInt64, _ count: Int) -> Int { Int(truncatingIfNeeded: mixed) & (count &- 1) }

    @inline(__always)
    private static func tag(_ mixed: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: mixed &>> 32) }

    /// Calls `body` with each word's index as often as it stands somewhere, and where it begins.
    /// - Parameter state: what `body` writes to.
    // COST: one parameter; what `body` captures would be many, each of them handed on at every place.
    @inline(__always)
    func search<State>(
        _ scanned: ScannedText, _ state: inout State, _ body: (_ state: inout State, _ word: Int, _ start: Int) -> Void
    ) {
        let text = scanned.text
        guard text.count >= WordSearch.lengths.lowerBound, let start = text.baseAddress else { return }
        let raw = UnsafeRawPointer(start)
        isKnown.withUnsafeBufferPointer { known in
            scanned.forEachPlace(from: 0, through: text.count &- 1) { at in
                let hash = WordSearch.hash(raw.loadUnaligned(fromByteOffset: at, as: UInt32.self))
                if known[hash &>> 6] &>> UInt64(hash & 63) & 1 != 0 { compare(at, text, &state, body) }
            }
        }
    }

    // COST: few places of a text come here; in the loop above it made that too large for its registers.
    @inline(never)
    private func compare<State>(
        _ at: Int, _ text: UnsafeBufferPointer<UInt8>, _ state: inout State, _ body: (inout State, Int, Int) -> Void
    ) {
        guard let start = text.baseAddress else { return }
        let number = UnsafeRawPointer(start + at).loadUnaligned(as: UInt64.self)
        let hash = WordSearch.hash(UInt32(truncatingIfNeeded: number))
        var lengths = lengths.withUnsafeBufferPointer { $0[hash &>> WordSearch.lowerBits] }
        while let spare = lengths.takeSpare() {
            let mixed = WordSearch.mixed(((number | WordSearch.small) &<< spare) &>> spare)
            slots.withUnsafeBufferPointer { slots in
                var place = WordSearch.place(mixed, slots.count)
                while slots[place].range != 0 {
                    if slots[place].tag == WordSearch.tag(mixed) {
                        compare(slots[place].range, at, text, &state, body)
                    }
                    place = (place &+ 1) & (slots.count &- 1)
                }
            }
        }
    }

    @inline(__always)
    private func compare<State>(
        _ range: UInt32, _ at: Int, _ text: UnsafeBufferPointer<UInt8>, _ state: inout State,
        _ body: (inout State, Int, Int) -> Void
    ) {
        guard let start = text.baseAddress else { return }
        words.withUnsafeBufferPointer { words in
            var place = Int(range &>> 8)
            let end = place &+ Int(range & 0xFF)
            while place < end {
                let word = words[place]
                place &+= 1
                let from = at &- Int(word.offset)
                let number = UnsafeRawPointer(start + from).loadUnaligned(as: UInt64.self) | WordSearch.small
                if number &<< UInt64(word.spare) == word.number, isThere(word, text, from) {
                    body(&state, Int(word.index), from)
                }
            }
        }
    }

    /// Whether what is behind the first eight bytes of the word stands there too, with what must be next to it.
    @inline(__always)
    private func isThere(_ word: Whole, _ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> Bool {
        let end = start &+ Int(word.count)
        guard start >= 0, end <= text.count else { return false }
        return bytes.withUnsafeBufferPointer { bytes in
            var place = 8
            while place < Int(word.count) {
                if text[start &+ place] | 0x20 != bytes[Int(word.start) &+ place] | 0x20 { return false }
                place &+= 1
            }
            return word.left.isThere(text, start) && word.right.isThere(text, end)
        }
    }

    /// The first eight bytes, or as many as there are, as a number.
    private static func number(_ text: some Sequence<UInt8>) -> UInt64 {
        text.prefix(8).enumerated().reduce(0) { $0 | UInt64($1.element) << UInt64(8 * $1.offset) } | small
    }
}
