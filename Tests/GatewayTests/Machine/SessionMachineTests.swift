import Base
import JSON
import MCP
import Runtime
import Support
import Testing

@testable import Gateway

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
            #expect(check.states > 10)
            return "\(name): \(check.states) states, \(check.transitions) transitions "
                + "(\(check.last) tried, but followed no further), \(check.steps) events"
        }.value
        print("session machine, \(check)")
    }

    @Test(arguments: ProtocolVersion.allCases.filter { $0.era == .legacy })
    func everyEventInEveryStateOfALegacySession(_ version: ProtocolVersion) async throws {
        let spec = try Self.spec("Legacy client, legacy server")
        // COST: with one call at a time there are three times fewer states, and no row of the versions is about the other.
        let isBrief = version != .november2025
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

    @Test(arguments: [ProtocolVersion.march2025, .november2025])
    func everyEventInEveryStateOfALegacyClientBeforeAModernServer(_ version: ProtocolVersion) async throws {
        let spec = try Self.spec("Legacy client, modern server")
        // COST: no row has another version.
        let isBrief = version != .november2025
        try await Self.check("legacy client of \(version.rawValue), modern server") { stand in
            ModelCheck(
                spec, given: [:], without: isBrief ? ["call two"] : [],
                begin: { try await LegacyConversation(stand, version: version, server: .modern) },
                visible: { state in
                    let calls = ["one", "two"].filter { !["none", "kept"].contains(state[$0]) }.count
                    return [
                        "session": state["session"] ?? "", "calls": String(calls),
                        "ask": state["wait"] == "yes" ? "1" : "0",
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

    @Test func everyEventInEveryStateOfAModernClientBeforeAModernServer() async throws {
        let spec = try Self.spec("Modern client, modern server")
        try await Self.check("modern client, modern server") { stand in
            ModelCheck(
                spec, given: [:], begin: { try await ModernConversation(stand, server: .modern) },
                visible: { ["session": $0["session"] ?? ""] }, unsettled: { stand.unsettled() })
        }
    }

    @Test func everyEventInEveryStateOfASessionWithSeveralServers() async throws {
        let spec = try Self.spec("Several servers behind one endpoint")
        try await Self.check("several servers") { stand in
            ModelCheck(
                spec, given: [:], begin: { try await MergedConversation(stand) },
                visible: { state in
                    let calls = ["one", "two"].filter { state[$0] != "none" }.count
                    let names = ["session", "ask", "stream", "part", "dead"]
                    return state.filter { names.contains($0.key) }.merging(["calls": String(calls)]) { $1 }
                }, unsettled: { stand.unsettled() })
        }
    }

    @Test func everyEventInEveryStateOfSeveralServersAndAModernClient() async throws {
        let spec = try Self.spec("Several servers, modern client")
        try await Self.check("several servers, modern client") { stand in
            ModelCheck(
                spec, given: [:], begin: { try await ModernMergedConversation(stand) },
                visible: { state in
                    let names = ["session", "b part", "dead", "listen"]
                    return state.filter { names.contains($0.key) }.merging(
                        ["a part": state["a part"] == "open" ? "open" : "none"]) { $1 }
                }, unsettled: { stand.unsettled() })
        }
    }

    @Test(arguments: [Era.legacy, .modern]) func everyEventInEveryStateOfAPipe(_ era: Era) async throws {
        let title = "\(era == .legacy ? "Legacy" : "Modern") client on a pipe"
        let spec = try Self.spec(title)
        try await Self.check(title) { stand in
            ModelCheck(
                spec, given: [:], begin: { try await PipeConversation(stand, client: era) },
                visible: { state in
                    let sessions = ["session", "standing"].filter { state[$0] == "open" }.count
                    return ["sessions": String(sessions), "over": state["pipe"] == "over" ? "yes" : "no"]
                }, unsettled: { stand.unsettled() })
        }
    }

    @Test func everyEventInEveryStateOfTheOldTransport() async throws {
        let spec = try Self.spec("The transport of 2024-11-05")
        try await Self.check("transport of 2024-11-05") { stand in
            ModelCheck(
                spec, given: [:], begin: { try await OldConversation(stand) },
                visible: { state in state.filter { ["session", "stream"].contains($0.key) } },
                unsettled: { stand.unsettled() })
        }
    }

    @Test(arguments: [Era.legacy, .modern], [false, true])
    func everyEventInEveryStateOfTheConfiguration(_ era: Era, isMerged: Bool) async throws {
        let spec = try Self.spec("What people change meanwhile")
        let (client, place) = (era == .legacy ? "legacy" : "modern", isMerged ? "all" : "one")
        try await Self.check("what people change, \(client) client at \(place)") { stand in
            ModelCheck(
                spec, given: ["client": client, "place": place],
                begin: { try await ChangingConversation(stand, client: era, isMerged: isMerged) },
                visible: { state in state.filter { ["session", "stream"].contains($0.key) } },
                unsettled: { stand.unsettled() })
        }
    }

    @Test func everyEventInEveryStateOfATaskWithinOneEra() async throws {
        for (era, section) in [
            (Era.legacy, "Tasks, legacy client, legacy server"), (.modern, "Tasks, modern client, modern server"),
        ] {
            let spec = try Self.spec(section)
            try await Self.check(section) { stand in
                ModelCheck(
                    spec, given: [:], begin: { try await TaskConversation(stand, client: era, server: era) },
                    visible: Self.visibleOfTask, unsettled: { stand.unsettled() })
            }
        }
    }

    @Test func everyEventInEveryStateOfATaskBetweenEras() async throws {
        for (client, server, section) in [
            (Era.legacy, Era.modern, "Tasks, legacy client, modern server"),
            (.modern, .legacy, "Tasks, modern client, legacy server"),
        ] {
            let spec = try Self.spec(section)
            try await Self.check(section) { stand in
                ModelCheck(
                    spec, given: [:], begin: { try await TaskConversation(stand, client: client, server: server) },
                    visible: Self.visibleOfTask, unsettled: { stand.unsettled() })
            }
        }
    }

    private static func visibleOfTask(_ state: SessionSpec.State) -> [String: String] {
        var seen = ["session": state["session"] ?? "", "task": state["task"] == "none" ? "none" : "known"]
        if let ask = state["ask"] { seen["ask"] = ask }
        return seen
    }
}
