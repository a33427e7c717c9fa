/// How common words are in the definitions of tools.
enum EverydayWords {
    /// The words that stand most often in the definitions of `shared/data/tools`, the most common one first.
    private static let words = """
        the to for a of name in or is tools and list by get on if it an as be at use type with this project page title only tool from key when not create user all
        filter path default value search per update number data query file optional json are action url description server
        time set that new date config start group specific results token request author read string schema one content api
        app can domain you parameter collection required resource workspace text end must return values response ids include
        status used format location field will core limit index rule source true report first account hints label add issue
        code configuration object full call literal information max array note tag spec property mode after before username
        each cost its using order provided existing service types message details email version item available about remove
        date groups cloud verb target returned which range any current single endpoint example state run specified device
        model should database chat write operation metadata branch line args whether custom contact match packages slug auth
        category multiple days summary job files agent context test folder access link pass your merge build created backup
        network profile event find size updated keys
        """.split(whereSeparator: \.isWhitespace).map { Array($0.utf8) }

    private static let ranks = Dictionary(
        words.enumerated().map { ($0.element, $0.offset) }, uniquingKeysWith: { first, _ in first })

    /// How often one of the words stands in texts, compared to other such numbers.
    static func frequency(of all: Set<WordChain.Word>) -> Int {
        // Those that share their rarest part are as common as it is.
        var parts: [[UInt8]: Int] = [:]
        for word in all {
            let rarest = self.parts(of: word).min { $0.frequency < $1.frequency }
            if let rarest { parts[rarest.bytes] = rarest.frequency }
        }
        return parts.values.reduce(0, +)
    }

    private static func parts(of word: WordChain.Word) -> [(bytes: [UInt8], frequency: Int)] {
        var parts: [(bytes: [UInt8], frequency: Int)] = []
        var start = 0
        for place in 0...word.bytes.count where place == word.bytes.count || !isLetter(word.bytes[place]) {
            defer { start = place + 1 }
            guard place > start else { continue }
            let bytes = Array(word.bytes[start..<place])
            // At an open end it may be a part of a longer word.
            let isOpen = start == 0 && word.left == .anything || place == word.bytes.count && word.right == .anything
            parts.append((bytes, isOpen ? frequency(inside: bytes) : frequency(bytes)))
        }
        return parts.isEmpty ? [(word.bytes, 1)] : parts
    }

    private static func frequency(_ word: [UInt8]) -> Int {
        ranks[word].map { 3_000 / ($0 + 3) } ?? max(1, 6 - word.count)
    }

    /// The frequencies of all words that begin so, added up.
    private static let longer: [[UInt8]: Int] = {
        var longer: [[UInt8]: Int] = [:]
        for word in words {
            for count in 1..<word.count { longer[Array(word[..<count]), default: 0] += frequency(word) }
        }
        return longer
    }()

    private static func frequency(inside word: [UInt8]) -> Int { 2 * frequency(word) + longer[word, default: 0] }

    private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 97 < 26 || byte >= 0x80 }
}
