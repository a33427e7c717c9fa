package import JSON
package import Policy
package import Risk

/// A documented way to abuse tools: an entry of `Assets/attacks`, whose README describes each field.
// COST: a class, because there are many fields: copies of a struct were most of the time of linking tools to attacks.
package final class Attack: Sendable {
    /// What it was known as.
    package enum Kind: String, Sendable, CaseIterable {
        /// A flaw with a number of its own.
        case cve
        /// It happened.
        case incident
        /// Researchers showed it.
        case research
        /// A kind of attack without one case.
        case pattern
    }

    /// What a gateway achieves if all traffic passes it.
    package enum Effect: String, Sendable, CaseIterable {
        /// The harmful step does not happen.
        case stops
        /// It is less likely, or does less damage.
        case limits
        /// The original happened where no gateway is; the snippet keeps its consequences small.
        case none
    }

    /// What decides the entry's case.
    package enum Stopper: String, Sendable, CaseIterable {
        case policy, finding, pin, gateway
    }

    /// A published score.
    package struct Score: Sendable, Hashable {
        /// 0 to 10, as it was written.
        package let score: String
        /// Of the scale; nil when it was not said.
        package let version: String?
    }

    /// Tools for which the entry is shown.
    package struct Links: Sendable {
        package let categories: [ToolCategory]
        package let traits: [AttackTrait]
        package let media: [MediaTrait]
        package let findings: [MetadataFinding.Code]
    }

    /// A stable name.
    package let id: String
    /// One line.
    package let title: String
    /// The file it stands in.
    package let family: String
    package let kind: Kind
    /// Of publication: `2025`, `2025-04` or `2025-04-01`.
    package let date: String
    /// Products and versions.
    package let affected: String
    package let severity: Severity
    package let cvss: Score?
    /// False: the core of it was not confirmed, or accounts differ.
    package let isVerified: Bool
    /// One or two sentences.
    package let summary: String
    /// The course of it.
    package let howItWorks: String
    /// What a gateway does not notice, whatever its rules.
    package let cannotSee: String
    /// Where it comes in.
    package let surface: String
    package let effect: Effect
    package let stoppedBy: Stopper
    /// Categories of tools that it uses.
    package let abuses: [ToolCategory]
    /// Addresses to read on at.
    package let sources: [String]
    /// Lists of identifiers by catalogue, such as `cwe`; in the file's order, without empty ones.
    package let mappings: [(catalogue: String, identifiers: [String])]
    package let links: Links
    /// A whole policy document that stops or limits it.
    package let snippet: JSONView
    /// The transcript to play it again.
    package let replay: JSONView

    init(_ entry: JSONView, family: String) throws(AttackProblem) {
        let name = entry["id"]?.string ?? "?"
        func text(_ key: String) throws(AttackProblem) -> String {
            guard let text = entry[key]?.string, !text.isEmpty else {
                throw AttackProblem("attacks/\(family): `\(name)`: `\(key)` has to be a text")
            }
            return text
        }
        func word<Word: RawRepresentable<String>>(_ key: String, _ view: JSONView?) throws(AttackProblem) -> Word {
            guard let word = view?.string.flatMap(Word.init(rawValue:)) else {
                let found = view.map { String(decoding: $0.rawBytes.prefix(60), as: UTF8.self) } ?? "nothing"
                throw AttackProblem("attacks/\(family): `\(name)`: `\(key)` has the unknown word \(found)")
            }
            return word
        }
        func words<Word: RawRepresentable<String>>(_ key: String, _ view: JSONView?) throws(AttackProblem) -> [Word] {
            var words: [Word] = []
            if let view { for element in view.elements { words.append(try word(key, element)) } }
            return words
        }
        func object(_ key: String) throws(AttackProblem) -> JSONView {
            guard let object = entry[key], object.kind == .object else {
                throw AttackProblem("attacks/\(family): `\(name)`: `\(key)` has to be an object")
            }
            return object
        }
        id = try text("id")
        title = try text("title")
        self.family = family
        kind = try word("kind", entry["kind"])
        date = try text("date")
        affected = entry["affected"]?.string ?? ""
        severity = try word("severity", entry["severity"])
        cvss = entry["cvss"]?["score"].map {
            Score(score: String(decoding: $0.rawBytes, as: UTF8.self), version: entry["cvss"]?["version"]?.string)
        }
        isVerified = entry["verified"]?.bool ?? false
        summary = try text("summary")
        howItWorks = try text("how_it_works")
        cannotSee = try text("cannot_see")
        surface = try text("surface")
        effect = try word("effect", entry["effect"])
        stoppedBy = try word("stopped_by", entry["stopped_by"])
        abuses = try words("abuses", entry["abuses"])
        sources = entry["sources"].map { $0.elements.compactMap(\.string) } ?? []
        mappings =
            try object("mappings").members
            .map { (catalogue: $0.key.string ?? "", identifiers: $0.value.elements.compactMap(\.string)) }
            .filter { !$0.identifiers.isEmpty }
        let links = try object("links")
        self.links = Links(
            categories: try words("links.categories", links["categories"]),
            traits: try words("links.traits", links["traits"]), media: try words("links.media", links["media"]),
            findings: try words("links.findings", links["findings"]))
        snippet = try object("snippet")
        replay = try object("case")
    }
}

/// What is wrong with the attack database.
package struct AttackProblem: Error, Sendable, Equatable, CustomStringConvertible {
    /// What, where and in which entry.
    package let description: String

    init(_ description: String) { self.description = description }
}
