internal import Base
internal import JSON

/// Texts that are to satisfy several conditions.
extension Satisfiability {
    /// The least number of Unicode scalars of a text that passes all tests; nil if there certainly is none.
    mutating func texts(_ tests: [Test], _ domain: TextDomain) -> Int64? {
        guard !tests.isEmpty else { return 0 }
        if let few = fewest(tests) {
            for literal in few where literal.kind == .string && domain.admits(literal) {
                if holds(literal, tests.map { (nil, $0) }) { return 0 }
            }
            return isSpent ? 0 : nil
        }
        var wish = TextWish()
        for test in tests where !wish.add(test) { return nil }
        switch wish.interval.extent {
        case .empty: return nil
        case .one(let literal): return domain.admits(literal) && holds(literal, tests.map { (nil, $0) }) ? 0 : nil
        case .many: break
        }
        guard wish.isConsistent(domain), hasPlace(wish.directories), hasAddress(wish) else { return nil }
        return wish.leastScalars
    }

    /// Whether a path can lie in a directory of each list.
    private mutating func hasPlace(_ lists: [[DirectoryPath]]) -> Bool {
        guard let first = lists.first else { return true }
        var common = first.filter(\.isPlain)
        for list in lists.dropFirst() {
            evaluation.steps += common.count * list.count / 8
            if isSpent { return true }
            common = common.flatMap { a in
                list.compactMap { b in !b.isPlain ? nil : a.encloses(b) ? b : b.encloses(a) ? a : nil }
            }
        }
        return !common.isEmpty
    }

    /// Whether an address can lie in a network of each wanted list, and in none of the others.
    private mutating func hasAddress(_ wish: TextWish) -> Bool {
        guard !wish.networks.isEmpty || !wish.barred.isEmpty else { return true }
        var common = ["0.0.0.0/0", "::/0"].compactMap { IPNetwork($0) }
        for list in wish.networks {
            evaluation.steps += common.count * list.count / 8
            if isSpent { return true }
            common = Array(
                Set(
                    common.flatMap { a in
                        list.compactMap { b in a.encloses(b) ? b : b.encloses(a) ? a : nil }
                    }))
        }
        evaluation.steps += common.count * wish.barred.count / 8
        if isSpent { return true }
        return common.contains { network in !wish.barred.contains { $0.encloses(network) } }
    }
}

/// What several tests ask of one text, as far as it can be held against each other.
private struct TextWish {
    var interval = Interval()
    var directories: [[DirectoryPath]] = []
    var networks: [[IPNetwork]] = []
    /// Networks that the address must not lie in.
    var barred: [IPNetwork] = []

    /// The longest text that it starts with, ends with.
    private var start: [UInt8] = []
    private var end: [UInt8] = []
    private var parts: [[UInt8]] = []
    private var barredStarts: [[UInt8]] = []
    private var barredEnds: [[UInt8]] = []
    private var barredParts: [[UInt8]] = []
    private var patterns: Set<String> = []
    private var barredPatterns: Set<String> = []

    /// False if no text passes this test, or none passes it and those before.
    mutating func add(_ test: Test) -> Bool {
        switch test {
        case .exist: return true
        case .equal(let literal, negated: true): return literal.kind == .string
        case .member(let list, negated: true): return list.contains { $0.kind == .string }
        case .order(let order, let literal):
            guard literal.kind == .string else { return false }
            interval.narrow(order, literal)
            return true
        case .contain(let literal, let negated):
            guard literal.kind == .string else { return false }
            if negated { barredParts.append(literal.bytes) } else { parts.append(literal.bytes) }
            return true
        case .start(let bytes): return addStart(bytes)
        case .end(let bytes): return addEnd(bytes)
        case .match(let pattern, let negated): return add(pattern, negated)
        case .within(let list):
            directories.append(list)
            return true
        case .network(let list, negated: false):
            networks.append(list)
            return true
        case .network(let list, negated: true):
            barred += list
            return true
        case .equal, .member, .subset: return false
        }
    }

    private mutating func addStart(_ bytes: [UInt8]) -> Bool {
        guard start.starts(with: bytes) || bytes.starts(with: start) else { return false }
        if bytes.count > start.count { start = bytes }
        return true
    }

    private mutating func addEnd(_ bytes: [UInt8]) -> Bool {
        guard end.reversed().starts(with: bytes.reversed()) || bytes.reversed().starts(with: end.reversed()) else {
            return false
        }
        if bytes.count > end.count { end = bytes }
        return true
    }

