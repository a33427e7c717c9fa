internal import Base
internal import JSON

extension CompiledPolicy {
    /// What in the policy does not fit the tools that the server has: warnings, in the order of the text.
    /// - Parameter text: The document that the policy was read from, for the places.
    package func problems(against tools: [ToolFacts], in text: [UInt8]) -> [PolicyProblem] {
        let root = (try? JSONDocument.parse(text))?.root
        var keys: [ExactName: JSONView] = [:]
        if let members = root?["tools"]?.members {
            for (key, _) in members { keys[ExactName(key.string ?? "")] = key }
        }
        let names = tools.map(\.name)
        var problems: [PolicyProblem] = []
        func check(_ selector: Selector, at view: JSONView?, _ pointer: String) {
            guard Subject(of: selector.text) == .tool,
                !tools.contains(where: { selector.matches($0.name, $0.category) })
            else { return }
            let place = SourcePosition(offset: view?.range.lowerBound ?? 0, in: text)
            let problem: PolicyProblem
            switch selector {
            case .exact(let name):
                problem = PolicyProblem(
                    .warning, .unknownTool, at: place, pointer: pointer,
                    message: "the server has no tool `\(clipped(name))`", suggestion: nearest(name, among: names))
            case .pattern, .category:
                problem = PolicyProblem(
                    .warning, .unmatchedSelector, at: place, pointer: pointer,
                    message: "no tool of the server matches `\(clipped(selector.text))`")
            }
            problems.append(problem)
        }
        let hide = JSONPointer(tokens: ["hide"])
        if let elements = root?["hide"]?.elements {
            for (i, view) in elements.enumerated() {
                guard case .selector(let selector) = Selector.read(view.string ?? "") else { continue }
                check(selector, at: view, hide.appending(i).description)
            }
        }
        for entry in entries { check(entry.selector, at: keys[ExactName(entry.selector.text)], entry.pointer) }
        return PolicyProblem.ordered(problems)
    }
}

extension Selector {
    /// As the policy writes it.
    var text: String {
        switch self {
        case .exact(let name): name
        case .pattern(let glob): glob.text
        case .category(let category): "@" + category.rawValue
        }
    }
}
