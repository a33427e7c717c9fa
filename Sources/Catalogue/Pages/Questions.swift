internal import JSON
internal import Policy
internal import Risk
internal import Store

/// The questions that people ask of a tool, answered from its definition and its judgement.
struct Questions {
    let subject: ToolSubject
    let server: CataloguedServer

    private var name: String { subject.definition.name }
    private var judged: Classification { subject.assessment.classification }

    func write(to page: inout HTMLWriter) {
        page.raw("<section aria-labelledby=\"questions\">\n<h2 id=\"questions\">Questions</h2>\n")
        what(&page)
        enforce(&page)
        risk(&page)
        limit(&page)
        block(&page)
        provider(&page)
        page.raw("</section>\n")
    }

    private func ask(_ before: StaticString, _ after: StaticString, _ page: inout HTMLWriter) {
        page.raw("<h3>")
        page.raw(before)
        page.name(name)
        page.raw(after)
        page.raw("</h3>\n<p>")
    }

    private func what(_ page: inout HTMLWriter) {
        ask("What does ", " do?", &page)
        if subject.tool.hit.summary.isEmpty {
            page.raw("The server does not say.")
        } else {
            page.raw("The server says: <q>")
            page.foreign(subject.tool.hit.summary, limit: 800)
            page.raw("</q>.")
        }
        page.raw(" It is classified as ")
        page.text(Sentences.title(judged.category))
        page.raw(".</p>\n")
    }

    private func enforce(_ page: inout HTMLWriter) {
        ask("How is a policy enforced on ", "?", &page)
        page.raw(
            "Save the policy above as <code>policy.json</code> and run the server through the gateway: <code>sluice wrap --policy policy.json -- COMMAND</code> in front of a local server, or <code>sluice server add</code>, <code>sluice policy put</code> and <code>sluice grant create</code> for one that many clients share. Each call is then judged before it reaches the server.</p>\n"
        )
    }

    private func risk(_ page: inout HTMLWriter) {
        ask("What risk level is ", "?", &page)
        page.name(name)
        page.raw(" is in the category ")
        page.text(Sentences.title(judged.category))
        page.raw(", with ")
        page.text(subject.assessment.risk.rawValue)
        page.raw(" risk. ")
        page.raw(
            subject.isPoisoned
                ? "With such findings in its definition it should be hidden, whatever it does."
                : Sentences.advice(judged.category))
        page.raw("</p>\n")
    }

    private func limit(_ page: inout HTMLWriter) {
        ask("How is ", " rate-limited?", &page)
        if !subject.isPoisoned, case .limit(let count) = judged.category.treatment {
            page.raw("The recommended policy does it: <code>max</code> ")
            page.number(count)
            page.raw(
                " in a <code>window</code> of a minute, counted for each grant. Change the two to your liking.</p>\n")
        } else {
            page.raw("Give its entry a <code>limits</code> list: <code>{\"counter\": \"")
            page.text(counter)
            page.raw(
                "\", \"window\": \"minute\", \"max\": 10, \"scope\": \"grant\"}</code> allows ten calls a minute for each grant. Others of the units are <code>second</code>, <code>hour</code> and <code>day</code>.</p>\n"
            )
        }
    }

    private var counter: String {
        String(
            name.lowercased().unicodeScalars.prefix(60).map { scalar in
                scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
                    ? Character(scalar) : "_"
            }) + "_rate"
    }

    private func block(_ page: inout HTMLWriter) {
        ask("How is ", " blocked completely?", &page)
        page.raw(
            "Leave it out of <code>tools</code>: the default <code>deny</code> refuses it. To take it out of the list that the agent sees as well, name it under <code>hide</code>: <code>{\"version\": \"1\", \"default\": \"deny\", \"hide\": ["
        )
        page.foreign(JSONValue.string(name).text, limit: 400)
        page.raw("], \"tools\": {}}</code></p>\n")
    }

    private func provider(_ page: inout HTMLWriter) {
        ask("Which server provides ", "?", &page)
        page.foreign(server.name, limit: 300)
        if !server.version.isEmpty {
            page.raw(", version ")
            page.foreign(server.version, limit: 100)
        }
        page.raw(", with ")
        page.count(server.tools, "tool")
        page.raw(" in all")
        if !server.source.isEmpty {
            page.raw(" (<q>")
            page.foreign(server.source, limit: 300)
            page.raw("</q>)")
        }
        page.raw(".")
        if !server.repository.isEmpty {
            page.raw(" Its code is kept at ")
            page.repository(of: server)
            page.raw(".")
        }
        page.raw("</p>\n")
    }
}
