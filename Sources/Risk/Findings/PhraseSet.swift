internal import CRE2

/// Many RE2 patterns that are searched for together: regardless of case, `^` and `$` at line ends too.
///
/// A text is searched once for the words that the patterns need; only those whose words are there, in their order and close
/// enough together, are tried. One automaton for all patterns would have too many states to keep: it was a hundred times
/// slower. Knowing only which words are there, RE2's own `FilteredRE2` tried ten times as many patterns.
///
/// SAFETY: `@unchecked Sendable` because nothing is changed after `init`, and RE2 documents matching on a const object as
/// safe from any number of threads; `deinit` runs when no one else holds the object.
final class PhraseSet: @unchecked Sendable {
    /// What a word that was found says: a step of a chain is done, if the step before it was.
    private struct Use {
        /// The place of the step among the steps of all chains.
        let step: Int32
        /// How far the step before may be away, in characters; -1 for a first step, which has none before.
        let reach: Int32
        /// Of the last step: the pattern that is worth trying; else -1.
        let pattern: Int32
    }

    private let patterns: [OpaquePointer]
    private let words: WordSearch
    /// By word: its length in characters, and a range of `uses`.
    private let lengths: [Int32]
    private let firstUse: [Int32]
    private let uses: [Use]
    private let stepCount: Int
    /// Patterns of which no words are known: they are always tried.
    let wordless: [Int]

    /// Bytes of program and cache for each pattern.
    private static let memory = 4 << 20

