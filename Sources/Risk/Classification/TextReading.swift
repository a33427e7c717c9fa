internal import Policy

/// What a description says.
struct TextReading {
    /// The verbs of the first sentence: what the tool does.
    var leads: [Found] = []
    /// What later sentences say that it does too.
    var others: [Found] = []
    /// Hardly a word of it is known: another language, or none.
    var isForeign = false
    /// It begins with a noun such as `Details of ...`.
    var isDetail = false
    var isIrreversible = false
    var isRestorable = false
    var isReadOnly = false
    var isBulk = false
    var isExternal = false
    /// Things in the first sentence.
    var objects: ObjectSet = 0
    /// Things in all of it.
    var mentions: ObjectSet = 0
    /// Where each phrase stands, for quoting.
    var readOnlyRange: Range<Int>?
    var finalRange: Range<Int>?
    /// The first sentence.
    var opening: Range<Int> = 0..<0

    let rules: RuleSet
    /// What the words of the sentence at hand are, put together.
    // COST: most sentences have nothing of what is searched for in them; so each word is looked at once.
    private var sentence = WordEntry()

    init(_ tokens: [Token], in rules: RuleSet) {
        self.rules = rules
        guard !tokens.isEmpty else { return }
        isForeign = Self.isForeign(tokens.prefix(40), rules)
        var start = 0
        var sentence = 0
        while start < tokens.count {
            var end = start + 1
            while end < tokens.count, !tokens[end].marks.contains(.sentence) { end += 1 }
            // `Args:` and the like: from here on it is about the parameters.
            if sentence > 0, end - start >= 1, rules.entry(tokens[start]).grammar.contains(.heading),
                start + 1 >= tokens.count || tokens[start + 1].marks.contains(.colon)
                    || start + 1 == end
            {
                break
            }
            if sentence == 0 { opening = Int(tokens[start].start)..<Int(tokens[end - 1].end) }
            read(tokens, start..<end, sentence)
            sentence += 1
            start = end
        }
    }

    /// Hardly a word is known, or more little words are of another language than of this one.
    private static func isForeign(_ tokens: ArraySlice<Token>, _ rules: RuleSet) -> Bool {
        var (known, strange, ours) = (0, 0, 0)
        for token in tokens where token.word != 0 {
            let grammar = rules.entry(token).grammar
            if grammar.contains(.stranger) {
                strange += 1
            } else {
                known += 1
                if !grammar.isDisjoint(with: [.article, .preposition, .conjunction, .genitive]) { ours += 1 }
            }
        }
        return known * 6 < tokens.count || strange >= 2 && strange > ours
    }

    // MARK: Sentences

    private mutating func read(_ tokens: [Token], _ span: Range<Int>, _ number: Int) {
        // Notes about other tools say nothing of this one.
        var span = span
        sentence = summary(tokens, span)
        if let other = otherTool(tokens, span) {
            if number > 0 || other <= span.lowerBound + 1 { return }
            span = span.lowerBound..<other
            sentence = summary(tokens, span)
        }
        if sentence.startsPhrase { readPhrases(tokens, span, number) }
        let isLeading = leads.isEmpty && number < 3
        mentions |= sentence.objects
        if number == 0 { objects = mentions }
        if isLeading {
            // Bullets and conditions tell when to use it or how, not what it does.
            let first = tokens[span.lowerBound]
            guard number == 0 || !rules.entry(first).grammar.contains(.condition) && !first.marks.contains(.dash) else {
                return
            }
            readLead(tokens, span, number)
        } else if let general = leads.first, rules.acts[general.act].isGeneral, number < 5 {
            readList(tokens, span, from: span.lowerBound)
        } else {
            readLater(tokens, span)
        }
    }

    /// All classes and objects of the words, whether one starts a phrase, and the form `past` if one has it.
    private func summary(_ tokens: [Token], _ span: Range<Int>) -> WordEntry {
        var all = WordEntry()
        for i in span {
            let entry = rules.entry(tokens[i])
            all.grammar.formUnion(entry.grammar)
            all.objects |= entry.objects
            if entry.startsPhrase { all.startsPhrase = true }
            if entry.form == .past { all.form = .past }
        }
        return all
    }

