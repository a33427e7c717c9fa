import Base
import JSON

@testable import Policy

/// A policy test file: a policy, tools with schemas, and calls in time order. Every call is decided twice, after a restart
/// of the counters, written in another order, and explained; all agree.
func fuzzCalls(_ bytes: [UInt8]) {
    let report = PolicyTest.run(bytes, name: "fuzz") { _ in nil }
    expect(report.failed >= report.failures.count, "failures that were not counted")
    guard let root = try? JSONDocument.parse(bytes, limits: JSONLimits(maxDepth: 60)).root else { return }
    var file = TestFile(root)
    guard let policy = file.policy(name: "fuzz", resolve: { _ in nil })?.load.policy else { return }
    var quotas = CheckedQuotas()
    for call in file.calls().prefix(32) {
        let isReleased = call.isReleased
        judge(call.facts, policy, &quotas, isReleased: isReleased)
    }
}

/// Decides one call in every way that must make no difference.
func judge(_ call: CallFacts, _ policy: CompiledPolicy, _ quotas: inout CheckedQuotas, isReleased: Bool) {
    var (copy, restored, told) = (quotas.real, quotas.restored, quotas.real)
    let isListed = policy.lists(call)
    let explanation = explain(call, policy: policy, quotas: &told)
    let verdict = words(decide(call, policy: policy, quotas: &quotas))
    let same = words(decide(call, policy: policy, quotas: &copy))
    expect(verdict.text == same.text && verdict.taken == same.taken, "\(verdict.text) and then \(same.text)")
    let later = words(decide(call, policy: policy, quotas: &restored))
    expect(verdict.text == later.text, "\(verdict.text), after a restart \(later.text)")
    expect(verdict.text.hasPrefix(explanation.outcome), "\(verdict.text) explained as \(explanation.outcome)")
    expect(!verdict.text.hasPrefix("allow") || isListed, "a call passes to a tool that is not listed")
    expect(!explanation.text.isEmpty, "nothing explained")
    // Denials take nothing: the same call again, with the counters as they are, gets the same answer.
    if verdict.text.hasPrefix("deny") || verdict.text.hasPrefix("ask") {
        var after = quotas.real
        let again = words(decide(call, policy: policy, quotas: &after))
        expect(again.text == verdict.text, "\(verdict.text), asked again \(again.text)")
    }
    reorder(call, policy, verdict.text, told: quotas)
    if isReleased {
        quotas.release(verdict.taken)
        // A second release of the same finds nothing.
        quotas.release(verdict.taken)
    }
}

/// The order of the arguments' keys and the spelling of their numbers: neither changes the outcome or the rule.
private func reorder(_ call: CallFacts, _ policy: CompiledPolicy, _ verdict: String, told: CheckedQuotas) {
    guard let arguments = call.arguments, !verdict.hasPrefix("deny (budget)") else { return }
    guard let sorted = try? JSONDocument.parse(arguments.canonical()).root else { fail("canonical, but no JSON") }
    var other = call
    other.arguments = sorted
    var (first, second) = (QuotaWindows(), QuotaWindows())
    func essence(_ text: String) -> Substring {
        let parts = text.split(separator: " ", maxSplits: 2)
        // A faulty value has its own pointer; which of several is found first depends on their order.
        return parts.count > 1 ? text[..<parts[1].endIndex] : text[...]
    }
    let (a, b) = (
        words(decide(call, policy: policy, quotas: &first)).text,
        words(decide(other, policy: policy, quotas: &second)).text
    )
    expect(essence(a) == essence(b), "\(a), in another order \(b)")
}
