// swift-tools-version: 6.2
import PackageDescription

// One libFuzzer program for whatever reads bytes from strangers; FUZZ_TARGET says what it fuzzes (see README.md).
// `Parts` is a link to `../Sources` and `Tests` to `../Tests`; keep the settings as in ../Package.swift.
let sanitizers: SwiftSetting = .unsafeFlags(["-sanitize=fuzzer,address"])
/// The same for our C: libFuzzer's counters and the address checks.
let sanitizedC: [CSetting] = [.unsafeFlags(["-fsanitize=address,fuzzer-no-link", "-g"])]
let sanitizedCXX: [CXXSetting] = [.unsafeFlags(["-fsanitize=address,fuzzer-no-link", "-g"])]
/// For modules whose inner parts are fuzzed by themselves.
let testable: SwiftSetting = .unsafeFlags(["-enable-testing"])
let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    sanitizers,
]

func part(_ name: String, uses: [Target.Dependency] = [], settings: [SwiftSetting] = []) -> Target {
    .target(name: name, dependencies: uses, path: "Parts/\(name)", swiftSettings: house + settings)
}

let package = Package(
    name: "sluice-fuzz",
    targets: [
        .systemLibrary(name: "CUV", path: "Parts/CUV", pkgConfig: "libuv"),
        .systemLibrary(name: "CSodium", path: "Parts/CSodium", pkgConfig: "libsodium"),
        .systemLibrary(name: "COpenSSL", path: "Parts/COpenSSL", pkgConfig: "openssl"),
        .target(name: "CRE2", path: "Parts/CRE2", cxxSettings: sanitizedCXX, linkerSettings: [.linkedLibrary("re2")]),
        .target(
            name: "CCodecs", path: "Parts/CCodecs", cSettings: sanitizedC, cxxSettings: sanitizedCXX,
            linkerSettings: [.linkedLibrary("jpeg"), .linkedLibrary("png16"), .linkedLibrary("webp")]),
        .target(
            name: "COpenCV", path: "Parts/COpenCV",
            cxxSettings: sanitizedCXX + [.unsafeFlags(["-I/usr/include/opencv4"])],
            linkerSettings: [
                .linkedLibrary("opencv_photo"), .linkedLibrary("opencv_imgproc"), .linkedLibrary("opencv_core"),
            ]),
        .target(name: "COpenVINO", path: "Parts/COpenVINO", linkerSettings: [.linkedLibrary("dl")]),
        .target(
            name: "CAssets", path: "Parts/CAssets",
            cSettings: [.define("SLUICE_ASSETS", to: "\"\(Context.packageDirectory)/../Assets\"")]),
        .target(name: "Driver", path: "Driver"),
        part("Base"),
        part("JSON", uses: ["Base"]),
        part("Policy", uses: ["Base", "JSON", "CRE2"], settings: [testable]),
        part("Runtime", uses: ["Base", "CUV", "COpenSSL"]),
        part("HTTP", uses: ["Base", "Runtime"]),
        part("MCP", uses: ["Base", "JSON"]),
        part("Store", uses: ["Base", "JSON"]),
        part("Risk", uses: ["Base", "JSON", "MCP", "Policy", "CAssets", "CRE2"], settings: [testable]),
        part(
            "Gateway", uses: ["Base", "JSON", "Policy", "Risk", "MCP", "Runtime", "HTTP", "Store"], settings: [testable]
        ),
        // Only what reads files that name servers.
        .target(
            name: "Catalogue", path: "Parts/Catalogue", sources: ["Files/LineIndex.swift"], swiftSettings: house),
        .target(
            name: "Scanner", dependencies: ["Base", "JSON", "Risk", "Store", "Catalogue"], path: "Parts/Scanner",
            sources: ["Files", "ScanError.swift", "Output/Visible.swift"], swiftSettings: house + [testable]),
        part("Imaging", uses: ["Base", "CCodecs", "COpenCV", "COpenVINO"]),
        part(
            "Studio", uses: ["Base", "JSON", "MCP", "Runtime", "HTTP", "Imaging", "CAssets", "CSodium"],
            settings: [testable]),
        // The slow twin of the policy engine and its generator, which here takes its choices from the fuzzer's bytes.
        .target(name: "Support", path: "Support", swiftSettings: house),
        .target(
            name: "Oracle", dependencies: ["JSON", "Support"], path: "Tests/PolicyTests",
            sources: ["Twin.swift", "TwinConditions.swift", "PolicyGenerator.swift"],
            swiftSettings: house + [testable]),
        // The gateway without sockets, with clients and a server that do what they are told.
        .target(
            name: "Conversation",
            dependencies: ["Base", "JSON", "Policy", "MCP", "Runtime", "HTTP", "Store", "Gateway"],
            path: "Tests/GatewayTests",
            sources: [
                "PlainDoubles.swift", "Machine/Stand.swift", "Machine/TalkingServer.swift", "Machine/Watched.swift",
                "Machine/LegacyConversation.swift",
            ],
            swiftSettings: house + [testable]),
        .executableTarget(
            name: "sluice-fuzz",
            dependencies: [
                "Driver", "Base", "JSON", "Policy", "Runtime", "HTTP", "MCP", "Imaging", "Studio", "Support", "Oracle",
                "Conversation", "Gateway", "Risk", "Scanner",
            ],
            path: "Targets", swiftSettings: house,
            linkerSettings: [.unsafeFlags(["-use-ld=lld", "-sanitize=fuzzer,address"])]),
    ],
    cxxLanguageStandard: .cxx17
)