    /// - Throws: when a pattern can't be compiled.
    init(_ texts: [String]) throws(RuleProblem) {
        var compiled: [OpaquePointer] = []
        for text in texts {
            var pattern = "(?m)" + text
            let made = pattern.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) { chars in
                    chars.baseAddress.flatMap { cre2_compile_search($0, chars.count, PhraseSet.memory) }
                }
            }
            guard let made else {
                compiled.forEach { cre2_free($0) }
                throw RuleProblem("RE2 can't read the pattern `\(text)`")
            }
            compiled.append(made)
        }
        patterns = compiled
        var byWord: [WordChain.Word: [Use]] = [:]
        var wordless: [Int] = []
        var count = 0
        for (index, text) in texts.enumerated() {
            guard let chains = WordChain.chains(of: text) else {
                wordless.append(index)
                continue
            }
            for chain in chains {
                for (place, step) in chain.steps.enumerated() {
                    for word in step.words {
                        byWord[word, default: []].append(
                            Use(
                                step: Int32(count + place), reach: place == 0 ? -1 : Int32(clamping: step.reach),
                                pattern: place == chain.steps.count - 1 ? Int32(index) : -1))
                    }
                }
                count += chain.steps.count
            }
        }
        self.wordless = wordless
        let all = byWord.keys.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
        guard all.count <= WordSearch.mostWords else {
            compiled.forEach { cre2_free($0) }
            throw RuleProblem("the patterns have more than \(WordSearch.mostWords) words")
        }
        words = WordSearch(all)
        lengths = all.map { Int32($0.characters) }
        var (uses, firstUse) = ([Use](), [Int32(0)])
        for word in all {
            // Later steps first: one word is never two steps of a chain at once.
            uses += byWord[word, default: []].sorted { $0.step > $1.step }
            firstUse.append(Int32(uses.count))
        }
        self.uses = uses
        self.firstUse = firstUse
        stepCount = count
    }

    deinit { patterns.forEach { cre2_free($0) } }

    /// What searches write down. One serves all texts of a definition, one after the other.
    // COST: prepared anew for every text, it took longer than most searches.
    struct Notes: ~Copyable {
        /// For each step the character behind its latest word, counted through all texts so far.
        fileprivate let ends: UnsafeMutableBufferPointer<Int32>
        /// Characters of the texts before: what `ends` says beyond them belongs to the text at hand.
        fileprivate var start: Int32 = 0

        init(for phrases: PhraseSet) {
            ends = .allocate(capacity: phrases.stepCount)
            ends.initialize(repeating: 0)
        }

        deinit { ends.deallocate() }
    }

    /// Calls `body` with the index of each pattern that matches somewhere in the UTF-8 text, ascending, and the place of its
    /// first match in bytes, until it returns false.
    /// - Parameters:
    ///   - notes: made for this set.
    ///   - isWanted: whether to try a pattern at all.
    func matches(
        _ text: UnsafeBufferPointer<UInt8>, _ notes: inout Notes, where isWanted: (Int) -> Bool = { _ in true },
        _ body: (Int, Range<Int>) -> Bool
    ) {
        let width = patterns.count / 64 + 1
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: width) { candidates in
            candidates.initialize(repeating: 0)
            for index in wordless { candidates[index / 64] |= 1 << UInt64(index % 64) }
            collect(text, &notes, into: candidates)
            for place in 0..<width {
                var bits = candidates[place]
                while bits != 0 {
                    let index = place * 64 + bits.trailingZeroBitCount
                    bits &= bits - 1
                    if isWanted(index), let match = find(index, in: text), !body(index, match) { return }
                }
            }
        }
    }

    /// Sets the bits of the patterns whose words are in the text.
    private func collect(
        _ text: UnsafeBufferPointer<UInt8>, _ notes: inout Notes, into candidates: UnsafeMutableBufferPointer<UInt64>
    ) {
        let first = notes.start
        // Far too long texts are cut by the limits of JSON long before the numbers end.
        notes.start = first &+ Int32(truncatingIfNeeded: text.count)
        uses.withUnsafeBufferPointer { uses in
            firstUse.withUnsafeBufferPointer { firstUse in
                lengths.withUnsafeBufferPointer { lengths in
                    var progress = Progress(
                        text: text, isASCII: text.isASCII, first: first, characters: first, uses: uses,
                        firstUse: firstUse, lengths: lengths, ends: notes.ends, candidates: candidates)
                    words.search(text, &progress) { $0.note($1, at: $2) }
                }
            }
        }
    }

    /// How far the chains are done in a text.
    private struct Progress {
        let text: UnsafeBufferPointer<UInt8>
        let isASCII: Bool
        /// Characters of the texts before.
        let first: Int32
        /// The same and those of this text before the byte at `counted`.
        var characters: Int32
        var counted = 0
        let uses: UnsafeBufferPointer<Use>
        let firstUse: UnsafeBufferPointer<Int32>
        let lengths: UnsafeBufferPointer<Int32>
        let ends: UnsafeMutableBufferPointer<Int32>
        let candidates: UnsafeMutableBufferPointer<UInt64>

        /// A word begins at `start`.
        @inline(__always)
        mutating func note(_ word: Int, at start: Int) {
            if isASCII {
                characters = first &+ Int32(truncatingIfNeeded: start)
            } else {
                count(to: start)
            }
            var place = Int(firstUse[word])
            let end = Int(firstUse[word &+ 1])
            while place < end {
                let use = uses[place]
                place &+= 1
                let step = Int(use.step)
                if use.reach >= 0 {
                    // INVARIANT: the steps of a chain follow each other in `ends`. When the farthest end of the step before is
                    // out of reach, so are the others.
                    let before = ends[step &- 1]
                    guard before > first, characters &- before <= use.reach else { continue }
                }
                ends[step] = max(ends[step], characters &+ lengths[word])
                if use.pattern >= 0 { candidates[Int(use.pattern) / 64] |= 1 << UInt64(use.pattern % 64) }
            }
        }

        private mutating func count(to start: Int) {
            while counted < start {
                characters &+= WordChain.isInside(text[counted]) ? 0 : 1
                counted &+= 1
            }
            while counted > start {
                counted &-= 1
                characters &-= WordChain.isInside(text[counted]) ? 0 : 1
            }
        }
    }

    private func find(_ index: Int, in text: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
        var (start, end) = (0, 0)
        let isThere = text.withMemoryRebound(to: CChar.self) {
            cre2_find(patterns[index], $0.baseAddress, $0.count, &start, &end)
        }
        return isThere ? start..<end : nil
    }
}
