internal import Base
internal import JSON

/// Limits and their short form.
extension PolicyReader {
    mutating func limits(
        _ view: JSONView?, _ pointer: @autoclosure () -> JSONPointer, _ mode: Mode
    ) -> [CompiledLimit] {
        guard let view else { return [] }
        let pointer = pointer()
        var limits: [CompiledLimit] = []
        for (i, element) in array(view, pointer, "`limits`", max: PolicyDocument.maxRules).enumerated() {
            let here = pointer.appending(i)
            guard let fields = object(element, here, "a limit", allowed: LimitField.names),
                let limit = limit(fields, element, here, list: pointer, mode)
            else { continue }
            limits.append(limit)
        }
        return limits
    }

    private mutating func limit(
        _ fields: JSONView, _ view: JSONView, _ pointer: JSONPointer, list: JSONPointer, _ mode: Mode
    ) -> CompiledLimit? {
        for name in ["window", "max"] where fields[name] == nil { missing(name, in: view, pointer, "a limit") }
        let algorithm =
            word(fields["algorithm"], pointer.appending("algorithm"), "`algorithm`", QuotaWindow.Algorithm.self)
            ?? .sliding
        let window = fields["window"].flatMap { self.window($0, pointer.appending("window"), algorithm) }
        let max = fields["max"].flatMap { self.max($0, pointer.appending("max")) }
        let scope =
            word(fields["scope"], pointer.appending("scope"), "`scope`", QuotaScope.self, code: .unknownScope) ?? .grant
        let message = string(fields["on_deny"], pointer.appending("on_deny"), "`on_deny`")
        if fields["cost"] != nil, let alias = fields["increment_from"] {
            report(
                .conflictingFields, at: alias, pointer.appending("increment_from"),
                "`increment_from` is another name of `cost`; write one of them")
        }
        let costField = fields["cost"] != nil ? "cost" : "increment_from"
        let cost = fields[costField].flatMap { self.cost($0, pointer.appending(costField)) }
        let name = string(fields["counter"], pointer.appending("counter"), "`counter`")
        if let name, let view = fields["counter"], name.isEmpty || name.utf8.count > PolicyDocument.maxCounterBytes {
            report(.badCounter, at: view, pointer.appending("counter"), "a counter's name has 1 to 256 bytes")
        }
        guard let window, let max else { return nil }
        let place = pointer.description
        let ownKind = CounterKind(scope: scope, counter: name ?? place, isNamed: name != nil, window: window)
        // Limits that share a counter share its kind, too: then finding the counter compares no names.
        let firstKind = name.flatMap { counters[$0]?.limit.kind }
        let limit = CompiledLimit(
            kind: firstKind == ownKind ? firstKind ?? ownKind : ownKind, max: max, cost: cost, message: message,
            pointer: place, alias: name.map { "\(list)/\($0)" } ?? place, isShadow: mode == .shadow)
        if let name { compare(limit, named: name, at: fields["counter"] ?? view, pointer) }
        return limit
    }

    /// `{"max": 10, "window": 60}`: a limit of scope `session`.
    mutating func rateLimit(_ view: JSONView, _ pointer: JSONPointer, _ mode: Mode) -> CompiledLimit? {
        guard let fields = object(view, pointer, "`rate_limit`", allowed: RateLimitField.names) else { return nil }
        for name in ["max", "window"] where fields[name] == nil { missing(name, in: view, pointer, "`rate_limit`") }
        let window = fields["window"].flatMap { self.window($0, pointer.appending("window"), .sliding) }
        let max = fields["max"].flatMap { self.max($0, pointer.appending("max")) }
        guard let window, let max else { return nil }
        let place = pointer.description
        return CompiledLimit(
            kind: CounterKind(scope: .session, counter: place, isNamed: false, window: window), max: max, cost: nil,
            message: nil, pointer: place, alias: place, isShadow: mode == .shadow)
    }

    /// Limits that share a counter must mean the same thing by it.
    private mutating func compare(_ limit: CompiledLimit, named name: String, at view: JSONView, _ pointer: JSONPointer)
    {
        guard let (first, firstPointer) = counters[name] else {
            counters[name] = (limit, pointer.description)
            return
        }
        var differences: [String] = []
        if first.window.span != limit.window.span { differences.append("window") }
        if first.max != limit.max { differences.append("max") }
        if first.scope != limit.scope { differences.append("scope") }
        if first.window.algorithm != limit.window.algorithm { differences.append("algorithm") }
        guard !differences.isEmpty else { return }
        report(
            .counterConflict, at: view, pointer.appending("counter"),
            "counter `\(clipped(name))` is defined at \(firstPointer) with another \(differences.joined(separator: " and "))"
        )
    }

    private mutating func max(_ view: JSONView, _ pointer: JSONPointer) -> ExactDecimal? {
        guard view.kind == .number else {
            report(.wrongType, at: view, pointer, "`max` is a number, not \(view.kind.phrase)")
            return nil
        }
        guard let max = view.decimal, max > .zero else {
            report(.badMax, at: view, pointer, "`max` is above 0 and has at most 38 digits")
            return nil
        }
        return max
    }

    private mutating func cost(_ view: JSONView, _ pointer: JSONPointer) -> CompiledPath? {
        guard let path = path(view, pointer) else { return nil }
        guard path.root == .args, path.function == nil, !path.isMany, !path.steps.isEmpty else {
            report(
                .badPath, at: view, pointer,
                "a cost is one number among the arguments: a path below `args`, without a function and without `[*]`")
            return nil
        }
        return path
    }

    // MARK: Time

    private mutating func window(
        _ view: JSONView, _ pointer: JSONPointer, _ algorithm: QuotaWindow.Algorithm
    ) -> QuotaWindow? {
        guard view.kind == .string || view.kind == .number else {
            report(
                .wrongType, at: view, pointer, "`window` is a string or a number of seconds, not \(view.kind.phrase)")
            return nil
        }
        guard let span = span(view), span <= PolicyDocument.maxWindow else {
            report(
                .unknownWindow, at: view, pointer,
                "`window` is second, minute, hour, day, week, a time such as \"90s\", \"15m\", \"6h\", \"7d\", or a number of seconds, up to 366 days",
                suggestion: view.string.flatMap { nearest($0, among: PolicyWords.Window.allCases.map(\.rawValue)) })
            return nil
        }
        let window = QuotaWindow(span: span, algorithm: algorithm)
        guard window.isPossible else {
            report(
                .unknownWindow, at: view, pointer,
                "a calendar window is a week, or fits a whole number of times into a day; this one starts at no natural time"
            )
            return nil
        }
        return window
    }

    /// `"minute"`, `"90s"` or a number of seconds. Nil if it is none of these or not above 0.
    func span(_ view: JSONView) -> TimeSpan? {
        if let seconds = view.int {
            return (1...PolicyDocument.maxWindow.microseconds / 1_000_000).contains(seconds) ? .seconds(seconds) : nil
        }
        guard let text = view.string else { return nil }
        if let named = PolicyWords.Window(rawValue: text) { return .seconds(named.seconds) }
        var digits = Array(text.utf8)
        guard let last = digits.popLast(), let unit = PolicyWords.Unit(rawValue: String(UnicodeScalar(last))),
            (1...9).contains(digits.count), digits.allSatisfy({ $0 &- 48 < 10 }),
            let number = Int64(String(decoding: digits, as: UTF8.self)), number > 0
        else { return nil }
        return .seconds(number * unit.seconds)
    }
}
