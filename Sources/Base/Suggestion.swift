/// The Levenshtein distance in Unicode scalars, or nil when it is above `limit`.
package func editDistance(_ a: String, _ b: String, limit: Int) -> Int? {
    let (x, y) = (Array(a.unicodeScalars), Array(b.unicodeScalars))
    guard abs(x.count - y.count) <= limit, x.count <= 256, y.count <= 256 else { return nil }
    var previous = Array(0...y.count)
    for (i, p) in x.enumerated() {
        var current = [i + 1]
        current.reserveCapacity(y.count + 1)
        for (j, q) in y.enumerated() {
            current.append(min(previous[j + 1] + 1, current[j] + 1, previous[j] + (p == q ? 0 : 1)))
        }
        previous = current
    }
    return previous[y.count] <= limit ? previous[y.count] : nil
}

/// The candidate that a person who wrote `word` most likely meant: at most a third of its letters differ. Nil if none is near.
package func nearest(_ word: String, among candidates: [String]) -> String? {
    let limit = max(1, word.unicodeScalars.count / 3)
    var best: (word: String, distance: Int)?
    for candidate in candidates {
        guard let distance = editDistance(word.lowercased(), candidate.lowercased(), limit: limit) else { continue }
        if distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.word
}
