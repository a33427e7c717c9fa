package import Policy

/// What the catalogue recommends for a category of tools before anything else is known.
package enum Treatment: Sendable, Hashable {
    /// As often as the client likes.
    case allow
    /// So many calls a minute for each grant.
    case limit(perMinute: Int)
    /// Not shown to the agent.
    case hide
    /// A person decides each call.
    case ask
}

extension ToolCategory {
    /// How serious a kind of doing is: 0 for read to 4 for financial.
    package var rank: Int {
        // COST: asked for every claim; a search through `allCases` makes an array first.
        switch self {
        case .read: 0
        case .write: 1
        case .execute: 2
        case .destructive: 3
        case .financial: 4
        }
    }

    /// The one table behind the pages and the recommended policies.
    package var treatment: Treatment {
        switch self {
        case .read: .allow
        case .write: .limit(perMinute: 30)
        case .execute: .limit(perMinute: 10)
        case .destructive: .hide
        case .financial: .ask
        }
    }
}
