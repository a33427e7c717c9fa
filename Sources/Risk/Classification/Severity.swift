/// How bad it can get, apart from what kind of thing a tool does.
package enum Severity: String, Sendable, CaseIterable, Comparable {
    case low, medium, high, critical

    package static func < (a: Severity, b: Severity) -> Bool { a.rank < b.rank }

    /// 0 for `low` to 3 for `critical`.
    package var rank: Int {
        // COST: asked for every claim; a search through `allCases` makes an array first.
        switch self {
        case .low: 0
        case .medium: 1
        case .high: 2
        case .critical: 3
        }
    }
}
