internal import Attacks
internal import Base
internal import JSON
internal import Policy
internal import Risk
internal import Store

/// A tool as its page shows it.
struct ToolSubject {
    let tool: CataloguedTool
    let definition: ToolDefinition
    let assessment: Assessment
    /// Nobody should allow a tool of this name: its definition, or another one of the same name, is poisoned.
    let isPoisoned: Bool
    let recommendation: Recommendation?
    /// A whole policy for this tool alone.
    let policy: JSONValue

    /// Nil when what is stored can't be read: then the tool has no page.
    /// - Parameter twins: all tools of the server that go by the name, since a policy and a call only have that.
    init?(_ tool: CataloguedTool, twins: [CataloguedTool] = []) {
        guard let read = Self.read(tool) else { return nil }
        let all = [read] + twins.filter { $0.hit.id != tool.hit.id }.compactMap(Self.read)
        self.tool = tool
        definition = read.definition
        assessment = read.assessment
        isPoisoned = all.contains(where: \.assessment.isPoisoned)
        if isPoisoned {
            recommendation = nil
            policy = ["version": "1", "default": "deny", "hide": [.string(definition.name)], "tools": .object([])]
        } else {
            let made = Recommendation(
                server: tool.hit.server, judged: all.map { ($0.definition, $0.assessment.classification) })
            recommendation = made
            policy = made.policy
        }
    }

    private static func read(_ tool: CataloguedTool) -> (definition: ToolDefinition, assessment: Assessment)? {
        guard let document = try? JSONDocument.parse(tool.definition), let definition = ToolDefinition(document.root),
            let stored = try? JSONDocument.parse(tool.assessment), let assessment = Assessment(stored: stored.root)
        else { return nil }
        return (definition, assessment)
    }
}

/// The page of one tool. At most 60 KiB, whatever the server wrote: each part has a limit in bytes.
struct ToolPage {
    private static let root: StaticString = "../../"

    let subject: ToolSubject
    let server: CataloguedServer
    let addresses: Addresses
    /// Pages of the server's tools.
    let pages: [Int64: String]
    let siblings: [CatalogueHit]
    /// With the addresses of their pages.
    let related: [(hit: CatalogueHit, address: String)]
    let attacks: [Attack]
    let changes: [CatalogueChange]

    private var name: String { subject.definition.name }
    private var judged: Classification { subject.assessment.classification }
    /// Findings about the tool's name stand with the server.
    private var found: [MetadataFinding] {
        subject.assessment.findings + server.placedFindings.filter { $0.tool == name }
    }

    func write(to page: inout HTMLWriter) {
        let frame = Frame(
            root: Self.root, title: "\(name) on \(server.name)",
            trail: [("Servers", "servers.html"), (server.name, addresses.page(server.name))])
        frame.open(&page)
        page.raw("<article>\n<h1>")
        page.name(name)
        page.raw("</h1>\n<p class=\"badges\">")
        page.badge(judged.category)
        page.raw(" ")
        page.badge(subject.assessment.risk)
        if subject.isPoisoned { page.raw(" <span class=\"badge s-critical\">Poisoned definition</span>") }
        page.raw("</p>\n<p class=\"lead\">Part of ")
        page.link(Self.root, addresses.page(server.name), server.name)
        if let address = server.repositoryLink {
            page.raw(" (<a rel=\"noreferrer\" href=\"")
            page.text(address)
            page.raw("\">its code</a>)")
        }
        if let title = subject.definition.title, title != name {
            page.raw(", which titles it <q>")
            page.foreign(title, limit: 300)
            page.raw("</q>")
        }
        page.raw(".</p>\n")
        if subject.isPoisoned { findings(&page) }
        purpose(&page)
        reasons(&page)
        signals(&page)
        if !subject.isPoisoned { findings(&page) }
        parameters(&page)
        policy(&page)
        attacks(&page)
        relatives(&page)
        questions(&page)
        facts(&page)
        page.raw("</article>\n")
        frame.close(&page)
    }

