internal import JSON
internal import Policy

/// Judges tools by rules: no clock, no model, no memory. docs/classification.md tells the method.
package struct Classifier: Sendable {
    package let rules: RuleSet

    package init(rules: RuleSet = .standard) { self.rules = rules }

    /// The judgement on `tool`, one of `server.tools`.
    package func classify(_ tool: ToolDefinition, in server: ServerProfile) -> Classification {
        return Case(tool, server, rules).judge()
    }
}

extension String {
    fileprivate func starts(with bytes: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        utf8.withContiguousStorageIfAvailable { own in
            guard own.count >= bytes.count else { return false }
            for place in 0..<bytes.count where own[place] != bytes[place] { return false }
            return true
        } ?? utf8.starts(with: bytes)
    }
}

/// One tool before its judge.
// COST: an object; closures copied a struct, with all that its parts keep.
private final class Case {
    let tool: ToolDefinition
    let server: ServerProfile
    let rules: RuleSet
    let name: NameReading
    let text: TextReading
    let schema: SchemaReading
    let isDescribed: Bool

    init(_ tool: ToolDefinition, _ server: ServerProfile, _ rules: RuleSet) {
        self.tool = tool
        self.server = server
        self.rules = rules
        let lexer = Lexer(rules: rules)
        var tokens: [Token] = []
        tokens.reserveCapacity(tool.description.utf8.count / 5 + 8)
        var description = tool.description
        description.withUTF8 { lexer.text($0, into: &tokens) }
        text = TextReading(tokens, in: rules)
        isDescribed = !tokens.isEmpty
        schema = SchemaReading(tool.inputSchema, in: rules)
        tokens.removeAll(keepingCapacity: true)
        var name = tool.name
        name.withUTF8 { lexer.name($0, into: &tokens) }
        self.name = NameReading(
            tokens, in: rules, prefix: Self.prefix(tokens, tool.name, server, rules), said: text.leads.first?.verb ?? -1
        )
    }

    /// Words in front that most siblings share (`jira_`, `browser_`) say nothing of this tool.
    private static func prefix(_ tokens: [Token], _ name: String, _ server: ServerProfile, _ rules: RuleSet) -> Int {
        guard tokens.count > 1, server.tools.count > 2 else { return 0 }
        let isVerb = isPlainVerb(tokens[0], rules)
        // `parse_create_object`, among others such: what is called Parse.
        guard !isVerb || isPlainVerb(tokens[1], rules) else { return 0 }
        let end = Int(tokens[0].end)
        // COST: by place, and byte for byte; a copy of a definition keeps and releases all its parts.
        let some = min(server.tools.count, 16)
        var (name, shared) = (name, 0)
        name.withUTF8 { name in
            for place in 0..<some where server.tools[place].name.starts(with: name[..<end]) {
                if !isVerb || isPlainVerb(second: server.tools[place].name, rules) { shared += 1 }
            }
        }
        return shared * 5 >= some * 3 ? 1 : 0
    }

    /// Without it `create_` of `create_merge_request`, `create_issue`, `create_branch` would say nothing.
    private static func isPlainVerb(second name: String, _ rules: RuleSet) -> Bool {
        var (name, tokens) = (name, [Token]())
        name.withUTF8 { Lexer(rules: rules).name($0, into: &tokens) }
        return tokens.count > 1 && isPlainVerb(tokens[1], rules)
    }

    private static func isPlainVerb(_ token: Token, _ rules: RuleSet) -> Bool {
        rules.entry(token).verb >= 0 && !rules.entry(token).isAlsoNoun
    }

    // MARK: Judging

    func judge() -> Classification {
        var claims = isUnderstood ? describedClaims() : undescribedClaims()
        claims = claims.map(besideParameters)
        claims += actionClaims(claims)
        // A switch that takes away makes a tool that reads do more.
        if !claims.isEmpty, claims.allSatisfy({ kind($0.found) == .read }) { claims += flagClaims() }
        var decision = decide(claims)
        let signals = signals(decision)
        believeHints(&decision)
        weigh(&decision, signals)
        return Classification(
            category: decision.category, severity: decision.severity, confidence: decision.confidence,
            rationale: rationale(decision), evidence: evidence(decision), signals: signals)
    }

    /// What one piece of the definition argues for.
    struct Claim {
        var found: Found
        let source: Source
    }

