/// The words that the rules know, by their lower-cased bytes: one look-up a word, no String made.
struct WordTable: Sendable {
    /// Word ids by hash, 0 for an empty slot; a power of two of them, at most half full.
    private var slots: [Int32] = Array(repeating: 0, count: 1024)
    private var hashes: [UInt64] = [0]
    private var spans: [Range<Int>] = [0..<0]
    private var bytes: [UInt8] = []

    /// Ids given so far; 0 stands for every unknown word.
    var count: Int { spans.count }

    static let seed: UInt64 = 0xcbf2_9ce4_8422_2325
    @inline(__always) static func mix(_ hash: UInt64, _ byte: UInt8) -> UInt64 {
        (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }
    static func hash(_ word: UnsafeBufferPointer<UInt8>) -> UInt64 { word.reduce(seed) { mix($0, $1) } }

    /// The id of a lower-cased word whose hash is known, or 0.
    @inline(__always)
    func find(_ word: UnsafeBufferPointer<UInt8>, hash: UInt64) -> Int32 {
        var slot = Self.first(hash, slots.count)
        while slots[slot] != 0 {
            let id = Int(slots[slot])
            if hashes[id] == hash, isSame(spans[id], word) { return Int32(id) }
            slot = (slot + 1) & (slots.count - 1)
        }
        return 0
    }

    func find(_ word: String) -> Int32 {
        var word = word
        return word.withUTF8 { find($0, hash: Self.hash($0)) }
    }

    /// The id of a word, a new one if need be. Words are lower-case.
    mutating func intern(_ word: String) -> Int32 {
        let known = find(word)
        if known != 0 { return known }
        let id = Int32(spans.count)
        var text = word
        let hash = text.withUTF8 { Self.hash($0) }
        spans.append(bytes.count..<bytes.count + text.utf8.count)
        bytes.append(contentsOf: text.utf8)
        hashes.append(hash)
        if spans.count * 2 > slots.count {
            slots = Array(repeating: 0, count: slots.count * 2)
            for id in 1..<spans.count { place(Int32(id)) }
        } else {
            place(id)
        }
        return id
    }

    /// The text of a word.
    func text(_ id: Int32) -> String { String(decoding: bytes[spans[Int(id)]], as: UTF8.self) }

    private mutating func place(_ id: Int32) {
        var slot = Self.first(hashes[Int(id)], slots.count)
        while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = id
    }

    @inline(__always) private static func first(_ hash: UInt64, _ count: Int) -> Int {
        Int(truncatingIfNeeded: hash ^ hash >> 29) & (count - 1)
    }

    @inline(__always) private func isSame(_ span: Range<Int>, _ word: UnsafeBufferPointer<UInt8>) -> Bool {
        guard span.count == word.count else { return false }
        for i in 0..<word.count where bytes[span.lowerBound + i] != word[i] { return false }
        return true
    }
}
