internal import Policy

/// What words argue for: the content of `Assets/risk/rules.json`, compiled. docs/classification.md explains the file.
///
/// COST: an object, because a copy of so many arrays cost more than judging did.
package final class RuleSet: Sendable {
    /// The version that the file states.
    package let version: String
    let words: WordTable
    /// By word id; 0 stands for every unknown word. `words.count` of them.
    ///
    /// COST: asked several times for every word of every text; an array was retained and released each time.
    // SAFETY: written before the rule set exists, only read afterwards, freed with it; no thread matters.
    private nonisolated(unsafe) let entries: UnsafeMutablePointer<WordEntry>
    let acts: [Act]
    let verbs: [Verb]
    let moves: [SeverityMove]
    let phrases: [Phrase]
    /// By the first word's id: indices of `phrases`.
    let phrasesByWord: [Int32: [Int]]
    let parameters: [ParameterRule]
    let roles: Roles

    init(
        version: String, words: WordTable, entries: [WordEntry], acts: [Act], verbs: [Verb], moves: [SeverityMove],
        phrases: [Phrase], parameters: [ParameterRule], roles: Roles
    ) {
        self.version = version
        self.words = words
        self.entries = .allocate(capacity: max(words.count, 1))
        for id in 0..<max(words.count, 1) {
            (self.entries + id).initialize(to: id < entries.count ? entries[id] : WordEntry())
        }
        self.acts = acts
        self.verbs = verbs
        self.moves = moves
        self.phrases = phrases
        phrasesByWord = Dictionary(grouping: phrases.indices) { phrases[$0].words[0] }
        self.parameters = parameters
        self.roles = roles
    }

    deinit { entries.deallocate() }

    // INVARIANT: tokens carry ids of `words` only.
    @inline(__always) func entry(_ token: Token) -> WordEntry { entries[Int(token.word)] }

    /// The rules that the program carries in itself.
    package static let standard: RuleSet = {
        do throws(RuleSetError) {
            return try parse(EmbeddedAsset.riskRules)
        } catch {
            preconditionFailure("BUG: the embedded rules are wrong: \(error)")
        }
    }()
}

/// One kind of doing. Verbs lead to acts, acts to categories.
struct Act: Sendable {
    let name: String
    let category: ToolCategory
    let severity: Severity
    /// For the rationale: `deletes data`.
    let does: String
    /// Others than the caller and the server notice it.
    let isOutside: Bool
    /// What it takes away does not come back.
    let isFinal: Bool
    /// What it does is known only from the description: without one it counts as `undescribed`.
    let undescribed: Int?
    /// Among `create, update or delete`, the list says what it does.
    let isGeneral: Bool
    /// `get_report`: `Generates ...` still only looks.
    let isMaking: Bool
}

/// A verb and what it means beside certain objects.
struct Verb: Sendable {
    let word: String
    let act: Int
    /// As often a noun.
    let isAlsoNoun: Bool
    /// `perform`, `do`: the noun after it says what.
    let isLight: Bool
    /// The first whose objects are there decides.
    let readings: [Reading]
    /// The same for objects further away.
    let farReadings: [Reading]
}

/// `clear` beside `cache` is another act than `clear` alone.
struct Reading: Sendable {
    let objects: ObjectSet
    let scope: Scope
    /// One of these must be about too; 0: nothing.
    let with: ObjectSet
    let act: Int

    /// Where the objects are looked for.
    enum Scope: String, Sendable, CaseIterable {
        /// The very thing that is acted on: `comment` in `add a comment to an order`.
        case head
        /// The words up to the next preposition: `bank transaction`.
        case near
        /// The rest of the clause.
        case around
        /// The names of the parameters.
        case parameters
        /// The names of the parameters, and everything that the description names.
        case anywhere
    }
}

/// Groups of things, as a bit each; `0` is none of them.
struct ObjectSet: Sendable, Equatable, ExpressibleByIntegerLiteral {
    /// How many groups there may be.
    static let most = 256

    private var low: UInt128
    private var high: UInt128 = 0

    init(integerLiteral value: UInt64) { low = UInt128(value) }

    /// The group at a place below `most`.
    init(group place: Int) {
        low = place < 128 ? 1 << UInt128(place) : 0
        high = place < 128 ? 0 : 1 << UInt128(place - 128)
    }

    static func | (a: ObjectSet, b: ObjectSet) -> ObjectSet {
        var both = a
        both |= b
        return both
    }

    static func |= (a: inout ObjectSet, b: ObjectSet) {
        a.low |= b.low
        a.high |= b.high
    }

    func subtracting(_ other: ObjectSet) -> ObjectSet {
        var rest = self
        rest.low &= ~other.low
        rest.high &= ~other.high
        return rest
    }

    static func & (a: ObjectSet, b: ObjectSet) -> ObjectSet {
        var common = a
        common.low &= b.low
        common.high &= b.high
        return common
    }
}

/// What a word is; a word may be several.
struct WordEntry: Sendable {
    var verb: Int16 = -1
    var form: Form = .base
    /// A verb that is as often a noun: `order`, `report`.
    var isAlsoNoun = false
    var startsPhrase = false
    var grammar: Grammar = []
    var objects: ObjectSet = 0
    /// Rules of parameters for names that end with this word.
    var heads: UInt16 = 0
    /// Rules that don't apply when this word stands before the last.
    var exceptions: UInt16 = 0

