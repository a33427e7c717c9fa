import Catalogue
import MCP

extension ScannedServer {
    /// What was found there, in one line: `12 tools, 3 prompts; about 1234 tokens of context`.
    package var summary: String {
        var parts: [String] = []
        for (kind, one, many) in [
            (ListKind.tools, "tool", "tools"), (.prompts, "prompt", "prompts"), (.resources, "resource", "resources"),
            (.resourceTemplates, "resource template", "resource templates"),
        ] {
            let count = material.entries(kind).count
            if count > 0 || kind == .tools { parts.append("\(count) \(count == 1 ? one : many)") }
        }
        var text = parts.joined(separator: ", ")
        if material.instructions != nil { text += ", instructions" }
        text += "; about \(tokens) tokens of context"
        if let version = material.version { text += "; speaks \(version)" }
        return text
    }
}

/// Why a policy leaves a tool out.
package let poisonedReason = "It is left out, and so denied, because of what is hidden in its definition."

extension ScanChanges {
    /// One line for each change.
    package var lines: [String] {
        var lines: [String] = []
        if instructionsChanged { lines.append("the instructions have changed") }
        for list in lists {
            let what = list.kind.word
            lines += list.added.map { "new \(what) \(Visible.name($0))" }
            lines += list.removed.map { "\(what) \(Visible.name($0)) is gone" }
            lines += list.changed.map { change in
                let members = change.members.map(Visible.name).joined(separator: ", ")
                return "\(what) \(Visible.name(change.name)) has changed: \(members)"
            }
        }
        return lines.isEmpty ? ["nothing has changed"] : lines
    }
}

extension ListKind {
    /// One entry of the list, for people.
    package var word: String {
        switch self {
        case .tools: "tool"
        case .prompts: "prompt"
        case .resources: "resource"
        case .resourceTemplates: "resource template"
        }
    }
}
