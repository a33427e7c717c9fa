/// The words that the rules know, by their lower-cased bytes: one look-up a word, no String made.
struct WordTable: Sendable {
    /// A word's place in the table. What most look-ups need stands together.
    private struct Slot {
        /// The word's first eight bytes, the first one lowest, zeros behind a shorter one.
        var start: UInt64 = 0
        /// 0 for an empty slot.
        var id: Int32 = 0
        /// In bytes.
        var length: Int32 = 0
    }

    /// A power of two of them, at most half full.
    private var slots: [Slot] = Array(repeating: Slot(), count: 1024)
    private var spans: [Range<Int>] = [0..<0]
    private var bytes: [UInt8] = []

    /// Ids given so far; 0 stands for every unknown word.
    var count: Int { spans.count }

    /// The id of a lower-cased word, or 0.
    @inline(__always)
    func find(_ word: UnsafeBufferPointer<UInt8>) -> Int32 { find(word, start: WordTable.start(of: word)) }

    /// The same for a word whose first eight bytes are known.
    // COST: they are all that most words have, and then nothing else is looked at.
    @inline(__always)
    func find(_ word: UnsafeBufferPointer<UInt8>, start: UInt64) -> Int32 {
        let length = Int32(truncatingIfNeeded: word.count)
        return slots.withUnsafeBufferPointer { slots in
            var place = WordTable.place(start, length, slots.count)
            while slots[place].id != 0 {
                if slots[place].start == start, slots[place].length == length,
                    length <= 8 || isSame(spans[Int(slots[place].id)], word)
                {
                    return slots[place].id
                }
                place = (place + 1) & (slots.count - 1)
            }
            return 0
        }
    }

    func find(_ word: String) -> Int32 {
        var word = word
        return word.withUTF8 { find($0) }
    }

    /// The id of a word, a new one if need be. Words are lower-case.
    mutating func intern(_ word: String) -> Int32 {
        let known = find(word)
        if known != 0 { return known }
        spans.append(bytes.count..<bytes.count + word.utf8.count)
        bytes.append(contentsOf: word.utf8)
        if spans.count * 2 > slots.count {
            slots = Array(repeating: Slot(), count: slots.count * 2)
            for id in 1..<spans.count { put(Int32(id)) }
        } else {
            put(Int32(spans.count - 1))
        }
        return Int32(spans.count - 1)
    }

    /// The text of a word.
    func text(_ id: Int32) -> String { String(decoding: bytes[spans[Int(id)]], as: UTF8.self) }

    private mutating func put(_ id: Int32) {
        let word = bytes[spans[Int(id)]]
        let start = word.withUnsafeBufferPointer(WordTable.start)
        let length = Int32(word.count)
        var place = WordTable.place(start, length, slots.count)
        while slots[place].id != 0 { place = (place + 1) & (slots.count - 1) }
        slots[place] = Slot(start: start, id: id, length: length)
    }

    @inline(__always)
    private static func start(of word: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var start: UInt64 = 0
        for at in 0..<min(word.count, 8) { start |= UInt64(word[at]) << UInt64(8 * at) }
        return start
    }

    @inline(__always)
    private static func place(_ start: UInt64, _ length: Int32, _ count: Int) -> Int {
        let mixed = (start ^ UInt64(truncatingIfNeeded: length)) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: mixed >> 32) & (count - 1)
    }

    /// Whether a word of more than eight bytes, and the same first eight, is this one.
    private func isSame(_ span: Range<Int>, _ word: UnsafeBufferPointer<UInt8>) -> Bool {
        for i in 8..<word.count where bytes[span.lowerBound + i] != word[i] { return false }
        return true
    }
}
