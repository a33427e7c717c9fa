internal import Glibc

/// Texts of one list of definitions that were looked at and are plain: parameters are called and described alike in many of
/// its tools.
///
/// SAFETY: keeps pointers into the definitions; used for no longer than these are kept.
struct KnownTexts: ~Copyable {
    private struct Slot {
        var hash: UInt64 = 0
        var text: UnsafePointer<UInt8>?
        var count: Int32 = 0
        var role: TextRole = .text
    }

    /// A power of two of them, at most half full.
    private var slots = [Slot](repeating: Slot(), count: 256)
    private var count = 0

    /// More texts are looked at anew.
    private static let most = 1 << 15
    /// Whoever makes many texts of one hash gains nothing by it.
    private static let mostProbes = 8

    /// What is asked of a text, and where it is written down that it is plain.
    struct Place {
        fileprivate let hash: UInt64
    }

    /// Whether a text of this role, as it is written in JSON, is known to be plain; if not, the place to note it.
    mutating func find(_ text: UnsafeBufferPointer<UInt8>, _ role: TextRole) -> (isKnown: Bool, place: Place) {
        let hash = KnownTexts.hash(text, role)
        let isKnown = slots.withUnsafeBufferPointer { slots in
            var at = Int(truncatingIfNeeded: hash) & (slots.count &- 1)
            for _ in 0..<KnownTexts.mostProbes {
                guard let known = slots[at].text else { return false }
                if slots[at].hash == hash, slots[at].role == role, Int(slots[at].count) == text.count,
                    let start = text.baseAddress, memcmp(known, start, text.count) == 0
                {
                    return true
                }
                at = (at &+ 1) & (slots.count &- 1)
            }
            return false
        }
        return (isKnown, Place(hash: hash))
    }

    /// Writes down that the text is plain.
    mutating func note(_ text: UnsafeBufferPointer<UInt8>, _ role: TextRole, at place: Place) {
        guard count < KnownTexts.most, let count = Int32(exactly: text.count) else { return }
        if 2 * self.count >= slots.count {
            let old = slots
            slots = [Slot](repeating: Slot(), count: 2 * old.count)
            self.count = 0
            for slot in old where slot.text != nil { put(slot) }
        }
        put(Slot(hash: place.hash, text: text.baseAddress, count: count, role: role))
    }

    private mutating func put(_ slot: Slot) {
        var at = Int(truncatingIfNeeded: slot.hash) & (slots.count - 1)
        for _ in 0..<KnownTexts.mostProbes {
            if slots[at].text == nil {
                slots[at] = slot
                count += 1
                return
            }
            at = (at + 1) & (slots.count - 1)
        }
    }

    private static func hash(_ text: UnsafeBufferPointer<UInt8>, _ role: TextRole) -> UInt64 {
        let factor: UInt64 = 0x9E37_79B9_7F4A_7C15
        var hash = UInt64(truncatingIfNeeded: text.count) &* 16 &+ UInt64(role.bit)
        let raw = UnsafeRawBufferPointer(text)
        var at = 0
        while at &+ 8 <= raw.count {
            hash = (hash ^ raw.loadUnaligned(fromByteOffset: at, as: UInt64.self)) &* factor
            hash ^= hash &>> 32
            at &+= 8
        }
        var rest: UInt64 = 0
        while at < raw.count {
            rest = rest &<< 8 | UInt64(raw[at])
            at &+= 1
        }
        hash = (hash ^ rest) &* factor
        return hash ^ hash &>> 32
    }
}
