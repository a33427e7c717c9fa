/// Groups of words, each of them looked for around a place of a text where it is expected.
struct WordGroups: Sendable {
    /// Where words of a group stand in a piece of a text.
    struct Places {
        var firstStart: Int
        var lastStart: Int
        var firstEnd: Int
        var lastEnd: Int
    }

    private struct Word {
        let start: Int32
        let count: UInt8
        let left: WordChain.Edge
        let right: WordChain.Edge
    }

    /// By a group and the first three bytes of a word: a range of `words`; empty where `key` is 0.
    private struct Slot {
        var key: UInt64 = 0
        var first: Int32 = 0
        var end: Int32 = 0
    }

    /// 256 bits for each group: one for each hash of the first three bytes of a word.
    private let starts: [UInt64]
    private let lengths: [Int]
    /// Whether all words of a group begin where a scan says that words may.
    private let arePlaced: [Bool]
    /// A power of two of them, at most half full.
    private let slots: [Slot]
    private let words: [Word]
    /// In small letters.
    private let bytes: [UInt8]

    /// - Parameter all: words of three bytes at least.
    init(_ all: [[WordChain.Word]]) {
        var (starts, lengths) = ([UInt64](repeating: 0, count: 4 * all.count), [Int]())
        var (words, bytes, filled) = ([Word](), [UInt8](), [Slot]())
        let all = all.map { $0.map(WordGroups.trimmed) }
        for (place, group) in all.enumerated() {
            let byStart = Dictionary(grouping: group) { WordGroups.start($0.bytes) }
            for (start, alike) in byStart.sorted(by: { $0.key < $1.key }) {
                let hash = WordGroups.hash(start)
                starts[4 * place + hash >> 6] |= 1 << UInt64(hash & 63)
                filled.append(
                    Slot(
                        key: WordGroups.key(place, start), first: Int32(words.count),
                        end: Int32(words.count + alike.count)))
                for word in alike {
                    words.append(
                        Word(
                            start: Int32(bytes.count), count: UInt8(clamping: word.bytes.count), left: word.left,
                            right: word.right))
                    bytes += word.bytes.map { $0 | 0x20 }
                }
            }
            lengths.append(group.map(\.bytes.count).max() ?? 0)
        }
        var slots = [Slot](repeating: Slot(), count: 64)
        while slots.count < 2 * filled.count { slots += slots }
        for slot in filled {
            var at = WordGroups.place(slot.key, slots.count)
            while slots[at].key != 0 { at = (at + 1) & (slots.count - 1) }
            slots[at] = slot
        }
        arePlaced = all.map { $0.allSatisfy { $0.isPlace(0) } }
        (self.starts, self.lengths, self.slots, self.words, self.bytes) = (starts, lengths, slots, words, bytes)
    }

    /// The word without the space that it begins with, if that is not needed to tell it: spaces are no places.
    private static func trimmed(_ word: WordChain.Word) -> WordChain.Word {
        guard word.bytes[0] == UInt8(ascii: " "), word.bytes.count > 3 else { return word }
        return WordChain.Word(bytes: Array(word.bytes.dropFirst()), left: .apart, right: word.right)
    }

    /// The length of the group's longest word in bytes.
    func longest(_ group: Int) -> Int { lengths[group] }

    /// Where words of the group that begin within `starts` and end within `ends` stand; nil if there are none.
    func places(
        of group: Int, in scanned: ScannedText, starts: ClosedRange<Int>, ends: ClosedRange<Int>
    ) -> Places? {
        var places: Places?
        let text = scanned.text
        // A word may have lost its space.
        let (first, last) = (max(starts.lowerBound, 0), min(starts.upperBound + 1, text.count - 3))
        self.starts.withUnsafeBufferPointer { known in
            let known = UnsafeBufferPointer(rebasing: known[4 * group..<4 * group + 4])
            func look(_ at: Int) {
                let three = WordGroups.three(text, at)
                let hash = WordGroups.hash(three)
                if known[hash &>> 6] &>> UInt64(hash & 63) & 1 != 0 {
                    note(WordGroups.key(group, three), at, text, ends, &places)
                }
            }
            if arePlaced[group] {
                scanned.forEachPlace(from: first, through: last, look)
            } else if first <= last {
                for at in first...last { look(at) }
            }
        }
        return places
    }

    /// Notes the words that begin with the key's three bytes and stand at a place.
    // COST: few places come here; inlined, it takes the loop's registers.
    @inline(never)
    private func note(
        _ key: UInt64, _ start: Int, _ text: UnsafeBufferPointer<UInt8>, _ ends: ClosedRange<Int>,
        _ places: inout Places?
    ) {
        var place = WordGroups.place(key, slots.count)
        while slots[place].key != key {
            guard slots[place].key != 0 else { return }
            place = (place + 1) & (slots.count - 1)
        }
        for index in Int(slots[place].first)..<Int(slots[place].end) {
            let word = words[index]
            let end = start + Int(word.count)
            guard end <= text.count, ends.contains(end), isThere(word, text, start),
                word.left.isThere(text, start), word.right.isThere(text, end)
            else { continue }
            var known = places ?? Places(firstStart: start, lastStart: start, firstEnd: end, lastEnd: end)
            known.lastStart = start
            known.firstEnd = min(known.firstEnd, end)
            known.lastEnd = max(known.lastEnd, end)
            places = known
        }
    }

    /// Whether what is behind the first three bytes stands there too.
    private func isThere(_ word: Word, _ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> Bool {
        for place in 3..<max(3, Int(word.count))
        where text[start + place] | 0x20 != bytes[Int(word.start) + place] { return false }
        return true
    }

    private static let small: UInt32 = 0x20_2020

    private static func start(_ word: [UInt8]) -> UInt32 {
        UInt32(word[0]) | UInt32(word[1]) << 8 | UInt32(word[2]) << 16 | small
    }

    @inline(__always)
    private static func three(_ text: UnsafeBufferPointer<UInt8>, _ at: Int) -> UInt32 {
        UInt32(text[at]) | UInt32(text[at &+ 1]) &<< 8 | UInt32(text[at &+ 2]) &<< 16 | small
    }

    /// Eight bits.
    @inline(__always)
    private static func hash(_ start: UInt32) -> Int { Int((start &* 0x9E37_79B1) &>> 24) }

    @inline(__always)
    private static func key(_ group: Int, _ start: UInt32) -> UInt64 {
        UInt64(truncatingIfNeeded: group &+ 1) &<< 24 | UInt64(start)
    }

    @inline(__always)
    private static func place(_ key: UInt64, _ count: Int) -> Int {
        Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) &>> 32) & (count &- 1)
    }
}
