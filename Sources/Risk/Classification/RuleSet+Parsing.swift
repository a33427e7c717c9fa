package import Base
internal import JSON
internal import Policy

/// Why a text is no rule set: every problem, in the order of the text.
package struct RuleSetError: Error, Sendable, Equatable, CustomStringConvertible {
    /// One thing that is wrong, and where.
    package struct Problem: Sendable, Equatable {
        /// Line and column of the value that is wrong.
        package let position: SourcePosition
        /// What is wrong and how to mend it.
        package let message: String
    }

    package let problems: [Problem]

    package var description: String {
        problems.map { "\($0.position.line):\($0.position.column): \($0.message)" }.joined(separator: "\n")
    }
}

extension RuleSet {
    /// Reads the readable form.
    /// - Throws: all problems with their places; a rule set is taken whole or not at all.
    package static func parse(_ bytes: [UInt8]) throws(RuleSetError) -> RuleSet {
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument.parse(bytes)
        } catch {
            throw RuleSetError(problems: [.init(position: error.position(in: bytes), message: error.message)])
        }
        var reader = RuleReader(document: document)
        let rules = reader.read()
        guard let rules, reader.problems.isEmpty else { throw RuleSetError(problems: reader.problems) }
        return rules
    }
}

/// Compiles the file; collects problems instead of stopping.
private struct RuleReader {
    let document: JSONDocument
    var problems: [RuleSetError.Problem] = []
    var words = WordTable()
    var entries: [WordEntry] = [WordEntry()]
    var objectBits: [String: ObjectSet] = [:]
    var actIndex: [String: Int] = [:]
    var verbAct: [(word: String, act: Int)] = []
    var verbIndex: [String: Int] = [:]

    init(document: JSONDocument) { self.document = document }

    mutating func problem(_ view: JSONView, _ message: String) {
        problems.append(
            .init(position: SourcePosition(offset: view.range.lowerBound, in: document.bytes), message: message))
    }

    mutating func read() -> RuleSet? {
        let root = document.root
        let known = [
            "version", "about", "categories", "acts", "forms", "pasts", "objects", "readings", "severities", "phrases",
            "grammar",
            "parameters", "roles",
        ]
        guard root.kind == .object else {
            problem(root, "a rule set is an object")
            return nil
        }
        for (key, _) in root.members where !known.contains(key.string ?? "") {
            problem(key, "unknown section; there are \(known.joined(separator: ", "))")
        }
        guard let version = root["version"]?.string else {
            problem(root, "`version` is missing")
            return nil
        }
        readObjects(root["objects"])
        let acts = readActs(root["acts"], root["categories"])
        readForms(root["forms"], .noun)
        readForms(root["pasts"], .past)
        readGrammar(root["grammar"])
        let readings = readReadings(root["readings"])
        let verbs = verbAct.enumerated().map { index, verb in
            let mine = readings.filter { $0.verbs.contains(index) || $0.acts.contains(verb.act) }
            return Verb(
                word: verb.word, act: verb.act, isAlsoNoun: entries[Int(words.find(verb.word))].isAlsoNoun,
                isLight: entries[Int(words.find(verb.word))].grammar.contains(.light),
                readings: mine.map(\.reading).filter { ![.parameters, .anywhere].contains($0.scope) },
                farReadings: mine.map(\.reading).filter { [.parameters, .anywhere].contains($0.scope) })
        }
        let moves = elements(root["severities"]).compactMap { readMove($0) }
        let phrases = elements(root["phrases"]).flatMap { readPhrases($0) }
        let parameters = elements(root["parameters"]).enumerated().compactMap { readParameter($1, $0) }
        guard let roles = readRoles(root["roles"]) else { return nil }
        return RuleSet(
            version: version, words: words, entries: entries, acts: acts, verbs: verbs, moves: moves, phrases: phrases,
            parameters: parameters,
            roles: roles)
    }

    // MARK: Pieces

