/// Words that stand in every text which a pattern matches, in their order: where they do not, the pattern need not be
/// tried.
struct WordChain {
    /// One of these words comes next.
    struct Step {
        let words: Set<Word>
        /// At most so many characters lie between the end of the word before and the start of this one.
        let reach: Int
    }

    struct Word: Hashable {
        /// UTF-8 in lower case, never empty.
        let bytes: [UInt8]
        let left: Edge
        let right: Edge

        /// Each byte but those inside a character counts.
        var characters: Int { WordChain.characters(bytes) }

        /// Whether `ScannedText` knows the place of the byte at `at` in any text that has the word.
        func isPlace(_ at: Int) -> Bool {
            guard WordChain.isLetterOrDigit(bytes[at]) else { return bytes[at] != UInt8(ascii: " ") }
            return at == 0 ? left != .anything : !WordChain.isLetterOrDigit(bytes[at - 1])
        }
    }

    /// What a word's end must be next to.
    enum Edge: UInt8 {
        case anything
        /// Letters, digits and underscores on one side only, as `\b` asks.
        case boundary
        /// The start or end of a line.
        case line
        /// Before it there is no letter or digit.
        case apart

        /// Whether the place before the byte at `at` is such an edge.
        @inline(__always)
        func isThere(_ text: UnsafeBufferPointer<UInt8>, _ at: Int) -> Bool {
            switch self {
            case .anything: return true
            case .line:
                return at == 0 || at == text.count || text[at - 1] == UInt8(ascii: "\n")
                    || text[at] == UInt8(ascii: "\n")
            case .apart: return at == 0 || !WordChain.isLetterOrDigit(text[at - 1])
            case .boundary:
                let isBefore = at > 0 && WordChain.isWordByte(text[at - 1])
                return isBefore != (at < text.count && WordChain.isWordByte(text[at]))
            }
        }
    }

    let steps: [Step]

    /// The place of the step whose words are the rarest of those that can be searched for; nil if none can.
    var anchor: Int? {
        let known = steps.indices.filter { steps[$0].words.allSatisfy(WordSearch.canFind) }
        guard known.count > 1 else { return known.first }
        let frequencies = known.map { EverydayWords.frequency(of: steps[$0].words) }
        return known.indices.min { frequencies[$0] < frequencies[$1] }.map { known[$0] }
    }

    /// Longer words are cut, which loses little; shorter ones are in most texts.
    private static let lengths = WordSearch.lengths
    /// Words in a row become one word as long as there are at most so many of them.
    private static let mostWords = 32
    /// The same where one of the two alone would be too short to count.
    private static let mostShortWords = 128
    /// Ways through a pattern that are followed; what has more is a gap.
    private static let mostWays = 24

    /// One chain for each way through the pattern: where it matches, one of them is found. Nil when there is a way without
    /// any word.
    static func chains(of pattern: String) -> [WordChain]? {
        guard let tree = PatternTree(pattern) else { return nil }
        var chains: [WordChain] = []
        for way in ways(through: tree) {
            let steps = steps(of: way)
            if steps.isEmpty { return nil }
            chains.append(WordChain(steps: steps))
        }
        return chains
    }

    // MARK: Ways through a pattern

    private enum Part {
        case words(Set<[UInt8]>)
        case gap(Int, End)

        /// In characters.
        var longest: Int {
            switch self {
            case .words(let words): words.map(WordChain.characters).max() ?? 0
            case .gap(let count, _): count
            }
        }

        var end: End {
            switch self {
            case .gap(_, let end): return end
            case .words(let words):
                // A line begins like behind a space.
                let last = words.map { $0.last { !PatternTree.Mark.isMark($0) || $0 == PatternTree.Mark.start } }
                return End(
                    isApart: last.allSatisfy { $0.map { !WordChain.isLetterOrDigit($0) } ?? true },
                    mayBeEmpty: last.contains(nil))
            }
        }
    }

    /// How what a pattern matches may end.
    private struct End {
        /// Not with a letter or a digit.
        let isApart: Bool
        /// It may be nothing.
        let mayBeEmpty: Bool

        static let any = End(isApart: false, mayBeEmpty: false)

        init(isApart: Bool, mayBeEmpty: Bool) { (self.isApart, self.mayBeEmpty) = (isApart, mayBeEmpty) }

        init(of way: some Sequence<Part>) {
            self = way.reduce(End(isApart: true, mayBeEmpty: true)) { before, part in
                let end = part.end
                return End(
                    isApart: end.isApart && (before.isApart || !end.mayBeEmpty),
                    mayBeEmpty: end.mayBeEmpty && before.mayBeEmpty)
            }
        }

        init(ofAny ways: [Way]) {
            let ends = ways.map { End(of: $0) }
            self.init(isApart: ends.allSatisfy(\.isApart), mayBeEmpty: ends.contains(where: \.mayBeEmpty))
        }
    }

    private typealias Way = [Part]

