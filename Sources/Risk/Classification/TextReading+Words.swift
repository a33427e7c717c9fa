/// Words beside words: what a verb is about, what it is listed with, what denies it.
extension TextReading {
    func append(_ place: Int, _ tokens: [Token], _ span: Range<Int>, to list: inout [Found]) {
        var new = Found(
            verb: Int(rules.entry(tokens[place]).verb), act: 0,
            range: Int(tokens[span.lowerBound].start)..<Int(tokens[span.upperBound - 1].end),
            isSure: !rules.entry(tokens[place]).isAlsoNoun)
        var isHeadOpen = true
        var isNear = true
        var i = place + 1
        while i < span.upperBound, i < place + 12 {
            let entry = rules.entry(tokens[i])
            // `Execute an INSERT, UPDATE or DELETE query`: words of a language, no verbs.
            let isWord = tokens[i].marks.contains(.upper) && !tokens[place].marks.contains(.upper)
            if entry.verb >= 0, !entry.isAlsoNoun, !isWord, joins(tokens, i, span.lowerBound), entry.form != .noun {
                break
            }
            // `Skip to the next track`: what stands behind the verb's own preposition is what it is about.
            if !tokens[i].marks.isDisjoint(with: [.open, .dash, .colon])
                || entry.grammar.contains(.preposition) && (i > place + 1 || !entry.grammar.contains(.purpose))
            {
                isHeadOpen = false
                isNear = false
            }
            if entry.grammar.contains(.genitive), new.head != 0 { isHeadOpen = false }
            // `Run the checks locally`: how, not what.
            if isHeadOpen, entry.objects != 0, !tokens[i].marks.contains(.adverb) { new.head = entry.objects }
            if isNear { new.near |= entry.objects }
            new.around |= entry.objects
            i += 1
        }
        // `Password generator`: what it is about stands in front.
        if rules.entry(tokens[place]).grammar.contains(.doer) {
            for k in span.lowerBound..<place where rules.entry(tokens[k]).objects != 0 {
                new.head = rules.entry(tokens[k]).objects
                new.near |= new.head
            }
            new.around |= new.near
        }
        new.act = rules.act(new)
        // `Add, remove or list the tags of a note`: the object stands after the last verb.
        if let last = list.indices.last, list[last].around == 0, list[last].range == new.range {
            for k in list.indices where list[k].around == 0 && list[k].range == new.range {
                list[k].head = new.head
                list[k].near = new.near
                list[k].around = new.around
                list[k].act = rules.act(list[k])
            }
        }
        list.append(new)
    }

    func joins(_ tokens: [Token], _ i: Int, _ start: Int) -> Bool {
        if !tokens[i].marks.isDisjoint(with: [.comma, .slash, .open, .colon, .dash]) { return true }
        guard i > start else { return false }
        let before = rules.entry(tokens[i - 1]).grammar
        if before.contains(.conjunction) { return true }
        // `and optionally delete`, `and then send`
        return i > start + 1 && (before.contains(.filler) || tokens[i - 1].marks.contains(.adverb))
            && rules.entry(tokens[i - 2]).grammar.contains(.conjunction)
    }

    func nextJoins(_ tokens: [Token], _ i: Int, _ span: Range<Int>) -> Bool {
        guard i + 1 < span.upperBound else { return false }
        return !tokens[i + 1].marks.isDisjoint(with: [.comma, .slash, .close])
            || rules.entry(tokens[i + 1]).grammar.contains(.conjunction)
    }

    /// Whether something begins here that can be acted on: `the ...`, `a ...`, a known thing.
    func isObject(_ tokens: [Token], _ i: Int, _ span: Range<Int>) -> Bool {
        guard i < span.upperBound, tokens[i].marks.isDisjoint(with: .breaks) else { return false }
        return rules.entry(tokens[i]).grammar.contains(.article)
    }

    /// `does not delete`, `without deleting`, `instead of deleting`.
    func isNegated(_ tokens: [Token], _ i: Int, _ span: Range<Int>) -> Bool {
        var k = i - 1
        var steps = 0
        var isClose = tokens[i].marks.isDisjoint(with: [.comma, .colon, .dash, .open])
        while k >= span.lowerBound, steps < 4, isClose {
            if rules.entry(tokens[k]).grammar.contains(.negation) { return true }
            isClose = tokens[k].marks.isDisjoint(with: [.comma, .colon, .dash, .open])
            k -= 1
            steps += 1
        }
        return false
    }

    mutating func readPhrases(_ tokens: [Token], _ span: Range<Int>, _ number: Int) {
        for i in span where rules.entry(tokens[i]).startsPhrase {
            for index in rules.phrasesByWord[tokens[i].word] ?? [] {
                let phrase = rules.phrases[index]
                let end = i + phrase.words.count
                guard end <= span.upperBound,
                    (1..<phrase.words.count).allSatisfy({ tokens[i + $0].word == phrase.words[$0] }),
                    !isNegated(tokens, i, span)
                else { continue }
                let range = Int(tokens[span.lowerBound].start)..<Int(tokens[span.upperBound - 1].end)
                switch phrase.meaning {
                case .irreversible:
                    isIrreversible = true
                    finalRange = range
                case .restorable: isRestorable = true
                case .readOnly:
                    // `In read-only mode ...` is about a mode, and far down it is about something else.
                    guard number < 4, end >= span.upperBound || !rules.entry(tokens[end]).grammar.contains(.mode) else {
                        continue
                    }
                    isReadOnly = true
                    readOnlyRange = range
                case .bulk: isBulk = true
                case .external: isExternal = true
                case .act(let act): others.append(Found(verb: -1, act: act, range: range))
                }
            }
        }
    }
}
