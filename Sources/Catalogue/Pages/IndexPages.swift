internal import Policy
internal import Risk
internal import Store

/// The first page, the lists of servers, and the page to search from.
struct IndexPages {
    /// Servers on one page of the list.
    static let each = 500

    let servers: [CataloguedServer]
    let addresses: Addresses
    /// How many tools of each category and severity there are.
    let categories: [String: Int]
    let severities: [String: Int]
    let tools: Int
    let attacks: Int

    func first(_ page: inout HTMLWriter) {
        let frame = Frame(root: "", title: "Risks of MCP tools")
        frame.open(&page)
        page.raw("<h1>Tool catalogue</h1>\n<p class=\"lead\">")
        page.count(tools, "tool")
        page.raw(" of ")
        page.count(servers.count, "server")
        page.raw(": what each does, how risky it is and why, and the policy that keeps it in bounds.</p>\n")
        IndexPages.form(&page)
        page.raw("<section aria-labelledby=\"categories\">\n<h2 id=\"categories\">By category</h2>\n")
        numbers(ToolCategory.allCases.map { ($0, categories[$0.rawValue] ?? 0) }, &page) { $1.badge($0) }
        page.raw("</section>\n<section aria-labelledby=\"severities\">\n<h2 id=\"severities\">By risk</h2>\n")
        numbers(Severity.allCases.map { ($0, severities[$0.rawValue] ?? 0) }, &page) { $1.badge($0) }
        page.raw(
            "</section>\n<section aria-labelledby=\"largest\">\n<h2 id=\"largest\">Servers with most tools</h2>\n<ul class=\"tools\">\n"
        )
        let largest = servers.sorted { $0.tools == $1.tools ? $0.name < $1.name : $0.tools > $1.tools }
        for server in largest.prefix(30) { line(server, &page) }
        page.raw(
            "</ul>\n<p><a href=\"servers.html\">All servers</a></p>\n</section>\n<section aria-labelledby=\"attacks\">\n<h2 id=\"attacks\">Attacks</h2>\n<p><a href=\"attacks.html\">"
        )
        page.number(attacks)
        page.raw(" documented attacks</a>, each with the policy that stops or limits it.</p>\n</section>\n")
        frame.close(&page)
    }

    /// How many there are of each.
    private func numbers<Kind>(
        _ counts: [(Kind, Int)], _ page: inout HTMLWriter, badge: (Kind, inout HTMLWriter) -> Void
    ) {
        page.raw("<dl class=\"facts numbers\">\n")
        for (kind, count) in counts {
            page.raw("<dt>")
            badge(kind, &page)
            page.raw("</dt><dd>")
            page.number(count)
            page.raw("</dd>\n")
        }
        page.raw("</dl>\n")
    }

    private func line(_ server: CataloguedServer, _ page: inout HTMLWriter) {
        page.raw("<li>")
        page.link("", addresses.page(server.name), server.name)
        page.raw(" <span class=\"note\">")
        page.count(server.tools, "tool")
        page.raw("</span></li>\n")
    }

    /// The pages of the list, with their names.
    var lists: [(file: String, servers: ArraySlice<CataloguedServer>)] {
        stride(from: 0, to: max(1, servers.count), by: Self.each).map { start in
            let number = start / Self.each
            let end = min(servers.count, start + Self.each)
            return (number == 0 ? "servers.html" : "servers-\(number + 1).html", servers[start..<end])
        }
    }

    func list(_ number: Int, _ page: inout HTMLWriter) {
        let lists = lists
        let frame = Frame(root: "", title: number == 0 ? "Servers" : "Servers, page \(number + 1)")
        frame.open(&page)
        page.raw("<h1>Servers</h1>\n<ul class=\"tools\">\n")
        for server in lists[number].servers { line(server, &page) }
        page.raw("</ul>\n")
        if lists.count > 1 {
            page.raw("<nav aria-label=\"Pages\"><ul class=\"pages\">\n")
            for (index, list) in lists.enumerated() {
                page.raw("<li>")
                if index == number { page.raw("<a aria-current=\"page\" href=\"") } else { page.raw("<a href=\"") }
                page.text(list.file)
                page.raw("\">")
                page.foreign(list.servers.first?.name ?? "", limit: 40)
                page.raw(" …</a></li>\n")
            }
            page.raw("</ul></nav>\n")
        }
        frame.close(&page)
    }

    func search(_ page: inout HTMLWriter) {
        let frame = Frame(root: "", title: "Search")
        frame.open(&page)
        page.raw("<h1>Search</h1>\n")
        IndexPages.form(&page)
        page.raw(
            """
            <noscript><p>Searching needs JavaScript; every page can be reached from <a href="servers.html">the list of servers</a>.</p></noscript>
            <p id="state" role="status" aria-live="polite"></p>
            <ul class="tools" id="results"></ul>
            <script src="assets/search.js" defer></script>

            """)
        frame.close(&page)
    }

    private static func form(_ page: inout HTMLWriter) {
        page.raw(
            """
            <form class="search" role="search" action="search.html" method="get">
            <label for="q">Find tools and servers by name</label>
            <div><input type="search" id="q" name="q" autocomplete="off" spellcheck="false"> <button type="submit">Search</button></div>
            </form>

            """)
    }
}
