internal import Base
package import JSON
internal import MCP

/// Looks through a server's metadata for what should not be there. Pure: the same definitions and rules always give the
/// same findings.
package struct MetadataLint: Sendable {
    private let rules: FindingRules

    /// Texts longer than this, in characters, cost more than they tell.
    static let longText = PlainReading.longest
    /// Names with more seams between words than this are sentences.
    private static let sentenceLength = 3
    /// Findings about one definition; whoever makes more of them hides something, or wants to be waited for.
    static let mostFindings = 200
    /// Lists of values longer than this are read by nobody.
    static let longList = 500

    /// - Parameter rules: a file like `Assets/risk/findings.json`.
    /// - Throws: what is wrong with it.
    package init(rules: [UInt8]) throws(RuleProblem) { self.rules = try FindingRules(rules) }

    /// The rules that the program carries.
    package static func standard() throws(RuleProblem) -> MetadataLint { try embedded.get() }

    // COST: compiled once; finding the words of all patterns takes as long as looking through a thousand definitions.
    private static let embedded = Result { () throws(RuleProblem) in try MetadataLint(rules: EmbeddedAsset.findingRules)
    }

    /// The version of the rules, a date.
    package var version: String { rules.version }

    /// What is wrong with a tool's definition, in the order of its texts.
    package func findings(in tool: ToolDefinition) -> [MetadataFinding] { findings(in: [tool])[0] }

    /// The same of each tool of a server.
    // COST: what the tools of a server have in common is looked at once, which is nearly half of it.
    package func findings(in tools: [ToolDefinition]) -> [[MetadataFinding]] {
        var known = KnownTexts()
        return tools.map { findings(entry: $0.entry, tool: $0.name, &known) }
    }

    /// What is wrong with an entry of `prompts/list`, `resources/list` or `resources/templates/list`.
    package func findings(inEntry entry: JSONView) -> [MetadataFinding] {
        var known = KnownTexts()
        return findings(entry: entry, tool: nil, &known)
    }

    /// What is wrong with a server's instructions.
    package func findings(instructions: String) -> [MetadataFinding] {
        var findings: [MetadataFinding] = []
        note(DefinitionText(place: "/instructions", role: .text, text: instructions), nil, &findings)
        return findings
    }

    /// The same without the quick look, for tests.
    func thoroughFindings(in tool: ToolDefinition) -> [MetadataFinding] {
        var known = KnownTexts()
        return findings(entry: tool.entry, tool: tool.name, &known, isQuick: false)
    }

    private func findings(
        entry: JSONView, tool: String?, _ known: inout KnownTexts, isQuick: Bool = true
    ) -> [MetadataFinding] {
        let texts = DefinitionTexts(entry)
        var findings: [MetadataFinding] = []
        var longestList: JSONCursor?
        PlainReading.withRoom { reading in
            texts.forEach { found in
                switch found {
                case .text(let item):
                    guard findings.count <= MetadataLint.mostFindings else { return }
                    let (isKnown, place) = known.find(item.value.content, item.role)
                    if isQuick, item.keyword == nil, isKnown { return }
                    var look = isQuick ? self.look(at: item, reading) : .suspicious
                    if look == .dubious, SecretValue.isSecret(texts.text(item)) { look = .suspicious }
                    if look == .suspicious { note(texts.text(item), tool, &findings) }
                    if look == .plain, item.keyword == nil { known.note(item.value.content, item.role, at: place) }
                case .list(let list): if list.count > longestList?.count ?? 0 { longestList = list }
                }
            }
        }
        if findings.count > MetadataLint.mostFindings {
            findings.removeSubrange(MetadataLint.mostFindings...)
            findings.append(
                MetadataFinding(
                    code: .overlongText, severity: .high, tool: tool, place: "", quote: "",
                    text:
                        "there are more than \(MetadataLint.mostFindings) findings; what comes behind was not looked at",
                    mend: "mend those that are listed, and look again"))
        }
        if let longestList, longestList.count > MetadataLint.longList {
            findings.append(
                MetadataFinding(
                    code: .overlongText, severity: .low, tool: tool, place: texts.place(of: longestList), quote: "",
                    text: "the list has \(longestList.count) values; something among them is easily overlooked",
                    mend: "let a tool look values up, or take a pattern"))
        }
        return findings
    }

    /// Adds what is wrong with the text. Of several of a kind in one place the gravest says enough.
    private func note(_ text: DefinitionText, _ tool: String?, _ findings: inout [MetadataFinding]) {
        for finding in self.findings(in: text, tool) {
            // COST: findings of one place stand together; looking through all would take hours for a hostile list.
            let here = findings.reversed().prefix { $0.place == finding.place }
            if let same = here.firstIndex(where: { $0.code == finding.code }).map({ findings.index(before: $0.base) }) {
                if findings[same].severity < finding.severity { findings[same] = finding }
            } else {
                findings.append(finding)
            }
        }
    }

    // MARK: The quick look

    /// What a quick look says of a text.
    private enum Look {
        /// The thorough look finds nothing, wherever the text stands.
        case plain
        /// It may be a secret, which its place tells; else it is plain.
        case dubious
        /// The thorough look may find something.
        case suspicious
    }

    private func look(at item: DefinitionTexts.Item, _ empty: PlainReading) -> Look {
        var reading = empty
        if let keyword = item.keyword {
            reading.append(keyword.content)
            let between: StaticString = " : "
            reading.append(UnsafeBufferPointer(start: between.utf8Start, count: between.utf8CodeUnitCount))
        }
        reading.append(item.value.content)
        guard reading.isPlain else { return .suspicious }
        let scanned = reading.scanned
        guard !scanned.mayBeBroken || !BrokenWords.mayBe(in: scanned.text), !isSuspicious(scanned, item.role) else {
            return .suspicious
        }
        if item.role != .text, WordSeams.count(in: scanned.text) >= MetadataLint.sentenceLength {
            let isSuspicious = WordSeams.parted(scanned.text).withUnsafeBufferPointer { (parted) -> Bool in
                ScannedText.with(parted) { self.isSuspicious($0, item.role) }
            }
            if isSuspicious { return .suspicious }
        }
        return item.role == .value && SecretValue.mayBeSecret(scanned.text) ? .dubious : .plain
    }

    private func isSuspicious(_ text: ScannedText, _ role: TextRole) -> Bool {
        breaksRule(text, role) || Oddity.isOdd(text) && !places(of: rules.thorough, in: text).isEmpty
            || text.mayHavePayload && !EncodedPayload.runs(in: text.text).isEmpty
    }

    private func breaksRule(_ text: ScannedText, _ role: TextRole) -> Bool {
        var isBroken = false
        let bit = role.bit
        rules.patterns.matches(text, where: { rules.rolesOfPattern[$0] & bit != 0 }) { _, _ in
            isBroken = true
            return false
        }
        return isBroken
    }

    // MARK: The thorough look

    private func findings(in text: DefinitionText, _ tool: String?) -> [MetadataFinding] {
        func finding(
            _ code: MetadataFinding.Code, _ severity: Severity, _ quote: String, _ words: String, _ mend: String
        ) -> MetadataFinding {
            MetadataFinding(
                code: code, severity: severity, tool: tool, place: text.place, quote: quote, text: words, mend: mend)
        }
        var findings: [MetadataFinding] = []
        for hit in HiddenCharacters.hits(in: text.text, text.role) {
            findings.append(
                finding(hit.code, hit.severity, VisibleText.quote(text.text, around: hit.place), hit.text, hit.mend))
        }
        // Letters of other scripts are read both as themselves and as what they look like.
        for var reading in MetadataLint.readings(text.text, text.role) {
            reading.withUTF8 { bytes in
                for (rule, severity, place) in matches(bytes, text.role) {
                    let quote = MetadataLint.quote(bytes, place)
                    findings.append(finding(rule.code, severity, quote, rule.text, rule.mend))
                }
                for run in EncodedPayload.runs(in: bytes) {
                    var decoded = MetadataLint.readings(run.decoded, .text)[0]
                    let isOrder = decoded.withUTF8 { !matches($0, .text).isEmpty }
                    findings.append(
                        finding(
                            .encodedPayload, isOrder ? .high : .medium, MetadataLint.quote(bytes, run.place),
                            "encoded text says `\(VisibleText.quote(run.decoded, around: 0..<1))`",
                            "write it in plain words, or remove it"))
                }
            }
        }
        if text.role == .value, SecretValue.isSecret(text) {
            findings.append(
                finding(
                    .secretInDefault, .high, VisibleText.quote(String(text.text.prefix(4)) + "…", around: 0..<1),
                    "the value of something secret looks like a real one",
                    "remove it, and have it revoked: whoever lists the tools has it"))
        }
        if text.role == .text, text.text.utf8.count > MetadataLint.longText, text.text.count > MetadataLint.longText {
            findings.append(
                finding(
                    .overlongText, .low, VisibleText.quote(text.text, around: 0..<1),
                    "the text has \(text.text.count) characters; every model pays for them on every turn, and few people read them",
                    "say it in under \(MetadataLint.longText) characters"))
        }
        return findings
    }

    /// The rules that the text breaks, each with its severity here and the place of its first match in bytes.
    private func matches(
        _ text: UnsafeBufferPointer<UInt8>, _ role: TextRole
    ) -> [(rule: FindingRule, severity: Severity, place: Range<Int>)] {
        ScannedText.with(text) { matches($0, role) }
    }

    private func matches(
        _ text: ScannedText, _ role: TextRole
    ) -> [(rule: FindingRule, severity: Severity, place: Range<Int>)] {
        var broken: [(rule: FindingRule, severity: Severity, place: Range<Int>)] = []
        var excuses: Set<Int>?
        func note(_ rule: FindingRule, _ place: Range<Int>) {
            guard rule.roles.contains(role), !broken.contains(where: { $0.rule.id == rule.id }) else { return }
            var severity = rule.severity
            if !rule.unless.isEmpty {
                let known = excuses ?? Set(places(of: rules.exceptions, in: text).map(\.pattern))
                excuses = known
                // Whoever writes a poisoned text can write an excuse into it: it makes the finding less grave, not silent.
                if !known.isDisjoint(with: rule.unless) { severity = rule.severity >= .high ? .medium : .low }
            }
            broken.append((rule, severity, place))
        }
        for (pattern, place) in places(of: rules.patterns, in: text) {
            note(rules.rules[rules.ruleOfPattern[pattern]], place)
        }
        for (pattern, place) in places(of: rules.thorough, in: text) {
            note(rules.rules[rules.ruleOfThorough[pattern]], place)
        }
        return broken
    }

    private func places(
        of phrases: PhraseSet, in text: ScannedText
    ) -> [(pattern: Int, place: Range<Int>)] {
        var places: [(Int, Range<Int>)] = []
        phrases.matches(text) { pattern, place in
            places.append((pattern, place))
            return true
        }
        return places
    }

    /// The text as it may be read, white space as single spaces: with look-alike letters made Latin, and, where that
    /// changes something, as it stands; with what divides words taken out; a name or a value that is a sentence also with
    /// its words apart.
    private static func readings(_ text: String, _ role: TextRole) -> [String] {
        let spaced = withSingleSpaces(text)
        var readings = [spaced]
        if spaced.utf8.contains(where: { $0 >= 0x80 }) {
            let readable = LookAlikeNames.readable(spaced)
            if readable != spaced { readings.insert(readable, at: 0) }
            if let low = withSmallLetters(spaced) { readings.append(low) }
        }
        if let mended = BrokenWords.mended(spaced, readable: readings[0]), !readings.contains(mended) {
            readings.append(mended)
        }
        if role != .text {
            let parted = readings[0].withUTF8 { text in
                WordSeams.count(in: text) >= sentenceLength ? WordSeams.parted(text) : nil
            }
            if let parted { readings.append(String(decoding: parted, as: UTF8.self)) }
        }
        return readings
    }

    /// The text with small letters beyond ASCII, of which alone the search for words knows the capitals; nil if it has no
    /// capitals of that kind.
    private static func withSmallLetters(_ text: String) -> String? {
        guard text.unicodeScalars.contains(where: isCapital) else { return nil }
        var small = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if isCapital(scalar) {
                small.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
            } else {
                small.append(scalar)
            }
        }
        return String(small)
    }

    private static func isCapital(_ scalar: Unicode.Scalar) -> Bool {
        !scalar.isASCII && scalar.properties.changesWhenLowercased
    }

    private static func withSingleSpaces(_ text: String) -> String {
        // COST: bytes, where there are no others: what Unicode says of a character is looked up in tables.
        if text.utf8.allSatisfy({ $0 < 0x80 }) {
            var bytes: [UInt8] = []
            bytes.reserveCapacity(text.utf8.count)
            for byte in text.utf8 {
                if byte == 0x20 || (0x09...0x0D).contains(byte) {
                    if bytes.last != 0x20 { bytes.append(0x20) }
                } else {
                    bytes.append(byte)
                }
            }
            return String(decoding: bytes, as: UTF8.self)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            if isSpace(scalar) {
                if bytes.last != 0x20 { bytes.append(0x20) }
            } else if scalar.isASCII {
                bytes.append(UInt8(scalar.value))
            } else {
                bytes += UTF8.encode(scalar).map(Array.init) ?? []
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The property `White_Space` of the Unicode Standard.
    // COST: by hand; the standard library searches its tables for every character.
    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09...0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
        default: false
        }
    }

    private static func quote(_ text: UnsafeBufferPointer<UInt8>, _ place: Range<Int>) -> String {
        let start = text[..<place.lowerBound].count { !WordChain.isInside($0) }
        let length = text[place].count { !WordChain.isInside($0) }
        return VisibleText.quote(String(decoding: text, as: UTF8.self), around: start..<start + length)
    }
}
