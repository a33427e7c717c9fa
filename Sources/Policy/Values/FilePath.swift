/// Whether a file path, read as text only, lies in a directory: the operator `path_within`.
///
/// Nobody knows how the receiver will read the path. So it is read as it stands and after each round of percent-decoding until
/// nothing is left to decode, with `\` as a plain character and as a separator; and where these readings disagree, or one of
/// them can't be placed, nobody can say where the path lies.
struct DirectoryPath: Hashable, Sendable {
    private let isAbsolute: Bool
    private let components: [[UInt8]]

    /// The directory as the policy names it. Nil if it is empty, has NUL, starts with `~` or climbs above its start.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard !bytes.isEmpty, !bytes.contains(0), bytes.first != UInt8(ascii: "~"),
            let components = Self.components(bytes, backslashSeparates: false)
        else { return nil }
        isAbsolute = bytes.first == UInt8(ascii: "/")
        self.components = components.map { Array(bytes[$0]) }
    }

    /// Whether anything can lie in it: not if resolving escapes or backslashes would make another directory of it.
    var isPlain: Bool {
        components.allSatisfy { !$0.contains(UInt8(ascii: "\\")) && Self.percentDecoded($0) == nil }
    }

    /// Whether everything in the other directory lies in this one. Two directories that don't enclose each other are apart.
    func encloses(_ other: DirectoryPath) -> Bool {
        isAbsolute == other.isAbsolute && other.components.starts(with: components)
    }

    /// Where all readings of a path lie, and how many bytes were looked at to know it.
    ///
    /// True: each in one of the directories; false: none in any; nil: nobody can say. That is so for readings that disagree,
    /// for a path that is empty, has NUL, starts with `~` or climbs above its start, for a relative path beside absolute
    /// directories and the reverse, and for what is longer than a path can be.
    static func contains(
        _ path: UnsafeBufferPointer<UInt8>, in directories: [DirectoryPath]
    ) -> (isInside: Bool?, work: Int) {
        guard path.count <= maximumBytes else { return (nil, 0) }
        var reading = Array(path)
        var (answer, work): (Bool?, Int) = (nil, 0)
        // Each round shortens the text by two bytes or more, so this ends; the cap keeps hostile towers of %25 linear.
        for round in 0..<16 {
            work += reading.count
            guard !reading.isEmpty, !reading.contains(0), reading.first != UInt8(ascii: "~"),
                let place = place(of: reading, directories, backslashSeparates: false),
                round == 0 || place == answer
            else { return (nil, work) }
            answer = place
            if reading.contains(UInt8(ascii: "\\")) {
                work += reading.count
                guard place == self.place(of: reading, directories, backslashSeparates: true) else {
                    return (nil, work)
                }
            }
            guard let next = percentDecoded(reading) else { return (answer, work) }
            reading = next
        }
        return (nil, work)
    }

    /// Four times the longest path that Linux takes.
    private static let maximumBytes = 16_384

    /// Whether one reading lies in one of the directories; nil if that depends on where the reader stands.
    private static func place(
        of path: [UInt8], _ directories: [DirectoryPath], backslashSeparates: Bool
    ) -> Bool? {
        guard let components = components(path, backslashSeparates: backslashSeparates) else { return nil }
        let isAbsolute = startsAtRoot(path, backslashSeparates: backslashSeparates)
        let isInside = directories.contains { directory in
            directory.isAbsolute == isAbsolute && directory.components.count <= components.count
                && zip(directory.components, components).allSatisfy { $0.elementsEqual(path[$1]) }
        }
        return isInside ? true : directories.contains { $0.isAbsolute != isAbsolute } ? nil : false
    }

    private static func startsAtRoot(_ path: [UInt8], backslashSeparates: Bool) -> Bool {
        path.first == UInt8(ascii: "/") || backslashSeparates && path.first == UInt8(ascii: "\\")
    }

    /// Where the components stand, without `.`, `..` and empty ones; nil if `..` climbs above the start of a relative path.
    private static func components(_ path: [UInt8], backslashSeparates: Bool) -> [Range<Int>]? {
        let isAbsolute = startsAtRoot(path, backslashSeparates: backslashSeparates)
        var components: [Range<Int>] = []
        var start = 0
        for end in 0...path.count {
            guard
                end == path.count || path[end] == UInt8(ascii: "/")
                    || backslashSeparates && path[end] == UInt8(ascii: "\\")
            else { continue }
            let part = path[start..<end]
            if part.elementsEqual("..".utf8) {
                // The parent of `/` is `/`; above the start of a relative path lies something unknown.
                if components.popLast() == nil, !isAbsolute { return nil }
            } else if !part.isEmpty, !part.elementsEqual(".".utf8) {
                components.append(start..<end)
            }
            start = end + 1
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
