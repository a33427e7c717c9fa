/// A TOML file that people edit, taken apart by statements so that a change leaves everything else as it is.
struct TOMLText {
    struct Statement {
        enum Kind: Equatable { case table, arrayOfTables, pair }

        let kind: Kind
        /// From the root of the document.
        let path: [String]
        /// Of a pair: its table.
        let table: [String]
        /// From its first byte to the end of its value.
        let range: Range<Int>
    }

    private let bytes: [UInt8]
    private let statements: [Statement]

    init(_ bytes: [UInt8]) throws(FileProblem) {
        self.bytes = bytes
        var scanner = TOMLScanner(bytes)
        statements = try scanner.document()
    }

    /// The file with `entry` as the table `section.name`; the same bytes when it says so already.
    func setting(_ section: String, _ name: String, _ entry: ClientEntry) throws(FileProblem) -> [UInt8] {
        let place = [section, name]
        for statement in statements {
            let isOurs = statement.path.starts(with: place)
            switch statement.kind {
            case .pair where statement.path == [section] || isOurs && !statement.table.starts(with: place),
                .arrayOfTables where statement.path == [section] || statement.path == place:
                throw FileProblem(
                    statement.range.lowerBound,
                    "the server is written in a way that can't be edited here: make it a table "
                        + "[\(Self.key(section)).\(Self.key(name))], or take it out")
            default: break
            }
        }
        let headers = statements.indices.filter { statements[$0].kind == .table && statements[$0].path == place }
        if headers.count > 1 {
            throw FileProblem(statements[headers[1]].range.lowerBound, "the server's table is there twice")
        }
        let newline = bytes.firstIndex(of: 0x0A).map { $0 > 0 && bytes[$0 - 1] == 0x0D } == true ? "\r\n" : "\n"
        let lines = entry.members.map { "\(Self.key($0.key)) = \(Self.text($0.value))" + newline }.joined()
        guard let header = headers.first else {
            var text = String(decoding: bytes, as: UTF8.self)
            if !text.isEmpty { text += text.hasSuffix("\n") ? newline : newline + newline }
            return Array((text + "[\(Self.key(section)).\(Self.key(name))]" + newline + lines).utf8)
        }
        var removed: [Range<Int>] = []
        var isOldWay = false
        for (index, statement) in statements.enumerated() {
            if statement.kind == .pair {
                if isOldWay || index > header && statement.table == place && Self.isWay(statement.path) {
                    removed.append(wholeLines(statement.range))
                }
            } else {
                isOldWay = statement.path.count > 2 && statement.path.starts(with: place) && Self.isWay(statement.path)
                if isOldWay { removed.append(wholeLines(statement.range)) }
            }
        }
        let afterHeader = wholeLines(statements[header].range).upperBound
        let start = removed.first { $0.lowerBound >= afterHeader }.map(\.lowerBound)
        let inTable = statements.dropFirst(header + 1).prefix { $0.kind == .pair }.contains {
            wholeLines($0.range).lowerBound == start
        }
        let target = inTable ? start ?? afterHeader : afterHeader
        var edited: [UInt8] = []
        var at = 0
        var isDone = false
        func put(upTo end: Int) {
            if !isDone, target <= end {
                edited += bytes[at..<target]
                // A header on the last line, without its end.
                if edited.last.map({ $0 != 0x0A }) == true { edited += Array(newline.utf8) }
                edited += Array(lines.utf8)
                at = target
                isDone = true
            }
            edited += bytes[at..<end]
        }
        for range in removed {
            put(upTo: range.lowerBound)
            at = range.upperBound
        }
        put(upTo: bytes.count)
        return edited
    }

    private static func isWay(_ path: [String]) -> Bool { path.count > 2 && ClientEntry.ways.contains(path[2]) }

    /// With what stands before and after it on its lines.
    private func wholeLines(_ range: Range<Int>) -> Range<Int> {
        let start = bytes[..<range.lowerBound].lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        let end = bytes[range.upperBound...].firstIndex(of: 0x0A).map { $0 + 1 } ?? bytes.count
        return start..<end
    }