    /// Where a sentence turns to another tool: a verb of use before a name.
    private func otherTool(_ tokens: [Token], _ span: Range<Int>) -> Int? {
        guard sentence.grammar.contains(.use) else { return nil }
        var use: Int?
        for i in span {
            let grammar = rules.entry(tokens[i]).grammar
            if grammar.contains(.use) { use = use ?? i }
            // `Run a process on this ${os.platform()} machine` names no tool.
            let reach = span.lowerBound == 0 ? 3 : 8
            if let use, tokens[i].marks.contains(.identifier), i - use < reach, i > use { return use }
        }
        return nil
    }

    private mutating func readLead(_ tokens: [Token], _ span: Range<Int>, _ number: Int) {
        // `What a speaker plays.`, `Which rooms are free.`: what it answers.
        let first = rules.entry(tokens[span.lowerBound]).grammar
        if number == 0, first.isSuperset(of: [.question, .relative]), !first.contains(.condition) {
            isDetail = true
            return
        }
        let found = leadingVerb(tokens, span)
        // `Jobs of an account. Creating and running them is ...`: what is spoken of, not what is done.
        if number > 0, let found, found == span.lowerBound, rules.entry(tokens[found]).form == .gerund { return }
        guard let lead = found else {
            readPassive(tokens, span, to: &leads, isLater: false)
            // `Frobnicates the status`: an unknown word that does something to it.
            let first = span.lowerBound
            let isDone =
                tokens[first].word == 0 && first + 1 < span.upperBound
                && rules.entry(tokens[first + 1]).grammar.contains(.article)
            if number == 0, leads.isEmpty, !isDone {
                for i in span.prefix(5) where rules.entry(tokens[i]).grammar.contains(.detail) { isDetail = true }
                // `Latest readings of the sensor`, `All jobs of an account`
                if rules.entry(tokens[first]).grammar.contains(.state) { isDetail = true }
            }
            return
        }
        append(lead, tokens, span, to: &leads)
        readPassive(tokens, lead + 1..<max(span.upperBound, lead + 1), to: &others, isLater: true)
        guard let first = leads.first else { return }
        if rules.acts[first.act].isGeneral { return readList(tokens, span, from: lead + 1) }
        // `Performs operations on records: insert, update, delete`
        if rules.verbs[first.verb].isLight,
            let list = (lead + 1..<max(span.upperBound, lead + 1)).first(where: {
                !tokens[$0].marks.isDisjoint(with: [.colon, .open])
            })
        {
            readList(tokens, span, from: list)
        }
        let form = rules.entry(tokens[lead]).form
        let isReading = rules.acts[first.act].category == .read
        // `Triggers operations, including running and deleting logs`
        if !isReading,
            let list = (lead + 1..<max(span.upperBound - 1, lead + 1)).first(where: {
                let next = rules.entry(tokens[$0 + 1])
                return rules.entry(tokens[$0]).grammar.contains(.listing) && next.verb >= 0 && next.form == .gerund
            })
        {
            readList(tokens, span, from: list + 1)
        }
        readAsides(tokens, lead + 1..<max(span.upperBound, lead + 1))
        var last = lead
        var isRelative = false
        for i in lead + 1..<max(span.upperBound, lead + 1) {
            let entry = rules.entry(tokens[i])
            // `Makes a rule that moves or deletes mail`: said of the rule. (`Lists users who left and deletes them` is not.)
            if entry.grammar.contains(.relative) { isRelative = true }
            // `... including its key, dispatch status and labels`: nouns from here on.
            if isReading, entry.grammar.contains(.listing) { break }
            guard entry.verb >= 0, entry.form == form, joins(tokens, i, span.lowerBound), !isNegated(tokens, i, span),
                !tokens[i].marks.contains(.upper) || tokens[lead].marks.contains(.upper)
            else { continue }
            // `List, create or delete branches`: verb after verb. After a noun, only what can't be one more noun.
            let isChain = !entry.isAlsoNoun && (i - last <= 3 && isChain(tokens, last + 1..<i))
            let isPlain =
                !entry.isAlsoNoun && !isReading && isAfterConjunction(tokens, i) && isThing(tokens, i + 1, span)
            // `Checks the cart and pays with ...`
            let isThird =
                form == .third && !entry.isAlsoNoun && isAfterConjunction(tokens, i)
                && isGrave(Int(entry.verb))
            guard !isRelative && (isChain || isPlain || isThird) || isObject(tokens, i + 1, span) else { continue }
            append(i, tokens, span, to: &leads)
            last = i
        }
    }

