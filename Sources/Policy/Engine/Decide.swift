internal import Base
internal import JSON

/// Decides one call: which is the first thing in the policy that stops it, if any.
///
/// Pure but for the counters, which are handed in; never throws, never waits. What can't be evaluated is a denial.
///
/// - Parameters:
///   - policy: Nil if the grant has none: the call is denied.
///   - approved: The rules of an `ApprovalRequest` that people have granted for this very call.
package func decide<Quotas: QuotaLedger>(
    _ call: CallFacts, policy: CompiledPolicy?, quotas: inout Quotas, approved: [String] = []
) -> Verdict {
    guard let policy else {
        return .denial(
            Denial(.noPolicy, rule: "(no policy)", message: "No policy is attached to this grant.", policy: nil))
    }
    var judge = Judge(policy: policy)
    if let denial = judge.conditions(of: call) { return .denial(denial) }
    if let request = judge.approval(of: call, approved: approved) { return .ask(request) }
    if let denial = judge.exhaustion() { return .denial(denial) }
    if let denial = judge.collectLimits(of: call) { return .denial(denial) }
    guard !judge.requests.isEmpty else { return judge.permit([], []) }
    return judge.settle(quotas.reserve(judge.requests, at: call.now), call) ?? judge.retry(call, &quotas)
}

/// The steps of a decision in the order of the specification, with what shadow mode has let pass so far.
private struct Judge {
    let policy: CompiledPolicy
    var evaluation = Evaluation()
    /// The first denial that shadow mode turned into a note.
    var shadow: Denial?
    private var entries: MatchedEntries
    private(set) var requests: [QuotaRequest] = []
    private var limits: [CompiledLimit] = []

    init(policy: CompiledPolicy) {
        self.policy = policy
        entries = MatchedEntries(only: nil, all: [])
    }

    /// The denial itself, or nil after noting it if the mode is shadow.
    private mutating func deny(_ denial: Denial, isShadow: Bool) -> Denial? {
        guard isShadow else { return denial }
        if shadow == nil { shadow = denial }
        return nil
    }

    // MARK: Steps 2 to 5

    /// `hide`, `default`, arguments, actions, `require` and `deny_if`.
    mutating func conditions(of call: CallFacts) -> Denial? {
        let category = call.facts?.category
        // A name that no selector can have is no tool; refusing it here keeps pattern matching short.
        // A tool that calls itself `resource:…` would be judged by another subject's rules.
        guard call.tool.utf8.count <= Selector.maxBytes, call.subject == Subject(of: call.tool) else {
            return unknown(call)
        }
        if policy.hides(call.tool, category: category) {
            let denial = Denial(
                .hidden, rule: "(hidden)", message: Denial.unknown(call.subject, call.tool), policy: policy)
            if let denial = deny(denial, isShadow: policy.isShadow) { return denial }
        }
        entries = policy.entries(for: call.tool, category: category)
        if entries.isEmpty {
            // What a server asks of the client is refused unless the policy lists it, whatever its mode and default.
            if call.subject == .client { return unknown(call) }
            if !policy.allowsByDefault, let denial = deny(unknown(call), isShadow: policy.isShadow) { return denial }
        }
        if let denial = arguments(of: call) { return denial }
        if let entry = policy.allTools, let denial = conditions(of: call, entry) { return denial }
        for i in 0..<entries.count {
            if let denial = conditions(of: call, entries[i]) { return denial }
        }
        return nil
    }

    private func unknown(_ call: CallFacts) -> Denial {
        Denial(
            .defaultDeny, rule: "(default deny)", message: Denial.unknown(call.subject, call.tool), policy: policy)
    }

    private mutating func arguments(of call: CallFacts) -> Denial? {
        if let arguments = call.arguments, arguments.kind != .object {
            // Not even shadow mode lets through what the conditions can't be asked of.
            return Denial(
                .arguments, rule: "(invalid arguments)", message: "The arguments of a call are a JSON object.",
                policy: policy)
        }
        if policy.checksSchema, let schema = call.facts?.schema,
            let fault = schema.fault(in: call.arguments)
        {
            let denial = Denial(
                .arguments, rule: "/arguments/schema", message: fault.sentence, policy: policy,
                evidence: [
                    Evidence(
                        condition: "/arguments/schema", path: fault.pointer, result: "does_not_hold",
                        note: fault.keyword)
                ])
            if let denial = deny(denial, isShadow: policy.isShadow) { return denial }
        }
        // Only tools say which arguments they have.
        if policy.refusesUnknown, call.subject == .tool, let arguments = call.arguments {
            // The least of them, so that the order in which a call is written does not matter.
            var least: String?
            for (key, _) in arguments.members {
                guard let name = key.string, call.facts?.schema?.names(argument: name) != true else { continue }
                if least.map({ name.utf8.lexicographicallyPrecedes($0.utf8) }) ?? true { least = name }
            }
            if let name = least {
                let pointer = boundedPointer([name])
                let denial = Denial(
                    .arguments, rule: "/arguments/unknown",
                    message: "The tool has no argument \"\(clipped(name))\".", policy: policy,
                    evidence: [
                        Evidence(
                            condition: "/arguments/unknown", path: pointer, result: "does_not_hold", note: "properties")
                    ])
                return deny(denial, isShadow: policy.isShadow)
            }
        }
        return nil
    }

