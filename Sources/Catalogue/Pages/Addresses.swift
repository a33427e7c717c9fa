/// Where the pages of servers and tools lie. Two names never share an address, not even on disks that know no capitals.
struct Addresses {
    private var servers: [String: String] = [:]
    private var taken: Set<String> = []

    init(servers names: [String]) {
        for name in names { servers[name] = Addresses.plain(name, &taken) }
    }

    /// The server's folder below the root, with a slash at its end.
    func folder(_ server: String) -> String { "server/\(servers[server] ?? Addresses.marked(server))/" }

    func page(_ server: String) -> String { folder(server) + "index.html" }

    /// The pages of a server's tools, by name.
    static func tools(_ names: [String]) -> [String: String] {
        var taken: Set<String> = ["index"]
        var pages: [String: String] = [:]
        for name in names.sorted() { pages[name] = plain(name, &taken) + ".html" }
        return pages
    }

    private static func plain(_ name: String, _ taken: inout Set<String>) -> String {
        let isPlain =
            !name.isEmpty && name.utf8.count <= 80 && name.utf8.first != UInt8(ascii: ".")
            && name.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                    || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
            }
        if isPlain, taken.insert(name.lowercased()).inserted { return name }
        var candidate = marked(name)
        while !taken.insert(candidate.lowercased()).inserted { candidate += "x" }
        return candidate
    }

    /// What of the name can stand in an address, and a hash of the whole.
    private static func marked(_ name: String) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let kept = name.unicodeScalars.prefix(48).map { scalar in
            scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
                ? Character(scalar) : "-"
        }
        return String(kept) + "-" + String(hash, radix: 16)
    }
}
