package import Store

/// Which tools of other servers do the like: those whose names share words, rare words before common ones.
package struct Likeness: Sendable {
    /// COST: at most so many tools are compared for each of a name's words.
    private static let candidates = 200
    private static let rarestWords = 3

    private let hits: [CatalogueHit]
    private let words: [[String]]
    private var places: [String: [Int32]] = [:]

    /// - Parameter hits: the tools to choose from.
    package init(_ hits: [CatalogueHit]) {
        self.hits = hits
        words = hits.map { $0.words.split(separator: " ").map(String.init) }
        for (index, words) in words.enumerated() {
            for word in Set(words) { places[word, default: []].append(Int32(index)) }
        }
    }

    /// The most alike of other servers, at most `limit`, one of each server and name.
    package func related(to tool: CatalogueHit, limit: Int) -> [CatalogueHit] {
        let own = Set(tool.words.split(separator: " ").map(String.init))
        let rarest = own.filter { places[$0] != nil }.sorted { a, b in
            let (x, y) = (places[a]?.count ?? 0, places[b]?.count ?? 0)
            return x == y ? a < b : x < y
        }
        var seen: Set<Int32> = []
        var found: [(score: Double, index: Int)] = []
        for word in rarest.prefix(Self.rarestWords) {
            for index in (places[word] ?? []).prefix(Self.candidates) where seen.insert(index).inserted {
                let other = hits[Int(index)]
                guard other.server != tool.server else { continue }
                var (shared, all) = (0.0, own.reduce(0) { $0 + weight($1) })
                for word in Set(words[Int(index)]) {
                    if own.contains(word) { shared += weight(word) } else { all += weight(word) }
                }
                // Half of it in common, or they only share a verb.
                guard shared * 2 >= all else { continue }
                found.append((shared / all + (other.category == tool.category ? 0.2 : 0), Int(index)))
            }
        }
        found.sort { a, b in
            a.score != b.score
                ? a.score > b.score
                : (hits[a.index].name, hits[a.index].server) < (hits[b.index].name, hits[b.index].server)
        }
        return found.prefix(limit).map { hits[$0.index] }
    }

    /// What a shared word says: nearly nothing when every tenth name has it.
    private func weight(_ word: String) -> Double {
        1 / (1 + Double(places[word]?.count ?? 0) * 20 / Double(hits.count + 20))
    }
}
