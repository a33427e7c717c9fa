/// Why a tool could not do what it was asked. It becomes a tool result with `isError: true`; the text is for the agent
/// and says what was wrong, where, and how to mend it.
package struct StudioError: Error, Sendable, Equatable {
    /// The closed list of reasons; the raw values are what agents see.
    package enum Code: String, Sendable, CaseIterable {
        case missingParameter
        case unknownParameter
        case invalidParameter
        /// Each is good alone, but not together.
        case incompatibleParameters
        case invalidImage
        case unsupportedImage
        case imageTooLarge
        case imageNotFound
        case fileNotFound
        case fileNotReadable
        case pathNotAllowed
        case urlNotAllowed
        /// A URL of the caller's could not be read.
        case fetchFailed
        case uploadNotAllowed
        case uploadFailed
        case modelUnavailable
        case modelNotInstalled
        /// No engine that could do it is set up.
        case engineNotConfigured
        case inferenceError
        case storageFull
        case storageFailed
        case busy
        case cancelled
        /// The call took longer than the operator allows; a service may go on with it.
        case timeout
        /// A service refused its key.
        case keyRefused
        /// The account at the service has no credits left.
        case creditsExhausted
        case rateLimited
        /// A service refused the prompt, a picture or its own result.
        case contentRefused
        /// A service refused an argument.
        case serviceRefused
        /// A service failed, or said something that can't be understood.
        case serviceFailed
        case serviceUnreachable
        /// The price is above what the caller said it expects.
        case costTooHigh
        case internalError
    }

    /// The kind of failure.
    package let code: Code
    /// The argument at fault; nil when it is no argument's fault.
    package let parameter: String?
    /// For the agent: what is wrong, where, and how to mend it.
    package let message: String
    /// What a service said, if one was asked.
    package var service: ServiceFacts?

    /// Unicode scalars: names and numbers that a caller gives can have megabytes.
    private static let longestParameter = 200
    private static let longestMessage = 4_000

    /// An error with its text for the agent, both cut to what fits a context.
    package init(_ code: Code, parameter: String? = nil, _ message: String, service: ServiceFacts? = nil) {
        self.code = code
        self.parameter = parameter?.cut(to: Self.longestParameter)
        self.message = message.cut(to: Self.longestMessage)
        self.service = service
    }

    /// Whether the same call may succeed later without a change.
    package var isRetryable: Bool { service?.wouldPayAgain != true && isPassing }

    /// Whether it is of a kind that passes.
    private var isPassing: Bool {
        switch code {
        case .busy, .uploadFailed, .storageFailed, .inferenceError, .internalError, .fetchFailed, .timeout,
            .rateLimited,
            .serviceFailed, .serviceUnreachable:
            true
        case .missingParameter, .unknownParameter, .invalidParameter, .incompatibleParameters, .invalidImage,
            .unsupportedImage, .imageTooLarge, .imageNotFound, .fileNotFound, .fileNotReadable, .pathNotAllowed,
            .urlNotAllowed, .uploadNotAllowed, .modelUnavailable, .modelNotInstalled, .engineNotConfigured,
            .storageFull,
            .cancelled, .keyRefused, .creditsExhausted, .contentRefused, .serviceRefused, .costTooHigh:
            false
        }
    }

    /// The same error, said of an argument; errors of deeper layers do not know the argument's name.
    package func about(_ parameter: String) -> StudioError {
        StudioError(code, parameter: self.parameter ?? parameter, message, service: service)
    }

    /// The same error, said of a task that a service has, or may have, taken on: how to go on with it, or that a repeat
    /// pays anew.
    func after(_ task: ServiceFacts?) -> StudioError {
        guard let task, code != .cancelled else { return self }
        var facts = service ?? task
        facts.taskUUID = task.taskUUID
        facts.serviceTaskID = task.serviceTaskID
        facts.wouldPayAgain = task.wouldPayAgain
        var advice = ""
        if isPassing, task.wouldPayAgain {
            advice = "; the task may be paid for, and the same call again would pay anew"
            if task.serviceTaskID != nil { advice += "; call with this error's serviceTaskID to go on with it" }
        } else if isPassing, task.taskUUID != nil {
            advice = "; call again with this error's taskUUID to go on with the task without paying twice"
        }
        return StudioError(code, parameter: parameter, message + advice, service: facts)
    }
}

/// What a service said about a failure, for programs.
package struct ServiceFacts: Sendable, Equatable {
    /// Which service.
    package var engine: String
    /// Its own code, unchanged.
    package var code: String?
    /// The id under which the task can be asked for again: a call with the same `taskUUID` goes on with it.
    package var taskUUID: String?
    /// The service's own id of the task: a call with the same `serviceTaskID` goes on with it.
    package var serviceTaskID: String?
    /// Whether the task may be paid for, and the same call again would pay for another.
    package var wouldPayAgain: Bool
    /// Seconds after which the service wants to be asked again.
    package var retryAfter: Int?

    /// Facts as far as they are known.
    package init(
        engine: String, code: String? = nil, taskUUID: String? = nil, serviceTaskID: String? = nil,
        wouldPayAgain: Bool = false, retryAfter: Int? = nil
    ) {
        self.engine = engine
        self.code = code
        self.taskUUID = taskUUID
        self.serviceTaskID = serviceTaskID
        self.wouldPayAgain = wouldPayAgain
        self.retryAfter = retryAfter
    }
}

/// Text that came from a caller, fit for a message: in back quotes, without line breaks, cut to `limit` characters.
package func quoted(_ text: String, limit: Int = 80) -> String {
    var shown = ""
    var count = 0
    for scalar in text.unicodeScalars {
        if count == limit {
            shown += "…"
            break
        }
        shown.unicodeScalars.append(scalar.value < 0x20 || scalar.value == 0x7F ? "\u{FFFD}" : scalar)
        count += 1
    }
    return "`\(shown)`"
}
