package import Store

/// Which tools of other servers do the like: those whose names share words, rare words before common ones.
package struct Likeness: Sendable {
    /// COST: at most so many tools are compared for each of a name's words.
    private static let candidates = 200
    private static let rarestWords = 3

    private let hits: [CatalogueHit]
    // COST: numbers in place of the words; comparing texts took half of an export's time.
    private var numbers: [String: Int] = [:]
    /// By tool: the numbers of its words, sorted, each once.
    private var words: [[Int]] = []
    /// By word: the tools that have it.
    private var places: [[Int32]] = []
    /// By word: what sharing it says; nearly nothing when every tenth name has it.
    private var weights: [Double] = []

    /// - Parameter hits: the tools to choose from.
    package init(_ hits: [CatalogueHit]) {
        self.hits = hits
        for (index, hit) in hits.enumerated() {
            var own: Set<Int> = []
            for word in hit.words.split(separator: " ") {
                let number = Self.number(String(word), &numbers)
                if number == places.count { places.append([]) }
                if own.insert(number).inserted { places[number].append(Int32(index)) }
            }
            words.append(own.sorted())
        }
        weights = places.map { 1 / (1 + Double($0.count) * 20 / Double(hits.count + 20)) }
    }

    private static func number(_ text: String, _ known: inout [String: Int]) -> Int {
        if let number = known[text] { return number }
        known[text] = known.count
        return known.count - 1
    }

    /// The most alike of other servers, at most `limit`.
    package func related(to tool: CatalogueHit, limit: Int) -> [CatalogueHit] {
        let all = Set(tool.words.split(separator: " ").map(String.init))
        let own = all.compactMap { numbers[$0] }.sorted()
        // Words that no other tool has weigh as much as a word can.
        let total = own.reduce(Double(all.count - own.count)) { $0 + weights[$1] }
        let rarest = own.sorted { (places[$0].count, $0) < (places[$1].count, $1) }
        var seen: Set<Int32> = []
        var found: [(score: Double, index: Int)] = []
        for word in rarest.prefix(Self.rarestWords) {
            for place in places[word].prefix(Self.candidates) where seen.insert(place).inserted {
                let index = Int(place)
                let (shared, union) = compare(own, total, with: index)
                // Half of it in common, or they only share a verb.
                if shared * 2 >= union { found.append((shared / union, index)) }
            }
        }
        found = found.filter { hits[$0.index].server != tool.server }.map { pair in
            (pair.score + (hits[pair.index].category == tool.category ? 0.2 : 0), pair.index)
        }
        found.sort { a, b in
            a.score != b.score
                ? a.score > b.score
                : (hits[a.index].name, hits[a.index].server) < (hits[b.index].name, hits[b.index].server)
        }
        return found.prefix(limit).map { hits[$0.index] }
    }

    /// The weight of the words that both have, and of those that either has.
    private func compare(_ own: [Int], _ total: Double, with index: Int) -> (shared: Double, union: Double) {
        var (shared, union, at) = (0.0, total, 0)
        for word in words[index] {
            while at < own.count, own[at] < word { at += 1 }
            if at < own.count, own[at] == word { shared += weights[word] } else { union += weights[word] }
        }
        return (shared, union)
    }
}
