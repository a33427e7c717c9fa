import Attacks
import Catalogue
import JSON
import Risk

/// An attack as text and as JSON.
enum AttackText {
    static func page(_ attack: Attack) -> String {
        var lines = [attack.title, String(repeating: "=", count: attack.title.count), ""]
        func field(_ name: String, _ text: String) {
            guard !text.isEmpty else { return }
            lines.append(name.padded(to: 14) + text)
        }
        field("id", attack.id)
        field("family", attack.family)
        field("severity", attack.severity.rawValue)
        if let score = attack.cvss { field("CVSS", score.score + (score.version.map { " (\($0))" } ?? "")) }
        field("kind", attack.kind.rawValue + (attack.isVerified ? "" : ", not confirmed"))
        field("date", attack.date)
        field("affected", attack.affected)
        field("comes in by", attack.surface)
        field("a gateway", effect(attack))
        for (catalogue, identifiers) in attack.mappings { field(catalogue, identifiers.joined(separator: ", ")) }
        func section(_ title: String, _ text: String) { lines += ["", title, "", text] }
        section("What happens", attack.summary)
        section("How it works", attack.howItWorks)
        section("What a gateway can't see", attack.cannotSee)
        section("The policy (adapt paths, hosts, names and amounts)", policy(of: attack))
        if !attack.sources.isEmpty { section("Sources", attack.sources.joined(separator: "\n")) }
        return lines.joined(separator: "\n") + "\n"
    }

    static func policy(of attack: Attack) -> String { PrettyJSON.text(attack.snippet.value) }

    private static func effect(_ attack: Attack) -> String {
        let what =
            switch attack.effect {
            case .stops: "stops it"
            case .limits: "makes it less likely, or the damage less"
            case .none: "is not on its path; the policy keeps the consequences small"
            }
        let by =
            switch attack.stoppedBy {
            case .policy: "by the policy below"
            case .finding: "by a finding of `sluice scan`"
            case .pin: "by a pin: `sluice server pin`"
            case .gateway: "by itself, without a policy"
            }
        return what + ", " + by
    }

    /// The entry's line of a list.
    static func writeLine(_ attack: Attack, to writer: inout JSONWriter) {
        writer.beginObject()
        writeFacts(attack, to: &writer)
        writer.endObject()
    }

    static func writeWhole(_ attack: Attack, to writer: inout JSONWriter) {
        writer.beginObject()
        writeFacts(attack, to: &writer)
        writer.member("how_it_works", attack.howItWorks)
        writer.member("cannot_see", attack.cannotSee)
        writer.member("affected", attack.affected)
        writer.key("mappings")
        writer.beginObject()
        for (catalogue, identifiers) in attack.mappings {
            writer.key(catalogue)
            writer.value(.array(identifiers.map(JSONValue.string)))
        }
        writer.endObject()
        writer.key("sources")
        writer.value(.array(attack.sources.map(JSONValue.string)))
        writer.key("policy")
        writer.view(attack.snippet)
        writer.key("case")
        writer.view(attack.replay)
        writer.endObject()
    }

    private static func writeFacts(_ attack: Attack, to writer: inout JSONWriter) {
        writer.member("id", attack.id)
        writer.member("title", attack.title)
        writer.member("family", attack.family)
        writer.member("kind", attack.kind.rawValue)
        writer.member("date", attack.date)
        writer.member("severity", attack.severity.rawValue)
        writer.member("verified", attack.isVerified)
        writer.member("surface", attack.surface)
        writer.member("effect", attack.effect.rawValue)
        writer.member("stopped_by", attack.stoppedBy.rawValue)
        writer.member("summary", attack.summary)
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(1, width - count))
    }
}