    mutating func elements(_ view: JSONView?) -> [JSONView] {
        guard let view else { return [] }
        guard view.kind == .array else {
            problem(view, "expected an array")
            return []
        }
        return Array(view.elements)
    }

    /// Texts of an array, lower-case ASCII letters, digits and spaces only.
    mutating func texts(_ view: JSONView?) -> [String] {
        elements(view).compactMap { element in
            guard let text = element.string, !text.isEmpty,
                text.utf8.allSatisfy({ (97...122).contains($0) || (48...57).contains($0) || $0 == 32 })
            else {
                problem(element, "expected a lower-case text of letters, digits and single spaces")
                return nil
            }
            return text
        }
    }

    mutating func check(_ view: JSONView, _ keys: [String]) {
        guard view.kind == .object else { return problem(view, "expected an object") }
        for (key, _) in view.members where !keys.contains(key.string ?? "") {
            problem(key, "unknown member; there are \(keys.joined(separator: ", "))")
        }
    }

    mutating func word<T: RawRepresentable & CaseIterable>(_ view: JSONView?, at place: JSONView, _: T.Type) -> T?
    where T.RawValue == String {
        guard let view else {
            problem(place, "expected one of \(T.allCases.map(\.rawValue).joined(separator: ", "))")
            return nil
        }
        guard let value = view.string.flatMap(T.init(rawValue:)) else {
            problem(view, "expected one of \(T.allCases.map(\.rawValue).joined(separator: ", "))")
            return nil
        }
        return value
    }

    mutating func act(_ view: JSONView) -> Int? {
        guard let index = view.string.flatMap({ actIndex[$0] }) else {
            problem(view, "no act has this name")
            return nil
        }
        return index
    }

    mutating func objects(_ view: JSONView?) -> ObjectSet {
        var set: ObjectSet = 0
        for element in elements(view) {
            guard let bit = element.string.flatMap({ objectBits[$0] }) else {
                problem(element, "no group of objects has this name")
                continue
            }
            set |= bit
        }
        return set
    }

    mutating func entry(_ text: String, _ change: (inout WordEntry) -> Void) {
        let id = Int(words.intern(text))
        while entries.count <= id { entries.append(WordEntry()) }
        change(&entries[id])
    }

    // MARK: Sections

    mutating func readObjects(_ view: JSONView?) {
        guard let view else { return }
        for (key, value) in view.members {
            guard let name = key.string, objectBits.count < ObjectSet.most else {
                problem(key, "there are more than \(ObjectSet.most) groups of objects")
                continue
            }
            let bit = ObjectSet(group: objectBits.count)
            objectBits[name] = bit
            for text in texts(value) {
                for form in [text] + plurals(text) { entry(form) { $0.objects |= bit } }
            }
        }
    }

    mutating func readActs(_ view: JSONView?, _ categories: JSONView?) -> [Act] {
        var defaults: [ToolCategory: Severity] = [:]
        for category in ToolCategory.allCases {
            guard let entry = categories?[category.rawValue] else {
                problem(categories ?? document.root, "`categories` lacks \(category.rawValue)")
                continue
            }
            defaults[category] = word(entry["severity"], at: entry, Severity.self)
        }
        let list = elements(view)
        for (index, item) in list.enumerated() {
            guard let name = item["act"]?.string, actIndex.updateValue(index, forKey: name) == nil else {
                problem(item, "an act needs a name of its own")
                continue
            }
        }
        var acts: [Act] = []
        for item in list {
            check(
                item,
                [
                    "act", "category", "severity", "does", "outside", "final", "undescribed", "general", "making",
                    "verbs",
                    "nouns",
                    "about",
                ])
            guard let category = word(item["category"], at: item, ToolCategory.self), let does = item["does"]?.string
            else {
                problem(item, "an act needs `category` and `does`")
                continue
            }
            let own = item["severity"].flatMap { word($0, at: item, Severity.self) }
            let severity = own ?? defaults[category] ?? .high
            let number = acts.count
            acts.append(
                Act(
                    name: item["act"]?.string ?? "", category: category, severity: severity, does: does,
                    isOutside: item["outside"]?.bool ?? false, isFinal: item["final"]?.bool ?? false,
                    undescribed: item["undescribed"].flatMap { act($0) }, isGeneral: item["general"]?.bool ?? false,
                    isMaking: item["making"]?.bool ?? false))
            for (list, isAlsoNoun) in [(item["verbs"], false), (item["nouns"], true)] {
                for element in elements(list) {
                    guard let verb = element.string, verbIndex[verb] == nil else {
                        problem(element, "this verb already belongs to an act")
                        continue
                    }
                    addVerb(verb, act: number, isAlsoNoun: isAlsoNoun)
                }
            }
        }
        return acts
    }

