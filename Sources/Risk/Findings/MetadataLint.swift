internal import Base
package import JSON
internal import MCP

/// Looks through a server's metadata for what should not be there. Pure: the same definitions and rules always give the
/// same findings.
package struct MetadataLint: Sendable {
    private let rules: FindingRules

    /// Texts longer than this, in characters, cost more than they tell.
    static let longText = 8_000
    /// Names of more words than this, joined by underscores, are sentences.
    private static let sentenceLength = 5
    /// Lists of values longer than this are read by nobody.
    static let longList = 500

    /// - Parameter rules: a file like `Assets/risk/findings.json`.
    /// - Throws: what is wrong with it.
    package init(rules: [UInt8]) throws(RuleProblem) { self.rules = try FindingRules(rules) }

    /// The rules that the program carries.
    package static func standard() throws(RuleProblem) -> MetadataLint {
        try MetadataLint(rules: EmbeddedAsset.findingRules)
    }

    /// The version of the rules, a date.
    package var version: String { rules.version }

    /// What is wrong with a tool's definition, in the order of its texts.
    package func findings(in tool: ToolDefinition) -> [MetadataFinding] { findings(entry: tool.entry, tool: tool.name) }

    /// What is wrong with an entry of `prompts/list`, `resources/list` or `resources/templates/list`.
    package func findings(inEntry entry: JSONView) -> [MetadataFinding] { findings(entry: entry, tool: nil) }

    /// What is wrong with a server's instructions.
    package func findings(instructions: String) -> [MetadataFinding] {
        let texts = DefinitionTexts(text: instructions, place: "/instructions")
        return findings(texts.texts, tool: nil)
    }

    private func findings(entry: JSONView, tool: String?) -> [MetadataFinding] {
        // COST: nearly all definitions are plain and match nothing; that takes one pass over their bytes and no texts.
        guard isSuspicious(entry) else { return [] }
        let texts = DefinitionTexts(entry)
        var findings = findings(texts.texts, tool: tool)
        if let (place, count) = texts.longestList, count > MetadataLint.longList {
            findings.append(
                MetadataFinding(
                    code: .overlongText, severity: .low, tool: tool, place: place, quote: "",
                    text: "the list has \(count) values; something among them is easily overlooked",
                    mend: "let a tool look values up, or take a pattern"))
        }
        return findings
    }

    private func findings(_ texts: [DefinitionText], tool: String?) -> [MetadataFinding] {
        var findings: [MetadataFinding] = []
        for text in texts {
            // Of several of a kind in one place the gravest says enough.
            for finding in self.findings(in: text, tool) {
                if let same = findings.firstIndex(where: { $0.code == finding.code && $0.place == finding.place }) {
                    if findings[same].severity < finding.severity { findings[same] = finding }
                } else {
                    findings.append(finding)
                }
            }
        }
        return findings
    }

    // MARK: The quick look

    /// Whether the entry has to be looked at text by text. Says yes too often rather than too seldom.
    private func isSuspicious(_ entry: JSONView) -> Bool {
        let bytes = entry.rawBytes
        guard bytes.count <= 8 << 10 else { return true }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: bytes.count) { scratch in
            bytes.withUnsafeBufferPointer { source in
                var isPlain = true
                var run = 0
                let count = MetadataLint.flatten(source, into: scratch, &isPlain, &run)
                guard isPlain, run < MetadataLint.longText else { return true }
                var found = false
                rules.patterns.matches(UnsafeBufferPointer(rebasing: scratch[..<count])) { _, _ in
                    found = true
                    return false
                }
                return found || MetadataLint.hasLongRun(UnsafeBufferPointer(rebasing: scratch[..<count]))
            }
        }
    }

    /// JSON as lines: what stands between quotes makes a line of its own, escapes of white space become spaces.
    /// `isPlain` is false when the text has escapes of characters or characters that may be more than they seem. `longest`
    /// is the longest line.
    private static func flatten(
        _ source: UnsafeBufferPointer<UInt8>, into scratch: UnsafeMutableBufferPointer<UInt8>, _ isPlain: inout Bool,
        _ longest: inout Int
    ) -> Int {
        var (from, to, line) = (0, 0, 0)
        // Underscores since the last character that no name has.
        var joints = 0
        var oddity = Oddity()
        while from < source.count {
            var byte = source[from]
            from += 1
            if byte == UInt8(ascii: "\\"), from < source.count {
                let escape = source[from]
                from += 1
                switch escape {
                case UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"): byte = UInt8(ascii: " ")
                case UInt8(ascii: "u"), UInt8(ascii: "b"), UInt8(ascii: "f"): isPlain = false
                default: byte = escape
                }
            } else if byte == UInt8(ascii: "\"") {
                byte = UInt8(ascii: "\n")
                longest = max(longest, to - line)
                line = to
            } else if byte >= 0x80, !isOrdinary(byte, source, from) {
                isPlain = false
            }
            if byte == UInt8(ascii: "_") {
                joints += 1
                if joints >= sentenceLength { isPlain = false }
            } else if byte <= UInt8(ascii: "\"") {
                joints = 0
            }
            oddity.note(byte)
            // Several spaces, as lists in descriptions have them, count as one.
            if byte == UInt8(ascii: " "), to > 0, scratch[to - 1] == byte { continue }
            scratch[to] = byte
            to += 1
        }
        if oddity.isOdd { isPlain = false }
        return to
    }

    /// Whether a byte of a character beyond ASCII belongs to one that is what it seems: dashes, quotation marks, dots,
    /// arrows, signs of mathematics, Chinese and Japanese. Accented letters are not: patterns know them without accents.
    private static func isOrdinary(_ byte: UInt8, _ source: UnsafeBufferPointer<UInt8>, _ next: Int) -> Bool {
        guard byte >= 0xC0 else { return true }
        switch byte {
        case 0xE4...0xE9: return true
        case 0xC2: return next < source.count && source[next] >= 0xA1 && source[next] != 0xAD
        case 0xE2:
            guard next + 1 < source.count else { return false }
            switch source[next] {
            case 0x80: return (0x90...0xA7).contains(source[next + 1])
            case 0x81: return false
            default: return true
            }
        case 0xE3: return next + 1 < source.count && !(source[next] == 0x85 && source[next + 1] == 0xA4)
        default: return false
        }
    }

    /// Whether there may be something encoded: 48 letters and digits in a row.
    private static func hasLongRun(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        // COST: looks at every 48th byte first, and around it only where that may be inside a run.
        var at = 47
        while at < text.count {
            if isWordByte(text[at]) {
                var (start, end) = (at, at + 1)
                while start > 0, isWordByte(text[start - 1]) { start -= 1 }
                while end < text.count, isWordByte(text[end]) { end += 1 }
                if end - start >= 48 { return true }
            }
            at += 48
        }
        return false
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "-"),
            UInt8(ascii: "_"), UInt8(ascii: "="):
            true
        default: false
        }
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
        var broken: [(rule: FindingRule, severity: Severity, place: Range<Int>)] = []
        var excuses: Set<Int>?
        func note(_ rule: FindingRule, _ place: Range<Int>) {
            guard rule.roles.contains(role), !broken.contains(where: { $0.rule.id == rule.id }) else { return }
            var severity = rule.severity
            if !rule.unless.isEmpty {
                if excuses == nil {
                    var found: Set<Int> = []
                    rules.exceptions.matches(text) { index, _ in
                        found.insert(index)
                        return true
                    }
                    excuses = found
                }
                // Whoever writes a poisoned text can write an excuse into it: it makes the finding less grave, not silent.
                if rule.unless.contains(where: { excuses?.contains($0) ?? false }) {
                    severity = rule.severity >= .high ? .medium : .low
                }
            }
            broken.append((rule, severity, place))
        }
        rules.patterns.matches(text) { index, place in
            note(rules.rules[rules.ruleOfPattern[index]], place)
            return true
        }
        rules.thorough.matches(text) { index, place in
            note(rules.rules[rules.ruleOfThorough[index]], place)
            return true
        }
        return broken
    }

    /// The text as it may be read, white space as single spaces: with look-alike letters made Latin, and, where that
    /// changes something, as it stands; a name or a value that is a sentence also with its words apart.
    private static func readings(_ text: String, _ role: TextRole) -> [String] {
        let spaced = withSingleSpaces(text)
        var readings = [spaced]
        if spaced.utf8.contains(where: { $0 >= 0x80 }) { readings.insert(LookAlikeNames.readable(spaced), at: 0) }
        if role != .text, spaced.utf8.count(where: { $0 == UInt8(ascii: "_") }) >= sentenceLength {
            readings.append(String(readings[0].map { $0 == "_" ? " " : $0 }))
        }
        return readings
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
        var plain = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if scalar.properties.isWhitespace {
                if plain.last != " " { plain.append(" ") }
            } else {
                plain.append(scalar)
            }
        }
        return String(plain)
    }

    private static func quote(_ text: UnsafeBufferPointer<UInt8>, _ place: Range<Int>) -> String {
        let start = String(decoding: text[..<place.lowerBound], as: UTF8.self).unicodeScalars.count
        let length = String(decoding: text[place], as: UTF8.self).unicodeScalars.count
        return VisibleText.quote(String(decoding: text, as: UTF8.self), around: start..<start + length)
    }
}
