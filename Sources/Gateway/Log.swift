import Base
import Glibc
import Runtime

/// Where the gateway tells the operator things. Messages are static sentences; what varies is in the fields.
/// Never put a token, a header value or an argument into a field.
package struct Log: Sendable {
    package enum Level: String, Sendable, CaseIterable {
        case debug, info, warning, error
    }

    private let sink: @Sendable (Level, String, [(String, String)]) -> Void

    package init(_ sink: @escaping @Sendable (Level, String, [(String, String)]) -> Void) {
        self.sink = sink
    }

    package func callAsFunction(_ level: Level, _ message: String, _ fields: (String, String)...) {
        sink(level, message, fields)
    }

    /// One line an event on standard error: time, level, sentence, `key="value"`.
    package static let standardError = Log { level, message, fields in
        var line = "\(EventLoop.wallNow.iso8601) \(level.rawValue) \(message)"
        for (key, value) in fields { line += " \(key)=\"\(oneLine(value))\"" }
        line += "\n"
        // One write a line, so that lines of several threads don't mix.
        line.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    private static func oneLine(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": escaped += "\\n"
            case "\"": escaped += "'"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F: escaped += " "
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
