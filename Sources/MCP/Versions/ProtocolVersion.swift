/// The two ways of holding an MCP conversation.
package enum Era: String, Sendable, CaseIterable {
    /// Opens with `initialize`: the versions up to 2025-11-25.
    case legacy
    /// Every request says all about itself: 2026-07-28 and later.
    case modern
}

/// The released versions of the protocol, oldest first.
package enum ProtocolVersion: String, Sendable, CaseIterable, Comparable {
    case november2024 = "2024-11-05"
    case march2025 = "2025-03-26"
    case june2025 = "2025-06-18"
    case november2025 = "2025-11-25"
    case july2026 = "2026-07-28"

    /// Which kind of conversation this version holds.
    package var era: Era { self == .july2026 ? .modern : .legacy }

    /// The versions with `initialize`, oldest first.
    package static let legacy = allCases.filter { $0.era == .legacy }
    /// The versions without, oldest first: what `server/discover` lists and `-32022` names.
    package static let modern = allCases.filter { $0.era == .modern }

    /// The newest version with `initialize`.
    package static let newestLegacy = ProtocolVersion.november2025
    /// The newest version of all.
    package static let newest = ProtocolVersion.july2026

    /// JSON-RPC batches were part of this version only.
    package var allowsBatches: Bool { self == .march2025 }

    /// Whether HTTP requests carry `MCP-Protocol-Version` (after `initialize`, in the legacy era).
    package var hasVersionHeader: Bool { self >= .june2025 }

    /// Whether `structuredContent` may be any JSON value and not just an object.
    package var allowsAnyStructuredContent: Bool { era == .modern }

    /// Compares by date.
    package static func < (a: ProtocolVersion, b: ProtocolVersion) -> Bool { a.age < b.age }

    /// COST: the texts would compare the same, but a call asks two dozen times.
    private var age: Int {
        switch self {
        case .november2024: 0
        case .march2025: 1
        case .june2025: 2
        case .november2025: 3
        case .july2026: 4
        }
    }
}

// MARK: Negotiation

extension ProtocolVersion {
    /// What a server answers to an `initialize` that asks for `asked`: the same if we speak it, else our newest with
    /// `initialize`. A modern version can't be had by `initialize`.
    ///
    /// SPEC: 2025-11-25, lifecycle, "Version Negotiation".
    package static func answer(toInitializeFor asked: String) -> ProtocolVersion {
        ProtocolVersion(rawValue: asked).flatMap { $0.era == .legacy ? $0 : nil } ?? newestLegacy
    }

    /// What a client makes of the version in an answer to `initialize`: nil means that we must give up.
    package static func accepted(fromInitializeAnswer answered: String) -> ProtocolVersion? {
        ProtocolVersion(rawValue: answered).flatMap { $0.era == .legacy ? $0 : nil }
    }

    /// The newest modern version that both sides speak: `supported` is a server's list, from `server/discover` or from
    /// `data.supported` of error -32022. Nil if there is none.
    package static func best(among supported: [String]) -> ProtocolVersion? {
        modern.last { supported.contains($0.rawValue) }
    }
}