    /// A pattern of plain characters asks for a start, an end or a part; of others only few things are certain.
    private mutating func add(_ pattern: Pattern, _ negated: Bool) -> Bool {
        if negated { barredPatterns.insert(pattern.text) } else { patterns.insert(pattern.text) }
        guard let plain = pattern.plainText else { return !(negated && pattern.isFoundEverywhere) }
        switch (negated, plain.isStart, plain.isEnd) {
        case (false, false, false): parts.append(plain.text)
        case (false, true, false): return addStart(plain.text)
        case (false, false, true): return addEnd(plain.text)
        case (false, true, true): return addStart(plain.text) && addEnd(plain.text)
        case (true, false, false): barredParts.append(plain.text)
        case (true, true, false): barredStarts.append(plain.text)
        case (true, false, true): barredEnds.append(plain.text)
        case (true, true, true): break
        }
        return true
    }

    private var pieces: [[UInt8]] { [start, end] + parts }

    func isConsistent(_ domain: TextDomain) -> Bool {
        guard pieces.allSatisfy(domain.admits(part:)), patterns.isDisjoint(with: barredPatterns),
            !barredStarts.contains(where: { start.starts(with: $0) }),
            !barredEnds.contains(where: { end.reversed().starts(with: $0.reversed()) }),
            !barredParts.contains(where: { barred in pieces.contains { $0.holds(barred) } })
        else { return false }
        // Whatever starts with `start` comes at it or after it, and before what is after it and does not start so.
        if let (high, isOpen) = interval.high.map({ ($0.literal.bytes, $0.isOpen) }),
            high.lexicographicallyPrecedes(start) || isOpen && high == start
        {
            return false
        }
        if let low = interval.low?.literal.bytes, start.lexicographicallyPrecedes(low), !low.starts(with: start) {
            return false
        }
        return true
    }

    var leastScalars: Int64 {
        Int64(pieces.map { String(decoding: $0, as: UTF8.self).unicodeScalars.count }.max() ?? 0)
    }
}

extension [UInt8] {
    fileprivate func holds(_ part: [UInt8]) -> Bool {
        part.isEmpty || count >= part.count && (0...(count - part.count)).contains { self[$0...].starts(with: part) }
    }
}

/// The texts that a path or a function can give.
enum TextDomain {
    case any
    /// In lower case, as `lower` gives them.
    case lower
    /// As `host` gives them.
    case host
    /// `2026-01-05`
    case date

    /// Whether the literal, if it is a string, can be the whole text.
    func admits(_ literal: Literal) -> Bool {
        guard literal.kind == .string else { return true }
        switch self {
        case .any: return true
        case .lower: return admits(part: literal.bytes)
        case .host:
            let written = [Array("http://".utf8) + literal.bytes, Array("http://[".utf8) + literal.bytes + [0x5D]]
            return written.contains { HostName.of(url: $0).map { Array($0.utf8) } == literal.bytes }
        case .date:
            let text = String(decoding: literal.bytes, as: UTF8.self)
            return literal.bytes.count == 10 && Instant(iso8601: text + "T00:00:00Z") != nil
        }
    }

    /// Whether the bytes can stand anywhere in such a text.
    func admits(part bytes: [UInt8]) -> Bool {
        switch self {
        case .any: true
        case .lower:
            String(decoding: bytes, as: UTF8.self).unicodeScalars.allSatisfy {
                $0.properties.lowercaseMapping.unicodeScalars.elementsEqual(CollectionOfOne($0))
            }
        case .host: bytes.allSatisfy { $0 &- 97 < 26 || $0 &- 48 < 10 || "-_.:".utf8.contains($0) }
        case .date: bytes.count <= 10 && bytes.allSatisfy { $0 &- 48 < 10 || $0 == UInt8(ascii: "-") }
        }
    }
}

extension Pattern {
    /// What a pattern without metacharacters looks for; nil for all others.
    fileprivate var plainText: (text: [UInt8], isStart: Bool, isEnd: Bool)? {
        var bytes = Array(text.utf8)[...]
        let isStart = bytes.first == UInt8(ascii: "^")
        if isStart { bytes.removeFirst() }
        let isEnd = bytes.last == UInt8(ascii: "$")
        if isEnd { bytes.removeLast() }
        guard !bytes.contains(where: { #"\.+*?()[]{}^$|"#.utf8.contains($0) }) else { return nil }
        return (Array(bytes), isStart, isEnd)
    }

    /// Finds the empty text and asks nothing of the place: then it is found at the start of every text.
    fileprivate var isFoundEverywhere: Bool { !text.utf8.contains { #"\^$"#.utf8.contains($0) } && matches("") }
}
