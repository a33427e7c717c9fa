import JSON

/// Reads TOML 1.0 as far as Codex's configuration needs it: all tables, keys, strings, arrays and truth values; numbers
/// and dates stay text.
struct TOMLReader {
    /// A table that is still being filled.
    final class Table {
        var keys: [String] = []
        var items: [String: Item] = [:]
        /// Of its header, from 1.
        var line = 0

        var value: JSONValue {
            .object(keys.compactMap { key in items[key].map { JSONMember(key, $0.value) } })
        }
    }

    enum Item {
        case value(JSONValue)
        case table(Table)
        case tables([Table])

        var value: JSONValue {
            switch self {
            case .value(let value): value
            case .table(let table): table.value
            case .tables(let tables): .array(tables.map(\.value))
            }
        }
    }

    struct Problem: Error {
        let line: Int
        let message: String
    }

    private static let maxDepth = 32
    private let bytes: [UInt8]
    private var at = 0

    static func read(_ bytes: [UInt8]) throws(Problem) -> Table {
        var reader = TOMLReader(bytes: bytes)
        return try reader.document()
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { at = 3 }
    }

    private var byte: UInt8? { at < bytes.count ? bytes[at] : nil }
    private var line: Int { bytes[..<min(at, bytes.count)].count { $0 == 0x0A } + 1 }

    private func problem(_ message: String) -> Problem { Problem(line: line, message: message) }

    private mutating func document() throws(Problem) -> Table {
        let root = Table()
        var table = root
        while true {
            skip(lines: true)
            guard let byte else { return root }
            let line = line
            if byte == UInt8(ascii: "[") {
                let isArray = at + 1 < bytes.count && bytes[at + 1] == UInt8(ascii: "[")
                at += isArray ? 2 : 1
                let path = try keyPath()
                for _ in 0..<(isArray ? 2 : 1) { try expect("]") }
                table = try self.table(path, in: root, isArray: isArray)
                table.line = line
            } else {
                let path = try keyPath()
                try expect("=")
                skip(lines: false)
                let value = try value(0)
                try put(value, path, in: table, line)
            }
            skip(lines: false)
            guard self.byte == nil || self.byte == 0x0A || self.byte == 0x0D else {
                throw problem("something follows on the line that does not belong there")
            }
        }
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(Problem) {
        skip(lines: false)
        guard byte == UInt8(ascii: character) else { throw problem("a `\(character)` is missing") }
        at += 1
    }

    private mutating func skip(lines: Bool) {
        while let byte {
            if byte == 0x20 || byte == 0x09 || lines && (byte == 0x0A || byte == 0x0D) {
                at += 1
            } else if byte == UInt8(ascii: "#") {
                while let byte = self.byte, byte != 0x0A { _ = byte; at += 1 }
            } else {
                return
            }
        }
    }

    // MARK: Tables

    private func table(_ path: [String], in root: Table, isArray: Bool) throws(Problem) -> Table {
        var table = root
        for (index, key) in path.enumerated() {
            let isLast = index == path.count - 1
            switch table.items[key] {
            case nil:
                let fresh = Table()
                table.keys.append(key)
                table.items[key] = isLast && isArray ? .tables([fresh]) : .table(fresh)
                table = fresh
            case .table(let known):
                guard !(isLast && isArray) else { throw problem("`\(key)` is a table already") }
                table = known
            case .tables(let known):
                guard isLast, isArray else {
                    table = known.last ?? Table()
                    continue
                }
                let fresh = Table()
                table.items[key] = .tables(known + [fresh])
                table = fresh
            case .value: throw problem("`\(key)` has a value already")
            }
        }
        return table
    }

    private func put(_ value: JSONValue, _ path: [String], in table: Table, _ line: Int) throws(Problem) {
        var table = table
        for key in path.dropLast() {
            table = try self.table([key], in: table, isArray: false)
            if table.line == 0 { table.line = line }
        }
        guard let key = path.last, table.items[key] == nil else {
            throw problem("`\(path.joined(separator: "."))` is there twice")
        }
        table.keys.append(key)
        table.items[key] = .value(value)
    }

    private mutating func keyPath() throws(Problem) -> [String] {
        var path: [String] = []
        while true {
            skip(lines: false)
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                path.append(try string())
            } else {
                let start = at
                while let byte, Self.isBare(byte) { at += 1 }
                guard at > start else { throw problem("a key is missing") }
                path.append(String(decoding: bytes[start..<at], as: UTF8.self))
            }
            guard path.count <= Self.maxDepth else { throw problem("a key has too many parts") }
            skip(lines: false)
            guard byte == UInt8(ascii: ".") else { return path }
            at += 1
        }
    }

