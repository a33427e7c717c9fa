internal import CRE2

/// Many RE2 patterns that are searched for in one pass: regardless of case, `^` and `$` at line ends too.
///
/// SAFETY: `@unchecked Sendable` because the handles are never changed after `init`, and RE2 documents matching on a
/// const object as safe from any number of threads; `deinit` runs when no one else holds the object.
final class PhraseSet: @unchecked Sendable {
    private let set: OpaquePointer
    private var singles: [OpaquePointer] = []

    /// Bytes of program and cache for the set, and for each single pattern.
    private static let setMemory = 64 << 20
    private static let singleMemory = 2 << 20

    /// - Throws: with RE2's own sentence, when a pattern can't be compiled.
    init(_ patterns: [String]) throws(RuleProblem) {
        guard let set = cre2_set_new(PhraseSet.setMemory) else { throw RuleProblem("out of memory") }
        self.set = set
        for pattern in patterns {
            var text = "(?m)" + pattern
            let (index, single, reason) = text.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) { chars in
                    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { error in
                        guard let start = chars.baseAddress, let message = error.baseAddress else {
                            return (Int32(-1), OpaquePointer?.none, "it is empty")
                        }
                        let single = cre2_compile_finding(start, chars.count, PhraseSet.singleMemory, message, 256)
                        guard let single else { return (-1, nil, String(cString: message)) }
                        return (cre2_set_add(set, start, chars.count), single, "it can't stand in a set")
                    }
                }
            }
            if let single { singles.append(single) }
            guard index >= 0 else { throw RuleProblem("the pattern `\(pattern)`: \(reason)") }
        }
        guard cre2_set_compile(set) else { throw RuleProblem("the patterns take too much memory together") }
    }

    deinit {
        cre2_set_free(set)
        for single in singles { cre2_free(single) }
    }

    /// Calls `body` with the indices of the patterns that match somewhere in the UTF-8 text, ascending.
    func matches(_ text: UnsafeBufferPointer<UInt8>, _ body: (Int) -> Void) {
        withUnsafeTemporaryAllocation(of: CInt.self, capacity: singles.count) { matched in
            guard let first = matched.baseAddress else { return }
            let count = text.withMemoryRebound(to: CChar.self) {
                cre2_set_match(set, $0.baseAddress, $0.count, first, CInt(matched.count))
            }
            if count >= 0 {
                for index in 0..<Int(count) { body(Int(matched[index])) }
            } else {
                // The set's automaton outgrew its memory: one by one, then.
                for index in singles.indices where place(of: index, in: text) != nil { body(index) }
            }
        }
    }

    /// Where the pattern matches first, in bytes.
    func place(of index: Int, in text: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
        var (start, end) = (0, 0)
        let isThere = text.withMemoryRebound(to: CChar.self) {
            cre2_find(singles[index], $0.baseAddress, $0.count, &start, &end)
        }
        return isThere ? start..<end : nil
    }
}