    mutating func addVerb(_ verb: String, act: Int, isAlsoNoun: Bool) {
        let index = verbAct.count
        verbAct.append((verb, act))
        verbIndex[verb] = index
        for (form, text) in inflections(verb) {
            entry(text) {
                // A base form wins over another verb's inflection; otherwise the first comes first.
                guard $0.verb < 0 || form == .base && $0.form != .base else { return }
                $0.verb = Int16(index)
                $0.form = form
                $0.isAlsoNoun = isAlsoNoun
            }
        }
    }

    /// Forms of verbs that follow no rule.
    mutating func readForms(_ view: JSONView?, _ form: WordEntry.Form) {
        guard let view else { return }
        for (key, value) in view.members {
            guard let verb = key.string.flatMap({ verbIndex[$0] }) else {
                problem(key, "no act has this verb")
                continue
            }
            for text in texts(value) {
                entry(text) {
                    $0.verb = Int16(verb)
                    $0.form = form
                }
            }
        }
    }

    mutating func readGrammar(_ view: JSONView?) {
        guard let view else { return }
        for (key, value) in view.members {
            guard let bit = Grammar.names.first(where: { $0.0 == key.string })?.1 else {
                problem(key, "unknown class; there are \(Grammar.names.map(\.0).joined(separator: ", "))")
                continue
            }
            for text in texts(value) { entry(text) { $0.grammar.insert(bit) } }
        }
    }

    mutating func readReadings(_ view: JSONView?) -> [(
        verbs: Set<Int>, acts: Set<Int>, reading: Reading
    )] {
        elements(view).compactMap { item in
            check(item, ["verbs", "acts", "objects", "in", "with", "act", "about"])
            guard let target = item["act"] else {
                problem(item, "a reading needs `act`")
                return nil
            }
            var verbs: Set<Int> = []
            for element in elements(item["verbs"]) {
                guard let verb = element.string.flatMap({ verbIndex[$0] }) else {
                    problem(element, "no act has this verb")
                    continue
                }
                verbs.insert(verb)
            }
            let acts = Set(elements(item["acts"]).compactMap { act($0) })
            guard let index = act(target) else { return nil }
            let scope = item["in"].flatMap { word($0, at: item, Reading.Scope.self) } ?? .around
            let reading = Reading(
                objects: objects(item["objects"]), scope: scope, with: objects(item["with"]), act: index)
            return (verbs, acts, reading)
        }
    }

    mutating func readMove(_ item: JSONView) -> SeverityMove? {
        check(item, ["category", "acts", "objects", "head", "signals", "severity", "because"])
        guard let category = word(item["category"], at: item, ToolCategory.self),
            let severity = word(item["severity"], at: item, Severity.self), let because = item["because"]?.string
        else {
            problem(item, "a move of severity needs `category`, `severity` and `because`")
            return nil
        }
        return SeverityMove(
            category: category, acts: elements(item["acts"]).compactMap { act($0) }, objects: objects(item["objects"]),
            isHeadOnly: item["head"]?.bool ?? false,
            signals: elements(item["signals"]).compactMap { word($0, at: item, RiskSignal.Code.self) },
            severity: severity, because: because)
    }

