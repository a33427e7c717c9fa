import JSON

/// A failure as Runware reports it, and what it means to an agent.
struct RunwareProblem: Sendable, Equatable {
    /// The service's words for kinds of failure; its list of codes is open, so they are told apart by rules.
    enum Bucket: Sendable {
        case quota, rateLimit, safety, auth, timeout, notFound, serverError, provider, validation
    }

    let code: String
    let message: String
    let parameter: String?
    let taskUUID: String?

    init(code: String, message: String, parameter: String? = nil, taskUUID: String? = nil) {
        self.code = code
        self.message = message
        self.parameter = parameter
        self.taskUUID = taskUUID
    }

    /// One object of `errors`, or one of the two older forms. Never fails: what is missing is unknown.
    init(_ view: JSONView) {
        func text(_ names: String...) -> String? {
            for name in names {
                if let text = view[name]?.string { return text }
                if let number = view[name]?.numberText { return number }
            }
            return nil
        }
        let named = view["parameter"]
        self.init(
            code: text("code", "errorId") ?? "unknownError",
            message: text("message", "errorMessage", "error") ?? "no reason was given",
            parameter: (named?.string ?? named?.elements.compactMap(\.string).first)?.cut(to: 80),
            taskUUID: text("taskUUID").flatMap { UUIDText($0)?.text })
    }

    /// The service has a task of this UUID already.
    var isConflict: Bool { code == "conflictTaskUUID" }

    /// The order matters: `invalidApiKey` is about the key, not about validation.
    var bucket: Bucket {
        func has(_ words: String...) -> Bool { words.contains { code.contains($0) } }
        func begins(_ words: String...) -> Bool { words.contains { code.hasPrefix($0) } }
        if has("Credits", "Quota", "Balance") || code == "paymentRequired" { return .quota }
        if has("RateLimit") || begins("rateLimit") { return .rateLimit }
        if Self.safety.contains(code) { return .safety }
        if has("ApiKey", "Suspended", "Disabled") && code != "modelDisabled" || Self.auth.contains(code)
            || begins("token")
        {
            return .auth
        }
        if has("Timeout") || begins("timeout") { return .timeout }
        if code.hasSuffix("NotFound") || code.hasSuffix("Expired")
            || ["taskCancelled", "unknownModel"].contains(code)
        {
            return .notFound
        }
        if Self.server.contains(code) { return .serverError }
        if Self.provider.contains(code) || begins("provider") { return .provider }
        return .validation
    }

    private static let safety: Set = [
        "contentPolicyViolation", "providerContentPolicyViolation", "sensitiveContentDetected", "unsafeContentDetected",
        "nsfwContentDetected", "promptBlocked", "imageBlocked", "moderationFailed",
    ]
    private static let auth: Set = ["unauthorized", "forbidden", "permissionDenied"]
    private static let server: Set = [
        "internalServerError", "serviceUnavailable", "serverUnavailable", "standardError", "unknownError",
    ]
    private static let provider: Set = [
        "inferenceError", "processingFailed", "taskFailed", "downloadFailed", "uploadFailed", "noAvailableServer",
        "modelUnavailable", "modelDisabled", "modelNotReady",
    ]

    /// For an agent. The service's text is cut: it is not ours, and may be long.
    func error(retryAfter: Int? = nil) -> StudioError {
        let code: StudioError.Code =
            switch bucket {
            case .quota: .creditsExhausted
            case .rateLimit: .rateLimited
            case .safety: .contentRefused
            case .auth: .keyRefused
            case .timeout, .serverError, .provider: .serviceFailed
            case .notFound, .validation: .serviceRefused
            }
        return StudioError(
            code, parameter: parameter, "Runware: \(message.cut(to: 500)) (\(self.code.cut(to: 80)))",
            service: ServiceFacts(
                engine: Service.runware.rawValue, code: self.code.cut(to: 80), taskUUID: taskUUID,
                retryAfter: retryAfter))
    }

    /// What a status alone says, for answers without a body that can be read.
    static func code(status: UInt16) -> String {
        switch status {
        case 401: "unauthorized"
        case 402: "paymentRequired"
        case 403: "forbidden"
        case 404: "resourceNotFound"
        case 408, 504: "timeoutProvider"
        case 429: "rateLimitExceeded"
        case 503: "serviceUnavailable"
        case 500...599: "internalServerError"
        default: "invalidRequest"
        }
    }
}

/// An answer of the service: what worked and what did not, both possibly empty.
struct RunwareReply: Sendable {
    var items: [JSONView]
    var problems: [RunwareProblem]

    /// Nil when the body is none of the service's: not JSON, or neither results nor errors.
    init?(_ body: [UInt8]) {
        guard let root = try? JSONDocument.parse(body, limits: JSONLimits(maxBytes: 64 << 20)).root,
            root.kind == .object
        else { return nil }
        items = []
        problems = []
        var isKnown = false
        if let data = root["data"] {
            isKnown = true
            // SPEC: the documents show both a list and a single object.
            items = data.kind == .array ? Array(data.elements) : data.kind == .object ? [data] : []
        }
        if let errors = root["errors"] {
            isKnown = true
            problems = errors.kind == .array ? errors.elements.map(RunwareProblem.init) : [RunwareProblem(errors)]
        } else if let error = root["error"] {
            isKnown = true
            if error.kind == .object { problems = [RunwareProblem(error)] }
            if error.bool == true || error.kind == .string { problems = [RunwareProblem(root)] }
        }
        if !isKnown { return nil }
        items.removeAll { $0.kind != .object }
    }
}