    /// Where a claim stands.
    // COST: no text; only what turns out to be evidence is quoted.
    enum Source {
        case name, title, description
        /// An index of `schema.actions` and of `schema.flags`.
        case action(Int)
        case flag(Int)

        var isDescription: Bool { if case .description = self { true } else { false } }
    }

    private func place(_ claim: Claim) -> String {
        switch claim.source {
        case .name: "name"
        case .title: "title"
        case .description: "description"
        case .action(let index): schema.actions[index].place
        case .flag(let index): schema.flags[index].place
        }
    }

    private func quote(_ claim: Claim) -> String {
        switch claim.source {
        case .name: tool.name
        case .title: tool.title ?? ""
        case .description: Quote.part(tool.description, claim.found.range)
        case .action(let index): schema.actions[index].quote
        case .flag(let index): schema.flags[index].quote
        }
    }

    struct Decision {
        var claims: [Claim]
        var leading: Claim?
        var act: Int
        var category: ToolCategory
        var severity: Severity = .low
        var confidence: Classification.Confidence
        var because: [String] = []
        var hint: String?
    }

    /// A description in another language says no more than none.
    private var isUnderstood: Bool { isDescribed && !text.isForeign }

    private func flagClaims() -> [Claim] {
        schema.flags.indices.map { Claim(found: schema.flags[$0].found, source: .flag($0)) }
    }

    private func kind(_ found: Found) -> ToolCategory { rules.acts[found.act].category }

    private func nameClaims() -> [Claim] {
        name.found.map { Claim(found: $0, source: .name) }
    }

    private func textClaims(_ list: [Found]) -> [Claim] {
        list.map { Claim(found: $0, source: .description) }
    }

    /// What the title says, which counts where the description says nothing.
    private func titleClaims() -> [Claim] {
        guard var title = tool.title else { return [] }
        var tokens: [Token] = []
        title.withUTF8 { Lexer(rules: rules).text($0, into: &tokens) }
        return TextReading(tokens, in: rules).leads.map { Claim(found: $0, source: .title) }
    }

    private func describedClaims() -> [Claim] {
        var claims: [Claim] = []
        var names = nameClaims()
        var leads = textClaims(text.leads)
        if leads.isEmpty, !text.isDetail { leads = titleClaims() }
        // `Performs ...` says less than a plain name.
        if let only = leads.first, leads.count == 1, only.found.verb >= 0,
            only.found.act == rules.verbs[only.found.verb].act,
            rules.verbs[only.found.verb].isLight, names.first?.found.isSure == true
        {
            leads = []
        }
        claims += leads
        // `deploy_status`: `Checks ...`
        let isAsked =
            name.endsInFact && !leads.isEmpty && leads.allSatisfy { kind($0.found) == .read && $0.found.isSure }
        // `do_scan`, `take_reading`: what it does stands in the description.
        let isSaid = leads.first?.found.isSure == true && names.first.map { rules.isLight($0.found) } == true
        if var first = names.first, !isAsked, !isSaid {
            // `add`: `Adds two numbers`. What a bare name is about stands in the description.
            if let lead = leads.first?.found, name.isBare, first.found.verb == lead.verb {
                first.found.act = lead.act
                names[0] = first
            }
            if leads.isEmpty, !text.isDetail {
                claims += undescribedClaims()
            } else if leads.isEmpty {
                // `order_status`: a noun in front of what is shown.
                let isNoun = name.isDetail && rules.verbs[first.found.verb].isAlsoNoun
                if !(text.isDetail && (!first.found.isSure || isNoun)) { claims += names }
            } else if first.found.verb == leads[0].found.verb
                || !rules.verbs[first.found.verb].isAlsoNoun && first.found.isSure
                || first.found.isSure && leads.allSatisfy({ !$0.found.isSure })
                || first.found.isSure && first.found.act != rules.verbs[first.found.verb].act
                || kind(first.found) == .read
            {
                claims += names
            }
        } else if name.isDetail, text.isDetail, leads.isEmpty {
            claims.append(Claim(found: Found(verb: -1, act: rules.roles.look, range: 0..<0), source: .name))
        }
        let strongest = claims.map { kind($0.found).rank }.max() ?? 0
        let others = textClaims(text.others).filter {
            kind($0.found).rank > strongest && (strongest > 0 || claims.isEmpty || isEffect($0.found))
        }
        return claims + others
    }

