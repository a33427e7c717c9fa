import JSON

extension ToolArguments {
    /// What says how results come back, and what the call may cost: read by the tool, whoever does the work.
    private static let delivery: Set = [
        "model", "outputType", "outputFormat", "outputQuality", "uploadEndpoint", "includeCost", "taskUUID",
        "estimatedCost", "dryRun", "deliveryMethod", "output", "output_format", "name",
    ]

    /// Says which of the caller's arguments change nothing, because `worker` reads only `read`; nil: none. Every engine that
    /// does not read all of a tool's arguments says so by this.
    func unusedWarning(_ worker: String, reads read: Set<String>) -> String? {
        let idle = names.filter {
            isGiven($0) && !read.contains($0) && !Self.delivery.contains($0) && asksForSomething($0)
        }
        guard !idle.isEmpty else { return nil }
        let list = idle.map { "`\($0)`" }.joined(separator: ", ")
        return "\(list) \(idle.count == 1 ? "has" : "have") no effect with \(worker)"
    }

    /// A blank prompt, one result and `false` ask for nothing that is not so anyway.
    private func asksForSomething(_ name: String) -> Bool {
        switch self[name] {
        case .boolean(false): false
        case .integer(1) where name == "numberResults": false
        case .text(let text): text != "__BLANK__" && text.utf8.contains { $0 > 0x20 }
        default: true
        }
    }
}
