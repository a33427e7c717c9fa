package import Base
internal import JSON

/// What a `*.policytest.json` file came to.
package struct PolicyTestReport: Sendable {
    /// Calls that went as expected; 1 for a document that was expected, and found, invalid.
    package internal(set) var passed = 0
    /// Calls that went otherwise, and faults of the test file itself.
    package internal(set) var failed = 0
    /// In the order in which they were found.
    package internal(set) var failures: [TestFailure] = []
    /// The policy's own problems, warnings too.
    package internal(set) var problems: [PolicyProblem] = []
    /// The file that the problems are about; nil if the policy stands in the test file.
    package internal(set) var policyFile: String?
    /// Pointers of the policy's rules, limits and actions that decided no call.
    package internal(set) var unused: [String] = []
    /// How many rules, limits and actions the policy has.
    package internal(set) var rules = 0

    /// Something was tested, and all of it went as expected.
    package var isGood: Bool { failed == 0 && failures.isEmpty && passed > 0 }

    mutating func fail(_ failure: TestFailure) {
        failed += 1
        failures.append(failure)
    }
}

/// What went otherwise than expected, or is wrong with a test file.
package struct TestFailure: Sendable, Hashable, CustomStringConvertible {
    /// Where in the test file.
    package let place: SourcePosition
    /// One sentence in lower case without a final period.
    package let message: String

    init(_ message: String, at place: SourcePosition) {
        self.place = place
        self.message = message
    }

    init(_ message: String, at view: JSONView) {
        self.init(message, at: SourcePosition(offset: view.range.lowerBound, in: view.document.bytes))
    }

    /// `line:column: message`
    package var description: String { "\(place): \(message)" }

    /// `file:line:column: message`
    package func text(file: String) -> String { "\(file):\(self)" }
}

/// A policy that a test file names by its path.
package enum PolicySource: Sendable {
    /// Its bytes, and what to call the file in messages.
    case text([UInt8], file: String)
    /// Why it can't be read.
    case unreadable(String)
}

/// Runs policy test files: a policy and the calls to try on it. Pure; files are handed in by the caller.
package enum PolicyTest {
    static let maxBytes = 4 << 20

    /// - Parameters:
    ///   - name: What to call a policy that stands in the test file.
    ///   - resolve: Gives the file that the test names, by its path relative to the test file; nil if there is none.
    package static func run(
        _ bytes: [UInt8], name: String, resolve: (String) -> PolicySource?
    ) -> PolicyTestReport {
        var report = PolicyTestReport()
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument.parse(bytes, limits: JSONLimits(maxBytes: maxBytes))
        } catch {
            report.fail(TestFailure(error.sentence(in: bytes), at: error.position(in: bytes)))
            return report
        }
        var file = TestFile(document.root)
        guard let (load, policyFile) = file.policy(name: name, resolve: resolve) else {
            file.faults.forEach { report.fail($0) }
            return report
        }
        report.problems = load.problems
        report.policyFile = policyFile
        if let codes = file.expectedCodes {
            file.faults.forEach { report.fail($0) }
            judge(load, codes, document.root["expect_invalid"] ?? document.root, &report)
            return report
        }
        let calls = file.calls()
        file.faults.forEach { report.fail($0) }
        guard let policy = load.policy else {
            let (first, more) = (load.errors.first?.text(file: policyFile ?? name) ?? "", load.errors.count - 1)
            report.fail(
                TestFailure(
                    "the policy is invalid, so no call was tried: \(first)"
                        + (more > 0 ? ", and \(more) more error\(more == 1 ? "" : "s")" : ""),
                    at: document.root["policy"] ?? document.root))
            return report
        }
        guard report.failures.isEmpty else { return report }
        run(calls, policy, &report)
        return report
    }

    /// `expect_invalid`
    private static func judge(
        _ load: PolicyLoad, _ codes: [String], _ view: JSONView, _ report: inout PolicyTestReport
    ) {
        let found = load.errors.map(\.code)
        guard !found.isEmpty else {
            return report.fail(TestFailure("the policy should be invalid, and is valid", at: view))
        }
        let absent = codes.filter { !found.contains($0) }
        guard absent.isEmpty else {
            return report.fail(
                TestFailure(
                    "the policy should have \(absent.joined(separator: ", ")); it has \(found.joined(separator: ", "))",
                    at: view))
        }
        report.passed += 1
    }

    private static func run(_ calls: [TestCall], _ policy: CompiledPolicy, _ report: inout PolicyTestReport) {
        var quotas = QuotaWindows()
        var decided: Set<String> = []
        for call in calls {
            var seen = Seen()
            switch decide(call.facts, policy: policy, quotas: &quotas) {
            case .permit(let permit):
                seen.outcome = permit.shadow == nil ? "allow" : "shadow_deny"
                if let shadow = permit.shadow { seen.note(shadow) }
                if permit.shadow == nil { seen.remaining = permit.lowestRemaining }
                let taken = permit.forwarded()
                if call.isReleased { quotas.release(taken) }
            case .denial(let denial):
                seen.outcome = "deny"
                seen.note(denial)
            case .ask(let request):
                seen.outcome = "ask"
                seen.rule = request.rule
                seen.alias = request.alias
            }
            decided.insert(seen.rule)
            seen.isListed = call.expected.isListed == nil ? nil : policy.lists(call.facts)
            let differences = call.expected.differences(from: seen)
            if differences.isEmpty {
                report.passed += 1
            } else {
                report.fail(
                    TestFailure(
                        "\(call.place) (\(clipped(call.facts.tool))): \(differences.joined(separator: "; "))",
                        at: call.view))
            }
        }
        let pointers = policy.rulePointers
        report.rules = pointers.count
        report.unused = pointers.filter { !decided.contains($0) }
    }
}