    /// What a tool that reads does beside it: other ways of speaking of lesser things are too many.
    private func isEffect(_ found: Found) -> Bool {
        guard found.verb >= 0, found.isSure else { return false }
        return kind(found).rank >= ToolCategory.destructive.rank || rules.acts[found.act].isOutside
    }

    private func undescribedClaims() -> [Claim] {
        // Where the description is in another language, a noun in the name does not make it a read.
        nameClaims().filter { !text.isForeign || $0.found.isSure || kind($0.found) != .read }.map { claim in
            var claim = claim
            // `generate_x` says nothing of what is done with it; `create_video` does.
            if let act = rules.acts[claim.found.act].undescribed, !rules.isCreation(claim.found) {
                claim.found.act = act
            }
            return claim
        }
    }

    private func actionClaims(_ claims: [Claim]) -> [Claim] {
        let isReading = !claims.isEmpty && claims.allSatisfy { kind($0.found) == .read && $0.found.isSure }
        let about = (text.leads + name.found).first { $0.around != 0 }
        let isWriting = claims.contains { $0.found.isSure && kind($0.found) == .write }
        return schema.actions.indices.compactMap { index in
            var found = schema.actions[index].found
            // A tool that reads does not do more because a parameter chooses how it reads, or which events it lists.
            if isReading, isFilter(schema.actions[index]) || !isPlainEffect(found) { return nil }
            // The definition of a request that is only stored.
            if found.act == rules.roles.request, isWriting { return nil }
            // `remove` among the actions of `manage_tags` is about tags.
            if let about, found.around == 0, found.verb >= 0 {
                found.head = about.head
                found.near = about.near
                found.around = about.around
                found.act = rules.act(found)
            }
            return Claim(found: found, source: .action(index))
        }
    }

    private func isFilter(_ action: SchemaReading.Action) -> Bool {
        switch action.use {
        case .chosen: false
        case .filter: true
        case .optional: (text.objects | name.objects) & rules.roles.happenings != 0
        }
    }

    /// Whether a value that a tool is called with says, whatever else the tool does, that something is changed.
    private func isPlainEffect(_ found: Found) -> Bool {
        found.act == rules.roles.request || kind(found).rank >= ToolCategory.destructive.rank
            || found.act == rules.roles.create || found.verb >= 0 && rules.verbs[found.verb].word == "update"
    }

    /// What the verb means beside the things that the parameters name: `query` beside `sql`.
    private func besideParameters(_ claim: Claim) -> Claim {
        guard claim.found.verb >= 0, !text.isReadOnly else { return claim }
        let verb = claim.found.verb
        guard claim.found.act == rules.verbs[verb].act || rules.acts[claim.found.act].category == .read,
            let reading = rules.verbs[verb].farReadings.first(where: { reading in
                let things = reading.scope == .anywhere ? schema.objects | text.mentions : schema.objects
                return reading.objects & things != 0 && (reading.with == 0 || reading.with & claim.found.around != 0)
            })
        else { return claim }
        var claim = claim
        claim.found.act = reading.act
        return claim
    }

    private func decide(_ all: [Claim]) -> Decision {
        var claims = all
        // A name that only looks, and an opening that only makes: the name says what for (`get_report`: `Generates ...`).
        if isDescribed, !name.found.isEmpty, name.found.allSatisfy({ $0.isSure && kind($0) == .read }),
            claims.allSatisfy({ !$0.source.isDescription || kind($0.found) == .write })
        {
            let verb = name.found[0].verb
            claims.removeAll { claim in
                guard claim.source.isDescription, kind(claim.found) == .write else { return false }
                // `get_note`: `Creates a note` makes more than an answer.
                let isAnswer = claim.found.act != rules.roles.create || claim.found.near & rules.roles.answers != 0
                return rules.acts[claim.found.act].isMaking && isAnswer
                    || !claim.found.isSure && claim.found.verb != verb
            }
        }
        if text.isReadOnly, claims.allSatisfy({ [.read, .execute].contains(kind($0.found)) }) {
            for i in claims.indices where kind(claims[i].found) == .execute { claims[i].found.act = rules.roles.query }
            if claims.isEmpty, let range = text.readOnlyRange {
                let found = Found(verb: -1, act: rules.roles.query, range: range)
                claims.append(Claim(found: found, source: .description))
            }
        }
        guard let leading = claims.max(by: { weight($0) < weight($1) }) else {
            return undecided()
        }
        let category = kind(leading.found)
        let first = claims.first { kind($0.found) == category } ?? leading
        let isTwice = claims.contains { kind($0.found) == category && place($0) != place(first) }
        let isSingle = claims.allSatisfy { kind($0.found) == category }
        var confidence: Classification.Confidence =
            isTwice || isSingle && leading.found.isSure ? .high : .medium
        // `Manages ...`, and no list of what that is.
        if rules.acts[leading.found.act].isGeneral { confidence = .medium }
        if !isUnderstood { confidence = category == .execute ? .low : .medium }
        return Decision(
            claims: claims, leading: leading, act: leading.found.act, category: category, confidence: confidence)
    }

