// swift-tools-version: 6.2
import PackageDescription

// A program that measures single parts. It sees the parts' `package` declarations because it compiles the same sources
// (`Parts` is a link to `../Sources`) as one package with them; keep the settings as in ../Package.swift.
let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

func part(_ name: String, uses: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: uses, path: "Parts/\(name)", swiftSettings: house)
}

func library(_ name: String, _ pkgConfig: String) -> Target {
    .systemLibrary(name: name, path: "Parts/\(name)", pkgConfig: pkgConfig)
}

let package = Package(
    name: "sluice-benchmarks",
    targets: [
        library("CSQLite", "sqlite3"),
        library("CSodium", "libsodium"),
        library("COpenSSL", "libcrypto"),
        .target(name: "CRE2", path: "Parts/CRE2", linkerSettings: [.linkedLibrary("re2")]),
        .target(name: "AllocationCount", path: "AllocationCount"),
        part("Base"),
        part("JSON", uses: ["Base"]),
        part("Policy", uses: ["Base", "JSON", "CRE2"]),
        part("MCP", uses: ["Base", "JSON"]),
        part("Store", uses: ["Base", "JSON"]),
        part("StoreSQLite", uses: ["Base", "JSON", "MCP", "Policy", "Store", "CSQLite", "CSodium", "COpenSSL"]),
        .target(
            name: "CAssets", path: "Parts/CAssets",
            cSettings: [.define("SLUICE_ASSETS", to: "\"\(Context.packageDirectory)/../Assets\"")]),
        part("Risk", uses: ["Base", "JSON", "MCP", "Policy", "CAssets", "CRE2"]),
        part("Attacks", uses: ["Base", "JSON", "Policy", "Risk", "CAssets"]),
        part("Catalogue", uses: ["Base", "JSON", "Policy", "MCP", "Risk", "Attacks", "Store", "CAssets"]),
        .executableTarget(
            name: "measure",
            dependencies: [
                "Base", "JSON", "MCP", "Policy", "Risk", "Catalogue", "Store", "StoreSQLite", "AllocationCount",
            ],
            path: "Measure", swiftSettings: house,
            linkerSettings: [.unsafeFlags(["-use-ld=lld", "-static-stdlib"])]),
    ],
    cxxLanguageStandard: .cxx17
)
