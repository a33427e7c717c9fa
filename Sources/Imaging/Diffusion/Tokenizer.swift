/// Words as numbers, by byte-pair encoding (Sennrich, Haddow, Birch 2016) over bytes, as CLIP and GPT-2 do it.
package struct Tokenizer: Sendable {
    /// Which program's habits.
    package enum Style: Sendable {
        /// Lower case, spaces made one, `</w>` at a word's end, a frame of start and end.
        case clip
        /// As GPT-2 does it; only for reading numbers back.
        case gpt2
    }

    /// Longest text that is read, in bytes.
    package static let mostBytes = 16_384

    private let style: Style
    private let numbers: [String: Int]
    private let pieces: [Int: String]
    private let ranks: [Pair: Int]
    private let start: Int
    private let end: Int
    private let padding: Int

    private struct Pair: Hashable {
        let first: String
        let second: String
    }

    /// - Parameters:
    ///   - vocabulary: pieces with their numbers, as in `vocab.json`.
    ///   - merges: the lines of `merges.txt`, best first; a first line that starts with `#version` is no merge.
    ///   - padding: what fills the rest; nil: the end.
    ///
    /// Throws `.modelBroken` when CLIP's marks of start and end are missing.
    package init(
        _ style: Style, vocabulary: [String: Int], merges: some Sequence<Substring>, padding: Int? = nil
    ) throws(ImagingError) {
        self.style = style
        numbers = vocabulary
        pieces = Dictionary(vocabulary.map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        var ranks: [Pair: Int] = [:]
        for line in merges where !line.hasPrefix("#version") {
            let parts = line.split(separator: " ")
            guard parts.count == 2 else { continue }
            let pair = Pair(first: String(parts[0]), second: String(parts[1]))
            if ranks[pair] == nil { ranks[pair] = ranks.count }
        }
        self.ranks = ranks
        let end = vocabulary["<|endoftext|>"]
        guard style == .gpt2 || (end != nil && vocabulary["<|startoftext|>"] != nil) else {
            throw ImagingError(
                .modelBroken,
                "the tokenizer's vocab.json has no <|startoftext|> and <|endoftext|>; export the model again")
        }
        start = vocabulary["<|startoftext|>"] ?? 0
        self.end = end ?? 0
        self.padding = padding ?? end ?? 0
    }

    /// The numbers of a text, framed, cut or filled to exactly `length`.
    package func encode(_ text: String, length: Int) -> [Int] {
        var found = [start]
        for word in Self.words(String(decoding: text.utf8.prefix(Self.mostBytes), as: UTF8.self).lowercased()) {
            found += merged(word).compactMap { numbers[$0] }
            if found.count >= length { break }
        }
        found = Array(found.prefix(length - 1)) + [end]
        return found + [Int](repeating: padding, count: length - found.count)
    }

    /// The text of numbers; marks in `<|…|>` are left out.
    package func decode(_ numbers: [Int]) -> String {
        var bytes: [UInt8] = []
        for number in numbers {
            guard var piece = pieces[number], !(piece.hasPrefix("<|") && piece.hasSuffix("|>")) else { continue }
            var isEnd = false
            if style == .clip, piece.hasSuffix("</w>") {
                piece.removeLast(4)
                isEnd = true
            }
            bytes += piece.unicodeScalars.compactMap { Self.bytes[$0] }
            if isEnd { bytes.append(0x20) }
        }
        let text = String(decoding: bytes, as: UTF8.self)
        return String(text.drop { $0 == " " || $0 == "\n" }.reversed().drop { $0 == " " || $0 == "\n" }.reversed())
    }

    /// Joins a word's pieces, the pair of the best rank first, until no pair is known.
    private func merged(_ word: String) -> [String] {
        var parts = word.utf8.map { String(Self.scalars[Int($0)]) }
        guard !parts.isEmpty else { return [] }
        parts[parts.count - 1] += "</w>"
        while parts.count > 1 {
            var best: (rank: Int, at: Int)?
            for at in 0..<parts.count - 1 {
                guard let rank = ranks[Pair(first: parts[at], second: parts[at + 1])] else { continue }
                if best == nil || rank < best!.rank { best = (rank, at) }
            }
            guard let best else { break }
            let (first, second) = (parts[best.at], parts[best.at + 1])
            var joined: [String] = []
            var at = 0
            while at < parts.count {
                if at + 1 < parts.count, parts[at] == first, parts[at + 1] == second {
                    joined.append(first + second)
                    at += 2
                } else {
                    joined.append(parts[at])
                    at += 1
                }
            }
            parts = joined
        }
        return parts
    }

    /// CLIP's pattern: marks, English endings, runs of letters, single digits, runs of anything else but spaces.
    private static func words(_ text: String) -> [String] {
        let scalars = Array(text.unicodeScalars)
        let marks = ["<|startoftext|>", "<|endoftext|>", "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"]
            .map { Array($0.unicodeScalars) }
        var words: [String] = []
        var at = 0
        func run(_ belongs: (Unicode.Scalar) -> Bool) -> Int {
            var end = at
            while end < scalars.count, belongs(scalars[end]) { end += 1 }
            return end
        }
        while at < scalars.count {
            var end = at + 1
            if scalars[at].properties.isWhitespace {
                at += 1
                continue
            } else if let mark = marks.first(where: { scalars[at...].starts(with: $0) }) {
                end = at + mark.count
            } else if scalars[at].isLetter {
                end = run(\.isLetter)
            } else if !scalars[at].isDigit {
                end = run { !$0.properties.isWhitespace && !$0.isLetter && !$0.isDigit }
            }
            var word = String.UnicodeScalarView()
            word.append(contentsOf: scalars[at..<end])
            words.append(String(word))
            at = end
        }
        return words
    }

    /// Every byte as a character that can be seen: those that can be seen already are themselves, the others follow each
    /// other from U+0100 on.
    private static let scalars: [Unicode.Scalar] = {
        var next: UInt32 = 256
        return (0..<256).map { byte -> Unicode.Scalar in
            if (33...126).contains(byte) || (161...172).contains(byte) || (174...255).contains(byte) {
                return Unicode.Scalar(UInt8(byte))
            }
            defer { next += 1 }
            return Unicode.Scalar(next) ?? " "
        }
    }()

    private static let bytes: [Unicode.Scalar: UInt8] = Dictionary(
        scalars.enumerated().map { ($1, UInt8($0)) }, uniquingKeysWith: { first, _ in first })
}

extension Unicode.Scalar {
    /// What `\p{L}` is.
    fileprivate var isLetter: Bool {
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: false
        }
    }

    /// What `\p{N}` is.
    fileprivate var isDigit: Bool {
        switch properties.generalCategory {
        case .decimalNumber, .letterNumber, .otherNumber: true
        default: false
        }
    }
}
