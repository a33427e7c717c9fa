internal import Attacks
internal import CAssets
package import Store

/// The catalogue as pages that need no server, no script and no other host.
package enum Site {
    private static let relatives = 8

    /// How many pages of each kind were written.
    package struct Report: Sendable, Hashable {
        package var servers = 0
        package var tools = 0
        package var attacks = 0
        package var bytes = 0
    }

    /// Writes all pages to a folder that is new, empty or of an earlier export.
    @discardableResult
    package static func export(_ store: some CatalogueStore, to path: String) throws -> Report {
        let database: AttackDatabase
        do throws(AttackProblem) {
            database = try AttackDatabase.standard()
        } catch {
            throw CatalogueError(.broken, error.description, mend: "install the program again")
        }
        let folder = try SiteFolder(path)
        let servers = try store.cataloguedServers()
        let overview = try store.catalogueOverview()
        var report = Report()
        try assets(folder)
        let addresses = Addresses(servers: servers.map(\.name))
        var pages: [String: [Int64: String]] = [:]
        var byServer: [String: [CatalogueHit]] = [:]
        for hit in overview { byServer[hit.server, default: []].append(hit) }
        for (server, hits) in byServer { pages[server] = Addresses.tools(hits) }
        let likeness = Likeness(overview)
        var shards = SearchShards(folder)
        let known = Dictionary(uniqueKeysWithValues: database.attacks.map { ($0.id, $0) })
        for server in servers {
            let own = addresses.folder(server.name)
            try folder.folder(String(own.dropLast()))
            try shards.add(server, address: addresses.page(server.name))
            let siblings = byServer[server.name] ?? []
            let names = pages[server.name] ?? [:]
            let changes = server.changed == server.firstSeen ? [] : try store.catalogueChanges(server.name)
            var tokens = 0
            let tools = try store.cataloguedTools(server.name)
            let twins = Dictionary(grouping: tools, by: \.hit.name)
            for tool in tools {
                tokens += tool.contextTokens
                guard let subject = ToolSubject(tool, twins: twins[tool.hit.name] ?? []), let file = names[tool.hit.id]
                else { continue }
                let related = likeness.related(to: tool.hit, limit: relatives).map { hit in
                    (hit: hit, address: addresses.folder(hit.server) + (pages[hit.server]?[hit.id] ?? "index.html"))
                }
                var page = HTMLWriter()
                ToolPage(
                    subject: subject, server: server, addresses: addresses, pages: names, siblings: siblings,
                    related: related, attacks: subject.assessment.attacks.prefix(8).compactMap { known[$0] },
                    changes: changes
                ).write(to: &page)
                try folder.write(own + file, page.bytes)
                try shards.add(tool.hit, address: own + file)
                report.tools += 1
                report.bytes += page.bytes.count
            }
            var page = HTMLWriter()
            ServerPage(server: server, hits: siblings, contextTokens: tokens, pages: names, changes: changes)
                .write(to: &page)
            try folder.write(addresses.page(server.name), page.bytes)
            report.servers += 1
        }
        try shards.close()
        report.attacks = try attacks(database, folder)
        try indexes(servers, addresses, overview, report.attacks, folder)
        return report
    }

    /// One tool's page alone, as the export writes it, with its siblings and without others'.
    package static func page(_ store: some CatalogueStore, server: String, tool: String) throws -> [UInt8]? {
        let twins = try store.cataloguedTools(server, named: tool)
        guard let found = try store.cataloguedServer(server), let stored = twins.first,
            let subject = ToolSubject(stored, twins: twins)
        else { return nil }
        let database = try AttackDatabase.standard()
        let siblings = try store.cataloguedTools(server).map(\.hit)
        var page = HTMLWriter()
        ToolPage(
            subject: subject, server: found, addresses: Addresses(servers: [server]),
            pages: Addresses.tools(siblings), siblings: siblings, related: [],
            attacks: subject.assessment.attacks.prefix(8).compactMap(database.attack),
            changes: try store.catalogueChanges(server)
        ).write(to: &page)
        return page.bytes
    }

    private static func assets(_ folder: SiteFolder) throws(CatalogueError) {
        for (name, asset) in [
            ("assets/site.css", sluice_asset_site_css()), ("assets/search.js", sluice_asset_site_js()),
        ] {
            try folder.write(name, Array(UnsafeBufferPointer(start: asset.bytes, count: asset.count)))
        }
    }

    private static func attacks(_ database: AttackDatabase, _ folder: SiteFolder) throws(CatalogueError) -> Int {
        let pages = AttackPages(database: database)
        var page = HTMLWriter()
        pages.overview(&page)
        try folder.write("attacks.html", page.bytes)
        var count = 0
        for family in database.families {
            var page = HTMLWriter()
            pages.family(family, &page)
            try folder.write("family/\(family.id).html", page.bytes)
            for attack in family.attacks {
                var page = HTMLWriter()
                pages.attack(attack, in: family, &page)
                try folder.write("attack/\(attack.id).html", page.bytes)
                count += 1
            }
        }
        return count
    }

    private static func indexes(
        _ servers: [CataloguedServer], _ addresses: Addresses, _ hits: [CatalogueHit], _ attacks: Int,
        _ folder: SiteFolder
    ) throws(CatalogueError) {
        var (categories, severities): ([String: Int], [String: Int]) = ([:], [:])
        for hit in hits {
            categories[hit.category, default: 0] += 1
            severities[hit.severity, default: 0] += 1
        }
        let pages = IndexPages(
            servers: servers, addresses: addresses, categories: categories, severities: severities, tools: hits.count,
            attacks: attacks)
        var first = HTMLWriter()
        pages.first(&first)
        try folder.write("index.html", first.bytes)
        for (number, list) in pages.lists.enumerated() {
            var page = HTMLWriter()
            pages.list(number, &page)
            try folder.write(list.file, page.bytes)
        }
        var search = HTMLWriter()
        pages.search(&search)
        try folder.write("search.html", search.bytes)
    }
}
