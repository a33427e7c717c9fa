import Base
import JSON
import MCP
import Policy
import Runtime
import Store

/// What a server says now that no person has approved.
enum PinFinding: Sendable, Hashable {
    case changedTool(String)
    case newTool(String)
    case missingTool(String)
    case changedInstructions

    var rule: String {
        switch self {
        case .changedTool: "(changed definition)"
        case .newTool: "(new tool)"
        case .missingTool: "(missing tool)"
        case .changedInstructions: "(changed instructions)"
        }
    }

    var tool: String? {
        switch self {
        case .changedTool(let name), .newTool(let name), .missingTool(let name): name
        case .changedInstructions: nil
        }
    }

    /// One sentence; quotes nothing of the server's texts.
    var text: String {
        switch self {
        case .changedTool: "Its definition has changed since a person approved it."
        case .newTool: "No person has approved it yet."
        case .missingTool: "An approved tool is gone."
        case .changedInstructions: "The server's instructions have changed since a person approved them."
        }
    }
}

/// Holds what servers say against what a person has approved.
struct PinDesk: Sendable {
    let hasher: any KeyedHasher
    let ledger: any Ledger
    let log: Log

    /// The hash of a tool's definition or of instructions; `sluice server pin` stores the same.
    static func hash(tool: JSONView, _ hasher: any KeyedHasher) -> ArgumentDigest {
        hasher.argumentDigest(Definition.pinInput(.tools, tool))
    }

    static func hash(instructions: String?, _ hasher: any KeyedHasher) -> ArgumentDigest {
        hasher.argumentDigest(Definition.pinInput(instructions: instructions))
    }

    // MARK: Lists

    /// Whether an entry of a list may be shown.
    func shows(_ kind: ListKind, _ entry: ListPage.Entry, _ visit: Visit) -> Bool {
        guard kind == .tools, let pins = visit.caller.pins else { return true }
        guard let finding = finding(entry.id, entry.view, pins, visit) else { return true }
        note(finding, pins, visit)
        return pins.onChange == .warn
    }

    /// What a server's instructions become on their way to the client: nil when nobody has approved them.
    func approved(_ instructions: String?, _ caller: Caller) -> String? {
        guard let pins = caller.pins, pins.onChange != .warn else { return instructions }
        return pins.instructions == Self.hash(instructions: instructions, hasher) ? instructions : nil
    }

    /// The result of a handshake, without instructions that nobody has approved.
    func approved(_ result: JSONValue, of hello: UpstreamHello, _ caller: Caller) -> JSONValue {
        guard let instructions = hello.instructions, approved(instructions, caller) == nil,
            case .object(let members) = result
        else { return result }
        return .object(members.filter { $0.key != "instructions" })
    }

    // MARK: Calls

    /// Whether a decision will need to know the server's tools.
    func needsDefinitions(_ errand: Errand, _ visit: Visit) -> Bool {
        errand.subject != .client && visit.caller.pins != nil
    }

    /// Asks the server for its tools. Nothing may wait once the decision has begun.
    func prepare(_ visit: Visit) async throws(UpstreamError) {
        try await visit.session.server.catalogue.load(from: visit.session.link, on: visit.loop)
    }

    /// Why a call may not go on; nil if nothing is in its way.
    func refusal(_ errand: Errand, _ visit: Visit, _ caller: Caller) -> CallRefusal? {
        guard errand.subject != .client, let pins = caller.pins else { return nil }
        guard let definitions = visit.session.server.catalogue.definitions else {
            // Pinned while the call was under way, or the list has just changed.
            return CallRefusal(
                rule: "(changed definition)", message: "The server's tools have just changed. Try again.")
        }
        if pins.onChange == .refuse {
            guard let finding = first(definitions, pins, visit) else { return nil }
            note(finding, pins, visit)
            return CallRefusal(
                rule: finding.rule, message: "This server is not available: a person has to approve what it offers.")
        }
        guard errand.subject == .tool else { return nil }
        // Gone since its facts were looked up, or never there.
        guard let definition = definitions.exactly(errand.name) else {
            return .unknownTool(errand.name, policy: caller.policy)
        }
        guard let finding = finding(errand.name, definition, pins, visit) else { return nil }
        note(finding, pins, visit)
        if pins.onChange == .warn { return nil }
        return CallRefusal(rule: finding.rule, message: "This tool is not available. \(finding.text)")
    }

    private func finding(
        _ name: String, _ definition: JSONView, _ pins: ServerPins, _ visit: Visit
    ) -> PinFinding? {
        guard let approved = pins.tools.exactly(name) else { return .newTool(name) }
        // What was approved may stand beside something else of its name, which a call may reach as well.
        guard !visit.session.server.catalogue.isDoubtful(name) else { return .changedTool(name) }
        return approved == Self.hash(tool: definition, hasher) ? nil : .changedTool(name)
    }

    private func first(_ definitions: [String: JSONView], _ pins: ServerPins, _ visit: Visit) -> PinFinding? {
        let hello = visit.session.link.hello
        if pins.instructions != Self.hash(instructions: hello.instructions, hasher) { return .changedInstructions }
        for name in definitions.keys.sorted() {
            if let definition = definitions[name], let finding = finding(name, definition, pins, visit) {
                return finding
            }
        }
        return pins.tools.keys.filter { definitions.exactly($0) == nil }.min().map(PinFinding.missingTool)
    }

    // MARK: The record

    /// Logs a finding and puts it on record, once for each run of the server and approval.
    private func note(_ finding: PinFinding, _ pins: ServerPins, _ visit: Visit) {
        guard visit.session.server.catalogue.isNews(finding, stamp: pins.stamp) else { return }
        log(
            .warning, "a server says something else than was approved", ("server", pins.server),
            ("finding", finding.rule), ("tool", finding.tool ?? ""), ("then", pins.onChange.rawValue))
        var row = LedgerRow(
            time: EventLoop.wallNow, requestID: visit.requestID,
            outcome: pins.onChange == .warn ? .shadowDenied : .denied)
        row.server = pins.server
        row.method = "tools/list"
        row.tool = finding.tool
        row.rule = finding.rule
        row.ruleAlias = finding.rule
        row.message = finding.text
        ledger.append(row, completion: nil)
    }
}
