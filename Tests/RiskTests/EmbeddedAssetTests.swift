import Risk
import Support
import Testing

@Suite struct EmbeddedAssetTests {
    @Test func findingsAreThoseOfTheFolder() throws {
        #expect(EmbeddedAsset.findingRules == (try readFile(Places.packageRoot + "/Assets/risk/findings.json")))
    }

    @Test func rulesAreThoseOfTheFolder() throws {
        #expect(EmbeddedAsset.riskRules == (try readFile(Places.packageRoot + "/Assets/risk/rules.json")))
    }
}
