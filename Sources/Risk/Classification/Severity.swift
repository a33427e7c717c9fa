/// How bad it can get, apart from what kind of thing a tool does.
package enum Severity: String, Sendable, CaseIterable, Comparable {
    case low, medium, high, critical

    package static func < (a: Severity, b: Severity) -> Bool { a.rank < b.rank }

    /// 0 for `low` to 3 for `critical`.
    package var rank: Int { Severity.allCases.firstIndex(of: self) ?? 0 }
}
