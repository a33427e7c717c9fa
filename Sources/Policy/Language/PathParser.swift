internal import Base
internal import JSON

/// Reads `len(args.items[*]["a b"])` and the like. The whole text has to be a path; there is no white space between parts.
struct PathParser {
    static let maxBytes = 1_024
    static let maxSteps = 64

    private let text: String
    private let bytes: [UInt8]
    private var position = 0

    static func parse(_ text: String) throws(PathError) -> CompiledPath {
        guard text.utf8.count <= maxBytes else {
            throw PathError(code: .badPath, message: "a path has at most \(maxBytes) bytes")
        }
        var parser = PathParser(text: text)
        return try parser.whole()
    }

    private init(text: String) {
        self.text = text
        bytes = Array(text.utf8)
    }

    private mutating func whole() throws(PathError) -> CompiledPath {
        let first = name()
        guard peek == UInt8(ascii: "(") else {
            let (root, steps) = try path(from: first)
            guard position == bytes.count else { throw unexpected() }
            return CompiledPath(function: nil, root: root, steps: steps, text: text)
        }
        guard let function = PathFunction(rawValue: first) else {
            throw PathError(
                code: .unknownFunction,
                message: "there is no function `\(clipped(first))`; there are len, lower, host, type",
                suggestion: nearest(first, among: PathFunction.allCases.map(\.rawValue)))
        }
        position += 1
        let inner = name()
        if peek == UInt8(ascii: "(") {
            throw PathError(
                code: .badPath, message: "a function stands around a whole path, not around another function")
        }
        let (root, steps) = try path(from: inner)
        guard peek == UInt8(ascii: ")"), position == bytes.count - 1 else { throw unexpected() }
        return CompiledPath(function: function, root: root, steps: steps, text: text)
    }

    private mutating func path(from rootName: String) throws(PathError) -> (PathRoot, [PathStep]) {
        guard let (_, fields) = PathRoot.fields.first(where: { $0.object == rootName }) else {
            let names = PathRoot.fields.map(\.object)
            throw PathError(
                code: .unknownRoot,
                message: rootName.isEmpty
                    ? "a path starts with one of \(names.joined(separator: ", "))"
                    : "a path can't start with `\(clipped(rootName))`; it starts with one of \(names.joined(separator: ", "))",
                suggestion: nearest(rootName, among: names))
        }
        var root = PathRoot.args
        if !fields.isEmpty {
            let names = fields.map(\.0)
            guard let step = try step(), case .key(let field) = step else {
                throw PathError(
                    code: .badPath,
                    message: "after `\(rootName)` comes one of \(names.map { "." + $0 }.joined(separator: ", "))")
            }
            guard let found = fields.first(where: { $0.0 == field })?.1 else {
                throw PathError(
                    code: .badPath,
                    message: "`\(rootName)` has no `\(clipped(field))`; it has \(names.joined(separator: ", "))",
                    suggestion: nearest(field, among: names).map { "\(rootName).\($0)" })
            }
            root = found
        }
        var steps: [PathStep] = []
        while let step = try step() {
            guard root.isDocument else {
                throw PathError(
                    code: .badPath, message: "nothing lies below a plain value; end the path before this step")
            }
            steps.append(step)
            guard steps.count <= Self.maxSteps else {
                throw PathError(code: .badPath, message: "a path has at most \(Self.maxSteps) steps")
            }
        }
        return (root, steps)
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// The next step; nil at the end or before anything that starts none.
    private mutating func step() throws(PathError) -> PathStep? {
        if peek == UInt8(ascii: ".") {
            position += 1
            let key = name()
            guard !key.isEmpty else { throw unexpected() }
            if key == "*" {
                throw PathError(
                    code: .badPath,
                    message: "`.*` is no step: `[*]` means every element, `[\"*\"]` a member of that name",
                    suggestion: "[*]")
            }
            return .key(key)
        }
        guard peek == UInt8(ascii: "[") else { return nil }
        position += 1
        let step: PathStep
        if peek == UInt8(ascii: "*") {
            position += 1
            step = .all
        } else if peek == UInt8(ascii: "\"") {
            step = .key(try quoted())
        } else {
            let start = position
            while let byte = peek, byte == UInt8(ascii: "-") || byte &- 48 < 10 { position += 1 }
            let digits = String(decoding: bytes[start..<position], as: UTF8.self)
            guard let index = Int(digits), String(index) == digits else {
                throw PathError(
                    code: .badPath,
                    message: "between brackets stands `*`, a whole number such as 3 or -1, or a name in double quotes")
            }
            step = .index(index)
        }
        guard peek == UInt8(ascii: "]") else { throw unexpected() }
        position += 1
        return step
    }

    /// A name in the form of a JSON string.
    private mutating func quoted() throws(PathError) -> String {
        let start = position
        position += 1
        while let byte = peek, byte != UInt8(ascii: "\"") { position += byte == UInt8(ascii: "\\") ? 2 : 1 }
        guard position < bytes.count else {
            throw PathError(code: .badPath, message: "the name in double quotes has no end")
        }
        position += 1
        let literal = Array(bytes[start..<position])
        guard let key = (try? JSONDocument.parse(literal))?.root.string else {
            throw PathError(code: .badPath, message: "the name in double quotes is no JSON string")
        }
        return key
    }

    /// Everything up to a character that has a meaning in paths.
    private mutating func name() -> String {
        let start = position
        while let byte = peek, byte >= 0x20, byte != 0x7F, !".[]()\"".utf8.contains(byte) { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private func unexpected() -> PathError {
        guard let byte = peek else { return PathError(code: .badPath, message: "the path ends too early") }
        let what = byte > 0x20 && byte < 0x7F ? "`\(Character(Unicode.Scalar(byte)))`" : "this character"
        return PathError(code: .badPath, message: "\(what) at byte \(position + 1) of the path is out of place")
    }
}
