/// Finds all of many words in a text, ASCII letters regardless of case.
///
/// Of each word the four letters in a row that are rarest in English are looked for, or the three that it has. Where they
/// stand, eight bytes of the word are compared; then, of each word with these eight, the rest and what must be next to it.
// COST: each place of the text is looked at by itself, and all that is asked at most places is two bits of 8 KiB. An
// automaton (Aho and Corasick) waits for its table at every byte, and has to cut long words to keep it small.
struct WordSearch: Sendable {
    /// Eight bytes that some words have, or all of shorter words.
    private struct Piece {
        /// The bytes as a number, the last one highest, with the bit set that makes letters small.
        let number: UInt64
        /// Its first word in `words`, and how many there are.
        let first: UInt32
        let count: UInt8
        /// How far before the letters that are looked for the piece begins, and how far behind the word's start.
        let back: UInt8
        let start: UInt8
        /// How many bits of eight bytes at the piece's start are not the piece's.
        let spare: UInt8
    }

    /// A word's place in `bytes`, and what must be next to it.
    private struct Whole {
        let start: Int32
        let index: Int32
        let count: UInt8
        let left: WordChain.Edge
        let right: WordChain.Edge
    }

    /// A bit for each hash of letters in a row that some word is looked for by.
    private let isKnown: [UInt64]
    /// The pieces by the upper bits of that hash: where those of each begin in `pieces`.
    private let firstPiece: [UInt16]
    private let pieces: [Piece]
    private let words: [Whole]
    private let bytes: [UInt8]

    /// In bytes.
    static let lengths = 3...32

    /// More words are none that rules are written with.
    static let mostWords = 50_000

    /// How many bits of a hash `firstPiece` leaves out.
    private static let lowerBits = 2
    /// Makes capitals small letters. A few signs become others by it, so that more may be found than is there.
    private static let small: UInt64 = 0x2020_2020_2020_2020
    /// The most common letters of English texts first.
    private static let common = Array(" etaoinsrhldcumfpgwybvkjxqz".utf8)

    /// - Parameter all: words, each as long as `lengths` allows; others are not looked for.
    init(_ all: [WordChain.Word]) {
        var isKnown = [UInt64](repeating: 0, count: 1 << 10)
        var (pieces, words, bytes) = ([Piece](), [Whole](), [UInt8]())
        var firstPiece: [UInt16] = [0]
        let known = all.indices.filter { WordSearch.lengths.contains(all[$0].bytes.count) }
        let groups = Dictionary(grouping: known) { Place(all[$0].bytes) }.sorted { $0.key < $1.key }
        for (place, group) in groups {
            isKnown[place.hash / 64] |= 1 << UInt64(place.hash % 64)
            while firstPiece.count <= place.hash >> WordSearch.lowerBits { firstPiece.append(UInt16(pieces.count)) }
            for part in stride(from: 0, to: group.count, by: 255) {
                pieces.append(
                    Piece(
                        number: place.number, first: UInt32(words.count + part),
                        count: UInt8(min(255, group.count - part)), back: place.back, start: place.start,
                        spare: place.spare))
            }
            for index in group {
                let word = all[index]
                words.append(
                    Whole(
                        start: Int32(bytes.count), index: Int32(index), count: UInt8(word.bytes.count), left: word.left,
                        right: word.right))
                bytes += word.bytes
            }
        }
        while firstPiece.count <= 1 << (16 - WordSearch.lowerBits) { firstPiece.append(UInt16(pieces.count)) }
        self.isKnown = isKnown
        self.firstPiece = firstPiece
        self.pieces = pieces
        self.words = words
        self.bytes = bytes
    }

    /// Where in a word it is looked for, and by what.
    private struct Place: Hashable, Comparable {
        let hash: Int
        let number: UInt64
        let back: UInt8
        let start: UInt8
        let spare: UInt8

        init(_ word: [UInt8]) {
            let count = min(word.count, 4)
            let rarities = (0...word.count - count).map { at in
                word[at..<at + count].reduce(0) { $0 + (WordSearch.common.firstIndex(of: $1) ?? 20) }
            }
            let at = rarities.indices.max { rarities[$0] < rarities[$1] } ?? 0
            let letters = UInt32(truncatingIfNeeded: WordSearch.number(word[at...]))
            hash = count == 4 ? WordSearch.hash(four: letters) : WordSearch.hash(three: letters)
            let start = min(at, max(0, word.count - 8))
            spare = UInt8(64 - 8 * min(word.count, 8))
            number = WordSearch.number(word[start...]) << UInt64(spare)
            back = UInt8(at - start)
            self.start = UInt8(start)
        }

