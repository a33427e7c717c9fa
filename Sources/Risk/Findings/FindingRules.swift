internal import JSON

/// What a text in a definition is to those who read it.
enum TextRole: String, Sendable, CaseIterable {
    /// Written to be read: descriptions, titles, comments, instructions.
    case text
    /// What things are called: tools, parameters, prompts.
    case name
    /// What arguments may be: defaults, enumerations, constants, examples.
    case value
    /// Where a schema refers to.
    case reference

    /// Its bit among all roles.
    var bit: UInt8 {
        switch self {
        case .text: 1
        case .name: 2
        case .value: 4
        case .reference: 8
        }
    }
}

/// A rule of `Assets/risk/findings.json`.
struct FindingRule: Sendable {
    let id: String
    let code: MetadataFinding.Code
    let severity: Severity
    let roles: [TextRole]
    let text: String
    let mend: String
    /// Places in the set of exceptions.
    let unless: [Int]
}

/// The rules about texts, compiled.
///
/// COST: an object, because a copy would keep and release each of its parts.
final class FindingRules: Sendable {
    let version: String
    let rules: [FindingRule]
    let patterns: PhraseSet
    /// The rule of each pattern, by its place in `patterns`.
    let ruleOfPattern: [Int]
    /// The roles of that rule, a bit each.
    let rolesOfPattern: [UInt8]
    /// Patterns without words to look for first, which only odd texts are searched for, and their rules.
    let thorough: PhraseSet
    let ruleOfThorough: [Int]
    let exceptions: PhraseSet

    /// - Throws: what is wrong with the file, and in which rule.
    init(_ bytes: [UInt8]) throws(RuleProblem) {
        let root: JSONView
        do throws(JSONError) {
            root = try JSONDocument.parse(bytes).root
        } catch {
            throw RuleProblem("findings: \(error.position(in: bytes)): \(error.message)")
        }
        guard let version = root["version"]?.string, let list = root["rules"], list.kind == .array else {
            throw RuleProblem("findings: `version` (a string) and `rules` (an array) are needed")
        }
        var rules: [FindingRule] = []
        var (patterns, owners, exceptions) = ([String](), [Int](), [String]())
        var (thorough, thoroughOwners) = ([String](), [Int]())
        for entry in list.elements {
            let id = entry["id"]?.string ?? "number \(rules.count + 1)"
            func needed<T>(_ name: String, _ value: T?) throws(RuleProblem) -> T {
                guard let value else { throw RuleProblem("findings: rule `\(id)`: `\(name)` is missing or not known") }
                return value
            }
            let own = FindingRules.strings(entry["patterns"])
            guard !own.isEmpty else { throw RuleProblem("findings: rule `\(id)`: `patterns` is empty") }
            let unless = FindingRules.strings(entry["unless"])
            rules.append(
                FindingRule(
                    id: id,
                    code: try needed("code", entry["code"]?.string.flatMap(MetadataFinding.Code.init(rawValue:))),
                    severity: try needed("severity", entry["severity"]?.string.flatMap(Severity.init(rawValue:))),
                    roles: FindingRules.strings(entry["in"]).compactMap(TextRole.init(rawValue:)),
                    text: try needed("text", entry["text"]?.string), mend: try needed("mend", entry["mend"]?.string),
                    unless: Array(exceptions.count..<exceptions.count + unless.count)))
            if entry["thorough"]?.bool == true {
                thorough += own
                thoroughOwners += own.map { _ in rules.count - 1 }
            } else {
                patterns += own
                owners += own.map { _ in rules.count - 1 }
            }
            exceptions += unless
        }
        self.version = version
        self.rules = rules
        ruleOfPattern = owners
        rolesOfPattern = owners.map { rules[$0].roles.reduce(0) { $0 | $1.bit } }
        ruleOfThorough = thoroughOwners
        self.patterns = try PhraseSet(patterns)
        self.thorough = try PhraseSet(thorough)
        self.exceptions = try PhraseSet(exceptions)
    }

    private static func strings(_ view: JSONView?) -> [String] {
        view.map { $0.elements.compactMap(\.string) } ?? []
    }
}
