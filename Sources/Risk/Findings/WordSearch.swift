/// Finds all of many words in a text in one pass over its bytes (Aho and Corasick, "Efficient string matching", 1975).
/// ASCII letters match regardless of case.
struct WordSearch: Sendable {
    /// For each byte the column of the table; bytes that no word has share column 0.
    private let columns: [UInt8]
    private let width: Int
    /// The next state by state and column.
    private let next: [UInt16]
    /// For each state the words that end there: a range of `ends`.
    private let firstEnd: [UInt32]
    private let ends: [UInt16]
    /// How many words there are.
    let count: Int

    /// - Parameter words: in lower case, at most some 10,000 bytes together.
    init(_ words: [[UInt8]]) {
        var columns = [UInt8](repeating: 0, count: 256)
        var width = 1
        for byte in Set(words.joined()).sorted() {
            columns[Int(byte)] = UInt8(truncatingIfNeeded: width)
            width += 1
        }
        for letter in UInt8(ascii: "A")...UInt8(ascii: "Z") { columns[Int(letter)] = columns[Int(letter | 0x20)] }
        var table = [Int](repeating: -1, count: width)
        var own: [[UInt16]] = [[]]
        for (index, word) in words.enumerated() {
            var state = 0
            for byte in word {
                let slot = state * width + Int(columns[Int(byte)])
                if table[slot] < 0 {
                    table[slot] = own.count
                    own.append([])
                    table += [Int](repeating: -1, count: width)
                }
                state = table[slot]
            }
            own[state].append(UInt16(truncatingIfNeeded: index))
        }
        // Breadth first: where a state has no way on, the longest suffix's way is taken, and its words end there too.
        var suffix = [Int](repeating: 0, count: own.count)
        var queue: [Int] = []
        for column in 0..<width {
            if table[column] < 0 { table[column] = 0 } else { queue.append(table[column]) }
        }
        var head = 0
        while head < queue.count {
            let state = queue[head]
            head += 1
            own[state] += own[suffix[state]]
            for column in 0..<width {
                let slot = state * width + column
                let other = table[suffix[state] * width + column]
                if table[slot] < 0 {
                    table[slot] = other
                } else {
                    suffix[table[slot]] = other
                    queue.append(table[slot])
                }
            }
        }
        self.columns = columns
        self.width = width
        next = table.map { UInt16(truncatingIfNeeded: $0) }
        var firstEnd: [UInt32] = [0]
        for words in own { firstEnd.append(firstEnd[firstEnd.count - 1] + UInt32(words.count)) }
        self.firstEnd = firstEnd
        ends = own.flatMap(\.self)
        count = words.count
    }

    /// Whether the table has a state for each 16-bit number that is needed: else words must be left out.
    static func fits(_ words: [[UInt8]]) -> Bool { words.reduce(1) { $0 + $1.count } <= Int(UInt16.max) }

    /// Calls `body` with each word's index as often as it ends somewhere.
    func search(_ text: UnsafeBufferPointer<UInt8>, _ body: (Int) -> Void) {
        columns.withUnsafeBufferPointer { columns in
            next.withUnsafeBufferPointer { next in
                firstEnd.withUnsafeBufferPointer { firstEnd in
                    var state = 0
                    for byte in text {
                        state = Int(next[state &* width &+ Int(columns[Int(byte)])])
                        var end = firstEnd[state]
                        while end < firstEnd[state &+ 1] {
                            body(Int(ends[Int(end)]))
                            end &+= 1
                        }
                    }
                }
            }
        }
    }
}
