import Base
import JSON
import MCP
import Runtime
import Support
import Testing

@testable import Gateway

/// Holds the gateway's own types against docs/session-machine.md: every state that its tables lead to, and every event in
/// each.
private struct ModelCheck {
    let spec: SessionSpec
    let given: SessionSpec.State
    /// Events that don't happen.
    let without: Set<String>
    /// A conversation at its beginning.
    let begin: () async throws -> any Conversation
    /// What the model's variables say of the ones that can be seen.
    let visible: (SessionSpec.State) -> [String: String]
    let unsettled: () -> String?

    private(set) var states = 0
    private(set) var transitions = 0
    private(set) var beyond = 0
    private(set) var steps = 0
    private(set) var problems: [String] = []

    init(
        _ spec: SessionSpec, given: SessionSpec.State, without: Set<String> = [],
        begin: @escaping () async throws -> any Conversation,
        visible: @escaping (SessionSpec.State) -> [String: String], unsettled: @escaping () -> String?
    ) {
        self.spec = spec
        self.given = given
        self.without = without
        self.begin = begin
        self.visible = visible
        self.unsettled = unsettled
    }

    mutating func run() async throws {
        let start = spec.start(given)
        var paths: [SessionSpec.State: [String]] = [start: []]
        var queue = [start]
        var next = 0
        while next < queue.count, problems.count < 12 {
            let state = queue[next]
            next += 1
            states += 1
            let path = paths[state] ?? []
            var conversation: (any Conversation)?
            // What happened since the beginning, the events that change nothing included.
            var history: [String] = []
            for event in spec.events where !without.contains(event) {
                guard case .seen(let expected, let after) = try spec.step(state, event) else {
                    beyond += 1
                    continue
                }
                transitions += 1
                if conversation == nil {
                    history = path
                    conversation = try await replay(path)
                }
                guard let current = conversation else { return }
                history.append(event)
                let isRight = try await apply(event, expected, after, to: current, history)
                if paths[after] == nil {
                    paths[after] = path + [event]
                    queue.append(after)
                }
                guard isRight, after == state else {
                    await clear(current, history)
                    conversation = nil
                    continue
                }
            }
            if let conversation { await clear(conversation, history) }
        }
    }

    private mutating func replay(_ path: [String]) async throws -> any Conversation {
        let conversation = try await begin()
        for event in path {
            try await conversation.take(event)
            steps += 1
        }
        _ = conversation.book.take()
        return conversation
    }

    private mutating func apply(
        _ event: String, _ expected: [String], _ after: SessionSpec.State, to conversation: any Conversation,
        _ history: [String]
    ) async throws -> Bool {
        try await conversation.take(event)
        steps += 1
        let (seen, faults) = conversation.book.take()
        let wanted = visible(after)
        let found = conversation.state.filter { wanted[$0.key] != nil }
        let all = faults + conversation.faults
        guard seen.sorted() != expected || found != wanted || !all.isEmpty else { return true }
        problems.append(
            "\(history.joined(separator: ", ")): seen \(seen.sorted()), not \(expected); "
                + "\(SessionSpec.text(found)), not \(SessionSpec.text(wanted)) \(all)")
        return false
    }

    private mutating func clear(_ conversation: any Conversation, _ history: [String]) async {
        await conversation.clear()
        let faults = conversation.book.take().faults + [unsettled()].compactMap { $0 }
        if !faults.isEmpty { problems.append("\(history.joined(separator: ", ")), then the end: \(faults)") }
    }
}

@Suite struct SessionMachineTests {
    private static func spec(_ section: String) throws -> SessionSpec {
        let document = try readFile(Places.packageRoot + "/docs/session-machine.md")
        return try SessionSpec(String(decoding: document, as: UTF8.self), section: section)
    }

    /// Runs it on a loop of its own.
    private static func check(
        _ name: String, _ body: @escaping @Sendable (Stand) async throws -> ModelCheck
    ) async throws {
        let group = try EventLoopGroup(count: 1)
        defer { group.stop() }
        let stand = try Stand(group)
        let check = try await Task(executorPreference: stand.loop) { () async throws -> String in
            var check = try await body(stand)
            try await check.run()
            for problem in check.problems { Issue.record("\(name): \(problem)") }
            #expect(check.states > 50)
            return "\(name): \(check.states) states, \(check.transitions) transitions "
                + "(\(check.beyond) beyond the bounds), \(check.steps) events"
        }.value
        print("session machine, \(check)")
    }

    @Test(arguments: ProtocolVersion.allCases.filter { $0.era == .legacy })
    func everyEventInEveryStateOfALegacySession(_ version: ProtocolVersion) async throws {
        let spec = try Self.spec("Legacy client, legacy server")
        // COST: these two differ from the others in no row, and have only one call at a time.
        let isBrief = version == .november2024 || version == .june2025
        try await Self.check("legacy client of \(version.rawValue), legacy server") { stand in
            ModelCheck(
                spec, given: ["version": version.rawValue], without: isBrief ? ["call two"] : [],
                begin: { try await LegacyConversation(stand, version: version) },
                visible: { state in
                    let calls = ["one", "two"].filter { !["none", "kept"].contains(state[$0]) }.count
                    return [
                        "session": state["session"] ?? "", "calls": String(calls), "ask": state["ask"] ?? "",
                        "stream": state["stream"] == "open" ? "open" : "closed",
                    ]
                }, unsettled: { stand.unsettled() })
        }
    }

    @Test func everyEventInEveryStateOfAModernClientBeforeALegacyServer() async throws {
        let spec = try Self.spec("Modern client, legacy server")
        try await Self.check("modern client, legacy server") { stand in
            ModelCheck(
                spec, given: [:], begin: { try await ModernConversation(stand) },
                visible: { state in
                    let calls = ["one", "two"].filter { ["open", "streaming", "asked"].contains(state[$0]) }.count
                    return ["session": state["session"] ?? "", "calls": String(calls)]
                }, unsettled: { stand.unsettled() })
        }
    }
}