    /// `Checks the balance, charging a fee`: what it does beside, where that is grave.
    private mutating func readAsides(_ tokens: [Token], _ span: Range<Int>) {
        for i in span where tokens[i].marks.contains(.comma) {
            let entry = rules.entry(tokens[i])
            guard entry.verb >= 0, entry.form == .gerund, isObject(tokens, i + 1, span) else { continue }
            var aside: [Found] = []
            append(i, tokens, i..<span.upperBound, to: &aside)
            aside[0].isSure = true
            if isGrave(act: aside[0].act) { others += aside }
        }
    }

    /// Only little words between two verbs.
    private func isChain(_ tokens: [Token], _ between: Range<Int>) -> Bool {
        between.allSatisfy {
            !rules.entry(tokens[$0]).grammar.isDisjoint(with: [.conjunction, .filler])
                || tokens[$0].marks.contains(.adverb)
        }
    }

    private func isAfterConjunction(_ tokens: [Token], _ i: Int) -> Bool {
        i > 0 && rules.entry(tokens[i - 1]).grammar.contains(.conjunction)
    }

    private func isThing(_ tokens: [Token], _ i: Int, _ span: Range<Int>) -> Bool {
        i < span.upperBound && (isObject(tokens, i, span) || rules.entry(tokens[i]).objects != 0)
            && !rules.entry(tokens[i]).grammar.contains(.detail)
    }

    /// After `manage`: whatever verbs the text lists.
    private mutating func readList(_ tokens: [Token], _ span: Range<Int>, from start: Int) {
        for i in start..<span.upperBound {
            let entry = rules.entry(tokens[i])
            guard entry.verb >= 0, entry.form != .past, !isNegated(tokens, i, span) else { continue }
            let isListed = joins(tokens, i, span.lowerBound) || i == span.lowerBound || nextJoins(tokens, i, span)
            guard isListed, !entry.isAlsoNoun || isListed && entry.form == .base else { continue }
            append(i, tokens, span, to: &leads)
        }
    }

    /// `This also deletes ...`, `It can be used to ...`: a subject that is the tool, little words, a verb.
    private mutating func readLater(_ tokens: [Token], _ span: Range<Int>) {
        readPassive(tokens, span, to: &others, isLater: true)
        var i = span.lowerBound
        var hasSubject = false
        // `Side effect: deletes ...`, `Afterwards removes ...`, `Refunds the payment ...`: the tool is the subject.
        let opener = span.prefix(3).first { rules.entry(tokens[$0]).grammar.contains(.opener) }
        if let opener, opener + 1 < span.upperBound {
            i = opener + 1
            hasSubject = true
        } else if let first = span.first, !tokens[first].marks.contains(.dash) {
            let entry = rules.entry(tokens[first])
            // `Replaces only the part that ...` keeps the rest; `Refunds are subject to ...` is about refunds.
            let isPart =
                first + 1 < span.upperBound
                && !rules.entry(tokens[first + 1]).grammar.isDisjoint(with: [.restriction, .being])
            hasSubject =
                entry.verb >= 0 && entry.form == .third && !entry.isAlsoNoun && !isPart
                && (isGrave(Int(entry.verb)) || rules.acts[rules.verbs[Int(entry.verb)].act].isOutside)
        }
        // `Use this to resume work`: what for, not what happens, unless it is grave.
        let isUse = span.first.map { rules.entry(tokens[$0]).grammar.contains(.use) } ?? false
        let start = i
        while i < span.upperBound, i < start + 8 {
            let entry = rules.entry(tokens[i])
            if entry.verb >= 0, hasSubject, entry.grammar.isDisjoint(with: [.filler, .light]), !entry.isAlsoNoun,
                entry.form != .past,
                entry.form != .noun
            {
                guard !isNegated(tokens, i, span) else { return }
                append(i, tokens, span, to: &others)
                if isUse, let act = others.last?.act, !isGrave(act: act) { others.removeLast() }
                // `This signs and sends the transaction`
                if i + 2 < span.upperBound, isAfterConjunction(tokens, i + 2) {
                    let next = rules.entry(tokens[i + 2])
                    if next.verb >= 0, next.form == entry.form, !next.isAlsoNoun {
                        append(i + 2, tokens, span, to: &others)
                    }
                }
                return
            }
            guard
                !entry.grammar.isDisjoint(with: [.subject, .auxiliary, .filler, .article, .purpose])
                    || tokens[i].marks.contains(.adverb)
            else { return }
            if !entry.grammar.isDisjoint(with: [.subject, .auxiliary]) { hasSubject = true }
            if !entry.grammar.isDisjoint(with: [.condition, .person]) { return }
            i += 1
        }
    }

