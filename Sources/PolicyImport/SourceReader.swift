internal import Base
internal import JSON
internal import Policy

/// A place in the document that is imported.
struct Site: Sendable {
    let offset: Int
    let pointer: JSONPointer
}

/// Walks the document, collects every problem and says what became of each part.
struct SourceReader {
    /// COST: a document of many tools has many steps, and counting lines anew for each was quadratic.
    private let lineStarts: [Int]
    private(set) var problems: [PolicyProblem] = []
    private(set) var steps: [ImportStep] = []
    /// What is worth knowing about the whole, one sentence each.
    private(set) var remarks: [String] = []

    /// A hostile document could have one problem a token, and each costs a search for its line.
    static let maxProblems = 500

    init(bytes: [UInt8]) {
        lineStarts = [0] + bytes.indices.lazy.filter { bytes[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }
    }

    private func position(_ offset: Int) -> SourcePosition {
        // The last line that starts at or before the offset.
        var (low, high) = (0, lineStarts.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= offset { low = middle } else { high = middle }
        }
        return SourcePosition(line: low + 1, column: offset - lineStarts[low] + 1)
    }

    // MARK: Reporting

    mutating func report(
        _ code: ImportCode, at offset: Int, _ pointer: JSONPointer, _ message: String, mend: String? = nil
    ) {
        guard problems.count < Self.maxProblems else { return }
        problems.append(
            PolicyProblem(
                code: code.rawValue, at: position(offset), pointer: pointer.description, message: message, mend: mend))
    }

    mutating func report(_ code: ImportCode, at site: Site, _ message: String, mend: String? = nil) {
        report(code, at: site.offset, site.pointer, message, mend: mend)
    }

    mutating func step(_ site: Site, name: String? = nil, targets: [JSONPointer] = [], remarks: [String] = []) {
        let line = position(site.offset).line
        steps.append(
            ImportStep(
                line: line, source: site.pointer.description, name: name, targets: targets.map(\.description),
                remarks: remarks))
    }

    mutating func remark(_ text: String) { remarks.append(text) }

    /// Says of the steps from `start` on that they come to nothing, for this reason.
    mutating func discard(stepsFrom start: Int, except kept: Set<Int>, because reason: String) {
        for i in start..<steps.count where !kept.contains(i) {
            steps[i].targets = []
            steps[i].remarks.append(reason)
        }
    }

    // MARK: Shapes

    /// The members of a mapping by name; unknown ones are reported, those of `elsewhere` with the reason given there. Nil,
    /// reported, if the value is no mapping.
    mutating func fields(
        _ node: SourceNode, _ pointer: JSONPointer, _ what: String, allowed: [String],
        elsewhere: [String: String] = [:]
    ) -> [String: SourceNode]? {
        guard case .map(let members) = node.shape else {
            report(.wrongType, at: node.offset, pointer, "\(what) is a mapping, not \(node.phrase)")
            return nil
        }
        var fields: [String: SourceNode] = [:]
        for (key, value) in members {
            guard case .scalar(let name, _) = key.shape else { continue }
            if let reason = elsewhere[name] {
                report(.notSayable, at: key.offset, pointer.appending(name), reason)
            } else if allowed.contains(name) {
                fields[name] = value
            } else {
                let hint = nearest(name, among: allowed).map { "did you mean `\($0)`?" }
                report(
                    .unknownField, at: key.offset, pointer.appending(name),
                    "\(what) has no field `\(clipped(name))`, so it can't be said what it should do", mend: hint)
            }
        }
        return fields
    }

    /// The elements of a list; nothing at all counts as an empty one.
    mutating func list(_ node: SourceNode?, _ pointer: JSONPointer, _ what: String) -> [SourceNode] {
        guard let node, !node.isNull else { return [] }
        guard case .list(let elements) = node.shape else {
            report(.wrongType, at: node.offset, pointer, "\(what) is a list, not \(node.phrase)")
            return []
        }
        return elements
    }

    /// A text; nil where there is none, or nothing.
    mutating func text(_ node: SourceNode?, _ pointer: JSONPointer, _ what: String) -> String? {
        guard let node, !node.isNull else { return nil }
        guard let text = node.text else {
            report(.wrongType, at: node.offset, pointer, "\(what) is text, not \(node.phrase)")
            return nil
        }
        return text
    }

    /// One of a closed list of words.
    mutating func word<W: RawRepresentable & CaseIterable>(
        _ node: SourceNode?, _ pointer: JSONPointer, _ what: String, _ type: W.Type, code: ImportCode = .unknownValue
    ) -> W? where W.RawValue == String {
        guard let node, let text = text(node, pointer, what) else { return nil }
        if let word = W(rawValue: text) { return word }
        let all = W.allCases.map(\.rawValue)
        report(
            code, at: node.offset, pointer,
            "\(what) can't be `\(clipped(text))`; it is one of \(all.joined(separator: ", "))",
            mend: nearest(text, among: all).map { "did you mean `\($0)`?" })
        return nil
    }

    mutating func missing(_ name: String, in node: SourceNode, _ pointer: JSONPointer, _ what: String) {
        report(.missingField, at: node.offset, pointer, "\(what) needs a field `\(name)`")
    }

    /// `version: "1"`
    mutating func version(_ node: SourceNode?, in document: SourceNode) {
        guard let node, !node.isNull else { return missing("version", in: document, JSONPointer(), "a policy") }
        let pointer = JSONPointer(tokens: ["version"])
        guard let text = text(node, pointer, "`version`"), text != "1" else { return }
        report(
            .unknownVersion, at: node.offset, pointer,
            "`version` is \"1\"; what version `\(clipped(text))` means is not known here")
    }

    /// The exact name of a tool. Here, some names would be selectors.
    mutating func toolName(_ node: SourceNode, _ pointer: JSONPointer) -> String? {
        guard let name = node.text, !name.utf8.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) else {
            report(
                node.text == nil && !node.isNull ? .wrongType : .badName, at: node.offset, pointer,
                "a tool's name is text that is not blank")
            return nil
        }
        let others = ["@", "resource:", "prompt:", "client:"]
        if name.utf8.contains(UInt8(ascii: "*")) || others.contains(where: { name.hasPrefix($0) }) {
            report(
                .badName, at: node.offset, pointer,
                "`\(clipped(name))` is the exact name of a tool there, and would stand for something else here",
                mend: "name tools one by one")
            return nil
        }
        return name
    }

    /// `hide`
    mutating func hidden(_ node: SourceNode?) -> [String] {
        let pointer = JSONPointer(tokens: ["hide"])
        var names: [String] = []
        var seen: Set<String> = []
        for (i, element) in list(node, pointer, "`hide`").enumerated() {
            let here = pointer.appending(i)
            let name = element.text == "*" ? "*" : toolName(element, here)
            guard let name else { continue }
            guard seen.insert(name).inserted else {
                report(.badName, at: element.offset, here, "`\(clipped(name))` is hidden twice", mend: "remove one")
                continue
            }
            names.append(name)
        }
        if let node, !names.isEmpty { step(Site(offset: node.offset, pointer: pointer), targets: [pointer]) }
        return names
    }
}
