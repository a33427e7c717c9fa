/// One table of docs/session-machine.md: the variables of a machine, and what each event leads to.
struct SessionSpec {
    typealias State = [String: String]

    struct Variable {
        let name: String
        /// Empty for what is given or derived.
        let values: [String]
        let isGiven: Bool
    }

    /// What an event leads to.
    struct Step {
        let seen: [String]
        let after: State
        /// Tried, but nothing is tried after it, so that there is an end to it: one more than a variable counts, or `…`.
        let isLast: Bool
        /// The variables don't say how it is afterwards.
        let isUntold: Bool
    }

    struct Problem: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    private struct Condition {
        let name: String
        let values: [String]
        let isNegated: Bool

        func holds(in state: State) -> Bool { values.contains(state[name] ?? "") != isNegated }
    }

    private struct Row {
        let line: Int
        let event: String
        let conditions: [Condition]
        let seen: [String]
        let effects: [String]
    }

    private(set) var variables: [Variable] = []
    /// In the order of the table.
    private(set) var events: [String] = []
    /// By event.
    private var rows: [String: [Row]] = [:]

    // MARK: Reading

    /// - Parameter title: of the section whose tables are read.
    init(_ document: String, section title: String) throws {
        var isInside = false
        var table = ""
        for (number, line) in document.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if line.hasPrefix("## ") { isInside = line.dropFirst(3) == title }
            guard isInside, line.hasPrefix("|") else { continue }
            let cells = line.dropFirst().split(separator: "|", omittingEmptySubsequences: false).map(String.init)
            let first = Self.words(cells.first ?? "")
            guard first.count == 1 else {
                let title = cells.first ?? ""
                if !title.hasPrefix("---") { table = title.split(separator: " ").joined() }
                continue
            }
            if table == "Variable" {
                variables.append(
                    Variable(name: first[0], values: Self.words(cells[1]), isGiven: cells[1].contains("given")))
            } else if table == "Event" {
                guard cells.count >= 4 else { throw Problem("line \(number + 1) has too few cells") }
                for x in line.contains("X") ? ["one", "two"] : [""] { try add(cells, x, line: number + 1) }
            }
        }
        guard !variables.isEmpty, !rows.isEmpty else {
            throw Problem("there is no section `\(title)` with both tables")
        }
    }

    /// What stands between backquotes.
    private static func words(_ cell: String) -> [String] {
        cell.split(separator: "`", omittingEmptySubsequences: false).enumerated().filter { $0.offset % 2 == 1 }.map {
            String($0.element)
        }
    }

    private mutating func add(_ cells: [String], _ x: String, line: Int) throws {
        func words(_ cell: Int) -> [String] {
            Self.words(cells[cell]).map { word in
                word.split(separator: "X", omittingEmptySubsequences: false).joined(separator: x)
            }
        }
        let event = words(0)[0]
        let conditions = try words(1).map { word in
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw Problem("line \(line): `\(word)` is no condition") }
            let isNegated = parts[0].hasSuffix("!")
            let name = isNegated ? String(parts[0].dropLast()) : parts[0]
            guard let variable = variables.first(where: { $0.name == name }) else {
                throw Problem("line \(line): there is no variable `\(name)`")
            }
            let values = parts[1].split(separator: "/").map(String.init)
            if x.isEmpty, let odd = values.first(where: { !variable.values.isEmpty && !variable.values.contains($0) }) {
                throw Problem("line \(line): `\(name)` is never `\(odd)`")
            }
            return Condition(name: name, values: values, isNegated: isNegated)
        }
        if !event.hasPrefix("→"), !events.contains(event) { events.append(event) }
        rows[event, default: []].append(
            Row(line: line, event: event, conditions: conditions, seen: words(2), effects: words(3)))
    }

    // MARK: Running

    func start(_ given: State) -> State {
        var state = given
        for variable in variables where !variable.values.isEmpty { state[variable.name] = variable.values[0] }
        return state
    }

    private func derived(_ state: State) -> State {
        guard variables.contains(where: { $0.name == "only" }) else { return state }
        let underWay = ["one", "two"].filter { call in
            // A modern server that has asked has answered, and waits for the next request.
            !["none", "kept", "failed", "input", nil].contains(state[call])
                && !(call == "one" && state["wait"] == "yes")
        }
        var state = state
        state["only"] = underWay.isEmpty ? "none" : underWay.count == 1 ? underWay[0] : "both"
        return state
    }

    func step(_ state: State, _ event: String) throws -> Step {
        let full = derived(state)
        let fitting = (rows[event] ?? []).filter { $0.conditions.allSatisfy { $0.holds(in: full) } }
        guard fitting.count == 1 else {
            let lines = fitting.map { String($0.line) }.joined(separator: ", ")
            throw Problem(
                "`\(event)` has \(fitting.isEmpty ? "no row" : "several rows (lines \(lines))") in \(Self.text(state))")
        }
        var next = state
        var seen: [String] = []
        try apply(fitting[0], event, full, &next, &seen)
        let isUntold = fitting[0].effects.contains("…")
        let isBeyond = next.contains { name, value in
            guard let known = variables.first(where: { $0.name == name })?.values else { return false }
            return !known.isEmpty && !known.contains(value)
        }
        return Step(seen: seen.sorted(), after: next, isLast: isUntold || isBeyond, isUntold: isUntold)
    }

    private func apply(_ row: Row, _ event: String, _ before: State, _ next: inout State, _ seen: inout [String]) throws
    {
        seen += row.seen.map { $0.hasSuffix("EVENT") ? $0.dropLast(5) + event : $0 }
        for effect in row.effects where effect != "…" {
            if effect.hasPrefix("→") {
                for inner in rows[effect] ?? [] where inner.conditions.allSatisfy({ $0.holds(in: before) }) {
                    try apply(inner, event, before, &next, &seen)
                }
                continue
            }
            if effect.hasSuffix("+1") || effect.hasSuffix("-1") {
                let name = String(effect.dropLast(2))
                let number = (Int(before[name] ?? "") ?? 0) + (effect.hasSuffix("+1") ? 1 : -1)
                guard number >= 0 else { throw Problem("line \(row.line): `\(effect)` of nothing") }
                next[name] = String(number)
                continue
            }
            let parts = effect.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw Problem("line \(row.line): `\(effect)` is no change") }
            try set(parts[0], parts[1], row, &next)
        }
    }

    private func set(_ name: String, _ value: String, _ row: Row, _ state: inout State) throws {
        guard let variable = variables.first(where: { $0.name == name }), variable.values.contains(value) else {
            throw Problem("line \(row.line): `\(name)` can't become `\(value)`")
        }
        state[name] = value
    }

    static func text(_ state: State) -> String {
        state.keys.sorted().map { "\($0)=\(state[$0] ?? "")" }.joined(separator: " ")
    }
}
