import MCP
import Testing

@Suite struct SpliceTests {
    private static let edits: [(range: Range<Int>, text: String)] = [
        (0..<1, "A"), (3..<3, "B"), (5..<7, ""), (9..<9, "C"), (10..<12, "DDD"),
    ]

    private static func orders(of rest: [Int]) -> [[Int]] {
        guard !rest.isEmpty else { return [[]] }
        return rest.flatMap { next in orders(of: rest.filter { $0 != next }).map { [next] + $0 } }
    }

    @Test func theOrderInWhichEditsAreAskedForDoesNotMatter() {
        for count in 0...Self.edits.count {
            let orders = Self.orders(of: Array(0..<count))
            let texts = Set(
                orders.map { order in
                    var splice = Splice()
                    for index in order {
                        splice.replace(Self.edits[index].range, with: Array(Self.edits[index].text.utf8))
                    }
                    return String(decoding: splice.applied(to: Array("0123456789ab".utf8)), as: UTF8.self)
                })
            let expected = [
                "0123456789ab", "A123456789ab", "A12B3456789ab", "A12B34789ab", "A12B3478C9ab", "A12B3478C9DDD",
            ]
            #expect(texts == [expected[count]])
        }
    }

    @Test func insertionsAtOnePlaceStandInTheOrderInWhichTheyCame() {
        for before in [false, true] {
            var splice = Splice()
            splice.insert(Array("x".utf8), at: 4)
            splice.insert(Array("y".utf8), at: 4)
            if before { splice.replace(0..<1, with: []) }
            splice.insert(Array("z".utf8), at: 4)
            let text = String(decoding: splice.applied(to: Array("01234567".utf8)), as: UTF8.self)
            #expect(text == (before ? "123xyz4567" : "0123xyz4567"))
        }
    }
}