/// What the engine said to one call.
struct Seen {
    var outcome = ""
    var rule = ""
    var alias = ""
    var retryAfterMs: Int64?
    var remaining: ExactDecimal?
    var isListed: Bool?

    mutating func note(_ denial: Denial) {
        rule = denial.rule
        alias = denial.alias
        retryAfterMs = denial.retryAfterMs
        remaining = denial.remaining.flatMap { ExactDecimal(text: $0.utf8) }
    }
}

/// What a test expects of one call.
struct Expected {
    var outcome = "allow"
    var rule: String?
    var retryAfterMs: Int64?
    var remaining: ExactDecimal?
    var isListed: Bool?

    func differences(from seen: Seen) -> [String] {
        var found: [String] = []
        if outcome != seen.outcome {
            found.append(
                "expected \(outcome), got \(seen.outcome)\(seen.rule.isEmpty ? "" : " by \(clipped(seen.rule))")")
        }
        if let rule, rule != seen.rule, rule != seen.alias {
            found.append("expected rule \(rule), got \(seen.rule.isEmpty ? "none" : seen.rule)")
        }
        if let retryAfterMs, retryAfterMs != seen.retryAfterMs {
            found.append(
                "expected retry_after_ms \(retryAfterMs), got \(seen.retryAfterMs.map(String.init) ?? "none")")
        }
        if let remaining, remaining != seen.remaining {
            found.append("expected remaining \(remaining), got \(seen.remaining.map(\.description) ?? "none")")
        }
        if let isListed, isListed != seen.isListed {
            found.append(isListed ? "expected the tool to be listed, it is not" : "expected the tool not to be listed")
        }
        return found
    }
}

struct TestCall {
    var facts: CallFacts
    /// The upstream's outcome gives the quota back.
    var isReleased: Bool
    var expected: Expected
    /// `calls[3]`
    var place: String
    /// Itself, in the file.
    var view: JSONView
}

extension Permit {
    /// What is left in the limit that has least left; nil if no limit counted the call.
    var lowestRemaining: ExactDecimal? {
        standings.compactMap { ExactDecimal(text: $0.remaining.utf8) }.min()
    }
}

extension CompiledPolicy {
    /// Everything in the policy that can decide a call, in document order.
    var rulePointers: [String] {
        var pointers: [String] = []
        for entry in [allTools].compactMap({ $0 }) + entries {
            if entry.action != .allow { pointers.append(entry.pointer + "/action") }
            pointers += entry.require.map(\.pointer)
            pointers += entry.denyIf.map(\.pointer)
            pointers += entry.approveIf.map(\.rule.pointer)
            pointers += entry.limits.map(\.pointer)
        }
        return pointers
    }
}
