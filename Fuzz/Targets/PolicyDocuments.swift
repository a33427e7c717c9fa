import Base
import JSON

@testable import Policy

/// Loading reports problems with their places and never traps; how the text is spaced matters to nothing but the places;
/// a document that loads lists and decides any call.
func fuzzPolicy(_ bytes: [UInt8]) {
    let load = PolicyDocument.load(bytes, name: "fuzz", version: 1)
    expect(load.problems == PolicyDocument.load(bytes, name: "fuzz", version: 1).problems, "the second load is another")
    expect((load.policy == nil) == !load.errors.isEmpty, "a policy with errors, or none without")
    let lines = bytes.count { $0 == UInt8(ascii: "\n") } + 1
    for problem in load.problems {
        expect((1...lines).contains(problem.line) && problem.column >= 1, "line \(problem.line) of \(lines)")
        expect(problem.column <= bytes.count + 1, "column \(problem.column)")
        expect(!problem.message.isEmpty && problem.code.hasPrefix("policy."), "a problem without words")
        expect(JSONPointer(problem.pointer) != nil, "\(problem.pointer) is no pointer")
        var writer = JSONWriter()
        problem.write(to: &writer)
        expect((try? JSONDocument.parse(writer.bytes)) != nil, "a problem that is no JSON")
    }
    if let root = try? JSONDocument.parse(bytes).root {
        let plain = PolicyDocument.load(root.value.bytes, name: "fuzz", version: 1)
        func essence(_ load: PolicyLoad) -> [String] {
            // Numbers of bytes are the only thing that a message may say of the spelling.
            load.problems.map { "\($0.severity) \($0.code) \($0.pointer) \($0.suggestion ?? "")" }.sorted()
        }
        if root.rawBytes.count <= PolicyDocument.maxBytes, bytes.count <= PolicyDocument.maxBytes {
            expect(essence(plain) == essence(load), "without its white space it is another")
        }
    }
    guard let policy = load.policy else { return }
    let tools = [ToolFacts(name: "add"), ToolFacts(name: "imageMasking", category: .write)]
    for problem in policy.problems(against: tools, in: bytes) {
        expect(problem.severity == .warning && (1...lines).contains(problem.line), "a problem out of place")
    }
    decideAll(policy)
}

private let arguments = [
    #"{}"#, #"{"model":"runware:35@8","amount":12.50,"list":[1,"a",null],"url":"https://h.example/p"}"#,
].compactMap { try? JSONDocument.parse(Array($0.utf8)).root }

private func decideAll(_ policy: CompiledPolicy) {
    var quotas = QuotaWindows()
    for tool in ["add", "imageMasking", "delete_all", ""] {
        for arguments in arguments {
            let call = CallFacts(
                tool: tool, arguments: arguments, facts: ToolFacts(name: tool, category: .destructive),
                server: "s", grant: GrantFacts(id: "g", label: "l", identity: "i"), client: nil, session: "s",
                ip: "127.0.0.1", now: Instant(microseconds: 1_767_607_200_000_000))
            let isListed = policy.lists(call)
            switch decide(call, policy: policy, quotas: &quotas) {
            case .permit(let permit):
                expect(isListed || permit.shadow != nil, "a call passes to a tool that is not listed")
                quotas.release(permit.forwarded())
            case .denial(let denial): expect(!denial.rule.isEmpty, "a denial without a rule")
            case .ask(let request): expect(!request.rule.isEmpty, "a question without a rule")
            }
        }
    }
}
