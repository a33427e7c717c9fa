import Arguments
import Catalogue
import JSON
import Store

/// `sluice catalogue export`: the whole catalogue as pages or as JSON.
enum CatalogueExport {
    static let entry = Entry(
        command: Command(
            "catalogue", "export", summary: "write the catalogue as pages, or print it as JSON",
            details: """
                --html writes pages for servers, tools and attacks to a folder; they need no server and load nothing from
                elsewhere. The folder has to be new, empty, or of an earlier export, which is then replaced. --json prints one
                document, --jsonl one tool a line.
                """,
            options: [
                .value("html", "DIR", "write pages to this folder"), .flag("jsonl", "print a line for each tool"),
                DataFolder.option, DataFolder.json,
            ],
            examples: [
                Example("sluice catalogue export --html site", "open site/index.html in a browser"),
                Example("sluice catalogue export --jsonl | head -1", "a tool with all that is known of it"),
            ])
    ) { arguments in
        let page = arguments.value("html")
        guard (page != nil ? 1 : 0) + (arguments.has("json") ? 1 : 0) + (arguments.has("jsonl") ? 1 : 0) == 1 else {
            throw Failure(.usage, "export wants one of --html DIR, --json and --jsonl")
        }
        let catalogue = try DataFolder.open(arguments).catalogue
        if let page {
            let report = try Site.export(catalogue, to: page)
            Output.print(
                "wrote \(CatalogueCommands.counted(report.servers, "server")), "
                    + "\(CatalogueCommands.counted(report.tools, "tool")) and "
                    + "\(CatalogueCommands.counted(report.attacks, "attack")) to \(page)/index.html")
            return .done
        }
        let isLines = arguments.has("jsonl")
        if !isLines { Output.print("{\"servers\":[", terminator: "") }
        for (index, server) in try catalogue.cataloguedServers().enumerated() {
            if Output.isBroken { return .done }
            let tools = try catalogue.cataloguedTools(server.name)
            if isLines {
                for tool in tools { Output.json { CatalogueDocument.write(tool, server: server.name, to: &$0) } }
            } else {
                var writer = JSONWriter()
                CatalogueDocument.write(server, tools, try catalogue.catalogueChanges(server.name), to: &writer)
                if index > 0 { Output.print(",", terminator: "") }
                Output.write(writer.bytes)
            }
        }
        if !isLines { Output.print("]}") }
        return .done
    }
}
