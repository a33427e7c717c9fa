internal import Attacks
internal import JSON
internal import Policy
internal import Risk

/// The pages of the attack database: all families, one family, one attack.
struct AttackPages {
    let database: AttackDatabase

    func overview(_ page: inout HTMLWriter) {
        let frame = Frame(root: "", title: "Attacks")
        frame.open(&page)
        page.raw("<h1>Attacks</h1>\n<p class=\"lead\">")
        page.number(database.families.reduce(0) { $0 + $1.attacks.count })
        page.raw(
            " documented ways to abuse tools, by family, each with the policy that stops or limits it.</p>\n<ul class=\"cards\">\n"
        )
        for family in database.families {
            page.raw("<li><a href=\"family/")
            page.text(family.id)
            page.raw(".html\">")
            page.text(family.title)
            page.raw("</a> <span class=\"note\">")
            page.count(family.attacks.count, "attack")
            page.raw("</span><br>")
            page.text(family.about)
            page.raw("</li>\n")
        }
        page.raw("</ul>\n")
        frame.close(&page)
    }

    func family(_ family: AttackDatabase.Family, _ page: inout HTMLWriter) {
        let frame = Frame(root: "../", title: family.title, trail: [("Attacks", "attacks.html")])
        frame.open(&page)
        page.element("h1", family.title)
        page.raw("\n<p class=\"lead\">")
        page.text(family.about)
        page.raw("</p>\n<ul class=\"cards\">\n")
        for attack in family.attacks { page.attackLine("../", attack, summary: attack.summary) }
        page.raw("</ul>\n")
        frame.close(&page)
    }

    func attack(_ attack: Attack, in family: AttackDatabase.Family, _ page: inout HTMLWriter) {
        let frame = Frame(
            root: "../", title: attack.title,
            trail: [("Attacks", "attacks.html"), (family.title, "family/\(family.id).html")])
        frame.open(&page)
        page.raw("<article>\n")
        page.element("h1", attack.title)
        page.raw("\n<p class=\"badges\">")
        page.badge(attack.severity, " severity")
        for category in attack.abuses {
            page.raw(" ")
            page.badge(category)
        }
        page.raw("</p>\n<p class=\"lead\">")
        page.text(attack.summary)
        page.raw("</p>\n<section aria-labelledby=\"how\">\n<h2 id=\"how\">How it works</h2>\n<p>")
        page.text(attack.howItWorks)
        page.raw("</p>\n</section>\n<section aria-labelledby=\"stop\">\n<h2 id=\"stop\">What a gateway does</h2>\n<p>")
        page.raw(Sentences.effect(attack.effect))
        page.raw(" What decides it: ")
        page.raw(Sentences.stopper(attack.stoppedBy))
        page.raw(".</p>\n<figure><figcaption>policy.json</figcaption>\n<pre tabindex=\"0\"><code>")
        page.json(attack.snippet.value, limit: 16 << 10)
        page.raw("</code></pre></figure>\n<h3>What it cannot see</h3>\n<p>")
        page.text(attack.cannotSee)
        page.raw("</p>\n</section>\n")
        facts(attack, &page)
        page.raw("</article>\n")
        frame.close(&page)
    }

    private func facts(_ attack: Attack, _ page: inout HTMLWriter) {
        page.raw(
            "<section aria-labelledby=\"facts\">\n<h2 id=\"facts\">Facts</h2>\n<dl class=\"facts\">\n<dt>Kind</dt><dd>")
        page.raw(Sentences.kind(attack.kind))
        if !attack.isVerified { page.raw(", not confirmed in its core") }
        page.raw("</dd>\n<dt>Published</dt><dd>")
        page.text(attack.date)
        page.raw("</dd>\n")
        if !attack.affected.isEmpty {
            page.raw("<dt>Affected</dt><dd>")
            page.text(attack.affected)
            page.raw("</dd>\n")
        }
        if let cvss = attack.cvss {
            page.raw("<dt>CVSS</dt><dd>")
            page.text(cvss.score + (cvss.version.map { " (version \($0))" } ?? ""))
            page.raw("</dd>\n")
        }
        for (catalogue, identifiers) in attack.mappings {
            page.element("dt", catalogue.split(separator: "_").joined(separator: " ").uppercased())
            page.element("dd", identifiers.joined(separator: ", "))
            page.raw("\n")
        }
        page.raw("</dl>\n")
        if !attack.sources.isEmpty {
            page.raw("<h3>Sources</h3>\n<ul>\n")
            for source in attack.sources {
                // Anything else than such an address stays text.
                if source.hasPrefix("https://") {
                    page.raw("<li><a rel=\"noreferrer\" href=\"")
                    page.text(source)
                    page.raw("\">")
                    page.text(source)
                    page.raw("</a></li>\n")
                } else {
                    page.element("li", source)
                }
            }
            page.raw("</ul>\n")
        }
        page.raw("</section>\n")
    }
}