    private static func ways(through tree: PatternTree) -> [Way] {
        switch tree {
        case .words(let words): return [[.words(words)]]
        case .gap(let count): return [[.gap(count, .any)]]
        case .separator: return [[.gap(1, End(isApart: true, mayBeEmpty: false))]]
        case .choice(let branches): return merged(branches.flatMap(ways))
        case .sequence(let parts):
            var all: [Way] = [[]]
            for part in parts {
                var ways = ways(through: part)
                if all.count * ways.count > mostWays { ways = [[.gap(length(ways), End(ofAny: ways))]] }
                all = all.flatMap { way in ways.map { joined(way, $0) } }
            }
            return merged(all)
        case .many(let tree, let least, let most):
            let ways = ways(through: tree)
            if most == 1 { return least == 1 ? ways : merged(ways + [[]]) }
            let end = End(isApart: End(ofAny: ways).isApart, mayBeEmpty: true)
            if least == 0 { return [[.gap(product(length(ways), most), end)]] }
            // Once, and then whatever more there is.
            return ways.map { joined($0, [.gap(product(length(ways), most - 1), end)]) }
        }
    }

    /// Ways that are nothing but words are one way.
    private static func merged(_ ways: [Way]) -> [Way] {
        var words: Set<[UInt8]> = []
        var others: [Way] = []
        for way in ways {
            switch (way.first, way.count) {
            case (nil, _): words.insert([])
            case (.words(let some), 1): words.formUnion(some)
            default: others.append(way)
            }
        }
        return words.isEmpty ? others : others + [[.words(words)]]
    }

    private static func joined(_ first: Way, _ second: Way) -> Way {
        var way = first
        for part in second {
            switch (way.last, part) {
            case (_, .gap(0, _)): break
            case (.gap(let a, _), .gap(let b, _)):
                way[way.count - 1] = .gap(min(PatternTree.unlimited, a + b), End(of: [way[way.count - 1], part]))
            case (.words(let a), .words(let b)) where isFew(a, b):
                way[way.count - 1] = .words(Set(a.flatMap { start in b.map { start + $0 } }))
            default: way.append(part)
            }
        }
        return way
    }

    private static func isFew(_ a: Set<[UInt8]>, _ b: Set<[UInt8]>) -> Bool {
        let isShort = [a, b].contains { $0.contains { characters($0) < lengths.lowerBound } }
        return min(a.count, b.count) == 1 || a.count * b.count <= (isShort ? mostShortWords : mostWords)
    }

    /// Of the longest way, in characters.
    private static func length(_ ways: [Way]) -> Int {
        ways.map { $0.reduce(0) { min(PatternTree.unlimited, $0 + $1.longest) } }.max() ?? 0
    }

    private static func product(_ a: Int, _ b: Int) -> Int {
        let (product, isTooLarge) = a.multipliedReportingOverflow(by: b)
        return isTooLarge ? PatternTree.unlimited : min(PatternTree.unlimited, product)
    }

    // MARK: Steps

    private static func steps(of way: Way) -> [Step] {
        var steps: [Step] = []
        var gap = 0
        for (place, part) in way.enumerated() {
            guard case .words(let texts) = part else {
                gap = min(PatternTree.unlimited, gap + part.longest)
                continue
            }
            let before = End(of: way[..<place])
            let isApart = before.isApart && !before.mayBeEmpty
            let words = texts.compactMap { word($0, isApart: isApart) }
            guard !words.isEmpty, words.allSatisfy({ $0.bytes.count >= lengths.lowerBound }) else {
                gap = min(PatternTree.unlimited, gap + part.longest)
                continue
            }
            let cut = words.map(cut)
            steps.append(Step(words: Set(cut), reach: steps.isEmpty ? PatternTree.unlimited : gap))
            // What was cut off lies before the next word.
            gap = zip(words, cut).map { $0.characters - $1.characters }.max() ?? 0
        }
        return steps
    }

    /// The word with its marks taken out, or nil when no text can have it.
    /// - Parameter isApart: what stands before it ends with no letter or digit.
    private static func word(_ text: [UInt8], isApart: Bool) -> Word? {
        var bytes: [UInt8] = []
        var (left, right) = (isApart ? Edge.apart : .anything, Edge.anything)
        var mark: UInt8?
        for byte in text {
            if PatternTree.Mark.isMark(byte) {
                mark = byte
                continue
            }
            if let mark {
                if bytes.isEmpty {
                    left = edge(mark)
                } else if mark == PatternTree.Mark.boundary, isWordByte(bytes[bytes.count - 1]) == isWordByte(byte) {
                    return nil
                }
            }
            mark = nil
            bytes.append(byte)
        }
        if let mark, !bytes.isEmpty { right = edge(mark) }
        return Word(bytes: bytes, left: left, right: right)
    }

    private static func edge(_ mark: UInt8) -> Edge { mark == PatternTree.Mark.boundary ? .boundary : .line }

    private static func cut(_ word: Word) -> Word {
        guard word.bytes.count > lengths.upperBound else { return word }
        var count = lengths.upperBound
        while count > 1, isInside(word.bytes[count]) { count -= 1 }
        return Word(bytes: Array(word.bytes[..<count]), left: word.left, right: .anything)
    }

    private static func characters(_ text: [UInt8]) -> Int {
        text.count { !isInside($0) && !PatternTree.Mark.isMark($0) }
    }

    /// Whether a byte of UTF-8 continues a character.
    @inline(__always) static func isInside(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

    @inline(__always) static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- 97 < 26 || byte &- 48 < 10
    }

    /// Whether `\b` counts the byte as a part of a word.
    @inline(__always) static func isWordByte(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- 97 < 26 || byte &- 48 < 10 || byte == UInt8(ascii: "_")
    }
}
