package import JSON
internal import Policy

/// One policy for all tools of a server, made from their classifications by one table (`ToolCategory.treatment`) and from
/// what their schemas say of the arguments. Whoever uses it replaces the folder and the hosts by their own.
package struct Recommendation: Sendable {
    /// The folder that stands for the one that an agent may touch.
    package static let folder = "/srv/agent"
    /// The host that stands for those that an agent may reach.
    package static let host = "files.example.com"

    /// A rule or a tool's entry, and why it is there.
    package struct Reason: Sendable, Hashable {
        /// The tool that it is about.
        package let tool: String
        /// A JSON pointer into the policy; of a hidden tool into `hide`.
        package let place: String
        /// One sentence for people.
        package let text: String
        /// Holds a folder or a host that has to be replaced.
        package let needsEditing: Bool
    }

    /// The policy document.
    package let policy: JSONValue
    /// The entry of each tool under `tools`, by the tool's name; hidden tools have none.
    package let entries: [String: JSONValue]
    /// Why each part is there, in the order of the tools.
    package let reasons: [Reason]
    /// What the policy is tried with: a `*.policytest.json` without its `policy`.
    let trials: [Trial]
    /// Tools whose names a policy can't tell from patterns; the default denies them.
    package let unnameable: [String]

    /// - Parameter judged: the server's tools with their classifications, in the server's order.
    package init(server: String, judged: [(tool: ToolDefinition, classification: Classification)]) {
        var (entries, hidden, reasons, trials, unnameable) =
            ([JSONMember](), [JSONValue](), [Reason](), [Trial](), [String]())
        var counters: Set<String> = []
        var seen: Set<String> = []
        // Of several tools of one name a call may reach any: they are treated as the worst of them.
        let worst = Dictionary(grouping: judged) { $0.tool.name }.compactMapValues { same in
            same.max { $0.classification.category.rank < $1.classification.category.rank }
        }
        for name in judged.map(\.tool.name) where seen.insert(name).inserted {
            guard let (tool, classification) = worst[name] else { continue }
            guard Recommendation.isNameable(tool.name) else {
                unnameable.append(tool.name)
                continue
            }
            let category = classification.category
            if category.treatment == .hide {
                reasons.append(
                    Reason(
                        tool: tool.name, place: "/hide/\(hidden.count)",
                        text: "What it does can't be taken back; show it to agents that need it.", needsEditing: false))
                hidden.append(.string(tool.name))
                trials.append(Trial(tool: tool.name, category: category, isHidden: true))
                continue
            }
            let entry = RecommendedEntry(tool, classification, counter: Recommendation.counter(tool.name, &counters))
            let place = "/tools/" + JSONPointer(tokens: [tool.name]).description.dropFirst()
            for (path, text, needsEditing) in entry.reasons {
                reasons.append(Reason(tool: tool.name, place: place + path, text: text, needsEditing: needsEditing))
            }
            entries.append(JSONMember(tool.name, entry.value))
            trials.append(entry.trial)
        }
        var members = [
            JSONMember("version", "1"),
            JSONMember("description", .string("Recommended for \(VisibleText.shown(server)) by the tools' risks")),
            JSONMember("default", "deny"),
        ]
        if !hidden.isEmpty { members.append(JSONMember("hide", .array(hidden))) }
        members.append(JSONMember("tools", .object(entries)))
        policy = .object(members)
        self.entries = Dictionary(uniqueKeysWithValues: entries.map { ($0.key, $0.value) })
        self.reasons = reasons
        self.trials = trials
        self.unnameable = unnameable
    }

    /// The policy with its reasons in `description`, the one place that its language has for words to people: a line for
    /// each, with the place that it is about.
    /// - Parameter leftOut: tools that the policy leaves to its default, and why.
    package func explained(leftOut: [String], because: String) -> JSONValue {
        guard case .object(var members) = policy, let place = members.firstIndex(where: { $0.key == "description" })
        else { return policy }
        var lines = leftOut.map { "\(VisibleText.shown($0)): \(because)" }
        lines += reasons.map { reason in
            VisibleText.shown("\(reason.place): \(reason.text)") + (reason.needsEditing ? " Put in your own." : "")
        }
        lines += unnameable.map {
            "\(VisibleText.shown($0)): No policy can name it, since its name reads as a pattern."
        }
        var text = (members[place].value.string ?? "") + "."
        for (index, line) in lines.enumerated() {
            guard text.utf8.count + line.utf8.count < Recommendation.mostWords else {
                text += "\nAnd \(lines.count - index) more reasons, in `policy_reasons` of the scan's JSON."
                break
            }
            text += "\n" + line
        }
        members[place] = JSONMember("description", .string(text))
        return .object(members)
    }

    /// Bytes of a policy's description: with its rules it has to stay below what a policy may have (256 KiB).
    private static let mostWords = 32 << 10

    /// Whether a policy's key of that name means this tool and nothing else: no pattern, category or prefix.
    private static func isNameable(_ name: String) -> Bool {
        name.utf8.count <= 256 && !name.hasPrefix("@")
            && !name.unicodeScalars.contains {
                "*?:[]{}\\".unicodeScalars.contains($0) || $0.value < 0x21 || $0.value == 0x7F
            }
    }

    /// `imagemasking_rate`, as the catalogues that policies come from call them; no two tools share one.
    private static func counter(_ tool: String, _ taken: inout Set<String>) -> String {
        let plain = tool.lowercased().unicodeScalars.map { scalar in
            ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar) || scalar == "_" ? Character(scalar) : "_"
        }
        var name = String(plain) + "_rate"
        var number = 2
        while !taken.insert(name).inserted {
            name = String(plain) + "_\(number)_rate"
            number += 1
        }
        return name
    }
}