    private static func isBare(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: true
        default: false
        }
    }

    // MARK: Values

    private mutating func value(_ depth: Int) throws(Problem) -> JSONValue {
        guard depth < Self.maxDepth else { throw problem("too deep") }
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return .string(try string())
        case UInt8(ascii: "["):
            var items: [JSONValue] = []
            try sequence("]") { reader throws(Problem) in items.append(try reader.value(depth + 1)) }
            return .array(items)
        case UInt8(ascii: "{"):
            let table = Table()
            try sequence("}") { reader throws(Problem) in
                let path = try reader.keyPath()
                try reader.expect("=")
                reader.skip(lines: false)
                try reader.put(try reader.value(depth + 1), path, in: table, reader.line)
            }
            return table.value
        default:
            let start = at
            while let byte, Self.isBare(byte) || byte == 0x2B || byte == 0x2E || byte == 0x3A { at += 1 }
            let text = String(decoding: bytes[start..<at], as: UTF8.self)
            guard !text.isEmpty else { throw problem("a value is missing") }
            return text == "true" ? true : text == "false" ? false : .string(text)
        }
    }

    private mutating func sequence(
        _ end: Unicode.Scalar, _ item: (inout TOMLReader) throws(Problem) -> Void
    ) throws(Problem) {
        at += 1
        while true {
            skip(lines: true)
            if byte == UInt8(ascii: end) { break }
            guard byte != nil else { throw problem("a `\(end)` is missing") }
            try item(&self)
            skip(lines: true)
            if byte == UInt8(ascii: ",") {
                at += 1
            } else if byte != UInt8(ascii: end) {
                throw problem("a `,` is missing")
            }
        }
        at += 1
    }

    private mutating func string() throws(Problem) -> String {
        guard let quote = byte else { throw problem("a text is missing") }
        let isLiteral = quote == UInt8(ascii: "'")
        let fence = [quote, quote, quote]
        let isLong = bytes[at...].starts(with: fence)
        at += isLong ? 3 : 1
        if isLong {
            if byte == 0x0D { at += 1 }
            if byte == 0x0A { at += 1 }
        }
        var text: [UInt8] = []
        while let byte {
            if byte == quote, !isLong || bytes[at...].starts(with: fence) {
                at += isLong ? 3 : 1
                // Up to two quotes may stand before the fence.
                while isLong, self.byte == quote { text.append(quote); at += 1 }
                return String(decoding: text, as: UTF8.self)
            }
            if byte == 0x0A, !isLong { break }
            if byte == UInt8(ascii: "\\"), !isLiteral {
                text += try escape()
            } else {
                text.append(byte)
                at += 1
            }
        }
        throw problem("a text does not end")
    }

    private mutating func escape() throws(Problem) -> [UInt8] {
        at += 1
        guard let letter = byte else { throw problem("a text does not end") }
        at += 1
        let simple: [UInt8: UInt8] = [
            0x62: 0x08, 0x74: 0x09, 0x6E: 0x0A, 0x66: 0x0C, 0x72: 0x0D, 0x65: 0x1B, 0x22: 0x22, 0x5C: 0x5C,
        ]
        if let known = simple[letter] { return [known] }
        if letter == 0x0A || letter == 0x0D || letter == 0x20 || letter == 0x09 {
            while let byte, [0x0A, 0x0D, 0x20, 0x09].contains(byte) { at += 1 }
            return []
        }
        let length = [0x78: 2, 0x75: 4, 0x55: 8][Int(letter)] ?? 0
        let digits = bytes[min(at, bytes.count)...].prefix(length)
        guard length > 0, digits.count == length,
            let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16), let scalar = Unicode.Scalar(value)
        else { throw problem("an escape is no TOML") }
        at += length
        return Array(String(scalar).utf8)
    }
}
