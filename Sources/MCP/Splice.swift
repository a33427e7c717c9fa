import JSON

/// Replacements of byte ranges in a text: how a forwarded message changes in the few named places, and nowhere else.
package struct Splice: Sendable {
    private var edits: [(range: Range<Int>, bytes: [UInt8])] = []

    package init() {
        edits.reserveCapacity(4)
    }

    package mutating func replace(_ range: Range<Int>, with bytes: [UInt8]) {
        edits.append((range, bytes))
    }

    package mutating func insert(_ bytes: [UInt8], at offset: Int) {
        edits.append((offset..<offset, bytes))
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
        result.reserveCapacity(text.count + edits.reduce(0) { $0 + $1.bytes.count })
        var position = 0
        for edit in edits.count > 1 ? edits.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) : edits {
            result.append(contentsOf: text[position..<edit.range.lowerBound])
            result.append(contentsOf: edit.bytes)
            position = edit.range.upperBound
        }
        result.append(contentsOf: text[position...])
        return result
    }
}
