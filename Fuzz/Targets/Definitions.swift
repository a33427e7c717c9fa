import JSON

@testable import Risk

/// A tool's definition: judged and searched it says the same however it is spelled, and the quick look overlooks nothing.
func fuzzDefinition(_ bytes: [UInt8]) {
    guard let root = try? JSONDocument.parse(bytes, limits: JSONLimits(maxDepth: 40)).root,
        let tool = ToolDefinition(root)
    else { return }
    let found = lint.findings(in: tool)
    expect(found == lint.thoroughFindings(in: tool), "the quick look overlooks something")
    for finding in found {
        expect(JSONPointer(finding.place) != nil, "\(finding.place) is no pointer")
        expect(isVisible(finding.quote), "a quote hides something")
    }
    let server = ServerProfile(name: "server", tools: [tool])
    let judgement = classifier.classify(tool, in: server)
    expect(!judgement.evidence.isEmpty && !judgement.rationale.isEmpty, "a judgement without reasons")
    for signal in judgement.signals { expect(!signal.text.isEmpty, "a signal without words") }

    guard let written = try? JSONDocument.parse(root.value.bytes).root, let again = ToolDefinition(written) else {
        fail("what was written can't be read")
    }
    expect(lint.findings(in: again) == found, "spelled otherwise it has other findings")
    let same = classifier.classify(again, in: ServerProfile(name: "server", tools: [again]))
    expect(same == judgement, "spelled otherwise it is judged otherwise")
}

private let classifier = Classifier()

private let lint: MetadataLint = {
    do { return try MetadataLint.standard() } catch { fail("the embedded rules are wrong: \(error)") }
}()

private func isVisible(_ text: String) -> Bool { VisibleText.shown(text) == text }