    private func weight(_ claim: Claim) -> Int {
        kind(claim.found).rank * 10 + rules.acts[claim.found.act].severity.rank
    }

    /// Nothing says what it does.
    private func undecided() -> Decision {
        let act = isUnderstood && text.isDetail ? rules.roles.look : rules.roles.unknown
        return Decision(claims: [], leading: nil, act: act, category: rules.acts[act].category, confidence: .low)
    }

    // MARK: Hints

    /// What the author says of the tool counts in the direction of more risk; less only where a person vouches for it.
    private func believeHints(_ decision: inout Decision) {
        if server.isTrusted {
            if tool.hint(.readOnly) == true, decision.category.rank < ToolCategory.destructive.rank {
                set(&decision, rules.roles.look, "`readOnlyHint: true`, on a trusted server")
            } else if tool.hint(.destructive) == false, decision.category == .destructive {
                set(&decision, rules.roles.stated, "`destructiveHint: false`, on a trusted server")
            }
        }
        guard decision.category == .read else { return }
        if tool.hint(.destructive) == true, tool.hint(.readOnly) != true, varies(.destructive) {
            set(&decision, rules.roles.stated, "`destructiveHint: true`")
        } else if tool.hint(.readOnly) == false, varies(.readOnly) {
            set(&decision, rules.roles.stated, "`readOnlyHint: false`")
        }
    }

    private func set(_ decision: inout Decision, _ act: Int, _ hint: String) {
        decision.act = act
        decision.category = rules.acts[act].category
        decision.hint = hint
        decision.leading = nil
        decision.confidence = .medium
    }

    /// Libraries fill in the same hints everywhere; only an author gives different ones to different tools.
    private func varies(_ hint: ToolHint) -> Bool { server.variedHints.contains(hint) }

    // MARK: Severity

    private func weigh(_ decision: inout Decision, _ signals: [RiskSignal]) {
        var severity = rules.acts[decision.act].severity
        let head = decision.leading?.found.head ?? 0
        let around = (decision.leading?.found.around ?? 0) | name.objects | (decision.hint == nil ? 0 : text.objects)
        // COST: by place; a copy of a move keeps and releases its lists.
        let moves = rules.moves
        let move = moves.indices.first { place in
            guard moves[place].category == decision.category else { return false }
            let objects = moves[place].objects
            guard objects == 0 || objects & (moves[place].isHeadOnly ? head : around) != 0 else { return false }
            return (moves[place].acts.isEmpty || moves[place].acts.contains(decision.act))
                && (moves[place].signals.isEmpty || signals.contains { moves[place].signals.contains($0.code) })
        }
        if let move {
            severity = moves[move].severity
            decision.because.append(moves[move].because)
        }
        if text.isRestorable, decision.category == .destructive {
            severity = min(severity, .medium)
            decision.because.append("what it takes away can be restored")
        }
        decision.severity = severity
    }

    // MARK: Signals