    enum Form: UInt8, Sendable {
        case base, third, gerund, past, noun
    }
}

/// The little words that carry a sentence.
struct Grammar: OptionSet, Sendable {
    let rawValue: UInt32
    static let names: [(String, Grammar)] = [
        ("articles", .article), ("conjunctions", .conjunction), ("prepositions", .preposition),
        ("of", .genitive), ("negations", .negation), ("fillers", .filler), ("purpose", .purpose),
        ("subjects", .subject), ("auxiliaries", .auxiliary), ("use", .use), ("details", .detail),
        ("headings", .heading), ("questions", .question), ("modifiers", .modifier), ("conditions", .condition),
        ("actionParameters", .actionParameter), ("modes", .mode), ("light", .light), ("listing", .listing),
        ("persons", .person), ("facts", .fact), ("being", .being), ("relatives", .relative), ("openers", .opener),
        ("modals", .modal), ("forcing", .forcing), ("restrictions", .restriction), ("trimming", .trimming),
        ("states", .state), ("strangers", .stranger), ("doers", .doer),
    ]
    static let article = Grammar(rawValue: 1)
    static let conjunction = Grammar(rawValue: 2)
    static let preposition = Grammar(rawValue: 4)
    static let genitive = Grammar(rawValue: 8)
    static let negation = Grammar(rawValue: 16)
    static let filler = Grammar(rawValue: 32)
    static let purpose = Grammar(rawValue: 64)
    static let subject = Grammar(rawValue: 128)
    static let auxiliary = Grammar(rawValue: 256)
    static let use = Grammar(rawValue: 512)
    static let detail = Grammar(rawValue: 1024)
    static let heading = Grammar(rawValue: 2048)
    static let question = Grammar(rawValue: 4096)
    static let modifier = Grammar(rawValue: 8192)
    static let condition = Grammar(rawValue: 16384)
    static let actionParameter = Grammar(rawValue: 32768)
    static let mode = Grammar(rawValue: 65536)
    static let light = Grammar(rawValue: 131072)
    static let listing = Grammar(rawValue: 262144)
    static let person = Grammar(rawValue: 524288)
    static let fact = Grammar(rawValue: 1_048_576)
    static let being = Grammar(rawValue: 1 << 21)
    static let relative = Grammar(rawValue: 1 << 22)
    static let opener = Grammar(rawValue: 1 << 23)
    static let modal = Grammar(rawValue: 1 << 24)
    static let forcing = Grammar(rawValue: 1 << 25)
    static let restriction = Grammar(rawValue: 1 << 26)
    static let trimming = Grammar(rawValue: 1 << 27)
    static let state = Grammar(rawValue: 1 << 28)
    static let stranger = Grammar(rawValue: 1 << 29)
    static let doer = Grammar(rawValue: 1 << 30)
}

/// Words in a row that mean something whatever stands around them.
struct Phrase: Sendable {
    let words: [Int32]
    let meaning: Meaning

    enum Meaning: Sendable {
        case irreversible, restorable, readOnly, bulk, external
        case act(Int)
    }
}

/// Objects and traits move the severity that the act gives.
struct SeverityMove: Sendable {
    let category: ToolCategory
    /// Empty: any act of the category.
    let acts: [Int]
    let objects: ObjectSet
    let isHeadOnly: Bool
    let signals: [RiskSignal.Code]
    let severity: Severity
    /// For the rationale: `because it ...`.
    let because: String
}

/// Which parameters make a signal.
struct ParameterRule: Sendable {
    let signal: RiskSignal.Code
    /// `Accepts file system path`
    let text: String
    /// The rule's bit in `WordEntry.heads` and `WordEntry.exceptions`.
    let bit: UInt16
    /// Types that count; a parameter without one always does.
    let types: ValueTypes
}

/// The types of JSON Schema, as a set.
struct ValueTypes: OptionSet, Sendable {
    let rawValue: UInt8
    static let names: [(String, ValueTypes)] = [
        ("string", .string), ("number", .number), ("integer", .integer), ("boolean", .boolean), ("array", .array),
        ("object", .object),
    ]
    static let string = ValueTypes(rawValue: 1)
    static let number = ValueTypes(rawValue: 2)
    static let integer = ValueTypes(rawValue: 4)
    static let boolean = ValueTypes(rawValue: 8)
    static let array = ValueTypes(rawValue: 16)
    static let object = ValueTypes(rawValue: 32)
}

/// Acts that the classifier itself asks for by name.
struct Roles: Sendable {
    /// Does what nobody says.
    let unknown: Int
    /// Calls whatever the caller names: an HTTP method as a parameter.
    let request: Int
    /// The author states that it changes something.
    let stated: Int
    /// It runs what the caller asks, and says that it only reads.
    let query: Int
    /// Groups of texts that a parameter takes: its description says of what language they are.
    let texts: ObjectSet
    /// Nothing in the definition says that it does more than look.
    let look: Int
    /// Groups of what is made only to be answered: a report, a link.
    let answers: ObjectSet
    /// Makes something that stays.
    let create: Int
    /// Groups of what has happened, which an action is searched for in.
    let happenings: ObjectSet
    /// Groups of words that stand in front of a path that is written to: `output_path`.
    let written: ObjectSet
}
