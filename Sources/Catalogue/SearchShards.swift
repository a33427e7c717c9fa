internal import JSON
internal import Store

/// The index of the site's search, cut into files by the first two letters of a word, so that a search loads only what it
/// needs, and also from a folder on disk: each file is a script that hands over its entries.
struct SearchShards {
    /// Entries of one file; more helps nobody, and a browser has to read them.
    private static let most = 5_000
    private static let piece = 256 << 10

    private struct Shard {
        var bytes: [UInt8] = []
        var count = 0
        var hasBegun = false
    }

    private var shards: [String: Shard] = [:]
    private let site: SiteFolder

    init(_ site: SiteFolder) { self.site = site }

    mutating func add(_ hit: CatalogueHit, address: String) throws(CatalogueError) {
        let words = hit.words.split(separator: " ").map(String.init)
        try add(words, [hit.name, hit.server, address, hit.category, hit.severity, Summary.first(hit.summary, 90)])
    }

    mutating func add(_ server: CataloguedServer, address: String) throws(CatalogueError) {
        try add(
            NameWords.split(server.name),
            [server.name, "", address, "", "", server.tools == 1 ? "1 tool" : "\(server.tools) tools"])
    }

    private mutating func add(_ words: [String], _ entry: [String]) throws(CatalogueError) {
        var writer = JSONWriter(capacity: 256)
        writer.beginArray()
        for text in entry { writer.string(text) }
        writer.endArray()
        for key in Set(words.map(Self.key)) {
            var shard = shards.removeValue(forKey: key) ?? Shard()
            shard.count += 1
            if shard.count <= Self.most {
                if shard.count > 1 { shard.bytes.append(contentsOf: ",\n".utf8) }
                shard.bytes.append(contentsOf: writer.bytes)
                if shard.bytes.count > Self.piece { try flush(key, &shard) }
            }
            shards[key] = shard
        }
    }

    /// Writes what is left.
    mutating func close() throws(CatalogueError) {
        for key in shards.keys.sorted() {
            guard var shard = shards[key] else { continue }
            let isCut = shard.count > Self.most
            shard.bytes.append(contentsOf: "\n],\(isCut ? shard.count : 0));\n".utf8)
            try flush(key, &shard)
        }
        shards = [:]
    }

    private func flush(_ key: String, _ shard: inout Shard) throws(CatalogueError) {
        let head = shard.hasBegun ? "" : "sluiceShard(\"\(key)\",[\n"
        try site.write("search/\(key).js", Array(head.utf8) + shard.bytes, append: shard.hasBegun)
        shard.hasBegun = true
        shard.bytes.removeAll(keepingCapacity: true)
    }

    /// `im` for `image`; `_` for what has no such letters. The script does the same.
    private static func key(_ word: String) -> String {
        let plain = word.utf8.prefix(2)
        let isPlain = plain.count == 2 && plain.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) }
        return isPlain ? String(decoding: plain, as: UTF8.self) : "_"
    }
}