    private func signals(_ decision: Decision) -> [RiskSignal] {
        var signals: [RiskSignal] = []
        func add(_ code: RiskSignal.Code, _ text: String, _ parameters: [String] = []) {
            let shown = parameters.prefix(6).joined(separator: " / ") + (parameters.count > 6 ? " / …" : "")
            signals.append(
                RiskSignal(code: code, text: shown.isEmpty ? text : "\(text) (\(shown))", parameters: parameters))
        }
        func addRule(_ code: RiskSignal.Code, _ names: [String]) {
            if let rule = rules.parameters.first(where: { $0.signal == code }) { add(code, rule.text, names) }
        }
        let (isFinal, isOutside) = (rules.acts[decision.act].isFinal, rules.acts[decision.act].isOutside)
        for code in RiskSignal.Code.inOrder {
            switch code {
            case .highParameterCount:
                if schema.count >= 10 { add(code, "High parameter count (\(schema.count) properties)") }
            case .bulk:
                if decision.category != .read, let names = schema.parameters(code) {
                    add(code, "Works on many objects in one call", names)
                } else if text.isBulk, decision.category != .read {
                    add(code, "Works on many objects in one call")
                }
            case .openSchema:
                if let names = schema.parameters(code) {
                    add(
                        code,
                        names.isEmpty
                            ? "Accepts parameters that its schema does not name" : "Accepts free-form objects", names)
                } else if !schema.isDescribed {
                    add(code, "Has no input schema")
                }
            case .noDescription: if !isDescribed { add(code, "No description") }
            case .irreversible:
                if text.isIrreversible || isFinal && !text.isRestorable,
                    decision.category.rank >= ToolCategory.write.rank
                {
                    add(code, "What it does can't be undone")
                }
            case .externalEffects:
                if isOutside || text.isExternal && decision.category != .read {
                    add(code, "Others notice what it does")
                }
            case .acceptsRecipients, .acceptsAmount:
                // A read filters by them; it reaches and moves nothing.
                if decision.category != .read, let names = schema.parameters(code) { addRule(code, names) }
            default: if let names = schema.parameters(code) { addRule(code, names) }
            }
        }
        return signals
    }

    // MARK: Words

    private func evidence(_ decision: Decision) -> [Classification.Evidence] {
        var evidence: [Classification.Evidence] = []
        func add(_ place: String, _ quote: String) {
            let piece = Classification.Evidence(place: place, quote: Quote.clip(quote))
            if !quote.isEmpty, !evidence.contains(piece) { evidence.append(piece) }
        }
        if let hint = decision.hint { add("annotations", hint.filter { $0 != "`" }) }
        for claim in decision.claims where kind(claim.found) == decision.category { add(place(claim), quote(claim)) }
        if let range = text.finalRange, decision.category.rank > 0 {
            add("description", Quote.part(tool.description, range))
        }
        if evidence.isEmpty { add("name", tool.name) }
        if !isDescribed { evidence += context() }
        return Array(evidence.prefix(4))
    }

    /// What stands around a tool that says nothing of itself.
    private func context() -> [Classification.Evidence] {
        var evidence: [Classification.Evidence] = []
        if !server.description.isEmpty {
            evidence.append(.init(place: "server", quote: Quote.clip(server.description)))
        }
        let siblings = server.tools.lazy.map(\.name).filter { [own = tool.name] in $0 != own }.prefix(6)
        if !siblings.isEmpty {
            evidence.append(.init(place: "siblings", quote: Quote.clip(siblings.joined(separator: ", "))))
        }
        return evidence
    }

    private func rationale(_ decision: Decision) -> String {
        let does = rules.acts[decision.act].does
        var text = ""
        if let hint = decision.hint {
            text = "The author states \(hint), so it counts as \(decision.category.rawValue)."
        } else if let leading = decision.leading {
            let verb = leading.found.verb >= 0 ? "`\(rules.verbs[leading.found.verb].word)`" : "its words"
            switch leading.source {
            case .name: text = "In the name, \(verb) says that it \(does)."
            case .title: text = "In the title, \(verb) says that it \(does)."
            case .description: text = "In the description, \(verb) says that it \(does)."
            case .action:
                let parameter = place(leading).split(separator: "/").dropFirst(2).first.map(String.init) ?? ""
                text = "Among the values of `\(parameter)`, \(verb) says that it \(does)."
            case .flag: text = "The switch `\(quote(leading))` says that it \(does)."
            }
        } else {
            text = "Nothing in the definition says what it does."
        }
        if isDescribed, !isUnderstood {
            text += " The description is in no language that is understood here, so only the name speaks."
        } else if !isDescribed {
            text +=
                " The description is empty, so only the name and the tools beside it speak, and what a call does is not known."
        }
        for reason in decision.because { text += " Its severity is \(decision.severity.rawValue) because \(reason)." }
        return text
    }
}
