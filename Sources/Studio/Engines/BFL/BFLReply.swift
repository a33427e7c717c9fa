import Base
import JSON

/// What Black Forest Labs answers, read without trust in its form.
enum BFLReply {
    /// The state of a task.
    enum Status {
        /// Progress in percent, where it is told.
        case pending(Int?)
        case ready(sample: String, seed: Int64?, cost: ExactDecimal?)
        case unknownTask
        /// Worth asking again.
        case passing(StudioError)
        case failed(StudioError)
    }

    /// The six statuses that are documented; an unknown one is taken for pending, until the deadline.
    static func status(_ answer: ServiceAnswer) -> Status {
        let code = answer.status
        guard (200..<300).contains(code) || code == 404, let root = try? JSONDocument.parse(answer.body).root,
            let status = root["status"]?.string
        else {
            if code == 404 { return .unknownTask }
            if (200..<300).contains(code) {
                return .passing(Service.bfl.misunderstood("its answer about the task has no status"))
            }
            let error = problem(answer)
            return code == 429 || code == 408 || (500...599).contains(code) ? .passing(error) : .failed(error)
        }
        switch status {
        case "Ready":
            guard let sample = root["result"]?["sample"]?.string else {
                return .failed(Service.bfl.misunderstood("the task is ready but has no picture"))
            }
            return .ready(sample: sample, seed: root["result"]?["seed"]?.int, cost: dollars(root["cost"]))
        case "Request Moderated":
            return .failed(
                refused(
                    .contentRefused, status, "BFL refused the prompt or a picture\(reasons(root)); nothing was charged")
            )
        case "Content Moderated":
            return .failed(
                refused(.contentRefused, status, "BFL refused its own result\(reasons(root)); nothing was charged"))
        case "Error", "Failed":
            return .failed(refused(.serviceFailed, status, "the task failed at BFL\(reasons(root))"))
        case "Task not found": return .unknownTask
        default:
            return .pending(root["progress"]?.double.map { Int((min(max($0, 0), 1) * 100).rounded()) })
        }
    }

    private static func reasons(_ root: JSONView) -> String {
        guard let details = root["details"], details.kind == .object else { return "" }
        let words = details["Moderation Reasons"]?.elements.compactMap(\.string) ?? []
        if !words.isEmpty { return ": \(words.joined(separator: ", ").cut(to: 300))" }
        return ": \(details.value.text.cut(to: 300))"
    }

    /// Credits are hundredths of a dollar.
    static func dollars(_ view: JSONView?) -> ExactDecimal? {
        guard let credits = view?.decimal, !credits.isNegative,
            let cents = ExactDecimal(text: "\(credits.description)e-2".utf8)
        else { return nil }
        return cents
    }

    /// What an answer that is no success means.
    static func problem(_ answer: ServiceAnswer) -> StudioError {
        let status = answer.status
        let root = try? JSONDocument.parse(answer.body).root
        let detail = root?["detail"]
        var parameter: String?
        var said: String = detail?.string ?? root?["message"]?.string ?? root?["error"]?.string ?? ""
        if let first = detail?[0], first.kind == .object {
            parameter = first["loc"]?.elements.compactMap(\.string).last { $0 != "body" }?.cut(to: 80)
            let messages = detail?.elements.compactMap { $0["msg"]?.string } ?? []
            said = messages.joined(separator: "; ")
        }
        let text = said.isEmpty ? "" : ": \(said.cut(to: 500))"
        let (code, words): (StudioError.Code, String) =
            switch status {
            case 401, 403: (.keyRefused, "BFL refused the key\(text)")
            case 402: (.creditsExhausted, "the account at BFL has no credits left\(text)")
            case 429: (.rateLimited, "too many tasks are running at BFL\(text)")
            case 400, 404, 413, 422: (.serviceRefused, "BFL refused the request\(text)")
            default: (.serviceFailed, "BFL answered \(status)\(text)")
            }
        return StudioError(
            code, parameter: parameter, words,
            service: ServiceFacts(engine: Service.bfl.rawValue, code: "\(status)", retryAfter: answer.retryAfter))
    }

    static func refused(_ code: StudioError.Code, _ status: String, _ text: String) -> StudioError {
        StudioError(code, text, service: ServiceFacts(engine: Service.bfl.rawValue, code: status))
    }
}
