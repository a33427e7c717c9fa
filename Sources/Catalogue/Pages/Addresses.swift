internal import Store

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

    /// The pages of a server's tools, by what the store calls them.
    static func tools(_ hits: [CatalogueHit]) -> [Int64: String] {
        var taken: Set<String> = ["index"]
        var pages: [Int64: String] = [:]
        for hit in hits.sorted(by: { ($0.name, $0.id) < ($1.name, $1.id) }) {
            pages[hit.id] = plain(hit.name, &taken) + ".html"
        }
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
        let kept = name.unicodeScalars.prefix(48).map { scalar in
            scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
                ? Character(scalar) : "-"
        }
        return String(kept) + "-" + Fingerprint.of([name])
    }
}
