/// Cuts what comes from a pipe into lines. Bytes wait here until their line is whole.
struct LineSplitter {
    private var buffer: [UInt8] = []
    /// Bytes of `buffer` that were searched already: a long line is not searched again with each piece.
    private var searched = 0
    private let maxLine: Int

    init(maxLine: Int) {
        self.maxLine = maxLine
    }

    /// Hands out each whole line without its line feed.
    /// - Returns: false when a line is longer than the limit; nothing can be trusted after that.
    mutating func feed(_ bytes: UnsafeRawBufferPointer, _ each: ([UInt8]) -> Void) -> Bool {
        buffer.append(contentsOf: bytes)
        var start = 0
        while let end = buffer[max(start, searched)...].firstIndex(of: 0x0A) {
            each(Array(buffer[start..<end]))
            start = end + 1
            searched = start
        }
        if start > 0 { buffer.removeFirst(start) }
        searched = buffer.count
        return buffer.count <= maxLine
    }
}
