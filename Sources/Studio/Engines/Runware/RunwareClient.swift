import Base
import HTTP
import JSON
import Runtime

/// Sends tasks to Runware and brings back answers: retries what failed on the way, never what was refused.
struct RunwareClient: Sendable {
    let web: Web
    let options: ServiceOptions
    private let url: HTTPURL
    private let key: ServiceKey

    /// - Throws: `invalidParameter` for a URL that can't be used.
    init(_ web: Web, _ options: ServiceOptions, _ key: ServiceKey) throws(StudioError) {
        self.web = web
        self.options = options
        url = try options.base().url
        self.key = key
    }

    /// Where the service is.
    var home: Origin { url.origin }

    /// Posts tasks as one array. The same tasks, with the same UUIDs, are sent again when the connection breaks, when the
    /// answer can't be read, and on 408, 429 and 5xx; the service does the work once.
    /// - Throws: errors of the way and of whole answers; what single tasks failed of is in the reply.
    func post(
        _ tasks: [JSONValue], isDryRun: Bool = false, until deadline: TimeSpan, _ call: CallContext
    ) async throws(StudioError) -> RunwareReply {
        var fields = Fields((.contentType, "application/json"), (.accept, "application/json"))
        fields.append(.authorization, "Bearer \(key.secret)")
        if isDryRun { fields.append(FieldName("X-Runware-Dry-Run"), "1") }
        var request = ClientRequest(.post, url, fields: fields, body: JSONValue.array(tasks).bytes)
        request.maxBody = 64 << 20
        var attempt = 0
        while true {
            let verdict: Verdict
            do throws(Web.Failure) {
                verdict = judge(ServiceAnswer(try await web.send(request, until: deadline, call), hiding: key))
            } catch {
                let problem = Web.error(error, service: "Runware", ServiceFacts(engine: "runware"))
                if case .failed = error { verdict = .again(problem) } else { verdict = .refuse(problem) }
            }
            switch verdict {
            case .take(let reply): return reply
            case .refuse(let error): throw error
            case .again(let error):
                let asked = TimeSpan.seconds(Int64(error.service?.retryAfter ?? 0))
                let wait = max(options.backoff(attempt), asked)
                attempt += 1
                guard attempt <= options.retries, web.moment(after: wait) < deadline else { throw error }
                try await web.pause(wait, until: deadline, call)
            }
        }
    }

    /// What to do about an answer.
    private enum Verdict {
        case take(RunwareReply)
        case refuse(StudioError)
        case again(StudioError)
    }

    /// The body is believed first, the status when there is none.
    private func judge(_ answer: ServiceAnswer) -> Verdict {
        let status = answer.status
        let retryAfter = answer.retryAfter
        let isPassing = status == 408 || status == 429 || (500...599).contains(status)
        if let reply = RunwareReply(answer.body) {
            if (200..<300).contains(status) { return .take(reply) }
            if let problem = reply.problems.first {
                // A task's own refusal, the conflict of UUIDs above all, is for the engine to understand.
                if status == 400 { return .take(reply) }
                let error = problem.error(retryAfter: retryAfter)
                return isPassing ? .again(error) : .refuse(error)
            }
        }
        if (200..<300).contains(status) {
            return .again(
                StudioError(
                    .serviceFailed, "Runware's answer can't be understood", service: ServiceFacts(engine: "runware")))
        }
        let error = RunwareProblem(
            code: RunwareProblem.code(status: status), message: "the service answered \(status) without saying why"
        ).error(retryAfter: retryAfter)
        return isPassing ? .again(error) : .refuse(error)
    }
}
