internal import Attacks
internal import Base
internal import JSON
internal import Policy
internal import Risk
internal import Store

extension HTMLWriter {
    /// Findings in the order of their severity, with a heading of the second level.
    mutating func findings(_ findings: [MetadataFinding], most: Int) {
        raw("<section aria-labelledby=\"findings\">\n<h2 id=\"findings\">Findings in the definition</h2>\n")
        guard !findings.isEmpty else {
            raw(
                "<p>None: no hidden orders, invisible characters, secrets or misleading names were found.</p>\n</section>\n"
            )
            return
        }
        raw("<ul class=\"findings\">\n")
        let sorted = findings.enumerated().sorted { a, b in
            a.element.severity == b.element.severity
                ? a.offset < b.offset : a.element.severity > b.element.severity
        }
        for (_, finding) in sorted.prefix(most) {
            raw("<li><strong>")
            text(finding.code.rawValue.split(separator: "_").joined(separator: " "))
            raw("</strong> ")
            badge(finding.severity, "")
            raw("<br>")
            foreign(finding.text, limit: 400)
            raw("<br><code>")
            foreign(finding.place, limit: 200)
            raw("</code>: <q>")
            foreign(finding.quote, limit: 600)
            raw("</q><br><span class=\"note\">To mend it: ")
            foreign(finding.mend, limit: 300)
            raw("</span></li>\n")
        }
        raw("</ul>\n")
        if findings.count > most {
            raw("<p>And ")
            number(findings.count - most)
            raw(" more.</p>\n")
        }
        raw("</section>\n")
    }

    /// A sentence of the rules: what stands between backticks is somebody's own words.
    mutating func prose(_ sentence: String, limit: Int) {
        let parts = sentence.split(separator: "`", omittingEmptySubsequences: false)
        guard parts.count % 2 == 1, parts.count > 1 else {
            foreign(sentence, limit: limit)
            return
        }
        for (index, part) in parts.enumerated() {
            if index % 2 == 1 { raw("<code>") }
            foreign(String(part), limit: limit / parts.count + 40)
            if index % 2 == 1 { raw("</code>") }
        }
    }

    mutating func toolLine(_ root: StaticString, _ address: String, _ hit: CatalogueHit, isOwnServer: Bool) {
        raw("<li>")
        link(root, address, hit.name)
        raw(" ")
        if let category = ToolCategory(rawValue: hit.category) { badge(category) }
        if !isOwnServer {
            raw(" <span class=\"note\">on ")
            foreign(hit.server, limit: 120)
            raw("</span>")
        }
        raw("</li>\n")
    }

    /// Where a server's code is kept, as a link if it can be one.
    mutating func repository(of server: CataloguedServer) {
        if let address = server.repositoryLink {
            raw("<a rel=\"noreferrer\" href=\"")
            text(address)
            raw("\">")
            text(address)
            raw("</a>")
        } else {
            raw("<q>")
            foreign(server.repository, limit: 300)
            raw("</q>")
        }
    }

    /// A number with what is counted: `1 tool`, `3 tools`.
    mutating func count(_ number: Int, _ one: StaticString) {
        self.number(number)
        raw(" ")
        raw(one)
        if number != 1 { raw("s") }
    }

    /// An attack of a list: name, severity, and what it is.
    mutating func attackLine(_ root: StaticString, _ attack: Attack, summary: String) {
        raw("<li><a href=\"")
        raw(root)
        raw("attack/")
        text(attack.id)
        raw(".html\">")
        text(attack.title)
        raw("</a> ")
        badge(attack.severity, " severity")
        raw("<br>")
        text(summary)
        raw("</li>\n")
    }

    /// What became another, newest first, under a heading of the third level.
    mutating func changes(_ changes: [CatalogueChange], most: Int) {
        guard !changes.isEmpty else { return }
        raw("<h3>Changes</h3>\n<ul class=\"changes\">\n")
        for change in changes.prefix(most) {
            raw("<li>")
            day(change.time)
            raw(": ")
            switch change.kind {
            case .added: raw("added ")
            case .changed: raw("changed ")
            case .removed: raw("removed ")
            case .instructions: raw("the server’s instructions changed")
            case .version: raw("the server’s version changed")
            }
            if !change.tool.isEmpty { name(change.tool) }
            for (index, member) in change.members.prefix(8).enumerated() {
                raw(index == 0 ? ": " : ", ")
                name(member)
            }
            raw("</li>\n")
        }
        raw("</ul>\n")
    }
}

extension CataloguedServer {
    /// What was found outside of definitions.
    var placedFindings: [MetadataFinding] {
        let stored = (try? JSONDocument.parse(findings))?.root
        return stored.map { $0.elements.compactMap { Assessment.finding($0, tool: nil) } } ?? []
    }

    /// An address of the web in plain characters; anything else of a stranger's stays text.
    var repositoryLink: String? {
        let isPlain = repository.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") }
        return isPlain && repository.utf8.count <= 300 && repository.hasPrefix("https://") ? repository : nil
    }
}

/// Shortening our own texts.
enum Summary {
    /// At most so many characters, cut at a word.
    static func first(_ text: String, _ most: Int) -> String {
        guard text.count > most else { return text }
        let cut = text.prefix(most)
        return String(cut[..<(cut.lastIndex(of: " ") ?? cut.endIndex)]) + "…"
    }
}
