import Arguments
import Base
import Catalogue
import JSON
import Policy
import Risk
import Store

/// `sluice catalogue`: every tool's risk, why, and the rule for it.
enum CatalogueCommands {
    static let entries = [add, search, show, list, remove, CatalogueExport.entry]

    private static let add = Entry(
        command: Command(
            "catalogue", "add", summary: "put servers into the catalogue, or bring them up to date",
            details: """
                Reads what 'sluice scan --format json' prints, and saved lists of tools. A server that is there already is
                brought up to date: tools that are new, changed or gone are told, and kept with the day.
                """,
            positionals: [Positional("FILE", "a scan or a saved list; '-' for standard input", count: .oneOrMore)],
            options: [
                .value(
                    "server", "NAME", "what the server is called (default: what the file says, else the file's name)"),
                DataFolder.option, DataFolder.json,
            ],
            examples: [
                Example(
                    "sluice scan --format json -- npx -y some-server | sluice catalogue add -", "what a scan has found"),
                Example("sluice catalogue add saved/*.json", "saved lists of tools"),
            ])
    ) { arguments in
        var materials: [ServerMaterial] = []
        for file in arguments.positionals {
            let bytes = try Files.read(file, limit: SavedTools.maxBytes)
            materials += try SavedTools.read(
                bytes, name: file == "-" ? "standard input" : file, fallback: baseName(file))
        }
        if let name = arguments.value("server") {
            guard materials.count == 1 else {
                throw Failure(
                    .usage, "--server names one server, and the files have \(materials.count)",
                    mend: "add them one by one")
            }
            materials[0].name = name
        }
        let folder = try DataFolder.open(arguments, create: true)
        let judge = try ServerJudge()
        let isJSON = arguments.has("json")
        for material in materials {
            let server = judge.judge(material)
            let changes = try folder.catalogue.recordInCatalogue(CatalogueServerEntry(server), at: Clock.now)
            if isJSON {
                Output.json { writer in
                    writer.beginObject()
                    writer.member("server", server.name)
                    writer.member("tools", server.tools.count)
                    writer.key("changes")
                    CatalogueDocument.write(changes, to: &writer)
                    writer.endObject()
                }
            } else {
                Output.print("\(VisibleText.shown(server.name)): \(counted(server.tools.count, "tool"))")
                for text in material.incomplete { Output.print("  not read whole: \(VisibleText.shown(text))") }
                for change in changes { Output.print("  " + line(change)) }
            }
        }
        if materials.count > 20 { try folder.catalogue.tidyCatalogue() }
        return .done
    }

    private static let search = Entry(
        command: Command(
            "catalogue", "search", summary: "find tools by words in their names, descriptions and parameters",
            details: """
                All words have to be there; words inside names count (mask finds imageMasking). If no tool has them all,
                beginnings of words count, and then any of them. --category, --severity and --signal may be repeated: one of the
                categories and severities, all of the signals.
                """,
            positionals: [Positional("TEXT", "words; none: all that the filters let through", count: .optional)],
            options: [
                .value("category", "NAME", "read, write, execute, destructive or financial", repeats: true),
                .value("severity", "LEVEL", "low, medium, high or critical", repeats: true),
                .value("signal", "CODE", "a risk signal, such as accepts_url", repeats: true),
                .value("server", "NAME", "only this server's tools"),
                .value("limit", "NUMBER", "at most so many (default: 20)"), DataFolder.option, DataFolder.json,
            ],
            examples: [
                Example("sluice catalogue search 'delete file'", "tools with both words"),
                Example("sluice catalogue search --category financial --severity critical", "by their risk"),
            ])
    ) { arguments in
        var query = CatalogueQuery(words: NameWords.split(arguments.positionals.joined(separator: " "), most: 16))
        query.categories = try words("category", among: ToolCategory.allCases.map(\.rawValue), arguments)
        query.severities = try words("severity", among: Severity.allCases.map(\.rawValue), arguments)
        query.signals = try words("signal", among: RiskSignal.Code.allCases.map(\.rawValue), arguments)
        query.server = arguments.value("server")
        query.limit = try arguments.number("limit", in: 1...1_000, default: 20)
        let isAll = query.words.isEmpty && query.categories.isEmpty && query.severities.isEmpty
        guard !(isAll && query.signals.isEmpty && query.server == nil) else {
            throw Failure(
                .usage, "there is nothing to search for", mend: "give a word, or a filter such as --category write")
        }
        let catalogue = try DataFolder.open(arguments).catalogue
        if let server = query.server, try catalogue.cataloguedServer(server) == nil {
            throw try unknown(server, in: catalogue)
        }
        let hits = try catalogue.searchCatalogue(query)
        if arguments.has("json") {
            Output.json { writer in
                writer.beginArray()
                for hit in hits { CatalogueDocument.write(hit, to: &writer) }
                writer.endArray()
            }
        } else if hits.isEmpty {
            Output.note("nothing found")
        } else {
            Output.table(
                ["TOOL", "SERVER", "CATEGORY", "SEVERITY", "SAYS"],
                hits.map { hit in
                    [
                        VisibleText.shown(hit.name), VisibleText.shown(hit.server), hit.category, hit.severity,
                        String(hit.summary.prefix(60)),
                    ]
                })
        }
        return .done
    }

