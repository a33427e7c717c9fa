import Base
import JSON
import Support
import Testing

/// Against Python's `json`, which others wrote: the same texts are accepted, and they mean the same.
///
/// Python is laxer in four points, which `oracle.py` takes away: duplicate keys, lone surrogates, `NaN` and its kin, depth.
@Suite struct OracleTests {
    @Test func pythonAcceptsTheSameTextsWithTheSameMeaning() throws {
        let texts = try Self.texts()
        let folder = try TemporaryFolder()
        let cases = texts.map { Hex.encode($0) + "\n" }.joined()
        try writeFile(folder.path + "/cases", Array(cases.utf8))
        let oracle = Places.packageRoot + "/Tests/JSONTests/oracle.py"
        let (answer, status) = try output(ofShell: "python3 '\(oracle)' '\(folder.path)/cases'")
        try #require(status == 0)
        let lines = answer.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast()
        try #require(lines.count == texts.count)
        var accepted = 0
        for (text, line) in zip(texts, lines) {
            let theirs = String(decoding: line, as: UTF8.self)
            let shown = String(decoding: text.prefix(200), as: UTF8.self)
            if let root = try? JSONDocument.parse(text).root {
                accepted += 1
                #expect(theirs == Hex.encode(root.canonical()), "\(shown)")
            } else {
                #expect(theirs.hasPrefix("refused"), "\(shown)")
            }
        }
        #expect(accepted > 2_000 && accepted < texts.count - 2_000)
    }

    /// simdjson is the yardstick for speed (`make bench`), so it must be speed at the same work. It differs in two points:
    /// keys may repeat, and numbers must fit 64 bits or a finite double.
    @Test func simdjsonAcceptsTheSameTexts() throws {
        let texts = try Self.texts()
        let folder = try TemporaryFolder()
        try writeFile(folder.path + "/cases", Array(texts.map { Hex.encode($0) + "\n" }.joined().utf8))
        let source = Places.packageRoot + "/Benchmarks/wire/simdjson.cc"
        let build = "c++ -O1 -o '\(folder.path)/oracle' '\(source)' -lsimdjson 2>&1"
        let (words, built) = try output(ofShell: build)
        try #require(built == 0, "\(String(decoding: words, as: UTF8.self))")
        let (answer, status) = try output(ofShell: "'\(folder.path)/oracle' '\(folder.path)/cases'")
        try #require(status == 0)
        let verdicts = String(decoding: answer, as: UTF8.self).split(separator: "\n")
        try #require(verdicts.count == texts.count)
        for (text, verdict) in zip(texts, verdicts) {
            let shown = "\(String(decoding: text.prefix(200), as: UTF8.self)): \(verdict)"
            do throws(JSONError) {
                let root = try JSONDocument.parse(text).root
                if verdict != "accepted" { #expect(Self.hasExtremeNumber(root), "\(shown)") }
            } catch {
                if verdict == "accepted" { #expect(error.code == .duplicateKey, "\(shown)") }
            }
        }
    }

    private static func hasExtremeNumber(_ view: JSONView) -> Bool {
        switch view.kind {
        case .array: return view.elements.contains(where: hasExtremeNumber)
        case .object: return view.members.contains { hasExtremeNumber($0.value) }
        case .number:
            guard let text = view.numberText, let double = view.double else { return false }
            let isInteger = !text.utf8.contains { $0 == UInt8(ascii: ".") || $0 | 32 == UInt8(ascii: "e") }
            return double.isInfinite || isInteger && view.int == nil && UInt64(text) == nil
        case .null, .boolean, .string: return false
        }
    }

    private static func texts() throws -> [[UInt8]] {
        let folder = Places.shared + "/suites/json-parsing/test_parsing"
        var texts = try listFolder(folder).map { try readFile(folder + "/" + $0) }.filter { $0.count < 10_000 }
        var random = RandomJSON(seed: 41)
        for _ in 0..<4_000 {
            let bytes = Array(random.spell(random.value()).utf8)
            texts.append(bytes)
            var broken = bytes
            for _ in 0...random.random.below(2) where !broken.isEmpty {
                let i = random.random.below(broken.count)
                switch random.random.below(4) {
                case 0: broken[i] = random.random.pick(Array("{}[]\",:\\u0e-.x \n\u{1}".utf8))
                case 1: broken.remove(at: i)
                case 2: broken[i] = UInt8(truncatingIfNeeded: random.random.next())
                default: broken.insert(broken[random.random.below(broken.count)], at: i)
                }
            }
            texts.append(broken)
        }
        return texts
    }
}
