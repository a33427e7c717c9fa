import Glibc

/// Cuts a byte stream into lines. A line over the limit is dropped up to its end and reported once.
package struct LineSplitter: Sendable {
    /// What is found in the stream.
    package enum Piece: Sendable, Equatable {
        /// Without its line feed, and without a carriage return before it. Never empty.
        case line([UInt8])
        case tooLong
    }

    private let limit: Int
    private var partial: [UInt8] = []
    private var isSkipping = false

    /// - Parameter limit: bytes of a line without its end.
    package init(limit: Int) {
        self.limit = limit
    }

    /// Takes the next bytes and hands out every line that they complete.
    package mutating func feed(_ bytes: UnsafeRawBufferPointer, _ each: (Piece) -> Void) {
        var start = 0
        while start < bytes.count, let base = bytes.baseAddress {
            // COST: pasted pictures make lines of many megabytes; memchr looks at 32 bytes at a time.
            guard let end = memchr(base + start, 0x0A, bytes.count - start) else { break }
            let length = UnsafeRawPointer(end) - (base + start)
            take(UnsafeRawBufferPointer(start: base + start, count: length), each)
            finishLine(each)
            start += length + 1
        }
        take(UnsafeRawBufferPointer(rebasing: bytes[start...]), each)
    }

    /// The stream has ended: hands out what has no line feed.
    package mutating func end(_ each: (Piece) -> Void) {
        finishLine(each)
    }

    private mutating func take(_ part: UnsafeRawBufferPointer, _ each: (Piece) -> Void) {
        if isSkipping || part.isEmpty { return }
        if partial.count + part.count > limit {
            partial = []
            isSkipping = true
            each(.tooLong)
        } else {
            partial.append(contentsOf: part)
        }
    }

    private mutating func finishLine(_ each: (Piece) -> Void) {
        if partial.last == UInt8(ascii: "\r") { partial.removeLast() }
        if !partial.isEmpty { each(.line(partial)) }
        // A big line's buffer is not kept for the small ones that follow.
        partial = []
        isSkipping = false
    }
}
