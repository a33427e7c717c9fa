import Gateway
import JSON
import MCP
import Store

/// What a server offers now, held against what a person has approved.
struct PinState {
    let onChange: OnChange
    /// As it was approved, by tool; the instructions under nil.
    private let approved: [String?: Pin]
    private let now: [String?: Pin]

    /// Nil when the server is not pinned.
    init?(_ server: String, _ report: ServerReport, _ folder: Stored) throws(StoreError) {
        guard let stored = try folder.pins.pins(of: server) else { return nil }
        self.init(onChange: stored.onChange, approved: stored.pins, now: report.pins(folder.hasher))
    }

    init(onChange: OnChange, approved: [Pin], now: [Pin]) {
        self.onChange = onChange
        self.approved = Dictionary(approved.map { ($0.tool, $0) }) { first, _ in first }
        self.now = Dictionary(now.map { ($0.tool, $0) }) { first, _ in first }
    }

    /// `approved`, `changed`, `new` or `missing`.
    func word(_ tool: String?) -> String {
        switch (approved[tool], now[tool]) {
        case (let old?, let new?): old.hash == new.hash ? "approved" : "changed"
        case (nil, _): "new"
        case (_, nil): "missing"
        }
    }

    func knows(_ tool: String) -> Bool { approved[tool] != nil || now[tool] != nil }

    /// Names of tools, sorted; what was approved and is gone is `missing`.
    func tools(_ word: String) -> [String] {
        Set(approved.keys).union(now.keys).compactMap(\.self).filter { self.word($0) == word }.sorted()
    }

    var isSettled: Bool { word(nil) == "approved" && ["changed", "new", "missing"].allSatisfy { tools($0).isEmpty } }

    /// What to store once `names` are approved: their new texts, and the old ones of the rest.
    /// - Parameter names: nil for everything.
    func approving(_ names: Set<String>?, instructions: Bool) -> [Pin] {
        guard let names else { return Array(now.values) }
        var pins = approved
        if instructions { pins[nil] = now[nil] }
        for name in names { pins[name] = now[name] }
        return Array(pins.values)
    }

    /// The members of a tool's definition that differ.
    func changes(of tool: String) -> [String] {
        guard let old = approved[tool], let new = now[tool],
            let a = try? JSONDocument.parse(old.definition).root, let b = try? JSONDocument.parse(new.definition).root
        else { return [] }
        return Definition.changedMembers(a, b)
    }

    /// Messages for people.
    func explain() {
        if isSettled { return Output.note("pinned (on change: \(onChange.rawValue)); all is as it was approved") }
        Output.note("pinned (on change: \(onChange.rawValue)); not as it was approved:")
        for tool in tools("changed") {
            Output.note(
                "  \(Finding.visible(tool)): changed \(changes(of: tool).map(Finding.visible).joined(separator: ", "))")
        }
        for tool in tools("new") { Output.note("  \(Finding.visible(tool)): new") }
        for tool in tools("missing") { Output.note("  \(Finding.visible(tool)): missing") }
        if word(nil) != "approved" { Output.note("  the server's instructions: changed") }
    }

    func write(to writer: inout JSONWriter) {
        writer.key("pins")
        writer.beginObject()
        writer.member("on_change", onChange.rawValue)
        writer.member("instructions", word(nil))
        for word in ["approved", "changed", "new", "missing"] {
            writer.key(word)
            writer.beginArray()
            for tool in tools(word) { writer.string(tool) }
            writer.endArray()
        }
        writer.endObject()
    }

    /// Names that are on several servers, or that look like others; also on this one alone.
    static func warnOfNames(_ server: String, _ folder: Stored) throws(StoreError) {
        for finding in Findings.ofNames(try folder.observations.observations()) where finding.concerns(server) {
            let what: String
            switch finding.code {
            case .collidingName:
                what = finding.also.isEmpty ? "the same name twice" : "the same name on several servers"
            case .lookAlikeName: what = "names that look alike"
            case .invisibleCharacters: what = "a name with characters that can't be seen"
            default: continue
            }
            let all = [Finding.Subject(server: finding.server, tool: finding.tool ?? "")] + finding.also
            let names = all.sorted { ($0.server, $0.tool) < ($1.server, $1.tool) }
                .map { "\(Finding.visible($0.tool)) of \($0.server)" }.joined(separator: ", ")
            Output.note("sluice: warning: \(what): \(names)")
        }
    }
}
