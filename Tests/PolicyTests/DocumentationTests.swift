import JSON
import Support
import Testing

@testable import Policy

/// Every example of docs/policy.md is what it says it is.
@Suite struct DocumentationTests {
    static let text =
        (try? readFile(Places.packageRoot + "/docs/policy.md")).map { String(decoding: $0, as: UTF8.self) } ?? ""

    /// The fenced JSON blocks.
    static let blocks: [String] = {
        var blocks: [String] = []
        var current: String?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "```json" {
                current = ""
            } else if line == "```", let block = current {
                blocks.append(block)
                current = nil
            } else {
                current?.append(line + "\n")
            }
        }
        return blocks
    }()

    /// The examples in the table of operators.
    static let operators = text.split(separator: "\n").compactMap { line -> String? in
        guard line.hasPrefix("| `"), let start = line.range(of: "`{ \"path\"")?.lowerBound else { return nil }
        return String(line[start...].dropFirst().prefix { $0 != "`" })
    }

    @Test(arguments: blocks + operators) func exampleIsValid(_ example: String) throws {
        let value = try JSONDocument.parse(Array(example.utf8)).root
        func entry(_ text: String) -> String { #"{"version":"1","default":"deny","tools":{"t":\#(text)}}"# }
        let document: String =
            if value["version"] != nil {
                example
            } else if value["op"] != nil {
                entry(#"{"require":[{"conditions":[\#(example)]}]}"#)
            } else if value["max"] != nil {
                entry(#"{"limits":[\#(example)]}"#)
            } else {
                entry(example)
            }
        let load = PolicyDocument.load(Array(document.utf8), name: "docs", version: 1)
        #expect(load.errors == [], "\(example)")
    }

    @Test func everythingIsShown() {
        #expect(Self.blocks.count >= 20)
        for op in Operator.allCases { #expect(Self.text.contains("`\(op.rawValue)`"), "\(op.rawValue)") }
        for code in ProblemCode.allCases { #expect(Self.text.contains("`\(code.rawValue)`"), "\(code.rawValue)") }
        for scope in QuotaScope.allCases { #expect(Self.text.contains("`\(scope.rawValue)`")) }
        for (object, fields) in PathRoot.fields {
            for (field, _) in fields { #expect(Self.text.contains("`\(object).\(field)"), "\(object).\(field)") }
        }
    }
}

extension String {
    /// The first place of a text, without Foundation.
    fileprivate func range(of part: String) -> Range<String.Index>? { ranges(of: part).first }
}

extension Substring {
    fileprivate func range(of part: String) -> Range<String.Index>? { ranges(of: part).first }
}
