import Base
import Imaging
import JSON
import Runtime

/// A tool that an engine carries out: resolves the pictures, chooses the engine, delivers what was made.
struct EngineTool: Tool {
    let definition: ToolDefinition
    let workshop: Workshop

    var name: String { definition.name }
    var title: String { definition.title }
    var parameters: ParameterList { ParameterList(definition.parameters, rules: definition.rules) }

    var annotations: ToolAnnotations {
        let isOutward = workshop.engines.ready(definition.operation).contains { $0 != "local" }
        return ToolAnnotations(
            isReadOnly: definition.isReadOnly, isDestructive: false,
            isIdempotent: definition.isReadOnly || !isOutward, isOpenWorld: isOutward || workshop.reachesOut)
    }

    var description: String {
        let engines = workshop.engines
        let ready = engines.ready(definition.operation)
        var text = definition.summary
        let local = engines.ready(local: definition.operation)
        if ready.isEmpty {
            text += " No engine is set up for it on this server; a call says what is missing."
        }
        if !local.isEmpty {
            text +=
                " On this machine, free and private: "
                + local.map { "\($0.id) \($0.covers)" }.joined(separator: "; ") + "."
        }
        let services = ready.filter { $0 != "local" }
        if !services.isEmpty {
            text += " Through \(services.joined(separator: ", ")): costs money and sends prompt and pictures there."
        }
        return text
    }

    var outputSchema: JSONValue { definition.outputSchema }

    func call(_ arguments: ToolArguments, _ call: CallContext) async throws(StudioError) -> ToolOutcome {
        var arguments = arguments
        try definition.prepare(&arguments)
        let output = try OutputChoice(arguments)
        if let endpoint = output.uploadEndpoint {
            do throws(StudioError) { try workshop.uploader.check(endpoint) } catch {
                throw error.about("uploadEndpoint")
            }
            if let count = arguments.integer("numberResults"), count > 1 {
                throw StudioError(
                    .incompatibleParameters, parameter: "numberResults",
                    "`uploadEndpoint` is one place for one result, and each of \(count) would replace the one before; make \(count) calls, or leave it out"
                )
            }
        }
        let choice = try workshop.engines.choose(definition.operation, model: definition.model(arguments))
        let estimate = workshop.prices.estimate(
            engine: choice.engine.name, operation: definition.operation, model: choice.model, arguments)
        try Self.refuseIfDearer(estimate, arguments)
        if arguments.boolean("dryRun") == true, choice.engine.name != Service.runware.rawValue {
            return dryRun(choice, estimate)
        }
        let delivery = Delivery(definition, output, workshop, call)
        let (job, written) = try await carryOut(choice, estimate, arguments, output, delivery, call)
        return try await delivery.outcome(of: written, job, engine: choice.engine.name)
    }

    /// Resolves the pictures, has the engine do its work, and writes what it made.
    private func carryOut(
        _ choice: EngineRouter.Choice, _ estimate: ExactDecimal?, _ arguments: ToolArguments, _ output: OutputChoice,
        _ delivery: Delivery, _ call: CallContext
    ) async throws(StudioError) -> (EngineJob, Delivery.Written) {
        let fetched = try await workshop.fetched(arguments.pictures, call)
        let prepare: @Sendable () throws(StudioError) -> EngineJob = { () throws(StudioError) in
            EngineJob(
                operation: definition.operation, tool: name, model: choice.model, arguments: arguments,
                pictures: try workshop.resolve(arguments.pictures, fetched: fetched), taskUUID: output.taskUUID,
                format: output.format, quality: output.quality, store: workshop.store, limits: workshop.limits)
        }
        let finish: @Sendable (EngineResult) throws(StudioError) -> Delivery.Written = { given throws(StudioError) in
            var result = given
            if let warning = choice.warning { result.warnings.insert(warning, at: 0) }
            if result.cost == nil { result.cost = estimate }
            return try delivery.write(result)
        }
        // COST: each way to a worker thread and back takes two switches of threads; what only blocks goes there once.
        if let engine = choice.engine as? LocalEngine {
            return try await call.work { () throws(StudioError) in
                let job = try prepare()
                return (job, try finish(try engine.carryOut(job, call)))
            }
        }
        let job = arguments.pictures.isEmpty ? try prepare() : try await call.work(prepare)
        let result = try await choice.engine.perform(job, call)
        return (job, try await call.work(mayRefuse: false) { () throws(StudioError) in try finish(result) })
    }

    /// Keeps a caller from paying more than it said, as far as the price table knows.
    static func refuseIfDearer(_ estimate: ExactDecimal?, _ arguments: ToolArguments) throws(StudioError) {
        // What a call with `serviceTaskID` brings was paid for by an earlier one.
        guard let expected = arguments.number("estimatedCost"), let estimate, !arguments.isGiven("serviceTaskID")
        else { return }
        // Of the numbers that the argument takes, only those next to nothing can't be expressed.
        let limit = ExactDecimal(text: JSONValue.shortest(expected).utf8) ?? .zero
        guard estimate > limit else { return }
        throw StudioError(
            .costTooHigh, parameter: "estimatedCost",
            "the call costs about \(estimate) US dollars, more than the \(limit) you expect; raise estimatedCost or ask for less"
        )
    }

    /// For engines whose service has no dry run of its own: nothing is sent anywhere.
    private func dryRun(_ choice: EngineRouter.Choice, _ estimate: ExactDecimal?) -> ToolOutcome {
        var facts = [JSONMember("engine", .string(choice.engine.name))]
        if let model = choice.model { facts.append(JSONMember("model", .string(model))) }
        if let estimate { facts.append(JSONMember("cost", .decimal(estimate))) }
        if let warning = choice.warning { facts.append(JSONMember("warning", .string(warning))) }
        return ToolOutcome(message: "Nothing was done: this was a dry run.", data: [], facts: facts)
    }
}

extension ToolDefinition {
    /// JSON Schema of the structured result, failures included. What members mean that all results share stands in the
    /// server's instructions, once.
    var outputSchema: JSONValue {
        let uuid: JSONValue = ["type": "string", "format": "uuid"]
        var properties: [(String, JSONValue)] = [("taskType", ["const": .string(taskType)]), ("taskUUID", uuid)]
        var required: [JSONValue] = ["taskType", "taskUUID"]
        if echo != nil { properties.append(("inputImageUUID", uuid)) }
        func file(_ prefix: String, inline: Bool) {
            let names = ["URL"] + (inline ? ["DataURI", "Base64Data"] : []) + ["Path"]
            properties.append(("\(prefix)UUID", uuid))
            properties += names.map { ("\(prefix)\($0)", ["type": "string"]) }
            required += [.string("\(prefix)UUID"), .string("\(prefix)Path")]
        }
        switch yields {
        case .pictures(let prefix):
            file(prefix, inline: true)
            properties.append(("width", ["type": "integer", "minimum": 1]))
            properties.append(("height", ["type": "integer", "minimum": 1]))
        case .video: file("video", inline: false)
        case .facts: break
        }
        properties += members
        properties.append(("cost", ["type": "number", "minimum": 0]))
        return Envelope.schema(
            item: [
                "type": "object", "properties": .members(properties), "required": .array(required),
                "additionalProperties": false,
            ],
            facts: [
                ("engine", ["type": "string"]), ("model", ["type": "string"]),
                ("cost", ["type": "number", "minimum": 0]),
                ("width", ["type": "integer", "minimum": 1]), ("height", ["type": "integer", "minimum": 1]),
                ("warning", ["type": "string"]), ("partial", ["type": "boolean"]),
            ] + facts)
    }
}
