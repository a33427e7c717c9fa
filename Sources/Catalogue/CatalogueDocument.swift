internal import Base
package import JSON
package import Store

/// The catalogue as JSON: a server in the form of a scan, with what the catalogue adds.
package enum CatalogueDocument {
    /// A server with its tools: an object of its own.
    package static func write(
        _ server: CataloguedServer, _ tools: [CataloguedTool], _ changes: [CatalogueChange], to writer: inout JSONWriter
    ) {
        writer.beginObject()
        members(of: server, &writer)
        writer.key("tools")
        writer.beginArray()
        for tool in tools { write(tool, to: &writer) }
        writer.endArray()
        writer.key("findings")
        writer.raw(server.findings)
        writer.member("context_tokens", tools.reduce(0) { $0 + $1.contextTokens })
        writer.key("policy")
        writer.raw(server.policy)
        writer.key("changes")
        write(changes, to: &writer)
        writer.endObject()
    }

    /// A server without its tools.
    package static func members(of server: CataloguedServer, _ writer: inout JSONWriter) {
        writer.member("server", server.name)
        writer.memberIfPresent("version", server.version.isEmpty ? nil : server.version)
        writer.memberIfPresent("source", server.source.isEmpty ? nil : server.source)
        writer.memberIfPresent("repository", server.repository.isEmpty ? nil : server.repository)
        writer.member("instructions", server.about)
        writer.key("incomplete")
        texts(server.incomplete, &writer)
        writer.member("rules", server.rules)
        writer.member("first_seen", server.firstSeen.iso8601)
        writer.member("last_seen", server.lastSeen.iso8601)
        writer.member("changed", server.changed.iso8601)
    }

    /// A tool: the object of a scan, then when it was seen and its definition. `server`: its name goes in first.
    package static func write(_ tool: CataloguedTool, server: String? = nil, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.memberIfPresent("server", server)
        if let stored = try? JSONDocument.parse(tool.assessment), stored.root.kind == .object {
            for (key, value) in stored.root.members {
                writer.key(key.string ?? "")
                writer.view(value)
            }
        }
        end(of: tool, &writer)
    }

    /// When it was seen and its definition, which end a tool's object.
    static func end(of tool: CataloguedTool, _ writer: inout JSONWriter) {
        writer.member("first_seen", tool.firstSeen.iso8601)
        writer.member("last_seen", tool.lastSeen.iso8601)
        writer.member("changed", tool.changed.iso8601)
        writer.key("definition")
        writer.raw(tool.definition)
        writer.endObject()
    }

    package static func write(_ changes: [CatalogueChange], to writer: inout JSONWriter) {
        writer.beginArray()
        for change in changes {
            writer.beginObject()
            writer.member("time", change.time.iso8601)
            writer.member("kind", change.kind.rawValue)
            writer.memberIfPresent("tool", change.tool.isEmpty ? nil : change.tool)
            writer.key("members")
            texts(change.members, &writer)
            writer.endObject()
        }
        writer.endArray()
    }

    /// What a search found.
    package static func write(_ hit: CatalogueHit, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("server", hit.server)
        writer.member("tool", hit.name)
        writer.member("category", hit.category)
        writer.member("severity", hit.severity)
        writer.key("signals")
        texts(hit.signals, &writer)
        writer.member("summary", hit.summary)
        writer.endObject()
    }

    private static func texts(_ texts: [String], _ writer: inout JSONWriter) {
        writer.beginArray()
        for text in texts { writer.string(text) }
        writer.endArray()
    }
}
