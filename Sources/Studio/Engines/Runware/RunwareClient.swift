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
        let message = request
        return try await web.repeating(options, until: deadline, call) {
            do throws(Web.Failure) {
                return judge(ServiceAnswer(try await web.send(message, until: deadline, call), hiding: key))
            } catch {
                let problem = Service.runware.silent(error)
                if case .failed = error { return .again(problem) }
                return .refused(problem)
            }
        }
    }

    /// The body is believed first, the status when there is none.
    private func judge(_ answer: ServiceAnswer) -> Web.Attempt<RunwareReply> {
        let status = answer.status
        let retryAfter = answer.retryAfter
        let isPassing = status == 408 || status == 429 || (500...599).contains(status)
        if let reply = RunwareReply(answer.body) {
            if (200..<300).contains(status) { return .done(reply) }
            if let problem = reply.problems.first {
                // A task's own refusal, the conflict of UUIDs above all, is for the engine to understand.
                if status == 400 { return .done(reply) }
                let error = problem.error(retryAfter: retryAfter)
                return isPassing ? .again(error) : .refused(error)
            }
        }
        if (200..<300).contains(status) {
            return .again(Service.runware.misunderstood("its answer is neither results nor errors"))
        }
        let error = RunwareProblem(
            code: RunwareProblem.code(status: status), message: "the service answered \(status) without saying why"
        ).error(retryAfter: retryAfter)
        return isPassing ? .again(error) : .refused(error)
    }
}