    private mutating func conditions(of call: CallFacts, _ entry: CompiledEntry) -> Denial? {
        if entry.action == .deny {
            let denial = Denial(
                .action, rule: entry.pointer + "/action",
                message: entry.reason
                    ?? (call.subject == .tool
                        ? "Tool \"\(clipped(call.tool))\" is denied by policy."
                        : "\"\(clipped(call.tool))\" is denied by policy."),
                policy: policy)
            if let denial = deny(denial, isShadow: entry.isShadow) { return denial }
        }
        for rule in entry.require where !evaluation.holds(rule, call) {
            if let denial = exhaustion() { return denial }
            let denial = denial(.require, rule, Evaluation.evidence(rule, call, .all))
            if let denial = deny(denial, isShadow: entry.isShadow) { return denial }
        }
        for rule in entry.denyIf {
            switch evaluation.fires(rule, call) {
            case .fails, .missing: continue
            case .undetermined where rule.ignoresErrors && !evaluation.isExhausted: continue
            case .holds, .undetermined: break
            }
            if let denial = exhaustion() { return denial }
            let denial = denial(.denyIf, rule, Evaluation.evidence(rule, call, .any))
            if let denial = deny(denial, isShadow: entry.isShadow) { return denial }
        }
        return exhaustion()
    }

    private func denial(_ reason: Denial.Reason, _ rule: CompiledRule, _ evidence: [Evidence]) -> Denial {
        Denial(
            reason, rule: rule.pointer, alias: rule.alias, message: rule.message ?? "Denied by rule \(rule.alias).",
            policy: policy, evidence: evidence)
    }

    /// A denial if the step budget has run out, whatever the mode: what was not evaluated can't be let through.
    func exhaustion() -> Denial? {
        guard evaluation.isExhausted else { return nil }
        return Denial(
            .budget, rule: "(budget)", message: "The arguments are too large for the policy's conditions.",
            policy: policy)
    }

    // MARK: Step 6

    mutating func approval(of call: CallFacts, approved: [String]) -> ApprovalRequest? {
        var asking: [(pointer: String, alias: String, timeout: TimeSpan, approvers: Int, rule: CompiledRule?)] = []
        let isDenied = shadow != nil
        func ask(_ entry: CompiledEntry, _ evaluation: inout Evaluation) {
            // Enforcement would not have come this far: the record has to say so, and nobody is asked for nothing.
            if entry.isShadow, isDenied { return }
            for approval in entry.approveIf {
                switch evaluation.fires(approval.rule, call) {
                case .fails, .missing: continue
                case .holds, .undetermined: break
                }
                asking.append(
                    (approval.rule.pointer, approval.rule.alias, approval.timeout, approval.approvers, approval.rule))
                // The first rule that holds sends the call to a person.
                return
            }
            if entry.action == .requireApproval {
                let pointer = entry.pointer + "/action"
                asking.append((pointer, pointer, .minutes(15), 1, nil))
            }
        }
        if let entry = policy.allTools, entry.asks { ask(entry, &evaluation) }
        for i in 0..<entries.count where entries[i].asks { ask(entries[i], &evaluation) }
        guard let first = asking.first, !evaluation.isExhausted else { return nil }
        // Everyone who asks has to be satisfied; a grant for some of the rules starts again with the rest.
        let open = asking.filter { !approved.contains($0.pointer) }
        guard !open.isEmpty else { return nil }
        let lead = open.first ?? first
        return ApprovalRequest(
            rule: lead.pointer, alias: lead.alias, rules: asking.map(\.pointer),
            message: lead.rule?.message ?? "A person has to approve this call.",
            timeout: open.map(\.timeout).min() ?? lead.timeout, approvers: open.map(\.approvers).max() ?? 1,
            evidence: lead.rule.map { Evaluation.evidence($0, call, .any) } ?? [], policyName: policy.name,
            policyVersion: policy.version)
    }

    // MARK: Step 7

    /// Gathers the limits that the call has to pass, with its cost in each.
    mutating func collectLimits(of call: CallFacts) -> Denial? {
        var count = policy.allTools?.limits.count ?? 0
        for i in 0..<entries.count { count += entries[i].limits.count }
        guard count > 0 else { return nil }
        requests.reserveCapacity(count)
        if let entry = policy.allTools, let denial = collectLimits(of: call, entry) { return denial }
        for i in 0..<entries.count {
            if let denial = collectLimits(of: call, entries[i]) { return denial }
        }
        // A call that enforcement would have denied by now takes no quota that only shadow mode counts.
        if shadow != nil { keepEnforcedLimits() }
        return exhaustion()
    }

    private mutating func keepEnforcedLimits() {
        let kept = zip(requests, limits).filter { !$0.1.isShadow }
        requests = kept.map(\.0)
        limits = kept.map(\.1)
    }

