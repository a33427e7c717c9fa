internal import CRE2

/// Many RE2 patterns that are searched for together: regardless of case, `^` and `$` at line ends too.
///
/// A pattern needs words in a row, close together (`WordChain`). A text is searched once for the rarest words of each of
/// these chains; around each that is found the others are looked for, and only a pattern whose words are all there is
/// tried. One automaton for all patterns would have too many states to keep: it was a hundred times slower. Knowing only
/// which words are there, RE2's own `FilteredRE2` tried ten times as many patterns.
///
/// SAFETY: `@unchecked Sendable` because nothing is changed after `init`, and RE2 documents matching on a const object as
/// safe from any number of threads; `deinit` runs when no one else holds the object.
final class PhraseSet: @unchecked Sendable {
    /// Words that a pattern needs, as places in `steps`.
    private struct Chain {
        let pattern: Int32
        let first: Int32
        let end: Int32
        /// The step whose words are looked for first.
        let anchor: Int32
    }

    private struct Step {
        /// Its words in `groups`.
        let group: Int32
        /// How far behind the step before it may begin, in characters.
        let reach: Int
    }

    private let patterns: [OpaquePointer]
    private let anchors: WordSearch
    /// By word of `anchors`: its length in bytes, and where its chains begin in `chainsOfWord`.
    private let lengths: [Int32]
    private let firstChain: [Int32]
    private let chainsOfWord: [Int32]
    private let chains: [Chain]
    private let steps: [Step]
    private let groups: WordGroups
    /// Patterns of which no words are known that can be looked for: they are always tried.
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
        var (chains, steps, wordless) = ([Chain](), [Step](), [Int]())
        var (groups, groupOfWords) = ([[WordChain.Word]](), [Set<WordChain.Word>: Int]())
        var byWord: [WordChain.Word: [Int32]] = [:]
        for (index, text) in texts.enumerated() {
            let known = WordChain.chains(of: text) ?? []
            let anchors = known.compactMap(\.anchor)
            guard !known.isEmpty, anchors.count == known.count else {
                wordless.append(index)
                continue
            }
            for (chain, anchor) in zip(known, anchors) {
                let first = steps.count
                for step in chain.steps {
                    let group = groupOfWords[step.words] ?? groups.count
                    if group == groups.count {
                        groupOfWords[step.words] = group
                        groups.append(step.words.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) })
                    }
                    steps.append(Step(group: Int32(group), reach: step.reach))
                }
                for word in chain.steps[anchor].words { byWord[word, default: []].append(Int32(chains.count)) }
                chains.append(
                    Chain(
                        pattern: Int32(index), first: Int32(first), end: Int32(steps.count),
                        anchor: Int32(first + anchor)))
            }
        }
        self.wordless = wordless
        let words = byWord.keys.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
        guard words.count <= WordSearch.mostWords else {
            compiled.forEach { cre2_free($0) }
            throw RuleProblem("the patterns have more than \(WordSearch.mostWords) words")
        }
        anchors = WordSearch(words)
        lengths = words.map { Int32($0.bytes.count) }
        var (chainsOfWord, firstChain) = ([Int32](), [Int32(0)])
        for word in words {
            chainsOfWord += byWord[word, default: []]
            firstChain.append(Int32(chainsOfWord.count))
        }
        self.chainsOfWord = chainsOfWord
        self.firstChain = firstChain
        self.chains = chains
        self.steps = steps
        self.groups = WordGroups(groups)
    }

    deinit { patterns.forEach { cre2_free($0) } }

    /// Calls `body` with the index of each pattern that matches somewhere in the UTF-8 text, ascending, and the place of its
    /// first match in bytes, until it returns false.
    /// - Parameter isWanted: whether to try a pattern at all.
    func matches(
        _ text: ScannedText, where isWanted: (Int) -> Bool = { _ in true },
        _ body: (Int, Range<Int>) -> Bool
    ) {
        let width = patterns.count / 64 + 1
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: width) { candidates in
            candidates.initialize(repeating: 0)
            for index in wordless where isWanted(index) { candidates[index / 64] |= 1 << UInt64(index % 64) }
            var look = Look(text: text, candidates: candidates)
            anchors.search(text, &look) { note($1, at: $2, &$0, isWanted) }
            for place in 0..<width {
                var bits = candidates[place]
                while bits != 0 {
                    let index = place * 64 + bits.trailingZeroBitCount
                    bits &= bits - 1
                    if let match = find(index, in: text.text), !body(index, match) { return }
                }
            }
        }
    }

    // MARK: Chains

    /// A text, and the patterns that are worth trying on it.
    private struct Look {
        let text: ScannedText
        let candidates: UnsafeMutableBufferPointer<UInt64>
        /// Bytes of a character at most.
        let width: Int
        /// How many bytes around words may still be looked at.
        var left: Int

        init(text: ScannedText, candidates: UnsafeMutableBufferPointer<UInt64>) {
            (self.text, self.candidates) = (text, candidates)
            width = text.isASCII ? 1 : 4
            // COST: a text made of such words would take the square of its length; its patterns are tried instead.
            left = 4096 + 64 * text.text.count
        }
    }

    /// An anchor begins at `start`.
    private func note(_ word: Int, at start: Int, _ look: inout Look, _ isWanted: (Int) -> Bool) {
        let own = WordGroups.Places(
            firstStart: start, lastStart: start, firstEnd: start + Int(lengths[word]),
            lastEnd: start + Int(lengths[word]))
        for place in Int(firstChain[word])..<Int(firstChain[word + 1]) {
            let chain = chains[Int(chainsOfWord[place])]
            let (part, bit) = (Int(chain.pattern) / 64, UInt64(1) << UInt64(chain.pattern % 64))
            guard look.candidates[part] & bit == 0, isWanted(Int(chain.pattern)) else { continue }
            if isWhole(chain, around: own, &look) { look.candidates[part] |= bit }
        }
    }

    /// Whether the other words of the chain stand around a word of its anchor, or may: of several words in the reach of one
    /// it is not told apart which of them the next one is near to.
    private func isWhole(_ chain: Chain, around anchor: WordGroups.Places, _ look: inout Look) -> Bool {
        // COST: what has to stand nearer is hardly ever there, and then the rest of the text is not looked at.
        let place = Int(chain.anchor)
        let before = place > Int(chain.first) ? steps[place].reach : 0
        let behind = place + 1 < Int(chain.end) ? steps[place + 1].reach : 0
        return before < behind
            ? isWhole(chain, before: anchor, &look) && isWhole(chain, behind: anchor, &look)
            : isWhole(chain, behind: anchor, &look) && isWhole(chain, before: anchor, &look)
    }

    private func isWhole(_ chain: Chain, behind anchor: WordGroups.Places, _ look: inout Look) -> Bool {
        let end = look.text.text.count
        var known = anchor
        for step in steps[Int(chain.anchor) + 1..<Int(chain.end)] {
            let last = min(end, known.lastEnd + min(end, step.reach) * look.width)
            look.left -= last - known.firstEnd
            guard look.left > 0 else { return true }
            guard
                let next = groups.places(
                    of: Int(step.group), in: look.text, starts: known.firstEnd...last, ends: 0...end)
            else { return false }
            known = next
        }
        return true
    }

    private func isWhole(_ chain: Chain, before anchor: WordGroups.Places, _ look: inout Look) -> Bool {
        let end = look.text.text.count
        var known = anchor
        for place in (Int(chain.first)..<Int(chain.anchor)).reversed() {
            // Its words may have lost their space.
            let first = max(0, known.firstStart - 1 - min(end, steps[place + 1].reach) * look.width)
            let group = Int(steps[place].group)
            let earliest = max(0, first - groups.longest(group))
            look.left -= known.lastStart - earliest
            guard look.left > 0 else { return true }
            guard
                let next = groups.places(
                    of: group, in: look.text, starts: earliest...known.lastStart, ends: first...known.lastStart)
            else { return false }
            known = next
        }
        return true
    }

    private func find(_ index: Int, in text: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
        var (start, end) = (0, 0)
        let isThere = text.withMemoryRebound(to: CChar.self) {
            cre2_find(patterns[index], $0.baseAddress, $0.count, &start, &end)
        }
        return isThere ? start..<end : nil
    }
}
