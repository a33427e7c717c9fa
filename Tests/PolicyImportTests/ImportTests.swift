import Base
import JSON
import Policy
import Support
import Testing

@testable import PolicyImport

/// Everything that importing says of a document, as the golden files hold it.
func report(_ bytes: [UInt8], file: String, format: PolicyImport.Format? = nil) -> String {
    let result = PolicyImport.translate(bytes, format: format)
    var text = ""
    for problem in result.problems { text += problem.text(file: file) + "\n" }
    guard let policy = result.policy else { return text + "-> refused\n" }
    for step in result.steps { text += step.text(file: file) + "\n" }
    for remark in result.remarks { text += "\(file): \(remark)\n" }
    return text + String(decoding: policy, as: UTF8.self)
}

/// A policy that was imported and loads, or a failed test.
func imported(
    _ text: String, format: PolicyImport.Format? = nil, sourceLocation: SourceLocation = #_sourceLocation
) throws -> CompiledPolicy {
    let result = PolicyImport.translate(Array(text.utf8), format: format)
    let bytes = try #require(
        result.policy, "\(result.problems.map { $0.text(file: "p") })\n\(text)", sourceLocation: sourceLocation)
    let load = PolicyDocument.load(bytes, name: "p", version: 1)
    return try #require(
        load.policy, "\(load.errors.map { $0.text(file: "p") })\n\(text)", sourceLocation: sourceLocation)
}

/// Whole documents and exactly what becomes of them: Tests/PolicyImportTests/Cases.
@Suite struct ImportTests {
    static let folder = "Tests/PolicyImportTests/Cases"

    static func cases() throws -> [String] {
        try listFolder(Places.packageRoot + "/" + folder).filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".json") }
    }

    @Test func everyDocumentBecomesWhatWasReviewed() throws {
        let names = try Self.cases()
        #expect(names.count >= 7)
        for name in names {
            let bytes = try readFile("\(Places.packageRoot)/\(Self.folder)/\(name)")
            let difference = try Golden.difference(report(bytes, file: name), "\(Self.folder)/\(name).golden.txt")
            #expect(difference == nil)
            let policy = try #require(PolicyImport.translate(bytes).policy)
            #expect(PolicyDocument.load(policy, name: name, version: 1).errors.isEmpty)
        }
    }

    /// What PolicyLayer publishes runs unchanged, so importing changes nothing.
    @Test func publishedPoliciesStayAsTheyAre() throws {
        let folder = Places.packageRoot + "/Assets/policies"
        let names = try listFolder(folder).filter { $0.hasPrefix("seed-") }
        #expect(names.count >= 5)
        for name in names {
            let bytes = try readFile("\(folder)/\(name)")
            let result = PolicyImport.translate(bytes)
            let policy = try #require(result.policy, "\(result.problems)")
            let (before, after) = (try JSONDocument.parse(bytes).root, try JSONDocument.parse(policy).root)
            #expect(before == after, "\(name)")
        }
    }

    @Test func formatsAreToldApart() {
        #expect(PolicyImport.translate(Array(" \n{}".utf8)).format == .policylayer)
        #expect(PolicyImport.translate(Array("version: 1".utf8)).format == .intercept)
        // Intercept reads JSON as well, which YAML contains.
        let json = Array(#"{"version": "1", "tools": {"t": {"rules": [{"name": "r", "rate_limit": "5/hour"}]}}}"#.utf8)
        #expect(PolicyImport.translate(json).policy == nil)
        #expect(PolicyImport.translate(json, format: .intercept).policy != nil)
    }

    @Test func whatIsPrintedIsWhatWasMeant() throws {
        let texts = ["plain", "quote \" backslash \\", "new\nline", "ünïcödé", "\u{1}\u{9}"]
        for text in texts {
            let quoted = JSONValue.string(text).text
            let source =
                "version: '1'\ntools:\n  t:\n    rules:\n      - name: r\n        on_deny: \(quoted)\n        conditions:\n          - {path: args.a, op: eq, value: \(quoted)}\n"
            let result = PolicyImport.translate(Array(source.utf8))
            let policy = try JSONDocument.parse(try #require(result.policy, "\(result.problems)")).root
            let rule = policy["tools"]?["t"]?["require"]?[0]
            #expect(rule?["value"]?.string == text)
            #expect(rule?["on_deny"]?.string == text)
        }
    }
}

extension ImportTests {
    /// The example of docs/policy.md, and every code is explained there.
    @Test func documentation() throws {
        let text = String(decoding: try readFile(Places.packageRoot + "/docs/policy.md"), as: UTF8.self)
        func block(_ language: String, in part: Substring) throws -> Substring {
            let start = try #require(part.firstRange(of: "```\(language)\n"))
            let end = try #require(part[start.upperBound...].firstRange(of: "```"))
            return part[start.upperBound..<end.lowerBound]
        }
        let section = text[try #require(text.firstRange(of: "\n## Importing\n")).upperBound...]
        let policy = try #require(PolicyImport.translate(Array(try block("yaml", in: section).utf8)).policy)
        #expect(
            try JSONDocument.parse(policy).root == JSONDocument.parse(Array(try block("json", in: section).utf8)).root)
        for code in ImportCode.allCases { #expect(text.contains("`\(code.rawValue)`"), "\(code.rawValue)") }
    }
}
