/// A verb that was found, with what it is about.
struct Found {
    /// Index of the verb in the rules; -1 when a phrase or an author's hint speaks.
    var verb: Int
    var act: Int
    /// Bytes of the text where it stands.
    var range: Range<Int>
    /// The thing that is acted on.
    var head: ObjectSet = 0
    /// The things up to the next preposition.
    var near: ObjectSet = 0
    /// All things around.
    var around: ObjectSet = 0
    /// Nobody would read it otherwise: no noun, in the place of a verb.
    var isSure = true
}

extension RuleSet {
    /// What a verb means beside these things.
    func act(_ found: Found) -> Int {
        guard found.verb >= 0 else { return found.act }
        for reading in verbs[found.verb].readings where reading.with == 0 || reading.with & found.around != 0 {
            let things =
                switch reading.scope {
                case .head: found.head
                case .near: found.near
                default: found.around
                }
            if reading.objects & things != 0 { return reading.act }
        }
        return verbs[found.verb].act
    }

    /// `create`, `add`, whatever it is that is made.
    func isCreation(_ found: Found) -> Bool { found.verb >= 0 && verbs[found.verb].act == roles.create }

    /// `do`, `take`, and no thing beside it that says more.
    func isLight(_ found: Found) -> Bool {
        found.verb >= 0 && verbs[found.verb].isLight && found.act == verbs[found.verb].act
    }
}

/// What a name says.
struct NameReading {
    /// The verbs, the leading one first; empty when there is none.
    var found: [Found] = []
    /// It names something to look at: `status`, `details`.
    var isDetail = false
    var objects: ObjectSet = 0
    /// It is a verb and nothing else.
    var isBare = false
    /// Its last word is a `status` or the like.
    var endsInFact = false

    /// - Parameter said: the verb that the description begins with, or -1; it tells which word of the name is the verb.
    init(_ tokens: [Token], in rules: RuleSet, prefix: Int, said: Int = -1) {
        let tokens = tokens.dropFirst(prefix < tokens.count ? prefix : 0)
        for token in tokens {
            let entry = rules.entry(token)
            objects |= entry.objects
        }
        if let last = tokens.last {
            isDetail = rules.entry(last).grammar.contains(.detail)
            endsInFact = rules.entry(last).grammar.contains(.fact)
        }
        let same = tokens.indices.first {
            said >= 0 && Int(rules.entry(tokens[$0]).verb) == said && rules.entry(tokens[$0]).form == .base
        }
        guard let lead = same ?? Self.lead(tokens, rules) else { return }
        append(lead, tokens, rules)
        isBare = tokens.count == 1
        if same != nil { found[0].isSure = true }
        // `find_and_replace`, `create_or_update`.
        var i = lead + 2
        while i < tokens.endIndex {
            let entry = rules.entry(tokens[i])
            // `get_indicators_by_name_and_type`: nouns.
            let isVerb = !entry.isAlsoNoun || i == lead + 2
            if entry.verb >= 0, entry.form == .base, isVerb, rules.entry(tokens[i - 1]).grammar.contains(.conjunction) {
                append(i, tokens, rules)
            }
            i += 1
        }
    }

    private mutating func append(_ place: Int, _ tokens: ArraySlice<Token>, _ rules: RuleSet) {
        let entry = rules.entry(tokens[place])
        var new = Found(
            verb: Int(entry.verb), act: 0, range: Int(tokens[place].start)..<Int(tokens[place].end))
        var isNear = true
        for i in place + 1..<max(tokens.endIndex, place + 1) {
            let other = rules.entry(tokens[i])
            if other.grammar.contains(.preposition) { isNear = false }
            if isNear, other.objects != 0 { new.head = other.objects }
            if isNear { new.near |= other.objects }
            new.around |= other.objects
        }
        for i in tokens.startIndex..<place {
            let other = rules.entry(tokens[i])
            if place == tokens.endIndex - 1 {
                if other.objects != 0 { new.head = other.objects }
                new.near |= other.objects
            }
            new.around |= other.objects
        }
        let isEdge =
            place == tokens.endIndex - 1
            || tokens[..<place].allSatisfy { rules.entry($0).verb < 0 || rules.entry($0).isAlsoNoun }
        new.isSure =
            isEdge && entry.form == .base && (!entry.isAlsoNoun || place == tokens.startIndex && tokens.count > 1)
        new.act = rules.act(new)
        found.append(new)
    }

    /// The word that says what is done: a plain verb in front, else at the end, else inside; then words that may be nouns.
    private static func lead(_ tokens: ArraySlice<Token>, _ rules: RuleSet) -> Int? {
        var start = tokens.startIndex
        while start < tokens.endIndex - 1, rules.entry(tokens[start]).grammar.contains(.modifier) { start += 1 }
        guard start < tokens.endIndex else { return nil }
        func isVerb(_ i: Int, plain: Bool) -> Bool {
            let entry = rules.entry(tokens[i])
            // `mark_as_read`: what follows a preposition leads nothing.
            return entry.verb >= 0 && entry.form == .base && (!plain || !entry.isAlsoNoun)
                && (i == start || !rules.entry(tokens[i - 1]).grammar.contains(.preposition))
        }
        if isVerb(start, plain: true) || rules.entry(tokens[start]).grammar.contains(.question) {
            return isVerb(start, plain: false) ? start : nil
        }
        let last = tokens.endIndex - 1
        if isVerb(last, plain: true) { return last }
        for i in start..<last where isVerb(i, plain: true) { return i }
        // `imageBackgroundRemoval`, `imageMasking`: the noun of a doing at the end.
        let end = rules.entry(tokens[last])
        if !isVerb(start, plain: false) || end.form == .noun, end.verb >= 0, end.form == .gerund || end.form == .noun {
            return last
        }
        if isVerb(start, plain: false), !rules.entry(tokens[last]).grammar.contains(.fact) || start == last {
            return start
        }
        for i in start...last where isVerb(i, plain: false) && i != start { return i }
        return nil
    }
}