    private func isGrave(act: Int) -> Bool { rules.acts[act].category.rank >= ToolCategory.destructive.rank }

    private func isRunning(_ verb: Int) -> Bool {
        rules.acts[rules.verbs[verb].act].category.rank >= ToolCategory.execute.rank
    }

    /// Whatever it is about, it takes away or pays.
    private func isGrave(_ verb: Int) -> Bool { isGrave(act: rules.verbs[verb].act) }

    /// `Data is deleted.`, `Afterwards the file is removed`: what is done to the thing in front.
    private func readPassive(_ tokens: [Token], _ span: Range<Int>, to list: inout [Found], isLater: Bool) {
        guard sentence.form == .past else { return }
        var clause = span.lowerBound
        var isOpen = true
        var beings = 0
        for i in span {
            let entry = rules.entry(tokens[i])
            if !tokens[i].marks.isDisjoint(with: .breaks), i > span.lowerBound {
                clause = i
                isOpen = true
            }
            // `if it is deleted`, `items that were deleted`: said of the things, not of the tool. But of `items that are not
            // listed are deleted` the second is.
            if entry.grammar.contains(.relative) {
                isOpen = false
                beings = entry.grammar.contains(.subject) ? 2 : 0
            }
            if !isOpen, entry.grammar.contains(.being) {
                beings -= 1
                isOpen = beings == 0
            }
            guard isOpen, entry.verb >= 0, entry.form == .past, i > clause else { continue }
            var before = i - 1
            while before > clause, tokens[before].marks.contains(.adverb) { before -= 1 }
            guard rules.entry(tokens[before]).grammar.contains(.being), !isNegated(tokens, i, span) else { continue }
            // `It can be deleted later`: by somebody else.
            if isLater,
                (max(clause, before - 2)..<before).contains(where: { rules.entry(tokens[$0]).grammar.contains(.modal) })
            {
                continue
            }
            var new = Found(
                verb: Int(entry.verb), act: 0,
                range: Int(tokens[span.lowerBound].start)..<Int(tokens[span.upperBound - 1].end),
                isSure: !entry.isAlsoNoun)
            for k in clause..<before where rules.entry(tokens[k]).objects != 0 {
                new.head = rules.entry(tokens[k]).objects
                new.near |= new.head
            }
            new.around = new.near
            new.act = rules.act(new)
            // `This tool must be called first` runs nothing; of lesser things that happen later there are too many.
            let isEffect = new.isSure && isGrave(new.verb) && isGrave(act: new.act)
            if isLater ? isEffect : rules.acts[new.act].category != .execute { list.append(new) }
        }
    }