    private static let show = Entry(
        command: Command(
            "catalogue", "show", summary: "show a server, or one of its tools: risk, why, and the recommended policy",
            positionals: [Positional("SERVER[/TOOL]", "the names as the catalogue has them")],
            options: [DataFolder.option, DataFolder.json],
            examples: [
                Example("sluice catalogue show files", "the server"),
                Example("sluice catalogue show files/write_file --json", "one tool"),
            ])
    ) { arguments in
        try CatalogueShow.run(arguments.positionals[0], DataFolder.open(arguments).catalogue, arguments.has("json"))
    }

    private static let list = Entry(
        command: Command(
            "catalogue", "list", summary: "list the servers of the catalogue",
            options: [DataFolder.option, DataFolder.json],
            examples: [Example("sluice catalogue list", "names, tools, and when they were seen")])
    ) { arguments in
        let servers = try DataFolder.open(arguments).catalogue.cataloguedServers()
        if arguments.has("json") {
            Output.json { writer in
                writer.beginArray()
                for server in servers {
                    writer.beginObject()
                    CatalogueDocument.members(of: server, &writer)
                    writer.member("tools", server.tools)
                    writer.endObject()
                }
                writer.endArray()
            }
        } else {
            Output.table(
                ["SERVER", "TOOLS", "FIRST SEEN", "LAST SEEN", "CHANGED"],
                servers.map { server in
                    [
                        VisibleText.shown(server.name), String(server.tools), day(server.firstSeen),
                        day(server.lastSeen), server.changed == server.firstSeen ? "" : day(server.changed),
                    ]
                })
        }
        return .done
    }

    private static let remove = Entry(
        command: Command(
            "catalogue", "remove", summary: "take a server out of the catalogue, with all that is known of it",
            positionals: [Positional("SERVER", "the name as the catalogue has it")], options: [DataFolder.option],
            examples: [Example("sluice catalogue remove files", "the next export is without it")])
    ) { arguments in
        let catalogue = try DataFolder.open(arguments).catalogue
        guard try catalogue.cataloguedServer(arguments.positionals[0]) != nil else {
            throw try unknown(arguments.positionals[0], in: catalogue)
        }
        try catalogue.removeFromCatalogue(arguments.positionals[0])
        Output.print("removed \(VisibleText.shown(arguments.positionals[0]))")
        return .done
    }

    /// Nothing of that name is there; perhaps something like it is.
    static func unknown(_ name: String, in catalogue: any CatalogueStore) throws -> Failure {
        let near = nearest(name, among: try catalogue.cataloguedServers().map(\.name))
        return Failure(
            .usage, "the catalogue has nothing called '\(name)'",
            mend: near.map { "did you mean '\($0)'?" } ?? "'sluice catalogue list' shows what it has")
    }

    private static func words(_ option: String, among known: [String], _ arguments: Arguments) throws -> [String] {
        let given = arguments.all(option)
        for word in given where !known.contains(word) {
            let near = nearest(word, among: known).map { "did you mean '\($0)'? " } ?? ""
            throw Failure(
                .usage, "--\(option) can't be '\(VisibleText.shown(word))'",
                mend: near + "there are \(known.joined(separator: ", "))")
        }
        return given
    }

    private static func baseName(_ file: String) -> String {
        let name = file.split(separator: "/").last.map(String.init) ?? file
        return name.hasSuffix(".json") ? String(name.dropLast(5)) : name == "-" ? "server" : name
    }

    /// One line of what has changed.
    static func line(_ change: CatalogueChange) -> String {
        let tool = VisibleText.shown(change.tool)
        let members = change.members.map { VisibleText.shown($0) }.joined(separator: ", ")
        return switch change.kind {
        case .added: "new tool \(tool)"
        case .removed: "tool \(tool) is gone"
        case .changed: "tool \(tool) changed: \(members)"
        case .instructions: "the instructions changed"
        case .version: "the version changed: \(members)"
        }
    }

    static func counted(_ count: Int, _ word: String) -> String { count == 1 ? "1 \(word)" : "\(count) \(word)s" }

    static func day(_ time: Instant) -> String { String(time.iso8601.prefix(10)) }
}
