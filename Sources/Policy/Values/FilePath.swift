/// Whether a file path, read as text only, lies in a directory: the operator `path_within`.
///
/// Nobody knows how the receiver will read the path, so the answer is yes only if every reading lies inside: as it
/// stands, and after each round of percent-decoding until nothing is left to decode, with `\` as a plain character and
/// as a separator.
struct DirectoryPath: Hashable, Sendable {
    private let isAbsolute: Bool
    private let components: [[UInt8]]

    /// The directory as the policy names it. Nil if it is empty, has NUL, starts with `~` or climbs above its start.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard !bytes.isEmpty, !bytes.contains(0), bytes.first != UInt8(ascii: "~"),
            let components = Self.normalise(bytes[...], backslashSeparates: false)
        else { return nil }
        isAbsolute = bytes.first == UInt8(ascii: "/")
        self.components = components
    }

    /// Whether anything can lie in it: not if resolving escapes or backslashes would make another directory of it.
    var isPlain: Bool {
        components.allSatisfy { !$0.contains(UInt8(ascii: "\\")) && Self.percentDecoded($0) == nil }
    }

    /// Whether everything in the other directory lies in this one. Two directories that don't enclose each other are apart.
    func encloses(_ other: DirectoryPath) -> Bool {
        isAbsolute == other.isAbsolute && other.components.starts(with: components)
    }

    /// Whether every reading of the path lies in one of the directories.
    static func contains(_ path: UnsafeBufferPointer<UInt8>, in directories: [DirectoryPath]) -> Bool {
        var reading = Array(path)
        // Each round shortens the text by two bytes or more, so this ends; the cap keeps hostile towers of %25 linear.
        for _ in 0..<16 {
            guard !reading.isEmpty, !reading.contains(0), reading.first != UInt8(ascii: "~"),
                liesWithin(reading, directories, backslashSeparates: false)
            else { return false }
            if reading.contains(UInt8(ascii: "\\")), !liesWithin(reading, directories, backslashSeparates: true) {
                return false
            }
            guard let next = percentDecoded(reading) else { return true }
            reading = next
        }
        return false
    }

    private static func liesWithin(
        _ path: [UInt8], _ directories: [DirectoryPath], backslashSeparates: Bool
    ) -> Bool {
        guard let components = normalise(path[...], backslashSeparates: backslashSeparates) else { return false }
        let isAbsolute =
            path.first == UInt8(ascii: "/")
            || backslashSeparates && path.first == UInt8(ascii: "\\")
        return directories.contains { directory in
            directory.isAbsolute == isAbsolute && directory.components.count <= components.count
                && zip(directory.components, components).allSatisfy { $0 == $1 }
        }
    }

    /// The components without `.`, `..` and empty ones; nil if `..` climbs above the start.
    private static func normalise(_ path: ArraySlice<UInt8>, backslashSeparates: Bool) -> [[UInt8]]? {
        let isAbsolute = path.first == UInt8(ascii: "/") || backslashSeparates && path.first == UInt8(ascii: "\\")
        var components: [[UInt8]] = []
        let parts = path.split { $0 == UInt8(ascii: "/") || backslashSeparates && $0 == UInt8(ascii: "\\") }
        for part in parts {
            if part.elementsEqual(".".utf8) { continue }
            if part.elementsEqual("..".utf8) {
                // The parent of `/` is `/`; above the start of a relative path lies something unknown.
                if components.popLast() == nil, !isAbsolute { return nil }
            } else {
                components.append(Array(part))
            }
        }
        return components
    }

    /// One round of decoding; nil if there is no escape left.
    private static func percentDecoded(_ bytes: [UInt8]) -> [UInt8]? {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var i = 0
        while i < bytes.count {
            if bytes[i] == UInt8(ascii: "%"), i + 2 < bytes.count,
                let high = hexValue(bytes[i + 1]), let low = hexValue(bytes[i + 2])
            {
                decoded.append(high << 4 | low)
                i += 3
            } else {
                decoded.append(bytes[i])
                i += 1
            }
        }
        return decoded.count == bytes.count ? nil : decoded
    }
}
