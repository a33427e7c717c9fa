internal import JSON
internal import Policy
internal import Risk
internal import Store

/// The page of one server: its tools, the policy for all of them, what was found and what changed.
struct ServerPage {
    private static let root: StaticString = "../../"
    private static let longestPolicy = 64 << 10

    let server: CataloguedServer
    let hits: [CatalogueHit]
    /// About how many tokens all its tools take.
    let contextTokens: Int
    /// Pages of the tools.
    let pages: [Int64: String]
    let changes: [CatalogueChange]

    func write(to page: inout HTMLWriter) {
        let frame = Frame(root: Self.root, title: server.name, trail: [("Servers", "servers.html")])
        frame.open(&page)
        page.raw("<h1>")
        page.foreign(server.name, limit: 400)
        page.raw("</h1>\n<p class=\"lead\">")
        page.count(hits.count, "tool")
        page.raw(", about ")
        page.number(contextTokens)
        page.raw(" tokens of context in every conversation. First seen ")
        page.day(server.firstSeen)
        page.raw(", last seen ")
        page.day(server.lastSeen)
        page.raw(".</p>\n<ul class=\"counts\">\n")
        for category in ToolCategory.allCases.reversed() {
            let count = hits.count { $0.category == category.rawValue }
            guard count > 0 else { continue }
            page.raw("<li>")
            page.badge(category)
            page.raw(" ")
            page.number(count)
            page.raw("</li>\n")
        }
        page.raw("</ul>\n")
        if !server.about.isEmpty {
            page.raw("<figure><figcaption>The server’s instructions:</figcaption>\n<blockquote class=\"quote\">")
            page.foreign(server.about, limit: 6 << 10)
            page.raw("</blockquote></figure>\n")
        }
        tools(&page)
        findings(&page)
        policy(&page)
        facts(&page)
        frame.close(&page)
    }

    private func tools(_ page: inout HTMLWriter) {
        page.raw(
            "<section aria-labelledby=\"tools\">\n<h2 id=\"tools\">Tools</h2>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Tools of the server\"><table>\n<thead><tr><th scope=\"col\">Tool</th><th scope=\"col\">Category</th><th scope=\"col\">Risk</th><th scope=\"col\">The server says</th></tr></thead>\n<tbody>\n"
        )
        for hit in hits {
            page.raw("<tr><th scope=\"row\">")
            page.link("", pages[hit.id] ?? "index.html", hit.name)
            page.raw("</th><td>")
            if let category = ToolCategory(rawValue: hit.category) { page.badge(category) }
            page.raw("</td><td>")
            if let severity = Severity(rawValue: hit.severity) { page.badge(severity) }
            page.raw("</td><td>")
            page.foreign(hit.summary, limit: 400)
            page.raw("</td></tr>\n")
        }
        page.raw("</tbody>\n</table></div>\n</section>\n")
    }

    private func findings(_ page: inout HTMLWriter) {
        let findings = server.placedFindings
        if !findings.isEmpty { page.findings(findings, most: 30) }
    }

    private func policy(_ page: inout HTMLWriter) {
        guard let policy = (try? JSONDocument.parse(server.policy))?.root.value else { return }
        page.raw(
            "<section aria-labelledby=\"policy\">\n<h2 id=\"policy\">The recommended policy</h2>\n<p>One policy for all tools: what only reads is allowed, changes and actions are limited, what destroys is hidden, what costs money asks a person; the rest is denied. Replace the example folder and host by your own.</p>\n<details><summary>policy.json</summary>\n<pre tabindex=\"0\"><code>"
        )
        page.json(policy, limit: Self.longestPolicy)
        page.raw("</code></pre></details>\n</section>\n")
    }

    private func facts(_ page: inout HTMLWriter) {
        page.raw("<section aria-labelledby=\"facts\">\n<h2 id=\"facts\">Facts</h2>\n<dl class=\"facts\">\n")
        for (label, text) in [("Version", server.version), ("Source", server.source), ("Rules", server.rules)]
        where !text.isEmpty {
            page.element("dt", label)
            page.raw("<dd>")
            page.foreign(text, limit: 400)
            page.raw("</dd>\n")
        }
        if !server.repository.isEmpty {
            page.raw("<dt>Repository</dt><dd>")
            page.repository(of: server)
            page.raw("</dd>\n")
        }
        for text in server.incomplete.prefix(8) {
            page.raw("<dt>Not read whole</dt><dd>")
            page.foreign(text, limit: 400)
            page.raw("</dd>\n")
        }
        page.raw("</dl>\n")
        page.changes(changes, most: 50)
        page.raw("</section>\n")
    }
}