    static func key(_ key: String) -> String {
        !key.isEmpty && key.utf8.allSatisfy(TOMLScanner.isBare) ? key : JSONLayout.quoted(key)
    }

    static func text(_ value: ClientEntry.Value) -> String {
        switch value {
        case .text(let text): JSONLayout.quoted(text)
        case .list(let items): "[" + items.map(JSONLayout.quoted).joined(separator: ", ") + "]"
        case .object(let members):
            "{ " + members.map { "\(JSONLayout.quoted($0.key)) = \(text($0.value))" }.joined(separator: ", ") + " }"
        }
    }
}

/// Reads the places of a document's statements (TOML 1.0; line ends in inline tables as 1.1 has them).
private struct TOMLScanner {
    private static let maxDepth = 64

    private let bytes: [UInt8]
    private var at = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { at = 3 }
    }

    static func isBare(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: true
        default: false
        }
    }

    mutating func document() throws(FileProblem) -> [TOMLText.Statement] {
        var statements: [TOMLText.Statement] = []
        var table: [String] = []
        while true {
            try skipLines()
            guard let byte else { return statements }
            let start = at
            if byte == UInt8(ascii: "[") {
                let isArray = at + 1 < bytes.count && bytes[at + 1] == UInt8(ascii: "[")
                at += isArray ? 2 : 1
                table = try keyPath()
                for _ in 0..<(isArray ? 2 : 1) {
                    guard self.byte == UInt8(ascii: "]") else { throw FileProblem(at, "a `]` is missing") }
                    at += 1
                }
                statements.append(
                    TOMLText.Statement(
                        kind: isArray ? .arrayOfTables : .table, path: table, table: table, range: start..<at))
            } else {
                let path = try keyPath()
                guard self.byte == UInt8(ascii: "=") else { throw FileProblem(at, "a `=` is missing") }
                at += 1
                skipBlanks()
                try value(depth: 0)
                statements.append(
                    TOMLText.Statement(kind: .pair, path: table + path, table: table, range: start..<at))
            }
            try endOfLine()
        }
    }

    private var byte: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skipBlanks() {
        while byte == 0x20 || byte == 0x09 { at += 1 }
    }

    private mutating func skipLines() throws(FileProblem) {
        while true {
            skipBlanks()
            switch byte {
            case 0x0A: at += 1
            case 0x0D where at + 1 < bytes.count && bytes[at + 1] == 0x0A: at += 2
            case UInt8(ascii: "#"): skipComment()
            default: return
            }
        }
    }

    private mutating func skipComment() {
        while let byte, byte != 0x0A, byte != 0x0D { _ = byte; at += 1 }
    }

    private mutating func endOfLine() throws(FileProblem) {
        skipBlanks()
        if byte == UInt8(ascii: "#") { skipComment() }
        switch byte {
        case nil: return
        case 0x0A: at += 1
        case 0x0D where at + 1 < bytes.count && bytes[at + 1] == 0x0A: at += 2
        default: throw FileProblem(at, "something follows on the line that does not belong there")
        }
    }

    private mutating func keyPath() throws(FileProblem) -> [String] {
        var path: [String] = []
        while true {
            skipBlanks()
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "'"): path.append(try string())
            default:
                let start = at
                while let byte, Self.isBare(byte) { at += 1 }
                guard at > start else { throw FileProblem(at, "a key is missing") }
                path.append(String(decoding: bytes[start..<at], as: UTF8.self))
            }
            skipBlanks()
            guard byte == UInt8(ascii: ".") else { return path }
            at += 1
        }
    }

    private mutating func value(depth: Int) throws(FileProblem) {
        guard depth < Self.maxDepth else { throw FileProblem(at, "too deep") }
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "'"): _ = try string(multiline: true)
        case UInt8(ascii: "["):
            try sequence(end: UInt8(ascii: "]")) { scanner throws(FileProblem) in try scanner.value(depth: depth + 1) }
        case UInt8(ascii: "{"):
            try sequence(end: UInt8(ascii: "}")) { scanner throws(FileProblem) in
                _ = try scanner.keyPath()
                guard scanner.byte == UInt8(ascii: "=") else { throw FileProblem(scanner.at, "a `=` is missing") }
                scanner.at += 1
                scanner.skipBlanks()
                try scanner.value(depth: depth + 1)
            }
        default: try scalar()
        }
    }

    private mutating func sequence(
        end: UInt8, _ item: (inout TOMLScanner) throws(FileProblem) -> Void
    ) throws(FileProblem) {
        let start = at
        at += 1
        while true {
            try skipLines()
            guard let byte else { throw FileProblem(start, "this does not end") }
            if byte == end { break }
            try item(&self)
            try skipLines()
            if self.byte == UInt8(ascii: ",") {
                at += 1
            } else if self.byte != end {
                throw FileProblem(at, "a `,` is missing")
            }
        }
        at += 1
    }

    /// Numbers, dates and truth values, by the characters they are made of.
    private mutating func scalar() throws(FileProblem) {
        let start = at
        func take(_ scanner: inout TOMLScanner) {
            while let byte = scanner.byte, Self.isBare(byte) || byte == 0x2B || byte == 0x2E || byte == 0x3A {
                scanner.at += 1
            }
        }
        take(&self)
        // A date and a time may be parted by a space.
        if at - start == 10, byte == 0x20, at + 1 < bytes.count, (0x30...0x39).contains(bytes[at + 1]) {
            at += 1
            take(&self)
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        let digits = text.drop { $0 == "+" || $0 == "-" }
        let isKnown = ["true", "false"].contains(text) || ["inf", "nan"].contains(digits)
        guard isKnown || digits.utf8.first.map({ (0x30...0x39).contains($0) }) == true else {
            throw FileProblem(start, "a value is missing or is no TOML")
        }
    }

    private mutating func string(multiline: Bool = false) throws(FileProblem) -> String {
        let start = at
        let quote = bytes[at]
        let isLiteral = quote == UInt8(ascii: "'")
        let fence = [quote, quote, quote]
        if multiline, bytes[at...].starts(with: fence) {
            at += 3
            while at < bytes.count, !bytes[at...].starts(with: fence) {
                at += !isLiteral && bytes[at] == UInt8(ascii: "\\") ? 2 : 1
            }
            guard at + 3 <= bytes.count else { throw FileProblem(start, "a text does not end") }
            at += 3
            // Up to two quotes may stand before the fence.
            for _ in 0..<2 where byte == quote { at += 1 }
            return ""
        }
        at += 1
        var text: [UInt8] = []
        while let byte, byte != quote {
            guard byte >= 0x20 && byte != 0x7F || byte == 0x09 else { throw FileProblem(start, "a text does not end") }
            if !isLiteral, byte == UInt8(ascii: "\\") {
                text += try escape()
            } else {
                text.append(byte)
                at += 1
            }
        }
        guard byte == quote else { throw FileProblem(start, "a text does not end") }
        at += 1
        return String(decoding: text, as: UTF8.self)
    }

    private mutating func escape() throws(FileProblem) -> [UInt8] {
        let start = at
        at += 1
        guard let letter = byte else { throw FileProblem(start, "a text does not end") }
        at += 1
        let simple: [UInt8: UInt8] = [
            0x62: 0x08, 0x74: 0x09, 0x6E: 0x0A, 0x66: 0x0C, 0x72: 0x0D, 0x65: 0x1B, 0x22: 0x22, 0x5C: 0x5C,
        ]
        if let known = simple[letter] { return [known] }
        let length = [0x78: 2, 0x75: 4, 0x55: 8][Int(letter)] ?? 0
        let digits = bytes[at...].prefix(length)
        guard length > 0, digits.count == length,
            let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16), let scalar = Unicode.Scalar(value)
        else { throw FileProblem(start, "an escape is no TOML") }
        at += length
        return Array(String(scalar).utf8)
    }
}
