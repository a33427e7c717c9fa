import Base
import JSON
import Policy

/// Loading reports problems and never traps; a document that loads decides any call.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzzPolicy(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    let load = PolicyDocument.load(bytes, name: "fuzz", version: 1)
    guard let policy = load.policy else {
        precondition(!load.errors.isEmpty, "no policy and no error")
        return 0
    }
    var quotas = QuotaWindows()
    for tool in ["add", "imageMasking", "delete_all", ""] {
        for text in [
            #"{}"#, #"{"model":"runware:35@8","amount":12.50,"list":[1,"a",null],"url":"https://h.example/p"}"#,
        ] {
            let call = CallFacts(
                tool: tool, arguments: try? JSONDocument.parse(Array(text.utf8)).root, facts: ToolFacts(name: tool),
                server: "s", grant: GrantFacts(id: "g", label: "l", identity: "i"), client: nil, session: "s",
                ip: "127.0.0.1", now: Instant(microseconds: 1_767_607_200_000_000))
            switch decide(call, policy: policy, quotas: &quotas) {
            case .permit(let permit): quotas.release(permit.forwarded())
            case .denial(let denial): precondition(!denial.rule.isEmpty, "a denial without a rule")
            case .ask(let request): precondition(!request.rule.isEmpty, "a question without a rule")
            }
        }
    }
    return 0
}
