// swift-tools-version: 6.2
import PackageDescription

/// The settings of every Swift target: language mode 6, warnings are errors.
let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
    // Overlapping accesses are found by the compiler and, in debug builds and tests, at run time; in release builds the
    // run-time check cost 4 to 6 % of a call.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

/// A target of our own in Swift. `uses` may name targets of lower floors only (docs: ARCHITECTURE.md).
func room(_ name: String, uses: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: uses, swiftSettings: house)
}

func program(_ name: String, uses: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name, dependencies: uses, swiftSettings: house,
        linkerSettings: [.unsafeFlags(["-use-ld=lld", "-static-stdlib"])])
}

/// `data` names files of the target's folder that the tests read by path and the compiler shall leave alone.
func tests(_ name: String, uses: [Target.Dependency], data: [String] = []) -> Target {
    .testTarget(
        name: name, dependencies: uses + ["Support"], path: "Tests/\(name)", exclude: data, swiftSettings: house,
        linkerSettings: [.unsafeFlags(["-use-ld=lld"])])
}

let package = Package(
    name: "sluice",
    products: [
        .executable(name: "sluice", targets: ["sluice"]),
        .executable(name: "sluice-studio", targets: ["sluice-studio"]),
    ],
    targets: [
        // Floor 0: C
        .systemLibrary(name: "CUV", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .target(name: "CRE2", linkerSettings: [.linkedLibrary("re2")]),
        .target(
            name: "CCodecs",
            linkerSettings: [.linkedLibrary("jpeg"), .linkedLibrary("png16"), .linkedLibrary("webp")]),
        .target(
            name: "COpenCV",
            cxxSettings: [.unsafeFlags(["-I/usr/include/opencv4"])],
            linkerSettings: [
                .linkedLibrary("opencv_photo"), .linkedLibrary("opencv_imgproc"), .linkedLibrary("opencv_core"),
            ]),
        .target(name: "COpenVINO", linkerSettings: [.linkedLibrary("dl")]),
        .target(name: "CAssets", cSettings: [.define("SLUICE_ASSETS", to: "\"\(Context.packageDirectory)/Assets\"")]),

        // Floor 1: base
        room("Base"),
        room("JSON", uses: ["Base"]),
        room("Arguments", uses: ["Base"]),

        // Floor 2: what we know (pure)
        room("Policy", uses: ["Base", "JSON", "CRE2"]),
        room("MCP", uses: ["Base", "JSON"]),
        room("Risk", uses: ["Base", "JSON", "MCP", "Policy", "CAssets", "CRE2"]),
        room("Attacks", uses: ["Base", "JSON", "Policy", "Risk", "CAssets"]),

        // Floor 3: the outside world
        room("Runtime", uses: ["Base", "CUV", "COpenSSL"]),
        room("HTTP", uses: ["Base", "Runtime"]),
        room("Imaging", uses: ["Base", "CCodecs", "COpenCV", "COpenVINO"]),
        room("PolicyImport", uses: ["Base", "JSON", "Policy", "CYAML"]),

        // Floor 4: what survives
        room("Store", uses: ["Base", "JSON"]),
        room("StoreSQLite", uses: ["Base", "JSON", "MCP", "Policy", "Store", "CSQLite", "CSodium", "COpenSSL"]),

        // Floor 5: features
        room("Gateway", uses: ["Base", "JSON", "Policy", "Risk", "MCP", "Runtime", "HTTP", "Store"]),
        room("Scanner", uses: ["Base", "JSON", "Policy", "MCP", "Risk", "Runtime", "Store", "Gateway", "Catalogue"]),
        room("Catalogue", uses: ["Base", "JSON", "Policy", "MCP", "Risk", "Attacks", "Store", "CAssets"]),
        room("Console", uses: ["Base", "JSON", "HTTP", "Runtime", "Store", "Gateway"]),
        room("Studio", uses: ["Base", "JSON", "MCP", "Runtime", "HTTP", "Imaging", "CAssets", "CSodium"]),

        // Floor 6: programs
        program(
            "sluice",
            uses: [
                "Base", "JSON", "Arguments", "Policy", "PolicyImport", "MCP", "Runtime", "HTTP", "Store", "StoreSQLite",
                "Gateway", "Console", "Risk", "Attacks", "Scanner", "Catalogue",
            ]),
        program("sluice-studio", uses: ["Base", "Arguments", "Runtime", "Studio", "HTTP"]),

        // Tests
        .target(name: "Support", dependencies: ["Base"], path: "Tests/Support", swiftSettings: house),
        tests("BaseTests", uses: ["Base"]),
        tests("JSONTests", uses: ["JSON", "Base"], data: ["Golden", "oracle.py"]),
        tests("ArgumentsTests", uses: ["Arguments"]),
        tests("PolicyTests", uses: ["Policy", "JSON", "Base"]),
        tests("PolicyImportTests", uses: ["PolicyImport", "Policy", "JSON", "Base"], data: ["Cases"]),
        tests("AttacksTests", uses: ["Attacks", "Risk", "Policy", "MCP", "JSON", "Base"]),
        tests("RiskTests", uses: ["Risk", "Policy", "JSON", "Base"], data: ["Labels", "Poisoned"]),
        tests("MCPTests", uses: ["MCP", "JSON", "Base"]),
        tests("RuntimeTests", uses: ["Runtime", "Base"]),
        tests("HTTPTests", uses: ["HTTP", "Runtime", "Base"], data: ["Golden", "h11_decisions.py"]),
        tests("ImagingTests", uses: ["Imaging", "Base"], data: ["judge"]),
        tests("StoreTests", uses: ["StoreSQLite", "Store", "Policy", "Runtime", "JSON", "Base", "CSQLite"]),
        tests(
            "StudioTests", uses: ["Studio", "MCP", "HTTP", "Runtime", "Imaging", "JSON", "Base"], data: ["agent"]),
        tests("GatewayTests", uses: ["Gateway", "Policy", "MCP", "Store", "HTTP", "Runtime", "JSON", "Base"]),
        tests(
            "CatalogueTests",
            uses: ["Catalogue", "Attacks", "Risk", "Policy", "MCP", "StoreSQLite", "Store", "JSON", "Base", "CAssets"]),
        tests("ScannerTests", uses: ["Scanner", "Catalogue", "Risk", "MCP", "Store", "JSON", "Base"]),
        tests(
            "ConsoleTests",
            uses: ["Console", "Gateway", "StoreSQLite", "Store", "HTTP", "Runtime", "JSON", "Base"]),
    ],
    cxxLanguageStandard: .cxx17
)