    private func purpose(_ page: inout HTMLWriter) {
        page.raw("<section aria-labelledby=\"does\">\n<h2 id=\"does\">What it does</h2>\n<p>")
        if subject.isPoisoned {
            page.raw(Sentences.poisoned)
        } else {
            let (before, between, after) = Sentences.purpose(judged.category)
            page.raw(before)
            page.name(name)
            page.raw(between)
            page.foreign(server.name, limit: 200)
            page.raw(after)
        }
        page.raw("</p>\n")
        if subject.definition.description.isEmpty {
            page.raw("<p>The server gives no description.</p>\n")
        } else {
            page.raw(
                "<figure><figcaption>The server’s description, as the model reads it:</figcaption>\n<blockquote class=\"quote\">"
            )
            page.foreign(subject.definition.description, limit: 8 << 10)
            page.raw("</blockquote></figure>\n")
        }
        page.raw("</section>\n")
    }

    private func reasons(_ page: inout HTMLWriter) {
        page.raw("<section aria-labelledby=\"why\">\n<h2 id=\"why\">Why it needs a policy</h2>\n<p>")
        page.prose(judged.rationale, limit: 2 << 10)
        page.raw("</p>\n<p>")
        page.raw(subject.isPoisoned ? Sentences.poisonedDanger : Sentences.danger(judged.category))
        page.raw("</p>\n")
        if !judged.evidence.isEmpty {
            page.raw("<h3>From the tool’s definition</h3>\n<dl class=\"evidence\">\n")
            for evidence in judged.evidence.prefix(8) {
                page.raw("<dt><code>")
                page.foreign(evidence.place, limit: 200)
                page.raw("</code></dt><dd><q>")
                page.foreign(evidence.quote, limit: 600)
                page.raw("</q></dd>\n")
            }
            page.raw("</dl>\n")
        }
        page.raw("<p class=\"note\">")
        page.raw(Sentences.confidence(judged.confidence))
        page.raw("</p>\n</section>\n")
    }

    private func signals(_ page: inout HTMLWriter) {
        guard !judged.signals.isEmpty else { return }
        page.raw(
            "<section aria-labelledby=\"signals\">\n<h2 id=\"signals\">Risk signals</h2>\n<ul class=\"signals\">\n")
        for signal in judged.signals {
            page.raw("<li>")
            page.foreign(signal.text, limit: 400)
            page.raw("</li>\n")
        }
        page.raw("</ul>\n</section>\n")
    }

    private func findings(_ page: inout HTMLWriter) {
        page.findings(found, most: 12)
    }

    private func parameters(_ page: inout HTMLWriter) {
        ParameterTable(subject.definition).write(to: &page)
    }

    private func policy(_ page: inout HTMLWriter) {
        page.raw(
            "<section aria-labelledby=\"control\">\n<h2 id=\"control\">How to control it</h2>\n<p>With the recommended policy "
        )
        page.name(name)
        page.text(
            subject.isPoisoned
                ? " is hidden, whatever it does: with such findings in its definition no agent should read it."
                : Sentences.effect(judged.category))
        page.raw(
            " Every other tool of the server is denied unless the policy names it.</p>\n<figure><figcaption>policy.json</figcaption>\n<pre tabindex=\"0\"><code>"
        )
        page.json(subject.policy, limit: 6 << 10)
        page.raw("</code></pre></figure>\n")
        if let recommendation = subject.recommendation {
            if !recommendation.reasons.isEmpty {
                page.raw("<h3>Why each part is there</h3>\n<dl class=\"why\">\n")
                for reason in recommendation.reasons.prefix(16) {
                    page.raw("<dt><code>")
                    page.foreign(reason.place, limit: 200)
                    page.raw("</code></dt><dd>")
                    page.prose(reason.text, limit: 400)
                    if reason.needsEditing { page.raw(" <strong>Put your own value in.</strong>") }
                    page.raw("</dd>\n")
                }
                page.raw("</dl>\n")
            }
            if !recommendation.unnameable.isEmpty {
                page.raw(
                    "<p>A policy cannot name this tool, since its name could be read as a pattern; the default denies it.</p>\n"
                )
            }
            test(recommendation, &page)
        }
        page.raw("</section>\n")
    }

