internal import Base

/// Which tools an entry of `tools`, or of `hide`, is about.
enum Selector: Hashable, Sendable {
    case exact(String)
    case pattern(Glob)
    case category(ToolCategory)

    static let maxBytes = 1_024

    enum Reading {
        case selector(Selector)
        case refused(message: String, suggestion: String?)
    }

    static func read(_ text: String) -> Reading {
        guard !text.isEmpty else { return .refused(message: "a selector can't be empty", suggestion: nil) }
        guard text.utf8.count <= maxBytes else {
            return .refused(message: "a selector has at most \(maxBytes) bytes", suggestion: nil)
        }
        if text.utf8.first == UInt8(ascii: "@") {
            let name = String(text.dropFirst())
            if let category = ToolCategory(rawValue: name) { return .selector(.category(category)) }
            let all = ToolCategory.allCases.map { "@" + $0.rawValue }
            return .refused(
                message: "there is no category `\(clipped(text))`; there are \(all.joined(separator: ", "))",
                suggestion: nearest(text, among: all))
        }
        if Subject(of: text) == .client, let problem = clientProblem(text) { return problem }
        return .selector(text.utf8.contains(UInt8(ascii: "*")) ? .pattern(Glob(text)) : .exact(text))
    }

    /// A misspelt request to the client would be a rule that guards nothing.
    private static func clientProblem(_ text: String) -> Reading? {
        let names = Subject.clientRequests.map { "client:" + $0 }
        guard !text.utf8.contains(UInt8(ascii: "*")), !names.contains(text) else { return nil }
        return .refused(
            message: "a client can't be asked for `\(clipped(text))`; there are \(names.joined(separator: ", "))",
            suggestion: nearest(text, among: names))
    }

    /// What it is about.
    var subject: Subject {
        switch self {
        case .exact(let name): Subject(of: name)
        case .pattern(let glob): glob.subject
        case .category: .tool
        }
    }

    func matches(_ tool: String, _ category: ToolCategory?) -> Bool {
        switch self {
        case .exact(let name): name == tool && name.utf8.elementsEqual(tool.utf8)
        case .pattern(let glob): glob.matches(tool)
        case .category(let wanted): category == wanted
        }
    }
}

/// A name in which `*` stands for any run of characters, none included. Compared byte by byte.
struct Glob: Hashable, Sendable {
    private let prefix: [UInt8]
    private let middle: [[UInt8]]
    private let suffix: [UInt8]
    /// Only names of this subject match: `*` means all tools, and no resource.
    let subject: Subject
    let text: String

    init(_ text: String) {
        self.text = text
        subject = Subject(of: text)
        let parts = text.utf8.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false).map(Array.init)
        prefix = parts.first ?? []
        suffix = parts.count > 1 ? parts[parts.count - 1] : []
        middle = parts.count > 2 ? parts[1..<(parts.count - 1)].filter { !$0.isEmpty } : []
    }

    func matches(_ name: String) -> Bool {
        guard Subject(of: name) == subject else { return false }
        return ByteText.with(name) { matches($0) }
    }

    private func matches(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        guard name.count >= prefix.count + suffix.count, starts(name, with: prefix, at: 0),
            starts(name, with: suffix, at: name.count - suffix.count)
        else { return false }
        // The leftmost place for each part leaves the most room for the rest, so no search back is needed.
        var position = prefix.count
        let end = name.count - suffix.count
        for part in middle {
            while position + part.count <= end, !starts(name, with: part, at: position) { position += 1 }
            guard position + part.count <= end else { return false }
            position += part.count
        }
        return true
    }

    private func starts(_ name: UnsafeBufferPointer<UInt8>, with part: [UInt8], at start: Int) -> Bool {
        for i in 0..<part.count where name[start + i] != part[i] { return false }
        return true
    }
}
