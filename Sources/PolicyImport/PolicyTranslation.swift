internal import Base
internal import JSON

/// One product's policies on their way into ours: what all products have, a `default` and entries for tools.
protocol PolicyTranslation {
    var reader: SourceReader { get set }
    var draft: PolicyDraft { get set }

    /// The key of `tools` that stands for all of them; nil if the product has none.
    static var everyTool: String? { get }

    init(reader: SourceReader)
    /// Reads the whole document.
    mutating func document(_ root: SourceNode)
    /// Reads one entry of `tools`.
    mutating func tool(_ node: SourceNode, _ pointer: JSONPointer, name: String, _ entry: inout EntryDraft)
}

/// What happens to tools without an entry.
enum ImportDefault: String, CaseIterable { case allow, deny }

extension PolicyTranslation {
    static func translate(_ root: SourceNode, _ reader: SourceReader) -> (draft: PolicyDraft, reader: SourceReader) {
        var policy = Self(reader: reader)
        policy.document(root)
        return (policy.draft, policy.reader)
    }

    mutating func tools(_ node: SourceNode, _ pointer: JSONPointer, _ fallback: ImportDefault) {
        guard case .map(let members) = node.shape else {
            reader.report(.wrongType, at: node.offset, pointer, "`tools` is a mapping, not \(node.phrase)")
            return
        }
        for (key, value) in members {
            guard case .scalar(let text, _) = key.shape else { continue }
            let here = pointer.appending(text)
            let site = Site(offset: key.offset, pointer: here)
            let isEvery = text == Self.everyTool
            let name = isEvery ? text : reader.toolName(key, here)
            let target = isEvery ? JSONPointer(tokens: ["all_tools"]) : JSONPointer(tokens: ["tools", text])
            var entry = EntryDraft(pointer: target, site: site)
            tool(value, here, name: text, &entry)
            guard name != nil else { continue }
            if isEvery {
                draft.allTools = entry
            } else if entry.isEmpty, fallback == .allow {
                reader.step(site, remarks: ["left out: without rules, it is allowed like every other tool"])
            } else {
                if entry.isEmpty { reader.step(site, targets: [target]) }
                draft.tools.append((text, entry))
            }
        }
    }
}
