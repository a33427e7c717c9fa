/// Values that several options share. Each error names the option, the text and what would be accepted.
extension Arguments {
    /// A whole number inside `range`; `fallback` when the option is absent.
    package func number(
        _ name: String, in range: ClosedRange<Int>, default fallback: Int
    ) throws(UsageError) -> Int {
        guard let text = value(name) else { return fallback }
        guard let number = Int(text), range.contains(number) else {
            throw invalid(name, text, "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// A number of bytes such as `4096`, `64KiB`, `4MiB`; `fallback` when the option is absent.
    package func bytes(
        _ name: String, in range: ClosedRange<Int>, default fallback: Int
    ) throws(UsageError) -> Int {
        guard let text = value(name) else { return fallback }
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let units = ["": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30]
        let unit = String(text.dropFirst(digits.count))
        guard let number = Int(digits), let factor = units[unit] else {
            throw invalid(name, text, "a size such as 65536, 64KiB or 4MiB")
        }
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        guard !overflow, range.contains(product) else {
            throw invalid(name, text, "a size from \(range.lowerBound) to \(range.upperBound) bytes")
        }
        return product
    }

    /// A span in seconds, written `90s`, `15m`, `6h`, `30d` or `2w`; `fallback` when the option is absent.
    package func seconds(
        _ name: String, in range: ClosedRange<Int>, default fallback: Int
    ) throws(UsageError) -> Int {
        guard let text = value(name) else { return fallback }
        guard let seconds = Self.seconds(in: text) else {
            throw invalid(name, text, "a span such as 90s, 15m, 6h or 30d")
        }
        guard range.contains(seconds) else {
            throw invalid(name, text, "a span from \(range.lowerBound) to \(range.upperBound) seconds")
        }
        return seconds
    }

    /// The seconds in `90s`, `15m`, `6h`, `30d`, `2w`; `nil` for anything else, also for zero and overflow.
    package static func seconds(in text: String) -> Int? {
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800]
        guard let last = text.last, let factor = units[last] else { return nil }
        let digits = text.dropLast()
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int(digits), number > 0
        else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow ? nil : product
    }

    /// An address to listen on: `127.0.0.1:7420`, `[::1]:7420`, `localhost:0`. Port 0 lets the system choose.
    package func address(
        _ name: String, default fallback: ListenAddress
    ) throws(UsageError) -> ListenAddress {
        guard let text = value(name) else { return fallback }
        guard let address = ListenAddress(text) else {
            throw invalid(name, text, "HOST:PORT, for example 127.0.0.1:7420 or [::1]:7420")
        }
        return address
    }

    /// One of a closed list of words; `fallback` when the option is absent.
    package func choice(
        _ name: String, among words: [String], default fallback: String
    ) throws(UsageError) -> String {
        guard let text = value(name) else { return fallback }
        guard words.contains(text) else {
            throw invalid(name, text, "one of: \(words.joined(separator: ", "))")
        }
        return text
    }

    /// The error for a value that an option does not accept.
    package func invalid(_ name: String, _ text: String, _ wanted: String) -> UsageError {
        UsageError(.invalidValue, "--\(name) '\(text)' is not understood", mend: "it takes \(wanted)")
    }
}

/// A host and a port as typed.
package struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    /// A name or an IP address, IPv6 without brackets.
    package let host: String
    /// 0 to 65535; 0 lets the system choose.
    package let port: UInt16

    /// An address of known parts.
    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Reads `HOST:PORT` or `[IPv6]:PORT`.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...])
        else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, host.utf8.count <= 253, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else {
            return nil
        }
        self.init(host: String(host), port: port)
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
