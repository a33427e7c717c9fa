/// One value (or key) of the flat tape: 16 bytes, in the order of the text.
///
/// A container's children follow it; `next` leads past all of them to its sibling. A key is a string, followed by its value.
struct JSONToken {
    var start: UInt32
    var end: UInt32
    var next: UInt32
    private var packed: UInt32

    init(_ kind: JSONKind, start: Int, end: Int, next: Int, hasEscapes: Bool = false) {
        self.start = UInt32(truncatingIfNeeded: start)
        self.end = UInt32(truncatingIfNeeded: end)
        self.next = UInt32(truncatingIfNeeded: next)
        self.packed = UInt32(kind.rawValue) | (hasEscapes ? 8 : 0)
    }

    var kind: JSONKind { JSONKind(rawValue: UInt8(truncatingIfNeeded: packed & 7)) ?? .null }
    var hasEscapes: Bool { packed & 8 != 0 }

    /// The place of a string's content, between its quotes.
    var content: Range<Int> { Int(start) + 1..<Int(end) - 1 }

    /// Elements of an array, members of an object.
    var count: Int {
        get { Int(packed >> 4) }
        set { packed = packed & 15 | UInt32(truncatingIfNeeded: newValue) << 4 }
    }
}

/// The tokens of one document in one allocation. It grows while the scanner works, then belongs to the document.
///
/// COST: an array here cost a bounds check, and often a retain and a release, for every question to a view.
struct JSONTape {
    private(set) var tokens: UnsafeMutablePointer<JSONToken>
    private(set) var count = 0
    private var capacity: Int

    /// Room for `capacity` tokens at first, at least one. `deallocate` must be called once.
    init(capacity: Int) {
        self.capacity = max(capacity, 1)
        tokens = .allocate(capacity: self.capacity)
    }

    @inline(__always) mutating func append(_ token: JSONToken) {
        if count == capacity { (tokens, capacity) = Self.doubled(tokens, count) }
        (tokens + count).initialize(to: token)
        count += 1
    }

    /// A function of values, so that the scanner's own state can stay in registers.
    @inline(never) private static func doubled(
        _ tokens: UnsafeMutablePointer<JSONToken>, _ count: Int
    ) -> (UnsafeMutablePointer<JSONToken>, Int) {
        let larger = UnsafeMutablePointer<JSONToken>.allocate(capacity: count * 2)
        larger.moveInitialize(from: tokens, count: count)
        tokens.deallocate()
        return (larger, count * 2)
    }

    func deallocate() { tokens.deallocate() }
}
