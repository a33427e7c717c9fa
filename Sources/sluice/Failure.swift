import Arguments
import Base
import Catalogue
import Console
import Gateway
import JSON
import Runtime
import Scanner
import Store

/// How the program ends; the contract fixes the numbers.
enum ExitCode: Int32 {
    case done = 0
    /// The thing checked failed: an invalid policy, a broken chain.
    case failed = 1
    /// Wrong usage, or a name that is not there.
    case usage = 2
    /// Could not run: port taken, database locked, server unreachable.
    case unable = 3
}

/// Why a command ended early: one line that says what and where, one that says how to mend it.
struct Failure: Error {
    let code: ExitCode
    let message: String
    let mend: String?

    init(_ code: ExitCode, _ message: String, mend: String? = nil) {
        self.code = code
        self.message = message
        self.mend = mend
    }

    /// What an error of any floor means to the person at the terminal.
    init(_ error: any Error) {
        switch error {
        case let failure as Failure:
            self = failure
        case let error as UsageError:
            self.init(.usage, error.message, mend: error.mend)
        case let error as StoreError:
            self.init(Self.exitCode(of: error.code), error.message, mend: error.help)
        case let error as GatewayError:
            self.init(.unable, error.message, mend: error.help)
        case let error as ConsoleError:
            self.init(.unable, error.message, mend: error.help)
        case let error as RuntimeError:
            self.init(.unable, error.message)
        case let error as JSONError:
            self.init(.usage, error.message)
        case let error as ScanError:
            self.init(.usage, error.message, mend: error.mend)
        case let error as CatalogueError:
            self.init(Self.exitCode(of: error.code), error.message, mend: error.mend)
        default:
            self.init(.unable, "\(error)")
        }
    }

    private static func exitCode(of code: CatalogueError.Code) -> ExitCode {
        switch code {
        case .unreadable, .unknownShape, .tooLarge: .usage
        case .unwritable, .broken: .unable
        }
    }

    private static func exitCode(of code: StoreError.Code) -> ExitCode {
        switch code {
        case .invalidName, .invalidValue, .alreadyExists, .notFound, .inUse: .usage
        case .corrupt: .failed
        case .directory, .secretKey, .locked, .newerSchema, .alreadyServing, .full, .readOnly, .queueFull, .closed, .io:
            .unable
        }
    }
}
