import Base
import Catalogue
import JSON
import Policy
import Risk
import Store

/// `sluice catalogue show`: a server or a tool at the terminal.
enum CatalogueShow {
    static func run(_ name: String, _ catalogue: any CatalogueStore, _ isJSON: Bool) throws -> ExitCode {
        if let server = try catalogue.cataloguedServer(name) {
            try show(server, catalogue, isJSON)
            return .done
        }
        // Names of servers and of tools may have slashes: every way to cut is tried.
        for (at, character) in zip(name.indices, name) where character == "/" {
            let (server, tool) = (String(name[..<at]), String(name[name.index(after: at)...]))
            let found = try catalogue.cataloguedTools(server, named: tool)
            guard !found.isEmpty else { continue }
            // More than one where the server lists the name again.
            for one in found { try show(one, twins: found, server, catalogue, isJSON) }
            return .done
        }
        throw try CatalogueCommands.unknown(String(name.prefix { $0 != "/" }), in: catalogue)
    }

    private static func show(
        _ server: CataloguedServer, _ catalogue: any CatalogueStore, _ isJSON: Bool
    ) throws {
        let tools = try catalogue.cataloguedTools(server.name)
        let changes = try catalogue.catalogueChanges(server.name)
        if isJSON {
            Output.json { CatalogueDocument.write(server, tools, changes, to: &$0) }
            return
        }
        for text in server.incomplete { Output.print("not read whole: \(VisibleText.shown(text))") }
        let tokens = tools.reduce(0) { $0 + $1.contextTokens }
        Output.print(
            "\(VisibleText.shown(server.name)): \(CatalogueCommands.counted(tools.count, "tool")), about \(tokens) tokens of context"
        )
        Output.print(
            "seen from \(CatalogueCommands.day(server.firstSeen)) to \(CatalogueCommands.day(server.lastSeen)), rules \(server.rules)\n"
        )
        Output.table(
            ["TOOL", "CATEGORY", "SEVERITY", "SAYS"],
            tools.map { tool in
                [
                    VisibleText.shown(tool.hit.name), tool.hit.category, tool.hit.severity,
                    String(tool.hit.summary.prefix(80)),
                ]
            })
        for change in changes.prefix(20) {
            Output.print("\(CatalogueCommands.day(change.time)) \(CatalogueCommands.line(change))")
        }
    }

    private static func show(
        _ tool: CataloguedTool, twins: [CataloguedTool], _ server: String, _ catalogue: any CatalogueStore,
        _ isJSON: Bool
    ) throws {
        guard let description = ToolDescription(tool, twins: twins) else {
            throw Failure(.unable, "what is stored of this tool can't be read", mend: "add its server again")
        }
        let related = try RelatedTools.of(tool.hit, in: catalogue)
        if isJSON {
            Output.json { description.write(server: server, related: related, to: &$0) }
            return
        }
        for line in description.lines { Output.print(line) }
        if !related.isEmpty {
            Output.print("\nRelated")
            for hit in related {
                Output.print("  \(VisibleText.shown(hit.server))/\(VisibleText.shown(hit.name)) (\(hit.category))")
            }
        }
    }
}