    mutating func readPhrases(_ item: JSONView) -> [Phrase] {
        check(item, ["means", "texts"])
        guard let means = item["means"] else {
            problem(item, "phrases need `means`")
            return []
        }
        let meaning: Phrase.Meaning
        switch means.string {
        case "irreversible": meaning = .irreversible
        case "restorable": meaning = .restorable
        case "read only": meaning = .readOnly
        case "bulk": meaning = .bulk
        case "external": meaning = .external
        default:
            guard let act = act(means) else { return [] }
            meaning = .act(act)
        }
        return texts(item["texts"]).compactMap { text in
            let ids = text.split(separator: " ").map { part in
                entry(String(part)) { _ in }
                return words.find(String(part))
            }
            guard !ids.isEmpty else { return nil }
            entries[Int(ids[0])].startsPhrase = true
            return Phrase(words: ids, meaning: meaning)
        }
    }

    mutating func readParameter(_ item: JSONView, _ number: Int) -> ParameterRule? {
        check(item, ["signal", "text", "heads", "except", "types"])
        guard let signal = word(item["signal"], at: item, RiskSignal.Code.self), let text = item["text"]?.string,
            number < 16
        else {
            problem(item, "a rule for parameters needs `signal` and `text`, and there are at most 16")
            return nil
        }
        let bit: UInt16 = 1 << UInt16(number)
        for text in texts(item["heads"]) { entry(text) { $0.heads |= bit } }
        for text in texts(item["except"]) { entry(text) { $0.exceptions |= bit } }
        var types: ValueTypes = []
        for element in elements(item["types"]) {
            guard let type = ValueTypes.names.first(where: { element.string == $0.0 })?.1 else {
                problem(element, "expected one of \(ValueTypes.names.map(\.0).joined(separator: ", "))")
                continue
            }
            types.insert(type)
        }
        return ParameterRule(signal: signal, text: text, bit: bit, types: types)
    }

    mutating func readRoles(_ view: JSONView?) -> Roles? {
        func role(_ name: String) -> Int? {
            guard let named = view?[name] else {
                problem(view ?? document.root, "`roles` lacks \(name)")
                return nil
            }
            return act(named)
        }
        let unknown = role("unknown")
        let request = role("request")
        let stated = role("stated")
        let query = role("query")
        let look = role("look")
        let create = role("create")
        guard let unknown, let request, let stated, let query, let look, let create else { return nil }
        return Roles(
            unknown: unknown, request: request, stated: stated, query: query, texts: objects(view?["texts"]),
            look: look,
            answers: objects(view?["answers"]), create: create,
            happenings: objects(view?["happenings"]), written: objects(view?["written"]))
    }
}

// MARK: English

private func plurals(_ word: String) -> [String] {
    if word.hasSuffix("y"), !["ay", "ey", "oy", "uy"].contains(where: word.hasSuffix) {
        return [word.dropLast() + "ies"]
    }
    if ["s", "x", "z", "ch", "sh"].contains(where: word.hasSuffix) { return [word + "es"] }
    if word.hasSuffix("o") { return [word + "s", word + "es"] }
    return [word + "s"]
}

/// The regular forms; a few that English does not have do no harm.
private func inflections(_ verb: String) -> [(WordEntry.Form, String)] {
    var forms: [(WordEntry.Form, String)] = [(.base, verb)]
    forms += plurals(verb).map { (.third, $0) }
    if verb.hasSuffix("e"), !verb.hasSuffix("ee") {
        forms += [(.gerund, verb.dropLast() + "ing"), (.past, verb + "d")]
    } else if verb.hasSuffix("y"), !["ay", "ey", "oy", "uy"].contains(where: verb.hasSuffix) {
        forms += [(.gerund, verb + "ing"), (.past, verb.dropLast() + "ied")]
    } else {
        forms += [(.gerund, verb + "ing"), (.past, verb + "ed")]
        if let last = verb.last, !"aeiouwxy".contains(last) {
            forms += [(.gerund, verb + [last] + "ing"), (.past, verb + [last] + "ed")]
        }
    }
    return forms
}
