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
    /// Where to ask for the tasks of late, by their ids: a call may take one up again.
    private let tickets = TicketBook()

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
            web: web, service: .bfl, options: options, home: base.url.origin, maxPictureBytes: limits.maxBytes)
    }

    package let name = Service.bfl.rawValue

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
        let (ticket, ready, told) = try await finished(job, until: deadline, call)
        let picture: [UInt8]
        do throws(StudioError) {
            picture = try await downloads.picture(ready.sample, until: deadline, call)
        } catch { throw error.after(Self.facts(ticket.id)) }
        tickets.delivered(ticket.id)
        var members = [JSONMember("serviceTaskID", .string(ticket.id))]
        if let seed = ready.seed { members.append(JSONMember("seed", .int(seed))) }
        return EngineResult(
            model: ticket.endpoint ?? EngineResult.ownModel,
            items: [EngineItem(.picture(picture), members: members)],
            cost: ticket.isPaid ? .zero : ready.cost ?? ticket.cost, warnings: warnings + told,
            task: Self.facts(ticket.id))
    }

    /// The job's task once it is ready, and what there is to know about it: a new task, or the one that the call names.
    private func finished(
        _ job: EngineJob, until deadline: TimeSpan, _ call: CallContext
    ) async throws(StudioError) -> (BFLTicket, Ready, [String]) {
        if let id = job.arguments.text("serviceTaskID") {
            let ticket: BFLTicket
            if let kept = tickets.ticket(id) { ticket = kept } else { ticket = try known(id) }
            return (
                ticket, try await followed(ticket, until: deadline, call),
                [
                    "this is the result of the task `serviceTaskID` names, whatever the other arguments say; it was paid "
                        + "for when it was given to BFL"
                ]
            )
        }
        let map = try await controlMap(job, call)
        let request = try await call.work { () throws(StudioError) -> BFLRequest in try BFLRequest(job, map: map) }
        let isNarrow = request.endpoint == "flux-kontext-max"
        let patience = TaskGate.Patience(
            loop: web.loop, deadline: deadline,
            error: StudioError(
                .timeout, "as many tasks run at BFL as it takes at once, and none ended in time; nothing was sent",
                service: Service.bfl.facts))
        return try await (isNarrow ? narrowGate : gate).run(call, patience) {
            () async throws(StudioError) -> (BFLTicket, Ready, [String]) in
            let ticket = try await submit(request, until: deadline, call)
            tickets.keep(ticket)
            return (ticket, try await followed(ticket, until: deadline, call), request.warnings)
        }
    }

    /// Waits for an accepted task; errors say how to come back to it.
    private func followed(
        _ ticket: BFLTicket, until deadline: TimeSpan, _ call: CallContext
    ) async throws(StudioError) -> Ready {
        do throws(StudioError) {
            try call.step("accepted by BFL")
            return try await wait(for: ticket, until: deadline, call)
        } catch { throw error.after(Self.facts(ticket.id)) }
    }

    /// A task of another run of this program: asked for where BFL is configured to be.
    private func known(_ id: String) throws(StudioError) -> BFLTicket {
        guard id.utf8.allSatisfy(\.isPlain) else {
            throw StudioError(
                .invalidParameter, parameter: "serviceTaskID", "\(quoted(id)) is no id of a task at BFL")
        }
        return BFLTicket(id: id, poll: try pollingURL("\(base.text)/v1/get_result?id=\(id)"), isPaid: true)
    }

    /// What errors say of a task that BFL has accepted (nil: perhaps): the same call pays for another.
    private static func facts(_ task: String?) -> ServiceFacts {
        ServiceFacts(engine: Service.bfl.rawValue, serviceTaskID: task, wouldPayAgain: true)
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

    /// A finished one.
    private struct Ready: Sendable {
        let sample: String
        let seed: Int64?
        let cost: ExactDecimal?
    }

    /// The service has no key against doing work twice, so a request whose fate is unknown is not sent again.
    private func submit(
        _ order: BFLRequest, until deadline: TimeSpan, _ call: CallContext
    ) async throws(StudioError) -> BFLTicket {
        let url: HTTPURL
        do throws(HTTPError) {
            url = try HTTPURL("\(base.text)/v1/\(order.endpoint)", allowPrivate: true)
        } catch { throw StudioError(.internalError, error.detail) }
        var message = ClientRequest(.post, url, fields: fields(hasBody: true), body: order.body.bytes)
        message.maxBody = 1 << 20
        message.headTimeout = .seconds(60)
        let request = message
        let answer = try await web.repeating(options, until: deadline, call) {
            () async -> Web.Attempt<ServiceAnswer> in
            switch await attemptOnce(request, until: deadline, call) {
            case .success(let answer):
                if [200, 202].contains(answer.status) { return .done(answer) }
                let problem = BFLReply.problem(answer)
                if [429, 503].contains(answer.status) { return .again(problem) }
                return .refused((400..<500).contains(answer.status) ? problem : problem.after(Self.facts(nil)))
            case .failure(let failure):
                let problem = Service.bfl.silent(failure)
                return failure.isNotSent ? .again(problem) : .refused(problem.after(Self.facts(nil)))
            }
        }
        return try ticket(answer.body, order.endpoint)
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

    private func ticket(_ body: [UInt8], _ endpoint: String) throws(StudioError) -> BFLTicket {
        guard let root = try? JSONDocument.parse(body).root, let id = root["id"]?.string, id.utf8.count <= 200 else {
            throw Service.bfl.misunderstood("its answer has no task id").after(Self.facts(nil))
        }
        let text = root["polling_url"]?.string ?? "\(base.text)/v1/get_result?id=\(id)"
        do throws(StudioError) {
            return BFLTicket(
                id: id, poll: try pollingURL(text), endpoint: endpoint, cost: BFLReply.dollars(root["cost"]))
        } catch { throw error.after(Self.facts(id)) }
    }

    /// The key goes with each question, so only BFL's own hosts and the configured one may be asked.
    private func pollingURL(_ text: String) throws(StudioError) -> HTTPURL {
        do throws(HTTPError) {
            let url = try HTTPURL(text)
            if url.origin.isSame(as: base.url.origin) { return try HTTPURL(text, allowPrivate: true) }
            guard url.origin.trust != nil, url.origin.port == 443, BFLEndpoint.isOwnHost(url.origin.host) else {
                throw HTTPError(.badURL, "\(url.origin.host) is none of BFL's hosts")
            }
            return url
        } catch {
            throw Service.bfl.misunderstood(
                "it wants to be asked at a place that may not have the key: \(error.detail)")
        }
    }

    private func wait(
        for ticket: BFLTicket, until deadline: TimeSpan, _ call: CallContext
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
                if failure.isLate { throw late(ticket) }
                guard case .failed = failure, failures <= options.retries else { throw Service.bfl.silent(failure) }
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

    private func late(_ ticket: BFLTicket) -> StudioError {
        StudioError(
            .timeout, "the task \(quoted(ticket.id)) is still running at BFL", service: Service.bfl.facts)
    }

    private func fields(hasBody: Bool) -> Fields {
        var fields = Fields((.accept, "application/json"))
        if hasBody { fields.append(.contentType, "application/json") }
        fields.append(FieldName("x-key"), key.secret)
        return fields
    }
}
