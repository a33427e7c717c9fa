@testable import Gateway

/// Holds the gateway's own types against docs/session-machine.md: every state that its tables lead to, and every event in
/// each.
///
/// One conversation goes on from state to state for as long as something untried is near; then another begins.
struct ModelCheck {
    private typealias State = SessionSpec.State

    /// A state that was found, by its number.
    private struct Place {
        let state: State
        /// How many of the events were tried.
        var tried = 0
        /// Where events lead that change something.
        var ways: [(event: String, to: Int)] = []
    }

    /// What happened in one conversation.
    private struct Walk {
        let conversation: any Conversation
        var place = 0
        var history: [String] = []
    }

    /// The longest way to something untried that is cheaper than a new conversation.
    private static let nearby = 4
    /// Then a conversation ends: what is wrong at the end shows in the record.
    private static let longest = 150

    private let spec: SessionSpec
    private let events: [String]
    private let begin: () async throws -> any Conversation
    private let visible: (SessionSpec.State) -> [String: String]
    private let unsettled: () -> String?

    private var places: [Place]
    private var numbers: [State: Int]

    private(set) var transitions = 0
    private(set) var last = 0
    private(set) var steps = 0
    private(set) var problems: [String] = []
    var states: Int { places.count }

    /// - Parameters:
    ///   - without: events that don't happen.
    ///   - begin: makes a conversation at its beginning.
    ///   - visible: what the model's variables say of the ones that can be seen.
    ///   - unsettled: what is wrong with the record.
    init(
        _ spec: SessionSpec, given: SessionSpec.State, without: Set<String> = [],
        begin: @escaping () async throws -> any Conversation,
        visible: @escaping (SessionSpec.State) -> [String: String], unsettled: @escaping () -> String?
    ) {
        self.spec = spec
        self.begin = begin
        self.visible = visible
        self.unsettled = unsettled
        events = spec.events.filter { !without.contains($0) }
        let start = spec.start(given)
        places = [Place(state: start)]
        numbers = [start: 0]
    }

    mutating func run() async throws {
        while problems.count < 12, way(from: 0, within: .max) != nil {
            var walk = Walk(conversation: try await begin())
            var isWell = true
            var range = Int.max
            while isWell, walk.history.count < Self.longest, let way = way(from: walk.place, within: range) {
                range = Self.nearby
                for event in way where isWell { isWell = try await take(event, &walk) }
                while isWell, places[walk.place].tried < events.count {
                    let event = events[places[walk.place].tried]
                    places[walk.place].tried += 1
                    transitions += 1
                    isWell = try await take(event, &walk)
                }
            }
            await clear(walk)
        }
    }

    /// The events that lead to the nearest state in which one is untried; nil if there is none.
    private func way(from start: Int, within limit: Int) -> [String]? {
        var before: [Int: (place: Int, event: String)] = [:]
        var (ring, depth) = ([start], 0)
        while !ring.isEmpty, depth <= limit {
            if let found = ring.first(where: { places[$0].tried < events.count }) {
                var way: [String] = []
                var place = found
                while place != start, let step = before[place] {
                    way.insert(step.event, at: 0)
                    place = step.place
                }
                return way
            }
            var next: [Int] = []
            for place in ring {
                for way in places[place].ways where way.to != start && before[way.to] == nil {
                    before[way.to] = (place, way.event)
                    next.append(way.to)
                }
            }
            (ring, depth) = (next, depth + 1)
        }
        return nil
    }

    /// Has an event happen. False if the conversation can't go on.
    private mutating func take(_ event: String, _ walk: inout Walk) async throws -> Bool {
        let step = try spec.step(places[walk.place].state, event)
        walk.history.append(event)
        try await walk.conversation.take(event)
        steps += 1
        let (seen, faults) = walk.conversation.book.take()
        let wanted = step.isUntold ? [:] : visible(step.after)
        let found = walk.conversation.state.filter { wanted[$0.key] != nil }
        let all = faults + walk.conversation.faults
        guard seen.sorted() == step.seen, found == wanted, all.isEmpty else {
            problems.append(
                "in \(SessionSpec.text(places[walk.place].state)) \(walk.history.joined(separator: ", ")): "
                    + "seen \(seen.sorted()), not \(step.seen); "
                    + "\(SessionSpec.text(found)), not \(SessionSpec.text(wanted)) \(all)")
            return false
        }
        guard !step.isLast else {
            last += 1
            return false
        }
        move(&walk, event, to: step.after)
        return true
    }

    private mutating func move(_ walk: inout Walk, _ event: String, to state: State) {
        let number = numbers[state] ?? places.count
        if number == places.count {
            places.append(Place(state: state))
            numbers[state] = number
        }
        if number != walk.place, !places[walk.place].ways.contains(where: { $0.to == number }) {
            places[walk.place].ways.append((event, number))
        }
        walk.place = number
    }

    private mutating func clear(_ walk: Walk) async {
        await walk.conversation.clear()
        let faults = walk.conversation.book.take().faults + walk.conversation.faults + [unsettled()].compactMap { $0 }
        if !faults.isEmpty { problems.append("\(walk.history.joined(separator: ", ")), then the end: \(faults)") }
    }
}
