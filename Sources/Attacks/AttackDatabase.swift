internal import CAssets
internal import JSON
package import Risk

/// All documented attacks, by family.
package struct AttackDatabase: Sendable {
    /// Attacks of one kind.
    package struct Family: Sendable {
        /// Its file's name.
        package let id: String
        package let title: String
        /// One or two sentences.
        package let about: String
        package let attacks: [Attack]
    }

    package let families: [Family]
    /// Every attack, by family.
    package let attacks: [Attack]

    /// - Parameter files: the contents of `Assets/attacks/*.json`.
    /// - Throws: what is wrong with them, and in which entry.
    package init(_ files: [[UInt8]]) throws(AttackProblem) {
        var families: [Family] = []
        var ids: Set<String> = []
        for bytes in files {
            let root: JSONView
            do throws(JSONError) {
                root = try JSONDocument.parse(bytes).root
            } catch {
                throw AttackProblem("attacks: \(error.position(in: bytes)): \(error.message)")
            }
            guard let id = root["family"]?.string, let title = root["title"]?.string, let list = root["attacks"] else {
                throw AttackProblem("attacks: a file needs `family`, `title` and `attacks`")
            }
            var attacks: [Attack] = []
            for entry in list.elements {
                let attack = try Attack(entry, family: id)
                guard ids.insert(attack.id).inserted else {
                    throw AttackProblem("attacks/\(id): `\(attack.id)` is there twice")
                }
                attacks.append(attack)
            }
            families.append(Family(id: id, title: title, about: root["about"]?.string ?? "", attacks: attacks))
        }
        self.families = families.sorted { $0.id < $1.id }
        self.attacks = self.families.flatMap(\.attacks)
    }

    /// The database that the program carries.
    package static func standard() throws(AttackProblem) -> AttackDatabase { try AttackDatabase(embedded) }

    /// The embedded files' contents.
    package static var embedded: [[UInt8]] {
        var files: [[UInt8]] = []
        while true {
            let asset = sluice_asset_attacks(files.count)
            guard let bytes = asset.bytes else { return files }
            files.append(Array(UnsafeBufferPointer(start: bytes, count: asset.count)))
        }
    }

    /// The entry of that name.
    package func attack(_ id: String) -> Attack? { attacks.first { $0.id == id } }

    /// Attacks that abuse such access as the tool gives, the most fitting first, at most `limit`.
    ///
    /// A finding in the definition weighs most, then a trait that the schema shows and what the tool does with media, then
    /// its category. What is true of every tool comes last.
    package func attacks(
        on tool: ToolDefinition, _ classification: Classification, findings: [MetadataFinding], limit: Int = 8
    ) -> [Attack] {
        let signals = Set(classification.signals.map(\.code))
        let codes = Set(findings.map(\.code))
        let media = Set(MediaTrait.allCases.filter { $0.isShown(by: tool) })
        var found: [(weight: Int, attack: Attack)] = []
        for attack in attacks {
            let links = attack.links
            var weight = 0
            if links.findings.contains(where: codes.contains) { weight += 8 }
            if links.traits.contains(where: { $0.signal.map(signals.contains) ?? false }) { weight += 4 }
            if links.media.contains(where: media.contains) { weight += 4 }
            if links.categories.contains(classification.category) { weight += 2 }
            guard weight > 0 else { continue }
            // Of equals, what really happened and does most damage says most.
            found.append((weight * 8 + attack.severity.rank * 2 + (attack.kind == .pattern ? 0 : 1), attack))
        }
        found.sort { $0.weight == $1.weight ? $0.attack.id < $1.attack.id : $0.weight > $1.weight }
        return found.prefix(limit).map(\.attack)
    }
}
