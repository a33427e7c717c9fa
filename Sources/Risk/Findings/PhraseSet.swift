internal import CRE2

/// Many RE2 patterns that are searched for together: regardless of case, `^` and `$` at line ends too.
///
/// A text is searched once for the words that the patterns need; only those whose words are there are tried. One automaton
/// for all patterns would have too many states to keep: it was a hundred times slower.
///
/// SAFETY: `@unchecked Sendable` because the handle is never changed after `init`, and RE2 documents matching on a const
/// object as safe from any number of threads; `deinit` runs when no one else holds the object.
final class PhraseSet: @unchecked Sendable {
    private let filter: OpaquePointer
    private let words: WordSearch
    private let count: Int

    /// Bytes of program and cache for each pattern.
    private static let memory = 4 << 20
    /// Shorter words are in most texts.
    private static let shortestWord: CInt = 3

    /// - Throws: when a pattern can't be compiled.
    init(_ patterns: [String]) throws(RuleProblem) {
        guard let filter = cre2_filter_new(PhraseSet.shortestWord) else { throw RuleProblem("out of memory") }
        self.filter = filter
        for (place, pattern) in patterns.enumerated() {
            var text = "(?m)" + pattern
            let index = text.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) { chars in
                    chars.baseAddress.map { cre2_filter_add(filter, $0, chars.count, PhraseSet.memory) } ?? -1
                }
            }
            guard index == place else {
                cre2_filter_free(filter)
                throw RuleProblem("RE2 can't read the pattern `\(pattern)`")
            }
        }
        let number = cre2_filter_compile(filter)
        let words = (0..<number).map { Array(String(cString: cre2_filter_word(filter, $0)).utf8) }
        guard WordSearch.fits(words) else {
            cre2_filter_free(filter)
            throw RuleProblem("the patterns have too many words")
        }
        self.words = WordSearch(words)
        count = patterns.count
    }

    deinit { cre2_filter_free(filter) }

    /// Calls `body` with the index of each pattern that matches somewhere in the UTF-8 text, ascending, and the place of its
    /// first match in bytes, until it returns false.
    func matches(_ text: UnsafeBufferPointer<UInt8>, _ body: (Int, Range<Int>) -> Bool) {
        withUnsafeTemporaryAllocation(of: CInt.self, capacity: max(1, words.count)) { found in
            withUnsafeTemporaryAllocation(of: Bool.self, capacity: max(1, words.count)) { isThere in
                isThere.initialize(repeating: false)
                var number = 0
                words.search(text) { word in
                    guard !isThere[word] else { return }
                    isThere[word] = true
                    found[number] = CInt(truncatingIfNeeded: word)
                    number += 1
                }
                withUnsafeTemporaryAllocation(of: CInt.self, capacity: max(1, count)) { candidates in
                    guard let first = candidates.baseAddress else { return }
                    let tried = cre2_filter_candidates(
                        filter, found.baseAddress, CInt(number), first, CInt(candidates.count))
                    for index in candidates[..<Int(tried)] {
                        if let place = place(of: index, in: text), !body(Int(index), place) { return }
                    }
                }
            }
        }
    }

    private func place(of index: CInt, in text: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
        var (start, end) = (0, 0)
        let isThere = text.withMemoryRebound(to: CChar.self) {
            cre2_filter_find(filter, index, $0.baseAddress, $0.count, &start, &end)
        }
        return isThere ? start..<end : nil
    }
}
