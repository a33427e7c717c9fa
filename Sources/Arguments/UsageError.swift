/// The command line can't be understood. Programs answer with exit code 2.
package struct UsageError: Error, Sendable, Equatable {
    /// What is wrong with it.
    package enum Code: Sendable, Hashable {
        case unknownCommand
        case incompleteCommand
        case unknownOption
        case missingValue
        case unexpectedValue
        case repeatedOption
        case missingArgument
        case unexpectedArgument
        case invalidValue
        case conflict
    }

    package let code: Code
    /// What is wrong and where, one sentence without a full stop.
    package let message: String
    /// How to mend it, one line, or nothing.
    package let mend: String?

    /// An error of a command line. `message` and `mend` are for people.
    package init(_ code: Code, _ message: String, mend: String? = nil) {
        self.code = code
        self.message = message
        self.mend = mend
    }
}
