import CAssets

/// Files of `Assets/` that the program carries in itself.
package enum EmbeddedAsset {
    /// `Assets/risk/rules.json`.
    package static var riskRules: [UInt8] { bytes(sluice_asset_risk_rules()) }

    /// `Assets/risk/findings.json`.
    package static var findingRules: [UInt8] { bytes(sluice_asset_finding_rules()) }

    private static func bytes(_ asset: SluiceAsset) -> [UInt8] {
        Array(UnsafeBufferPointer(start: asset.bytes, count: asset.count))
    }
}
