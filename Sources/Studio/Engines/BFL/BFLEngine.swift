import Base
import HTTP
import Imaging
import JSON
import Runtime

/// The API of Black Forest Labs as an engine: submit, ask until it is ready, bring the picture here before its link
/// expires.
package struct BFLEngine: ImageEngine {
    private let web: Web
    private let options: ServiceOptions
    private let base: (url: HTTPURL, text: String)
    private let key: ServiceKey
    private let downloads: Downloads
    /// Makes control maps.
    private let local: LocalEngine
    /// SPEC: BFL refuses more than 24 tasks at once, and more than 6 of flux-kontext-max.
    private let gate = TaskGate(limit: 24)
    private let narrowGate = TaskGate(limit: 6)
    /// Whether a retired model may be replaced by its successor.
    private let substitutes: Bool

    init(
        _ web: Web, _ options: ServiceOptions, _ key: ServiceKey, local: LocalEngine, limits: ImageLimits,
        substitutes: Bool
    ) throws(StudioError) {
        self.web = web
        self.options = options
        self.key = key
        self.local = local
        self.substitutes = substitutes
        base = try options.base()
        downloads = Downloads(
            web: web, engine: "bfl", home: base.url.origin, pace: options.pace, maxPictureBytes: limits.maxBytes)
    }

    package let name = "bfl"

    package func models(_ operation: Operation) -> [EngineModel] { [] }

    package func readiness(_ operation: Operation, model: String?) -> Readiness {
        guard let model else { return .foreign }
        if BFLEndpoint.serves(operation, model) { return .ready }
        guard let next = BFLEndpoint.successor(model), BFLEndpoint.serves(operation, next) else { return .foreign }
        if substitutes { return .ready }
        return .lacking(
            StudioError(
                .modelUnavailable, parameter: "model",
                "\(model) was retired by BFL; ask for \(next), or start the server with --substitute to have it used instead"
            ))
    }

    package func perform(_ job: EngineJob, _ call: CallContext) async throws(StudioError) -> EngineResult {
        var job = job
        var warnings: [String] = []
        if let model = job.model, let next = BFLEndpoint.successor(model) {
            warnings.append("\(model) was retired by BFL; \(next) was used in its place")
            job.model = next
        }
        let deadline = web.moment(after: options.deadline)
        let map = try await controlMap(job, call)
        let order = job
        let request = try await call.work { () throws(StudioError) -> BFLRequest in try BFLRequest(order, map: map) }
        let isNarrow = request.endpoint == "flux-kontext-max"
        let (ticket, ready) = try await (isNarrow ? narrowGate : gate).run(call) {
            () async throws(StudioError) -> (Ticket, Ready) in
            let ticket = try await submit(request, until: deadline, call)
            do throws(StudioError) {
                try call.step("accepted by BFL")
                return (ticket, try await wait(for: ticket, until: deadline, call))
            } catch { throw error.after(Self.facts(ticket.id)) }
        }
        let picture: [UInt8]
        do throws(StudioError) {
            picture = try await downloads.picture(ready.sample, until: deadline, call)
        } catch { throw error.after(Self.facts(ticket.id)) }
        var members = [JSONMember("serviceTaskID", .string(ticket.id))]
        if let seed = ready.seed { members.append(JSONMember("seed", .int(seed))) }
        return EngineResult(
            model: request.endpoint, items: [EngineItem(.picture(picture), members: members)],
            cost: ready.cost ?? ticket.cost, warnings: warnings + request.warnings, task: Self.facts(ticket.id))
    }

    /// What errors say of a task that BFL has accepted (nil: perhaps): it can't be asked for again.
    private static func facts(_ task: String?) -> ServiceFacts {
        ServiceFacts(engine: "bfl", serviceTaskID: task, wouldPayAgain: true)
    }

    /// Edges are found here; other maps come from the caller.
    private func controlMap(_ job: EngineJob, _ call: CallContext) async throws(StudioError) -> PixelImage? {
        guard job.operation == .control, job.arguments.text("type") == "canny",
            job.arguments.boolean("preprocessed") != true
        else { return nil }
        guard local.readiness(.controlMap, model: nil) == .ready else {
            throw StudioError(
                .modelUnavailable, parameter: "type",
                "no edge detector is on this machine; give a map of edges and set `preprocessed` to true")
        }
        let order = EngineJob(
            operation: .controlMap, tool: job.tool, model: nil, arguments: job.arguments, pictures: job.pictures,
            taskUUID: job.taskUUID, format: .png, quality: job.quality, store: job.store, limits: job.limits)
        guard case .pixels(let map)? = try await local.perform(order, call).items.first?.content else {
            throw StudioError(.internalError, "the edge detector made no picture")
        }
        return map
    }

    // MARK: The conversation

    /// An accepted task.
    private struct Ticket: Sendable {
        let id: String
        let poll: HTTPURL
        let cost: ExactDecimal?
    }

    /// A finished one.
    private struct Ready: Sendable {
        let sample: String
        let seed: Int64?
        let cost: ExactDecimal?
    }

    /// The service has no key against doing work twice, so a request whose fate is unknown is not sent again.
    private func submit(
        _ request: BFLRequest, until deadline: TimeSpan, _ call: CallContext
    ) async throws(StudioError) -> Ticket {
        let url: HTTPURL
        do throws(HTTPError) {
            url = try HTTPURL("\(base.text)/v1/\(request.endpoint)", allowPrivate: true)
        } catch { throw StudioError(.internalError, error.detail) }
        var message = ClientRequest(.post, url, fields: fields(hasBody: true), body: request.body.bytes)
        message.maxBody = 1 << 20
        message.headTimeout = .seconds(60)
        var attempt = 0
        while true {
            let problem: StudioError
            switch await attemptOnce(message, until: deadline, call) {
            case .success(let answer) where [200, 202].contains(answer.status):
                return try ticket(answer.body)
            case .success(let answer):
                problem = BFLReply.problem(answer)
                guard [429, 503].contains(answer.status) else {
                    throw (400..<500).contains(answer.status) ? problem : problem.after(Self.facts(nil))
                }
            case .failure(let failure):
                problem = unreachable(failure)
                guard case .failed = failure, failure.isNotSent else { throw problem.after(Self.facts(nil)) }
            }
            let wait = max(options.backoff(attempt), .seconds(Int64(problem.service?.retryAfter ?? 0)))
            attempt += 1
            guard attempt <= options.retries, web.moment(after: wait) < deadline else { throw problem }
            try await web.pause(wait, until: deadline, call)
        }
    }

    private func attemptOnce(
        _ request: ClientRequest, until deadline: TimeSpan, _ call: CallContext
    ) async -> Result<ServiceAnswer, Web.Failure> {
        do throws(Web.Failure) {
            return .success(ServiceAnswer(try await web.send(request, until: deadline, call), hiding: key))
        } catch {
            return .failure(error)
        }
    }

    private func ticket(_ body: [UInt8]) throws(StudioError) -> Ticket {
        guard let root = try? JSONDocument.parse(body).root, let id = root["id"]?.string, id.utf8.count <= 200 else {
            throw BFLReply.misunderstood("its answer has no task id").after(Self.facts(nil))
        }
        let text = root["polling_url"]?.string ?? "\(base.text)/v1/get_result?id=\(id)"
        do throws(StudioError) {
            return Ticket(id: id, poll: try pollingURL(text), cost: BFLReply.dollars(root["cost"]))
        } catch { throw error.after(Self.facts(id)) }
    }

    /// The key goes with each question, so only BFL's own hosts and the configured one may be asked.
    private func pollingURL(_ text: String) throws(StudioError) -> HTTPURL {
        do throws(HTTPError) {
            let url = try HTTPURL(text)
            let home = base.url.origin
            if url.origin.host == home.host, url.origin.port == home.port,
                (url.origin.trust == nil) == (home.trust == nil)
            {
                return try HTTPURL(text, allowPrivate: true)
            }
            guard url.origin.trust != nil, url.origin.port == 443, BFLEndpoint.isOwnHost(url.origin.host) else {
                throw HTTPError(.badURL, "\(url.origin.host) is none of BFL's hosts")
            }
            return url
        } catch {
            throw BFLReply.misunderstood("it wants to be asked at a place that may not have the key: \(error.detail)")
        }
    }

    private func wait(
        for ticket: Ticket, until deadline: TimeSpan, _ call: CallContext
    ) async throws(StudioError) -> Ready {
        var request = ClientRequest(.get, ticket.poll, fields: fields(hasBody: false))
        request.maxBody = 1 << 20
        request.headTimeout = .seconds(30)
        var wait = options.pace.microseconds / 2
        var failures = 0
        var misses = 0
        var percent = 0
        while true {
            guard web.loop.now < deadline else { throw late(ticket) }
            try await web.pause(TimeSpan(microseconds: wait), until: deadline, call)
            wait = min(wait * 3 / 2, 2 * options.pace.microseconds)
            switch await attemptOnce(request, until: deadline, call) {
            case .failure(let failure):
                failures += 1
                if case .late = failure { throw late(ticket) }
                guard case .failed = failure, failures <= options.retries else { throw unreachable(failure) }
            case .success(let answer):
                switch BFLReply.status(answer) {
                case .pending(let progress):
                    failures = 0
                    if let progress, progress > percent {
                        percent = progress
                        try call.step("BFL is at \(progress) %")
                    }
                case .ready(let sample, let seed, let cost): return Ready(sample: sample, seed: seed, cost: cost)
                case .unknownTask:
                    // May flash up right after the submission.
                    misses += 1
                    if misses > 3 {
                        throw BFLReply.refused(.serviceFailed, "Task not found", "BFL does not know the task")
                    }
                case .passing(let error):
                    failures += 1
                    guard failures <= options.retries else { throw error }
                    wait = max(wait, Int64(error.service?.retryAfter ?? 0) * 1_000_000)
                case .failed(let error): throw error
                }
            }
        }
    }

    private func late(_ ticket: Ticket) -> StudioError {
        StudioError(
            .timeout, "the task \(quoted(ticket.id)) is still running at BFL", service: ServiceFacts(engine: "bfl"))
    }

    private func fields(hasBody: Bool) -> Fields {
        var fields = Fields((.accept, "application/json"))
        if hasBody { fields.append(.contentType, "application/json") }
        fields.append(FieldName("x-key"), key.secret)
        return fields
    }

    private func unreachable(_ failure: Web.Failure) -> StudioError {
        Web.error(failure, service: "BFL", ServiceFacts(engine: "bfl"))
    }
}
