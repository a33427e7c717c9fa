/// Why a tool could not do what it was asked. It becomes a tool result with `isError: true`; the text is for the agent
/// and says what was wrong, where, and how to mend it.
package struct StudioError: Error, Sendable, Equatable {
    /// The closed list of reasons; the raw values are what agents see.
    package enum Code: String, Sendable, CaseIterable {
        case missingParameter
        case unknownParameter
        case invalidParameter
        case invalidImage
        case unsupportedImage
        case imageTooLarge
        case imageNotFound
        case fileNotFound
        case fileNotReadable
        case pathNotAllowed
        case urlNotAllowed
        case uploadNotAllowed
        case uploadFailed
        case modelUnavailable
        case modelNotInstalled
        case inferenceError
        case storageFull
        case storageFailed
        case busy
        case cancelled
        case internalError
    }

    /// The kind of failure.
    package let code: Code
    /// The argument at fault; nil when it is no argument's fault.
    package let parameter: String?
    /// For the agent: what is wrong, where, and how to mend it.
    package let message: String

    /// An error with its text for the agent.
    package init(_ code: Code, parameter: String? = nil, _ message: String) {
        self.code = code
        self.parameter = parameter
        self.message = message
    }

    /// Whether the same call may succeed later without a change.
    package var isRetryable: Bool {
        switch code {
        case .busy, .uploadFailed, .storageFailed, .inferenceError, .internalError: true
        case .missingParameter, .unknownParameter, .invalidParameter, .invalidImage, .unsupportedImage, .imageTooLarge,
            .imageNotFound, .fileNotFound, .fileNotReadable, .pathNotAllowed, .urlNotAllowed, .uploadNotAllowed,
            .modelUnavailable, .modelNotInstalled, .storageFull, .cancelled:
            false
        }
    }

    /// The same error, said of an argument; errors of deeper layers do not know the argument's name.
    package func about(_ parameter: String) -> StudioError {
        StudioError(code, parameter: self.parameter ?? parameter, message)
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
