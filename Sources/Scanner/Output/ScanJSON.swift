import Catalogue
import JSON
import MCP
import Policy
import Risk

/// A scan as JSON: the contract's form for one server; for a configuration file that form for each, under `servers`.
package enum ScanJSON {
    package static func bytes(_ report: ScanReport) -> [UInt8] {
        var writer = JSONWriter(capacity: 64 << 10)
        if !report.isOfMany, let server = report.servers.first {
            write(server, to: &writer)
        } else {
            writer.beginObject()
            writer.memberIfPresent("file", report.file)
            writer.key("servers")
            writer.beginArray()
            for server in report.servers { write(server, to: &writer) }
            writer.endArray()
            writer.key("not_scanned")
            writer.beginArray()
            for server in report.skipped {
                writer.beginObject()
                writer.member("server", server.name)
                writer.member("source", server.source)
                writer.member("why", server.why)
                writer.member("failed", server.isFailure)
                if let line = server.line { writer.member("line", line) }
                writer.endObject()
            }
            writer.endArray()
            writer.key("findings")
            writer.beginArray()
            for finding in report.findings { finding.write(at: finding.place, to: &writer) }
            writer.endArray()
            writer.member("context_tokens", report.servers.reduce(0) { $0 + $1.tokens })
            writer.endObject()
        }
        return writer.bytes + [0x0A]
    }

    private static func write(_ server: ScannedServer, to writer: inout JSONWriter) {
        let material = server.material
        writer.beginObject()
        writer.member("server", server.name)
        writer.memberIfPresent("source", material.source.isEmpty ? nil : material.source)
        writer.memberIfPresent("repository", material.repository.isEmpty ? nil : material.repository)
        writer.memberIfPresent("version", material.release.isEmpty ? nil : material.release)
        writer.memberIfPresent("protocol", material.version)
        writer.key("instructions")
        if let text = material.instructions { writer.string(text) } else { writer.null() }
        writer.key("tools")
        writer.beginArray()
        for tool in server.tools { write(tool, to: &writer) }
        writer.endArray()
        for kind in [ListKind.prompts, .resources, .resourceTemplates] {
            writer.key(kind.rawValue)
            writer.beginArray()
            for entry in material.entries(kind) { writer.view(entry) }
            writer.endArray()
        }
        writer.key("findings")
        writer.beginArray()
        for placed in server.findings { placed.finding.write(at: placed.place, to: &writer) }
        writer.endArray()
        writer.member("context_tokens", server.tokens)
        writer.key("incomplete")
        writer.beginArray()
        for text in material.incomplete { writer.string(text) }
        writer.endArray()
        if let changes = server.changes {
            writer.key("changes")
            write(changes, to: &writer)
        }
        writer.key("policy")
        writer.value(server.recommendation.policy)
        writer.key("policy_reasons")
        writer.beginArray()
        for tool in server.poisoned {
            writer.beginObject()
            writer.member("tool", tool)
            writer.member("where", "")
            writer.member("text", poisonedReason)
            writer.member("needs_editing", false)
            writer.endObject()
        }
        for reason in server.recommendation.reasons {
            writer.beginObject()
            writer.member("tool", reason.tool)
            writer.member("where", reason.place)
            writer.member("text", reason.text)
            writer.member("needs_editing", reason.needsEditing)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }

    private static func write(_ tool: ScannedTool, to writer: inout JSONWriter) {
        writer.beginObject()
        tool.assessment.write(name: tool.name, contextTokens: tool.tokens, to: &writer)
        writer.key("definition")
        writer.view(tool.definition.entry)
        writer.endObject()
    }

    private static func write(_ changes: ScanChanges, to writer: inout JSONWriter) {
        func names(_ key: String, _ names: [String]) {
            writer.key(key)
            writer.beginArray()
            for name in names { writer.string(name) }
            writer.endArray()
        }
        writer.beginObject()
        writer.member("instructions", changes.instructionsChanged)
        for list in changes.lists {
            writer.key(list.kind.rawValue)
            writer.beginObject()
            names("added", list.added)
            names("removed", list.removed)
            writer.key("changed")
            writer.beginArray()
            for change in list.changed {
                writer.beginObject()
                writer.member("name", change.name)
                names("members", change.members)
                writer.endObject()
            }
            writer.endArray()
            writer.endObject()
        }
        writer.endObject()
    }
}
