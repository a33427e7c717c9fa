internal import Base
internal import Policy
internal import Risk

/// What all pages share: head, landmarks, and the way back.
struct Frame {
    /// The way to the site's root from the page: empty, `../` or `../../`.
    let root: StaticString
    let title: String
    /// Name and address below the root, from the first page down to the one above this.
    var trail: [(name: String, address: String)] = []

    func open(_ page: inout HTMLWriter) {
        page.raw(
            """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta name="referrer" content="no-referrer">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'self' file:; script-src 'self' file:; base-uri 'none'; form-action 'self' file:">
            <title>
            """)
        page.foreign(title, limit: 300)
        page.raw(" – tool catalogue</title>\n<link rel=\"stylesheet\" href=\"")
        page.raw(root)
        page.raw(
            "assets/site.css\">\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the content</a>\n<header>\n<a class=\"home\" href=\""
        )
        page.raw(root)
        page.raw("index.html\">Tool catalogue</a>\n<nav aria-label=\"Site\">\n<ul>\n<li><a href=\"")
        page.raw(root)
        page.raw("servers.html\">Servers</a></li>\n<li><a href=\"")
        page.raw(root)
        page.raw("attacks.html\">Attacks</a></li>\n<li><a href=\"")
        page.raw(root)
        page.raw("search.html\">Search</a></li>\n</ul>\n</nav>\n</header>\n<main id=\"main\" tabindex=\"-1\">\n")
        guard !trail.isEmpty else { return }
        page.raw("<nav class=\"trail\" aria-label=\"Breadcrumb\"><ol>")
        for (name, address) in trail {
            page.raw("<li><a href=\"")
            page.raw(root)
            page.text(address)
            page.raw("\">")
            page.foreign(name, limit: 200)
            page.raw("</a></li>")
        }
        page.raw("</ol></nav>\n")
    }

    func close(_ page: inout HTMLWriter) {
        page.raw(
            """
            </main>
            <footer>
            <p>Made by <code>sluice catalogue export</code> from the tools' definitions by fixed rules. Quoted text is the server's own.</p>
            </footer>
            </body>
            </html>

            """)
    }
}

extension HTMLWriter {
    mutating func badge(_ category: ToolCategory) {
        raw("<span class=\"badge c-")
        text(category.rawValue)
        raw("\">")
        text(Sentences.title(category))
        raw("</span>")
    }

    mutating func badge(_ severity: Severity, _ what: StaticString = " risk") {
        raw("<span class=\"badge s-")
        text(severity.rawValue)
        raw("\">")
        text(Sentences.title(severity))
        raw(what)
        raw("</span>")
    }

    /// The name of a tool or a server inside a sentence.
    mutating func name(_ name: String) {
        raw("<code>")
        foreign(name, limit: 400)
        raw("</code>")
    }

    /// A day.
    mutating func day(_ time: Instant) {
        let text = String(time.iso8601.prefix(10))
        raw("<time datetime=\"")
        self.text(text)
        raw("\">")
        self.text(text)
        raw("</time>")
    }

    mutating func link(_ root: StaticString, _ address: String, _ name: String) {
        raw("<a href=\"")
        raw(root)
        text(address)
        raw("\">")
        foreign(name, limit: 300)
        raw("</a>")
    }
}