    private func leadingVerb(_ tokens: [Token], _ span: Range<Int>) -> Int? {
        var i = span.lowerBound
        let doer = sentence.grammar.contains(.doer) ? self.doer(tokens, span) : nil
        while i < span.upperBound, i < span.lowerBound + 16 {
            let entry = rules.entry(tokens[i])
            let next = i + 1 < span.upperBound ? rules.entry(tokens[i + 1]) : WordEntry()
            // `Log analyzer`, but `Boot simulator`
            if let doer, i < doer, entry.verb < 0 || entry.isAlsoNoun && !isRunning(Int(entry.verb)) { return doer }
            // `Allows deletion of ...`
            if entry.verb >= 0, entry.form == .noun, i > span.lowerBound,
                rules.entry(tokens[i - 1]).grammar.contains(.filler), rules.entry(tokens[i - 1]).form == .third
            {
                return i
            }
            if entry.verb >= 0, entry.form != .past, entry.form != .noun {
                let isFiller =
                    entry.grammar.contains(.filler)
                    && (!next.grammar.isDisjoint(with: [.subject, .purpose]) || next.form == .noun && next.verb >= 0)
                let isNoun =
                    entry.isAlsoNoun
                    && (entry.form == .base && next.grammar.contains(.fact) || i + 1 >= span.upperBound
                        || entry.form == .third && isPairOfNouns(tokens, i, span)
                        || entry.form == .third
                            && (next.grammar.contains(.preposition) || !tokens[i + 1].marks.isDisjoint(with: .breaks))
                        || next.grammar.contains(.genitive))
                // `Search: ...`, `Step 2: ...`
                let isNumbered = i + 2 < span.upperBound && tokens[i + 1].word == 0
                let isPrefix =
                    i + 1 < span.upperBound && i < span.lowerBound + 2
                    && tokens[isNumbered ? i + 2 : i + 1].marks.contains(.colon)
                if !isFiller, !isNoun, !isPrefix, !isNegated(tokens, i, span) { return i }
                if isNoun, !isFiller { return purposeVerb(tokens, i..<span.upperBound) }
                i += 1
                continue
            }
            let isSmall =
                !entry.grammar.isDisjoint(with: [.filler, .article, .subject, .person, .auxiliary, .purpose, .modifier])
                || tokens[i].marks.contains(.adverb) || tokens[i].marks.contains(.identifier)
            let isPrefix =
                i + 1 < span.upperBound && !tokens[i + 1].marks.isDisjoint(with: [.colon, .close, .dash])
                && i < span.lowerBound + 4
            guard isSmall || isPrefix else { return purposeVerb(tokens, i..<span.upperBound) }
            i += 1
        }
        return nil
    }

    /// `Unit converter`, `A log analyzer for ...`: at the end of the words in front, who does it says what is done.
    private func doer(_ tokens: [Token], _ span: Range<Int>) -> Int? {
        for i in span.prefix(5) {
            let entry = rules.entry(tokens[i])
            if i > span.lowerBound, !tokens[i].marks.isDisjoint(with: .breaks) || entry.grammar.contains(.article) {
                return nil
            }
            guard entry.grammar.isDisjoint(with: [.preposition, .genitive, .conjunction, .subject]) else { return nil }
            guard entry.grammar.contains(.doer) else { continue }
            let isLast =
                i + 1 == span.upperBound || !tokens[i + 1].marks.isDisjoint(with: .breaks)
                || !rules.entry(tokens[i + 1]).grammar.isDisjoint(with: [.preposition, .relative])
            return isLast ? i : nil
        }
        return nil
    }

    /// `Bids and asks of a market`
    private func isPairOfNouns(_ tokens: [Token], _ i: Int, _ span: Range<Int>) -> Bool {
        i + 3 < span.upperBound && isAfterConjunction(tokens, i + 2)
            && rules.entry(tokens[i + 3]).grammar.contains(.genitive)
    }

    /// `Tool to delete ...`, `An interface for managing ...`, `... that lists ...`.
    private func purposeVerb(_ tokens: [Token], _ span: Range<Int>) -> Int? {
        guard span.count > 1 else { return nil }
        for i in span.dropFirst() {
            let entry = rules.entry(tokens[i])
            guard entry.verb >= 0, !entry.isAlsoNoun || entry.form == .third, !isNegated(tokens, i, span) else {
                continue
            }
            // `Streams, bitrate and tags of a file`: nouns.
            if i + 1 < span.upperBound, rules.entry(tokens[i + 1]).grammar.contains(.genitive) { continue }
            let before = rules.entry(tokens[i - 1]).grammar
            // `..., so you can extend it`: what somebody may do then.
            if i >= span.lowerBound + 3, rules.entry(tokens[i - 2]).grammar.contains(.person),
                rules.entry(tokens[i - 3]).grammar.contains(.preposition)
            {
                continue
            }
            if before.contains(.purpose) || before.contains(.auxiliary), entry.form != .past { return i }
            if tokens[i].marks.contains(.dash) || tokens[i].marks.contains(.colon),
                entry.form == .base || entry.form == .third
            {
                return i
            }
        }
        return nil
    }
}
