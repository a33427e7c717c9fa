import MCP
import Synchronization

/// Which page of a list led to which, so that a client that follows a server's cursors is not led around for ever.
///
/// Several clients of one grant may turn pages at once, and from the start as often as they like: what counts is only where
/// each cursor has led, and how far it is from the first page.
final class PageTrail: Sendable {
    private struct Step {
        /// The page after it; nil after the last.
        var next: Int?
        /// Pages before it.
        var depth: Int
    }

    /// The pages of one list.
    static let maxPages = 1_000
    /// The cursors that are remembered of one list.
    private static let maxSteps = 4_096

    /// By the cursors' hashes, since they may be long; 0 is the first page.
    // COST: nothing before a list has a second page.
    private let trails = Mutex<[ListKind: [Int: Step]]>([:])

    /// Notes that a page has led to another.
    /// - Throws: `broken` when the cursor leads back to a page that was on the way to it, or there are too many pages.
    func follow(_ kind: ListKind, from cursor: String?, to next: String?) throws(UpstreamError) {
        guard cursor != nil || next != nil else { return }
        let here = cursor.map(\.hashValue) ?? 0
        let problem = trails.withLock { trails -> String? in
            var trail = trails[kind] ?? [:]
            let depth = here == 0 ? 0 : trail[here]?.depth ?? 1
            guard let next else {
                trail[here] = Step(next: nil, depth: depth)
                trails[kind] = trail
                return nil
            }
            let there = next.hashValue
            var problem: String?
            if depth + 1 >= Self.maxPages {
                problem = "the server's \(kind.method) has more than \(Self.maxPages) pages"
            } else if Self.leads(from: there, to: here, in: trail) {
                problem =
                    "the server's \(kind.method) has a nextCursor that leads back to a page before it, so it never ends"
            }
            if problem != nil {
                // Whoever begins again may be luckier.
                trails[kind] = nil
                return problem
            }
            if trail.count >= Self.maxSteps { trail = [:] }
            trail[here] = Step(next: there, depth: depth)
            trail[there] = Step(next: trail[there]?.next, depth: depth + 1)
            trails[kind] = trail
            return nil
        }
        if let problem { throw UpstreamError(.endless, mayHaveRun: false, detail: problem) }
    }

    private static func leads(from start: Int, to end: Int, in trail: [Int: Step]) -> Bool {
        var place = start
        for _ in 0...trail.count {
            if place == end { return true }
            guard let next = trail[place]?.next else { return false }
            place = next
        }
        return true
    }
}
