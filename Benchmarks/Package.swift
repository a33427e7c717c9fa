// swift-tools-version: 6.2
import PackageDescription

// Programs that measure single parts. They see the parts' `package` declarations because they compile the same sources
// (`Parts` is a link to `../Sources`) as one package; keep the settings as in ../Package.swift.
let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

func part(_ name: String, uses: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: uses, path: "Parts/\(name)", swiftSettings: house)
}

let package = Package(
    name: "sluice-benchmarks",
    targets: [
        part("Base"),
        part("JSON", uses: ["Base"]),
        .executableTarget(
            name: "measure", dependencies: ["Base", "JSON"], path: "Measure", swiftSettings: house,
            linkerSettings: [.unsafeFlags(["-use-ld=lld", "-static-stdlib"])]),
    ],
    cxxLanguageStandard: .cxx17
)
