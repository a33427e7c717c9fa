import Base
import Glibc
import HTTP

/// A service's key. It is put into requests and nowhere else: neither logs nor errors nor results show it.
package struct ServiceKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    /// For the header.
    let secret: String

    /// - Throws: `invalidParameter` when the text can't be a key.
    package init(_ text: String) throws(StudioError) {
        let bytes = Array(text.utf8).trimmed
        guard (8...512).contains(bytes.count), bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw StudioError(
                .invalidParameter, "a service's key has 8 to 512 visible ASCII characters in one line; this is none")
        }
        secret = String(decoding: bytes, as: UTF8.self)
    }

    /// The first line of a file that only its owner should be able to read; others are told of on standard error, and not
    /// refused: secrets that a container is given often are so.
    package init(file: String) throws(StudioError) {
        var information = stat()
        if stat(file, &information) == 0, information.st_mode & 0o077 != 0 {
            logLine(
                "the key file \(quoted(file, limit: 200)) can be read by others than its owner (mode "
                    + "\(String(information.st_mode & 0o777, radix: 8))); make it private: chmod 600")
        }
        let bytes: [UInt8]
        do throws(Files.Failure) {
            bytes = try Files.read(file, limit: 4096)
        } catch {
            throw StudioError(.fileNotReadable, "the key file \(quoted(file, limit: 200)) can't be read: \(error.text)")
        }
        do throws(StudioError) {
            try self.init(String(decoding: bytes, as: UTF8.self))
        } catch {
            throw StudioError(error.code, "the key file \(quoted(file, limit: 200)): \(error.message)")
        }
    }

    /// What a service said, with an asterisk for each of the key's bytes, so that JSON stays JSON.
    func hidden(in body: [UInt8]) -> [UInt8] {
        let secret = Array(secret.utf8)
        let backslash = UInt8(ascii: "\\")
        var shown = body
        var at = 0
        while at < body.count {
            let isEscape = body[at] == backslash
            if isEscape || body[at] == secret[0], let end = Self.end(of: secret, in: body, from: at) {
                for i in at..<end { shown[i] = UInt8(ascii: "*") }
                at = end
            } else {
                // An escaped backslash begins nothing.
                at += isEscape && at + 1 < body.count && body[at + 1] == backslash ? 2 : 1
            }
        }
        return shown
    }

    /// Where the key ends that begins at `start`, each of its bytes as it is or in one of JSON's escapes; nil: it is not
    /// there. Some writers of JSON escape slashes, others `+`, `&`, `<` and `>`.
    private static func end(of secret: [UInt8], in body: [UInt8], from start: Int) -> Int? {
        var at = start
        for byte in secret {
            guard at < body.count else { return nil }
            if body[at] == UInt8(ascii: "\\"), at + 1 < body.count {
                if body[at + 1] == UInt8(ascii: "u"), at + 6 <= body.count,
                    UInt16(String(decoding: body[(at + 2)..<(at + 6)], as: UTF8.self), radix: 16) == UInt16(byte)
                {
                    at += 6
                    continue
                }
                if body[at + 1] == byte, [UInt8(ascii: "/"), UInt8(ascii: "\\"), UInt8(ascii: "\"")].contains(byte) {
                    at += 2
                    continue
                }
            }
            guard body[at] == byte else { return nil }
            at += 1
        }
        return at
    }

    package var description: String { "(a key)" }
    package var debugDescription: String { description }
}

extension [UInt8] {
    /// Without white space at both ends.
    fileprivate var trimmed: [UInt8] {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        guard let first = firstIndex(where: { !isSpace($0) }), let last = lastIndex(where: { !isSpace($0) }) else {
            return []
        }
        return Array(self[first...last])
    }
}

/// How a service is reached.
package struct ServiceOptions: Sendable {
    /// Nil: the service is not used.
    package var key: ServiceKey?
    /// Where it is: `https://api.runware.ai/v1`.
    package var url: String
    /// How long one call may take, waiting included.
    package var deadline = TimeSpan.minutes(5)
    /// The same for a video.
    package var videoDeadline = TimeSpan.minutes(20)
    /// First wait before a question is repeated; grows with each.
    package var pace = TimeSpan.seconds(1)
    /// Times a request is sent again after the connection or the service failed.
    package var retries = 3

    /// A service at its usual place, without a key.
    package init(url: String) {
        self.url = url
    }

    /// Doubling from the pace up to thirty times it, and up to one pace more, so that many do not come back at once.
    func backoff(_ attempt: Int) -> TimeSpan {
        let pace = max(1, pace.microseconds)
        return TimeSpan(microseconds: min(pace << Int64(min(attempt, 10)), 30 * pace) + Int64.random(in: 0...pace))
    }

    /// The URL without a slash at its end. Plain HTTP is for services on this machine only: a key goes with each request.
    func base() throws(StudioError) -> (url: HTTPURL, text: String) {
        let text = url.utf8.last == UInt8(ascii: "/") ? String(url.dropLast()) : url
        let parsed: HTTPURL
        do throws(HTTPError) {
            // The operator named the host, so it may be a private address.
            parsed = try HTTPURL(text, allowPrivate: true)
        } catch {
            throw StudioError(.invalidParameter, "the service's URL \(quoted(url)) can't be used: \(error.detail)")
        }
        guard parsed.origin.trust != nil || ["127.0.0.1", "::1", "localhost"].contains(parsed.origin.host) else {
            throw StudioError(
                .invalidParameter,
                "the service's URL \(quoted(url)) would send the key unencrypted; give an https URL")
        }
        return (parsed, text)
    }
}