    private mutating func collectLimits(of call: CallFacts, _ entry: CompiledEntry) -> Denial? {
        // COST: mostly one entry has all the limits of a call; then its own list serves.
        var sharesList = limits.isEmpty
        if sharesList { limits = entry.limits }
        for i in entry.limits.indices {
            let limit = entry.limits[i]
            guard let fault = append(limit, call) else {
                if !sharesList { limits.append(limit) }
                continue
            }
            let denial = Denial(
                .limit, rule: limit.pointer, alias: limit.alias, message: limit.message ?? fault.sentence,
                policy: policy, evidence: fault.evidence, limit: limit.max.description)
            if let denial = deny(denial, isShadow: entry.isShadow) { return denial }
            // Shadow mode goes on without this one.
            if sharesList { limits.removeSubrange(i...) }
            sharesList = false
        }
        return nil
    }

    /// Why a limit can't count a call.
    private final class LimitFault {
        let sentence: String
        let evidence: [Evidence]

        init(_ sentence: String, _ evidence: [Evidence] = []) {
            self.sentence = sentence
            self.evidence = evidence
        }
    }

    /// Adds what the limit asks of its counter to the requests; nil when it could.
    private mutating func append(_ limit: CompiledLimit, _ call: CallFacts) -> LimitFault? {
        let owner: String
        switch limit.scope {
        case .grant: owner = call.grant.id
        case .session:
            guard let session = call.session else {
                return LimitFault("This limit counts by session, and the call belongs to none.")
            }
            owner = session
        case .identity:
            guard let identity = call.grant.identity else {
                return LimitFault("This limit counts by identity, and the grant has none.")
            }
            owner = identity
        case .server, .global: owner = ""
        }
        var amount = ExactDecimal.one
        if let cost = limit.cost {
            let operand = evaluation.resolve(cost, call)
            guard case .json(let place) = operand, let number = place.exactDecimal, !number.isNegative else {
                let truth: Truth = if case .absent = operand { .missing } else { .undetermined }
                return LimitFault(
                    "The cost of this call, \(cost.text), is not a number that can be counted.",
                    [Evidence(condition: limit.pointer + "/cost", path: cost.text, result: truth.word)])
            }
            amount = number
        }
        requests.append(
            QuotaRequest(
                limit.kind, owner: owner, server: limit.spansServers ? "" : call.server, amount: amount, max: limit.max)
        )
        return nil
    }

    // MARK: The end

    /// The verdict on the counters' answer; nil if a limit in shadow mode was full and the others have to be asked again.
    mutating func settle(_ answer: QuotaAnswer, _ call: CallFacts) -> Verdict? {
        switch answer {
        case .reserved(let records, let remaining):
            return permit(records, remaining)
        case .unavailable:
            return .denial(
                Denial(
                    .unavailable, rule: "(counters unavailable)", message: "The limits can't be checked at the moment.",
                    policy: policy))
        case .full(let index, let remaining, let retryAfter):
            guard limits.indices.contains(index) else { return settle(.unavailable, call) }
            let limit = limits[index]
            let denial = Denial(
                .limit, rule: limit.pointer, alias: limit.alias, message: limit.message ?? sentence(limit, retryAfter),
                policy: policy, retryAfterMs: retryAfter.map { max(0, $0.millisecondsRoundedUp) },
                limit: limit.max.description, remaining: remaining.description)
            return deny(denial, isShadow: limit.isShadow).map { .denial($0) }
        }
    }

    mutating func retry<Quotas: QuotaLedger>(_ call: CallFacts, _ quotas: inout Quotas) -> Verdict {
        keepEnforcedLimits()
        guard !requests.isEmpty else { return permit([], []) }
        return settle(quotas.reserve(requests, at: call.now), call) ?? permit([], [])
    }

    func permit(_ records: [ReservationRecord], _ remaining: [ExactDecimal]) -> Verdict {
        .permit(Permit(policy: policy, reservations: records, limits: limits, remaining: remaining, shadow: shadow))
    }

    private func sentence(_ limit: CompiledLimit, _ retryAfter: TimeSpan?) -> String {
        let start = "The limit of \(limit.max) per \(limit.window.span.phrase) is reached."
        guard let retryAfter else {
            return "This call is above the limit of \(limit.max) per \(limit.window.span.phrase)."
        }
        return start + " Try again in \(max(1, (retryAfter.millisecondsRoundedUp + 999) / 1_000)) s."
    }
}

extension CompiledEntry {
    var asks: Bool { action == .requireApproval || !approveIf.isEmpty }
}

extension TimeSpan {
    /// `minute`, `15 minutes`, `90 seconds`.
    var phrase: String {
        let seconds = microseconds / 1_000_000
        for (unit, name) in [(604_800, "week"), (86_400, "day"), (3_600, "hour"), (60, "minute")] as [(Int64, String)]
        where seconds.isMultiple(of: unit) {
            return seconds == unit ? name : "\(seconds / unit) \(name)s"
        }
        return seconds == 1 ? "second" : "\(seconds) seconds"
    }
}
