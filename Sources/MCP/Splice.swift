import JSON

/// Replacements of byte ranges in a text: how a forwarded message changes in the few named places, and nowhere else.
package struct Splice: Sendable {
    private struct Edit {
        let range: Range<Int>
        let bytes: [UInt8]

        var start: Int { range.lowerBound }
    }

    /// In their order in the text, `first` before `second` before `others`.
    // COST: a call has two edits each way, and a list of them would be an allocation.
    private var first: Edit?
    private var second: Edit?
    private var others: [Edit] = []

    package init() {}

    package mutating func replace(_ range: Range<Int>, with bytes: [UInt8]) {
        var edit = Edit(range: range, bytes: bytes)
        // Whether another one has taken its place: then it comes before all that follow.
        var isMoved = false
        guard let first else { return self.first = edit }
        if edit.start < first.start {
            (self.first, edit) = (edit, first)
            isMoved = true
        }
        guard let second else { return self.second = edit }
        if isMoved || edit.start < second.start {
            (self.second, edit) = (edit, second)
            isMoved = true
        }
        let place = isMoved ? 0 : others.firstIndex { $0.start > edit.start } ?? others.endIndex
        others.insert(edit, at: place)
    }

    /// Calls `body` with each edit, in order.
    @inline(__always)
    private func forEach(_ body: (Edit) -> Void) {
        if let first { body(first) }
        if let second { body(second) }
        for edit in others { body(edit) }
    }

    package mutating func insert(_ bytes: [UInt8], at offset: Int) {
        replace(offset..<offset, with: bytes)
    }

    /// Adds a member, written `"key":value`, at the front of `object`, which must be an object of the text that is edited.
    /// The key must not be there yet: we never send a key twice.
    package mutating func insertMember(_ member: consuming [UInt8], into object: JSONView) {
        if object.count > 0 { member.append(UInt8(ascii: ",")) }
        insert(member, at: object.range.lowerBound + 1)
    }

    /// The text with all edits made. Ranges must not overlap.
    package func applied(to text: [UInt8]) -> [UInt8] {
        var count = text.count
        forEach { count += $0.bytes.count - $0.range.count }
        return [UInt8](unsafeUninitializedCapacity: count) { result, filled in
            func put(_ part: UnsafeRawBufferPointer) {
                UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(result)[filled...])
                    .copyMemory(from: part)
                filled += part.count
            }
            text.withUnsafeBytes { text in
                var position = 0
                forEach { edit in
                    put(UnsafeRawBufferPointer(rebasing: text[position..<edit.range.lowerBound]))
                    edit.bytes.withUnsafeBytes(put)
                    position = edit.range.upperBound
                }
                put(UnsafeRawBufferPointer(rebasing: text[position...]))
            }
        }
    }
}
