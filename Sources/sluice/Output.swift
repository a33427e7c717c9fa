import Glibc
import JSON
import Synchronization

/// Standard output for data, standard error for messages. Commands never use `Swift.print`.
enum Output {
    /// What waits to be written, and whether the reader has gone away.
    private struct Pending {
        var bytes: [UInt8] = []
        var isBroken = false
    }

    private static let pending = Mutex(Pending())

    /// Data. Written in large pieces; `flush` sends the rest.
    static func print(_ text: String, terminator: String = "\n") {
        write(Array(text.utf8) + Array(terminator.utf8))
    }

    /// Data as bytes, for exports.
    static func write(_ bytes: [UInt8]) {
        pending.withLock { pending in
            pending.bytes += bytes
            if pending.bytes.count >= 64 << 10 { send(&pending) }
        }
    }

    /// One JSON document on a line of its own.
    static func json(_ build: (inout JSONWriter) -> Void) {
        var writer = JSONWriter()
        build(&writer)
        write(writer.bytes + [UInt8(ascii: "\n")])
    }

    /// Whether anybody still reads standard output.
    static var isBroken: Bool { pending.withLock { $0.isBroken } }

    static func flush() {
        pending.withLock { send(&$0) }
    }

    /// A message for people.
    static func note(_ text: String) {
        var bytes = Array(text.utf8) + [UInt8(ascii: "\n")]
        _ = writeAll(STDERR_FILENO, &bytes)
    }

    private static func send(_ pending: inout Pending) {
        if !pending.isBroken, !writeAll(STDOUT_FILENO, &pending.bytes) { pending.isBroken = true }
        pending.bytes.removeAll(keepingCapacity: true)
    }

    private static func writeAll(_ descriptor: Int32, _ bytes: inout [UInt8]) -> Bool {
        bytes.withUnsafeBytes { buffer in
            var sent = 0
            while sent < buffer.count {
                let count = Glibc.write(descriptor, buffer.baseAddress.map { $0 + sent }, buffer.count - sent)
                if count < 0, errno == EINTR { continue }
                if count <= 0 { return false }
                sent += count
            }
            return true
        }
    }

    /// A text from outside – names of tools, messages – in one line that does not steer a terminal.
    static func clean(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { result.append(isControl(scalar) ? "\u{FFFD}" : scalar) }
        return String(result)
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }

    /// Rows under headings, columns as wide as they need to be.
    static func table(_ headings: [String], _ rows: [[String]]) {
        let rows = rows.map { $0.map(clean) }
        let widths = headings.indices.map { column in
            ([headings] + rows).map { $0[column].count }.max() ?? 0
        }
        for row in [headings] + rows {
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                if column + 1 < row.count { line += String(repeating: " ", count: widths[column] - cell.count + 2) }
            }
            Output.print(line)
        }
    }
}
