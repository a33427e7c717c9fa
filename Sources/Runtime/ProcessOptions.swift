import CUV
import Glibc

/// What to run, and what of our own surroundings it gets.
package struct ProcessOptions: Sendable {
    /// Where the child's standard error goes.
    package enum ErrorOutput: Sendable {
        case pipe, inherit, discard
    }

    /// A path, or a name that is looked up in the child's PATH. No shell is involved.
    package var program: String
    /// Without the program's own name.
    package var arguments: [String]
    /// Set in addition to what is inherited, and stronger.
    package var environment: [String: String] = [:]
    /// The names that are copied from our environment. Nothing else is: our secrets are not the child's.
    package var inheritEnvironment = Self.usualNames
    /// Working directory; ours if nil.
    package var directory: String?
    /// A pipe by default, so that its last lines can be shown.
    package var stderr = ErrorOutput.pipe
    /// When the child exits, end what it left behind in its process group.
    package var endsGroupOnExit = true

    /// What programs commonly need: paths, home, language and time zone.
    package static let usualNames: Set<String> = [
        "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "USER", "LOGNAME", "SHELL", "TERM",
    ]

    /// With the usual environment and our working directory.
    package init(_ program: String, _ arguments: [String] = []) {
        self.program = program
        self.arguments = arguments
    }

    /// `NAME=value` lines for the child, sorted. Names with `=` or NUL are left out.
    func environmentLines() -> [String] {
        var values: [String: String] = [:]
        for name in inheritEnvironment {
            if let value = getenv(name) { values[name] = String(cString: value) }
        }
        values.merge(environment) { _, own in own }
        return values.filter {
            !$0.key.isEmpty && !$0.key.utf8.contains(UInt8(ascii: "=")) && !hasNUL($0.key + $0.value)
        }
        .map { "\($0.key)=\($0.value)" }.sorted()
    }

    /// Says what is wrong before anything is started.
    func check() throws(RuntimeError) {
        guard !program.isEmpty, !hasNUL(program), !arguments.contains(where: hasNUL) else {
            throw RuntimeError(.invalidArgument, "program `\(program)`: empty, or a NUL byte inside")
        }
        if let directory {
            var status = stat()
            guard stat(directory, &status) == 0 else { throw RuntimeError(uv: -errno, directory) }
            guard status.st_mode & S_IFMT == S_IFDIR else {
                throw RuntimeError(.invalidArgument, "\(directory): not a folder")
            }
            guard access(directory, X_OK) == 0 else { throw RuntimeError(.permissionDenied, directory) }
        }
    }
}

private func hasNUL(_ text: String) -> Bool { text.utf8.contains(0) }

/// How a child ended.
package enum ProcessExit: Sendable, Hashable, CustomStringConvertible {
    /// Its own exit code, 0 to 255.
    case exited(Int32)
    /// The number of the signal that ended it.
    case signalled(Int32)

    /// Exit code 0.
    package var isSuccess: Bool { self == .exited(0) }

    /// For messages: `exited with code 3`, `ended by signal 9 (Killed)`.
    package var description: String {
        switch self {
        case .exited(let code): "exited with code \(code)"
        case .signalled(let number):
            "ended by signal \(number)\(strsignal(number).map { " (\(String(cString: $0)))" } ?? "")"
        }
    }
}

/// The last lines of a child's output, in bounded memory: for error messages.
package struct LastLines: Sendable {
    private let maxLines: Int
    private let maxLineBytes: Int
    private var complete: [String] = []
    private var current: [UInt8] = []
    private var isCut = false

    /// Keeps `maxLines` lines of at most `maxLineBytes` bytes; longer ones are cut and end in `…`.
    package init(maxLines: Int = 20, maxLineBytes: Int = 400) {
        self.maxLines = max(1, maxLines)
        self.maxLineBytes = max(1, maxLineBytes)
    }

    /// Takes output as it comes, cut anywhere.
    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                endLine()
            } else if current.count < maxLineBytes {
                current.append(byte)
            } else {
                isCut = true
            }
        }
    }

    /// Whole lines, and the one that is not ended yet; invalid UTF-8 is replaced, control characters are shown as `?`.
    package var lines: [String] {
        let all = current.isEmpty ? complete : complete + [text(current)]
        return Array(all.suffix(maxLines))
    }

    /// The lines in one text.
    package var text: String { lines.joined(separator: "\n") }

    private mutating func endLine() {
        if current.last == UInt8(ascii: "\r") { current.removeLast() }
        complete.append(text(current))
        if complete.count > maxLines { complete.removeFirst() }
        current.removeAll(keepingCapacity: true)
        isCut = false
    }

    private func text(_ line: [UInt8]) -> String {
        // A child must not be able to move the cursor of who reads the message.
        let shown = line.map { $0 < 0x20 && $0 != 9 || $0 == 0x7F ? UInt8(ascii: "?") : $0 }
        return String(decoding: shown, as: UTF8.self) + (isCut ? "…" : "")
    }
}
