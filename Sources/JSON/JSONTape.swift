/// The kinds of JSON values.
package enum JSONKind: UInt8, Sendable {
    case null, boolean, number, string, array, object
}

/// One value (or key) of the flat tape: 16 bytes, in the order of the text.
///
/// A container's children follow it; `next` leads past all of them to its sibling.
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

    /// Elements of an array, members of an object.
    var count: Int {
        get { Int(packed >> 4) }
        set { packed = packed & 15 | UInt32(truncatingIfNeeded: newValue) << 4 }
    }
}
