import Base
import Imaging

/// One thing that this machine can do by itself. Blocks; runs on a worker thread.
package protocol LocalOperation: Sendable {
    /// What it does.
    var operation: Operation { get }

    /// The models (or methods) it offers, the one for calls that name none first. Those whose files are missing too.
    var models: [EngineModel] { get }

    /// The arguments of its tools that it reads; of others the result says that they changed nothing.
    var reads: Set<String> { get }

    /// What is missing for this model to work, as a text that says which and how to get it; nil when nothing is. Cheap:
    /// looks for files and loads nothing.
    func shortcoming(_ model: String) -> String?

    /// The id of one of `models` that covers the same thing as an id that nobody has here.
    func substitute(_ model: String) -> String?

    /// Does it with `job.model`, one of `models`. Calls `call.step` between its steps.
    /// - Throws: `modelNotInstalled` when a file is missing, `inferenceError` when a model fails.
    func perform(_ job: EngineJob, _ call: CallContext) throws(StudioError) -> EngineResult
}

extension LocalOperation {
    /// None, unless the operation says otherwise.
    package func substitute(_ model: String) -> String? { nil }
}

/// The models and methods on this machine. Libraries and models are loaded with the first call that needs them and stay
/// loaded.
package struct LocalEngine: ImageEngine {
    private let operations: [any LocalOperation]

    /// What this machine can do; several may serve the same operation with different models.
    package init(_ operations: [any LocalOperation]) {
        self.operations = operations
    }

    package let name = "local"

    package func models(_ operation: Operation) -> [EngineModel] {
        operations.filter { $0.operation == operation }.flatMap(\.models)
    }

    package func readiness(_ operation: Operation, model: String?) -> Readiness {
        guard let (worker, model) = find(operation, model) else { return .foreign }
        guard let missing = worker.shortcoming(model) else { return .ready }
        return .lacking(StudioError(.modelNotInstalled, parameter: "model", "\(model) can't run here: \(missing)"))
    }

    package func substitute(_ operation: Operation, model: String) -> EngineModel? {
        for worker in operations where worker.operation == operation {
            if let id = worker.substitute(model), let found = worker.models.first(where: { $0.id == id }) {
                return found
            }
        }
        return nil
    }

    package func perform(_ job: EngineJob, _ call: CallContext) async throws(StudioError) -> EngineResult {
        try await call.work { () throws(StudioError) in try carryOut(job, call) }
    }

    /// Does a job where it is called. Blocks: worker threads only.
    func carryOut(_ job: EngineJob, _ call: CallContext) throws(StudioError) -> EngineResult {
        guard let (worker, model) = find(job.operation, job.model) else {
            throw StudioError(.internalError, "the local engine was asked for what it does not do")
        }
        var order = job
        order.model = model
        var result = try worker.perform(order, call)
        if result.cost == nil { result.cost = .zero }
        if let warning = job.arguments.unusedWarning(result.model, reads: worker.reads) {
            result.warnings.append(warning)
        }
        return result
    }

    /// What is missing for anything at all to work, each reason once.
    package var shortcomings: [String] {
        var lines: [String] = []
        for worker in operations where !worker.models.isEmpty {
            let missing = worker.models.compactMap { worker.shortcoming($0.id) }
            guard missing.count == worker.models.count else { continue }
            for reason in missing {
                let line = "\(worker.operation.rawValue) will not work locally: \(reason)"
                if !lines.contains(line) { lines.append(line) }
            }
        }
        return lines
    }

    /// A call without a model gets the first that is complete, else the first.
    private func find(_ operation: Operation, _ model: String?) -> (any LocalOperation, String)? {
        var fallback: (any LocalOperation, String)?
        for worker in operations where worker.operation == operation {
            for candidate in worker.models {
                if let model {
                    if candidate.id == model { return (worker, model) }
                } else if worker.shortcoming(candidate.id) == nil {
                    return (worker, candidate.id)
                } else if fallback == nil {
                    fallback = (worker, candidate.id)
                }
            }
        }
        return fallback
    }
}

extension StudioError {
    /// What an error of pixels, files of pictures or models means to an agent.
    package init(imaging error: ImagingError) {
        let code: Code =
            switch error.code {
            case .notAnImage, .corrupt: .invalidImage
            case .unsupported: .unsupportedImage
            case .tooManyBytes, .tooManyPixels, .tooLarge: .imageTooLarge
            case .invalidArgument: .invalidParameter
            case .libraryMissing, .libraryBroken, .modelMissing, .modelBroken: .modelNotInstalled
            case .inferenceFailed: .inferenceError
            case .outOfMemory, .encodingFailed: .internalError
            case .cancelled: .cancelled
            }
        self.init(code, error.message)
    }
}