        static func < (a: Place, b: Place) -> Bool {
            (a.hash, a.number, a.back, a.start, a.spare) < (b.hash, b.number, b.back, b.start, b.spare)
        }
    }

    @inline(__always)
    private static func hash(four letters: UInt32) -> Int { Int((letters &* 0x9E37_79B1) &>> 16) }

    @inline(__always)
    private static func hash(three letters: UInt32) -> Int { Int(((letters &<< 8) &* 0x85EB_CA6B) &>> 16) }

    /// The first eight bytes, or as many as there are, as a number.
    private static func number(_ text: some Sequence<UInt8>) -> UInt64 {
        text.prefix(8).enumerated().reduce(0) { $0 | UInt64($1.element) << UInt64(8 * $1.offset) } | small
    }

    /// Calls `body` with each word's index as often as it stands somewhere, and where it begins. A word that ends before
    /// another begins comes before it.
    @inline(__always)
    func search(_ text: UnsafeBufferPointer<UInt8>, _ body: (_ word: Int, _ start: Int) -> Void) {
        let raw = UnsafeRawBufferPointer(text)
        isKnown.withUnsafeBufferPointer { isKnown in
            var at = 0
            let end = text.count &- 2
            while at < end {
                let letters =
                    at &+ 4 <= text.count
                    ? raw.loadUnaligned(fromByteOffset: at, as: UInt32.self)
                        | UInt32(truncatingIfNeeded: WordSearch.small)
                    : UInt32(truncatingIfNeeded: WordSearch.number(text[at...]))
                let (four, three) = (WordSearch.hash(four: letters), WordSearch.hash(three: letters))
                let isFour = isKnown[four &>> 6] &>> UInt64(four & 63) & 1
                let isThree = isKnown[three &>> 6] &>> UInt64(three & 63) & 1
                if isFour | isThree != 0 {
                    if isFour != 0 { compare(four, at, text, body) }
                    if isThree != 0 { compare(three, at, text, body) }
                }
                at &+= 1
            }
        }
    }

    // COST: in one place of the machine's code; twice in the loop above made that too large for its registers.
    @inline(never)
    private func compare(_ hash: Int, _ at: Int, _ text: UnsafeBufferPointer<UInt8>, _ body: (Int, Int) -> Void) {
        let bucket = hash &>> WordSearch.lowerBits
        let range = firstPiece.withUnsafeBufferPointer { (Int($0[bucket]), Int($0[bucket &+ 1])) }
        pieces.withUnsafeBufferPointer { pieces in
            var place = range.0
            while place < range.1 {
                let piece = pieces[place]
                place &+= 1
                let start = at &- Int(piece.back)
                guard start >= 0, start &+ 8 &- Int(piece.spare &>> 3) <= text.count else { continue }
                let number =
                    start &+ 8 <= text.count
                    ? UnsafeRawBufferPointer(text).loadUnaligned(fromByteOffset: start, as: UInt64.self)
                        | WordSearch.small
                    : WordSearch.number(text[start...])
                guard number &<< UInt64(piece.spare) == piece.number else { continue }
                words.withUnsafeBufferPointer { words in
                    for word in Int(piece.first)..<Int(piece.first) + Int(piece.count)
                    where isThere(words[word], text, start &- Int(piece.start)) {
                        body(Int(words[word].index), start &- Int(piece.start))
                    }
                }
            }
        }
    }

    /// Whether the rest of the word stands there too, with what must be next to it.
    @inline(__always)
    private func isThere(_ word: Whole, _ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> Bool {
        let end = start &+ Int(word.count)
        guard start >= 0, end <= text.count, word.left.isThere(text, start), word.right.isThere(text, end) else {
            return false
        }
        guard word.count > 8 else { return true }
        return bytes.withUnsafeBufferPointer { bytes in
            var place = 0
            while place < Int(word.count) {
                if text[start &+ place] | 0x20 != bytes[Int(word.start) &+ place] | 0x20 { return false }
                place &+= 1
            }
            return true
        }
    }
}
