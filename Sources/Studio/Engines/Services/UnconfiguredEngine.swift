/// Stands for a service whose key is missing: its tools are listed, and say what to do about it.
package struct UnconfiguredEngine: ImageEngine {
    package let name: String
    private let mend: String
    private let serves: @Sendable (Operation, String?) -> Bool

    package func models(_ operation: Operation) -> [EngineModel] { [] }

    package func readiness(_ operation: Operation, model: String?) -> Readiness {
        guard serves(operation, model) else { return .foreign }
        let what = model.map { "\($0) runs" } ?? "this tool runs"
        return .lacking(
            StudioError(.engineNotConfigured, "\(what) at the service \(name), which is not set up here; \(mend)"))
    }

    package func perform(_ job: EngineJob, _ call: CallContext) async throws(StudioError) -> EngineResult {
        throw StudioError(.engineNotConfigured, "the service \(name) is not set up; \(mend)")
    }

    /// Runware without a key.
    package static let runware = UnconfiguredEngine(
        name: "runware",
        mend: "start the server with --runware-key-file FILE or with RUNWARE_API_KEY in its environment",
        serves: { RunwareTask.serves($0, $1) })

    /// Black Forest Labs without a key.
    package static let bfl = UnconfiguredEngine(
        name: "bfl", mend: "start the server with --bfl-key-file FILE or with BFL_API_KEY in its environment",
        serves: { operation, model in
            guard let model else { return false }
            return BFLEndpoint.serves(operation, model) || BFLEndpoint.successor(model) != nil
        })
}
