import Policy
import Support
import Testing

/// Every `*.policytest.json` of Tests/PolicyCases, run by the code behind `sluice policy test`.
@Suite struct PolicyCasesTests {
    static let folder = Places.packageRoot + "/Tests/PolicyCases"
    static let files = ((try? listFolder(folder)) ?? []).filter { $0.hasSuffix(".policytest.json") }

    @Test func thereAreCases() {
        #expect(Self.files.count >= 10)
    }

    @Test(arguments: files) func passes(_ file: String) throws {
        let report = PolicyTest.run(try readFile(Self.folder + "/" + file), name: file) { path in
            (try? readFile(Self.folder + "/" + path)).map { .text($0, file: path) }
        }
        #expect(report.failures == [])
        #expect(report.isGood)
    }

    /// No starter policy stays without a test, and none has a warning.
    @Test func everyStarterPolicyIsRun() throws {
        let assets = Places.packageRoot + "/Assets/policies"
        let tests = try Self.files.map { String(decoding: try readFile(Self.folder + "/" + $0), as: UTF8.self) }
        for name in try listFolder(assets) where name.hasSuffix(".policy.json") {
            #expect(tests.contains { $0.contains("/\(name)\"") }, "\(name) has no test")
            let load = PolicyDocument.load(try readFile(assets + "/" + name), name: name, version: 1)
            #expect(load.errors == [], "\(name)")
        }
    }

    /// The seeds' policies are the texts of the seed documents, byte for byte.
    @Test func seedsStandUnchanged() throws {
        let assets = Places.packageRoot + "/Assets/policies"
        let seeds = try listFolder(Places.shared + "/seeds").map {
            String(decoding: try readFile(Places.shared + "/seeds/" + $0), as: UTF8.self)
        }
        let policies = try listFolder(assets).filter { $0.hasPrefix("seed-") }
        #expect(policies.count == seeds.count)
        for name in policies {
            let text = String(decoding: try readFile(assets + "/" + name).dropLast(), as: UTF8.self)
            #expect(seeds.contains { $0.contains(text) }, "\(name)")
        }
    }
}
