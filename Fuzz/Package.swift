// swift-tools-version: 6.2
import PackageDescription

// libFuzzer programs for whatever reads bytes from strangers. `Parts` is a link to `../Sources`; keep the settings as in
// ../Package.swift. Fuzz/run builds and runs them.
let sanitizers: SwiftSetting = .unsafeFlags(["-sanitize=fuzzer,address"])
let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    sanitizers,
]

func part(_ name: String, uses: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: uses, path: "Parts/\(name)", swiftSettings: house)
}

func fuzzer(_ name: String, _ folder: String, uses: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name, dependencies: uses + ["Driver"], path: folder,
        swiftSettings: house,
        linkerSettings: [.unsafeFlags(["-use-ld=lld", "-sanitize=fuzzer,address"])])
}

let package = Package(
    name: "sluice-fuzz",
    targets: [
        .systemLibrary(name: "CUV", path: "Parts/CUV", pkgConfig: "libuv"),
        .target(name: "CRE2", path: "Parts/CRE2", linkerSettings: [.linkedLibrary("re2")]),
        .target(
            name: "CCodecs", path: "Parts/CCodecs",
            linkerSettings: [.linkedLibrary("jpeg"), .linkedLibrary("png16"), .linkedLibrary("webp")]),
        .target(
            name: "COpenCV", path: "Parts/COpenCV", cxxSettings: [.unsafeFlags(["-I/usr/include/opencv4"])],
            linkerSettings: [.linkedLibrary("opencv_imgproc"), .linkedLibrary("opencv_core")]),
        .target(name: "COpenVINO", path: "Parts/COpenVINO", linkerSettings: [.linkedLibrary("dl")]),
        .target(name: "Driver", path: "Driver"),
        part("Base"),
        part("JSON", uses: ["Base"]),
        part("Policy", uses: ["Base", "JSON", "CRE2"]),
        part("Runtime", uses: ["Base", "CUV"]),
        part("HTTP", uses: ["Base", "Runtime"]),
        part("MCP", uses: ["Base", "JSON"]),
        part("Imaging", uses: ["Base", "CCodecs", "COpenCV", "COpenVINO"]),
        fuzzer("fuzz-json", "JSONTarget", uses: ["Base", "JSON"]),
        fuzzer("fuzz-http", "HTTPTarget", uses: ["Base", "HTTP"]),
        fuzzer("fuzz-policy", "PolicyTarget", uses: ["Base", "JSON", "Policy"]),
        fuzzer("fuzz-mcp", "MCPTarget", uses: ["Base", "JSON", "MCP"]),
        fuzzer("fuzz-image", "ImageTarget", uses: ["Base", "Imaging"]),
    ],
    cxxLanguageStandard: .cxx17
)
