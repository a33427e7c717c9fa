/// A regular expression as a tree: as much of it as tells which words a text must have to match.
indirect enum PatternTree {
    /// Exactly one of these: UTF-8 in lower case, with `Mark`s where only a place is meant.
    case words(Set<[UInt8]>)
    /// Any characters, at most so many.
    case gap(Int)
    /// One character that is no letter or digit.
    case separator
    case sequence([PatternTree])
    case choice([PatternTree])
    /// From `least` to `most` times; `PatternTree.unlimited` for no end.
    case many(PatternTree, least: Int, most: Int)

    /// Stands for every number of characters; sums of a few of them are still numbers.
    static let unlimited = 1 << 40

    /// Places in a text, written as bytes that no text has.
    enum Mark {
        /// `\b`
        static let boundary: UInt8 = 0
        /// `^`
        static let start: UInt8 = 1
        /// `$`
        static let end: UInt8 = 2

        static func isMark(_ byte: UInt8) -> Bool { byte <= end }
    }

    /// Nil for syntax that rules are not written in; RE2 alone says what is right.
    init?(_ pattern: String) {
        var parser = PatternParser(scalars: Array(pattern.unicodeScalars))
        do throws(PatternParser.Unknown) {
            self = try parser.choice()
        } catch {
            return nil
        }
        guard parser.isAtEnd else { return nil }
    }
}

/// Reads RE2's syntax (github.com/google/re2/wiki/Syntax), letters regardless of case.
private struct PatternParser {
    struct Unknown: Error {}

    let scalars: [Unicode.Scalar]
    private var at = 0

    /// Sets of more characters than this are gaps.
    private static let largestSet = 4

    init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

    var isAtEnd: Bool { at == scalars.count }
    private var next: Unicode.Scalar? { at < scalars.count ? scalars[at] : nil }

    private mutating func take() throws(Unknown) -> Unicode.Scalar {
        guard let scalar = next else { throw Unknown() }
        at += 1
        return scalar
    }

    private mutating func take(if scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        at += 1
        return true
    }

    mutating func choice() throws(Unknown) -> PatternTree {
        var branches = [try sequence()]
        while take(if: "|") { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private mutating func sequence() throws(Unknown) -> PatternTree {
        var parts: [PatternTree] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            var part = try atom()
            while let (least, most) = try quantifier() { part = .many(part, least: least, most: most) }
            parts.append(part)
        }
        return .sequence(parts)
    }

    private mutating func quantifier() throws(Unknown) -> (least: Int, most: Int)? {
        var bounds: (Int, Int)?
        if take(if: "?") { bounds = (0, 1) }
        if bounds == nil, take(if: "*") { bounds = (0, PatternTree.unlimited) }
        if bounds == nil, take(if: "+") { bounds = (1, PatternTree.unlimited) }
        if bounds == nil, next == "{", at + 1 < scalars.count, ("0"..."9").contains(scalars[at + 1]) {
            at += 1
            let least = try number()
            var most = least
            if take(if: ",") { most = next == "}" ? PatternTree.unlimited : try number() }
            guard take(if: "}") else { throw Unknown() }
            bounds = (least, most)
        }
        // `??` and the like: as few as will do, which are as many as may be.
        if bounds != nil { _ = take(if: "?") }
        return bounds
    }

    private mutating func number() throws(Unknown) -> Int {
        var value = 0
        while let scalar = next, ("0"..."9").contains(scalar), value < 10_000 {
            value = value * 10 + Int(scalar.value - 48)
            at += 1
        }
        return value
    }

    private mutating func atom() throws(Unknown) -> PatternTree {
        let scalar = try take()
        switch scalar {
        case "(":
            if take(if: "?"), !take(if: ":") { throw Unknown() }
            let inner = try choice()
            guard take(if: ")") else { throw Unknown() }
            return inner
        case "[": return try set()
        case ".": return .gap(1)
        case "^": return .words([[PatternTree.Mark.start]])
        case "$": return .words([[PatternTree.Mark.end]])
        case "\\": return try escape()
        default: return PatternParser.literal(scalar)
        }
    }

    private mutating func escape() throws(Unknown) -> PatternTree {
        let scalar = try take()
        switch scalar {
        case "b": return .words([[PatternTree.Mark.boundary]])
        case "s", "W": return .separator
        case "d", "D", "S", "w": return .gap(1)
        default: return PatternParser.literal(try PatternParser.escaped(scalar))
        }
    }

    /// What stands behind a backslash and is no letter or digit means itself.
    private static func escaped(_ scalar: Unicode.Scalar) throws(Unknown) -> Unicode.Scalar {
        switch scalar {
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "a"..."z", "A"..."Z", "0"..."9": throw Unknown()
        default: return scalar
        }
    }

    /// `[a-z_]`; the opening bracket is read.
    private mutating func set() throws(Unknown) -> PatternTree {
        var members: Set<[UInt8]> = []
        var isLarge = take(if: "^")
        // Others than its members may be in it.
        var isOpen = isLarge
        var isFirst = true
        while true {
            var scalar = try take()
            if scalar == "]", !isFirst { break }
            isFirst = false
            if scalar == "[", next == ":" { throw Unknown() }
            if scalar == "\\" {
                let letter = try take()
                if ["d", "D", "s", "S", "w", "W"].contains(letter) {
                    isLarge = true
                    isOpen = isOpen || (letter != "s" && letter != "W")
                    continue
                }
                scalar = try PatternParser.escaped(letter)
            }
            members.insert(PatternParser.lower(scalar))
            if next == "-", at + 1 < scalars.count, scalars[at + 1] != "]" {
                at += 1
                var last = try take()
                if last == "\\" { last = try PatternParser.escaped(try take()) }
                if last.value > scalar.value + UInt32(PatternParser.largestSet) { (isLarge, isOpen) = (true, true) }
                for value in scalar.value...max(scalar.value, min(last.value, scalar.value + 8)) {
                    if let member = Unicode.Scalar(value) { members.insert(PatternParser.lower(member)) }
                }
            }
        }
        if !isLarge, members.count <= PatternParser.largestSet { return .words(members) }
        let isApart = !isOpen && members.allSatisfy { $0.allSatisfy { !WordChain.isLetterOrDigit($0) } }
        return isApart ? .separator : .gap(1)
    }

    private static func literal(_ scalar: Unicode.Scalar) -> PatternTree {
        scalar.value <= PatternTree.Mark.end ? .gap(1) : .words([lower(scalar)])
    }

    private static func lower(_ scalar: Unicode.Scalar) -> [UInt8] { Array(scalar.properties.lowercaseMapping.utf8) }
}