    /// The calls that try the policy, in words; the same ones as `sluice policy test` runs.
    private func test(_ recommendation: Recommendation, _ page: inout HTMLWriter) {
        guard case .array(let calls)? = recommendation.test(policy: subject.policy)["calls"], !calls.isEmpty else {
            return
        }
        page.raw("<details><summary>The test of this policy: ")
        page.count(calls.count, "call")
        page.raw(
            "</summary>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Calls of the test\"><table>\n<thead><tr><th scope=\"col\">Calls</th><th scope=\"col\">Arguments</th><th scope=\"col\">Expected</th><th scope=\"col\">Rule</th></tr></thead>\n<tbody>\n"
        )
        var at = 0
        var rows = 0
        while at < calls.count, rows < 12 {
            // Equal calls after each other are one row.
            let first = calls[at]
            var next = at + 1
            while next < calls.count, calls[next] == first { next += 1 }
            page.raw("<tr><td>")
            page.number(at + 1)
            if next > at + 1 {
                page.raw("–")
                page.number(next)
            }
            page.raw("</td><td><code>")
            if let arguments = first["arguments"] { page.foreign(arguments.text, limit: 300) } else { page.raw("{}") }
            page.raw("</code></td><td>")
            page.text(first["expect"]?["outcome"]?.string ?? "")
            page.raw("</td><td><code>")
            page.foreign(first["expect"]?["rule"]?.string ?? "", limit: 200)
            page.raw("</code></td></tr>\n")
            at = next
            rows += 1
        }
        page.raw("</tbody>\n</table></div></details>\n")
    }

    private func attacks(_ page: inout HTMLWriter) {
        guard !attacks.isEmpty else { return }
        page.raw(
            "<section aria-labelledby=\"attacks\">\n<h2 id=\"attacks\">Attacks that abuse such access</h2>\n<ul class=\"cards\">\n"
        )
        for attack in attacks {
            page.attackLine(Self.root, attack, summary: Summary.first(attack.summary, 220))
        }
        page.raw("</ul>\n</section>\n")
    }

    private func relatives(_ page: inout HTMLWriter) {
        guard siblings.count > 1 || !related.isEmpty else { return }
        page.raw("<section aria-labelledby=\"related\">\n<h2 id=\"related\">Related tools</h2>\n")
        let others = siblings.filter { $0.id != subject.tool.hit.id }
        if !others.isEmpty {
            page.raw("<h3>On the same server</h3>\n<ul class=\"tools\">\n")
            for hit in others.prefix(12) {
                page.toolLine("", pages[hit.id] ?? "index.html", hit, isOwnServer: true)
            }
            page.raw("</ul>\n")
            if others.count > 12 {
                page.raw("<p><a href=\"index.html\">All ")
                page.number(siblings.count)
                page.raw(" tools of the server</a></p>\n")
            }
        }
        if !related.isEmpty {
            page.raw("<h3>The like on other servers</h3>\n<ul class=\"tools\">\n")
            for (hit, address) in related { page.toolLine(Self.root, address, hit, isOwnServer: false) }
            page.raw("</ul>\n")
        }
        page.raw("</section>\n")
    }

    private func questions(_ page: inout HTMLWriter) {
        Questions(subject: subject, server: server).write(to: &page)
    }

    private func facts(_ page: inout HTMLWriter) {
        page.raw(
            "<section aria-labelledby=\"facts\">\n<h2 id=\"facts\">Facts</h2>\n<dl class=\"facts\">\n<dt>Context</dt><dd>about "
        )
        page.number(subject.tool.contextTokens)
        page.raw(" tokens in every conversation that lists it</dd>\n<dt>First seen</dt><dd>")
        page.day(subject.tool.firstSeen)
        page.raw("</dd>\n<dt>Last seen</dt><dd>")
        page.day(subject.tool.lastSeen)
        page.raw("</dd>\n<dt>Last changed</dt><dd>")
        if subject.tool.changed == subject.tool.firstSeen {
            page.raw("not since it was first seen")
        } else {
            page.day(subject.tool.changed)
        }
        page.raw("</dd>\n<dt>Rules</dt><dd>")
        page.foreign(server.rules, limit: 100)
        page.raw("</dd>\n</dl>\n")
        page.changes(changes.filter { $0.tool == name }, most: 10)
        page.raw("</section>\n")
    }
}
