import JSON

/// Replacements of byte ranges in a text: how a forwarded message changes in the few named places, and nowhere else.
package struct Splice: Sendable {
    private var edits: [(range: Range<Int>, bytes: [UInt8])] = []

    package init() {
        edits.reserveCapacity(4)
    }

    package mutating func replace(_ range: Range<Int>, with bytes: [UInt8]) {
        // COST: edits are few and come nearly in order: finding the place is cheaper than sorting them in the end.
        var place = edits.count
        while place > 0, edits[place - 1].range.lowerBound > range.lowerBound { place -= 1 }
        edits.insert((range, bytes), at: place)
    }

    package mutating func insert(_ bytes: [UInt8], at offset: Int) {
        replace(offset..<offset, with: bytes)
    }

    /// Adds a member, written `"key":value`, at the front of `object`, which must be an object of the text that is edited.
    /// The key must not be there yet: we never send a key twice.
    package mutating func insertMember(_ member: [UInt8], into object: JSONView) {
        var member = member
        if object.count > 0 { member.append(UInt8(ascii: ",")) }
        insert(member, at: object.range.lowerBound + 1)
    }

    /// The text with all edits made. Ranges must not overlap.
    package func applied(to text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var count = text.count
        for edit in edits { count += edit.bytes.count }
        result.reserveCapacity(count)
        text.withUnsafeBufferPointer { text in
            var position = 0
            for edit in edits {
                result.append(contentsOf: UnsafeBufferPointer(rebasing: text[position..<edit.range.lowerBound]))
                result.append(contentsOf: edit.bytes)
                position = edit.range.upperBound
            }
            result.append(contentsOf: UnsafeBufferPointer(rebasing: text[position...]))
        }
        return result
    }
}
