import Base

/// Chooses who does a job: by the model that was asked for and by what is set up. What was asked for is never replaced
/// unless the operator allowed it, and then the result says so.
package struct EngineRouter: Sendable {
    /// For calls that name a model: who has it on this machine comes before who charges for it.
    private let engines: [any ImageEngine]
    /// Whether a model that nobody has may be replaced by a local one that covers the same thing.
    private let substitutes: Bool
    /// Engines that the operator bound to an operation; no other is asked then.
    private let routes: [Operation: String]

    /// - Parameter engines: this machine's first, then the services in the order of preference.
    package init(_ engines: [any ImageEngine], substitutes: Bool = false, routes: [Operation: String] = [:]) {
        self.engines = engines
        self.substitutes = substitutes
        self.routes = routes
    }

    /// Who does the job.
    package struct Choice: Sendable {
        /// Ready to do it.
        package let engine: any ImageEngine
        /// With this model; nil: of its own choice.
        package let model: String?
        /// Says which model stands in for which.
        package let warning: String?
    }

    /// Finds who does `operation` with `model`.
    /// - Throws: `engineNotConfigured`, `modelNotInstalled` or `modelUnavailable`, saying what would mend it.
    package func choose(_ operation: Operation, model: String?) throws(StudioError) -> Choice {
        let candidates = candidates(operation, model: model)
        var lacking: StudioError?
        for engine in candidates {
            switch engine.readiness(operation, model: model) {
            case .ready: return Choice(engine: engine, model: model, warning: nil)
            case .lacking(let error): lacking = lacking ?? error
            case .foreign: break
            }
        }
        if let model, let (engine, other) = stand(in: candidates, operation, model) {
            if substitutes {
                return Choice(
                    engine: engine, model: other.id,
                    warning: "\(model) is not available here; \(other.id) (\(other.title)) was used in its place")
            }
            throw StudioError(
                .modelUnavailable, parameter: "model",
                "\(model) is not available here\(lacking.map { " (\($0.message))" } ?? ""); ask for \(other.id) "
                    + "(\(other.title)), which covers the same and runs locally, or start the server with --substitute")
        }
        if let lacking, model != nil {
            let here = ready(local: operation).map(\.id)
            guard !here.isEmpty else { throw lacking.about("model") }
            throw StudioError(
                lacking.code, parameter: "model",
                "\(lacking.message). Available here: \(here.joined(separator: ", "))")
        }
        throw lacking ?? unavailable(operation, model, candidates)
    }

    private func stand(
        in candidates: [any ImageEngine], _ operation: Operation, _ model: String
    ) -> (any ImageEngine, EngineModel)? {
        for engine in candidates {
            guard let other = engine.substitute(operation, model: model),
                engine.readiness(operation, model: other.id) == .ready
            else { continue }
            return (engine, other)
        }
        return nil
    }

    /// Without a model a call means the original's own way, which is the service's, where it is set up.
    private func candidates(_ operation: Operation, model: String?) -> [any ImageEngine] {
        if let bound = routes[operation] { return engines.filter { $0.name == bound } }
        return model == nil ? Array(engines.dropFirst()) + engines.prefix(1) : engines
    }

    private func unavailable(
        _ operation: Operation, _ model: String?, _ candidates: [any ImageEngine]
    ) -> StudioError {
        let known = candidates.flatMap { $0.models(operation) }.map(\.id)
        let available = known.isEmpty ? "no engine here does this" : "available: \(known.joined(separator: ", "))"
        guard let model else { return StudioError(.engineNotConfigured, available) }
        return StudioError(
            .modelUnavailable, parameter: "model", "\(quoted(model)) is no model that is known here; \(available)")
    }

    /// The models of all engines for an operation, to be named in schemas and descriptions.
    package func models(_ operation: Operation) -> [(engine: String, model: EngineModel)] {
        engines.flatMap { engine in engine.models(operation).map { (engine.name, $0) } }
    }

    /// The models of this machine that could do an operation now.
    package func ready(local operation: Operation) -> [EngineModel] {
        engines.prefix(1).flatMap { engine in
            engine.models(operation).filter { engine.readiness(operation, model: $0.id) == .ready }
        }
    }

    /// The engines that could do an operation now, by name.
    package func ready(_ operation: Operation) -> [String] {
        engines.filter { engine in
            if engine.readiness(operation, model: nil) == .ready { return true }
            return engine.models(operation).contains { engine.readiness(operation, model: $0.id) == .ready }
        }.map(\.name)
    }

}
