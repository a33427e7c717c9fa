import Catalogue
import JSON
import Store
import Support
import Testing

/// Each page of `seeds/`: its facts follow from the tool's definition alone, and our page says them.
@Suite struct SeedPageTests {
    struct Seed: Sendable {
        let file: String
        let server: String
        let tool: String
        let category: String
        let severity: String
        let counter: String
        let max: Int
        var signal: String?
        var quote: String
    }

    static let seeds = [
        Seed(
            file: "000_642590ffa626a3b3", server: "Mcp Runware", tool: "imageMasking", category: "write",
            severity: "medium",
            counter: "imagemasking_rate", max: 30, signal: "High parameter count (12 properties)",
            quote: "Generate precise masks automatically"),
        Seed(
            file: "001_34948192bb6ba0dc", server: "Runware MCP Server", tool: "imageMasking", category: "execute",
            severity: "high", counter: "imagemasking_rate", max: 10, quote: "imageMasking"),
        Seed(
            file: "002_fbabd398a583a1fb", server: "Runware MCP Server", tool: "imageBackgroundRemoval",
            category: "execute",
            severity: "high", counter: "imagebackgroundremoval_rate", max: 10, quote: "imageBackgroundRemoval"),
        Seed(
            file: "003_94e8831616bbac8d", server: "Runware MCP Server", tool: "imageInference", category: "execute",
            severity: "high", counter: "imageinference_rate", max: 10, quote: "imageInference"),
        Seed(
            file: "004_ce1e7ca70e6a4c5f", server: "MCP Flux Studio", tool: "inpaint", category: "write",
            severity: "medium",
            counter: "inpaint_rate", max: 30, quote: "Inpaint an image using a mask"),
    ]

    static let parameters = [
        "inputImage", "model", "confidence", "maxDetections", "maskPadding", "maskBlur", "outputType", "outputFormat",
        "outputQuality", "uploadEndpoint", "includeCost", "taskUUID",
    ]

    /// Where the code of the first page's server is, as that page says.
    static let repository = "elijahdev0/mcp-runware"

    /// The definition, from what the page quotes of it.
    private static func list(_ seed: Seed) throws -> String {
        switch seed.file.prefix(3) {
        case "000":
            let page = String(decoding: try readFile(Places.shared + "/seeds/\(seed.file).txt"), as: UTF8.self)
            let lines = page.split(separator: "\n")
            let start = try #require(lines.firstIndex { $0.hasPrefix("What does the imageMasking tool do?") })
            let answer = lines[start + 1]
            let end = try #require(answer.firstRange(of: ". It is categorised as"))
            let properties = parameters.map { "\"\($0)\": {\"type\": \"string\"}" }.joined(separator: ", ")
            return Fixture.list(
                seed.server, seed.tool, String(answer[..<end.lowerBound]), "{\(properties)}", repository: repository)
        case "004": return Fixture.list(seed.server, seed.tool, "Inpaint an image using a mask")
        default:
            let names = [
                "imageInference", "videoInference", "imageMasking", "imageUpload", "imageUpscale",
                "imageBackgroundRemoval",
                "photoMaker", "imageCaption", "listVideoModels", "controlNetPreprocess", "modelSearch",
            ]
            let tools = names.map { "{\"name\": \"\($0)\", \"description\": \"\"}" }.joined(separator: ", ")
            let about =
                "enables lightning fast image and video generation using the Runware API, with tools for inference,"
                + " upscaling, background removal, and more."
            return "{\"server\": \"\(seed.server)\", \"description\": \"\(about)\", \"tools\": [\(tools)]}"
        }
    }

    @Test(arguments: seeds)
    func factsFollowFromTheDefinition(seed: Seed) throws {
        let fixture = try Fixture()
        try fixture.add(try Self.list(seed))
        let tool = try fixture.tool(seed.server, seed.tool)
        #expect(tool.hit.category == seed.category)
        #expect(tool.hit.severity == seed.severity)

        // The seed's own page states the same policy.
        let description = try #require(ToolDescription(tool))
        var writer = JSONWriter()
        description.write(server: seed.server, related: [], to: &writer)
        let shown = try JSONDocument.parse(writer.bytes).root
        let policy = try #require(shown["policy"])
        #expect(policy["version"]?.string == "1")
        #expect(policy["default"]?.string == "deny")
        let limit = try #require(policy["tools"]?[seed.tool]?["limits"]?[0])
        #expect(limit["counter"]?.string == seed.counter)
        #expect(limit["window"]?.string == "minute")
        #expect(limit["max"]?.int == Int64(seed.max))
        #expect(limit["scope"]?.string == "grant")
        let starter = try readFile(
            Places.packageRoot + "/Assets/policies/seed-\(seed.tool.lowercased())-\(seed.category).policy.json")
        let theirs = try JSONDocument.parse(starter).root["tools"]?[seed.tool]?["limits"]?[0]
        #expect(try #require(theirs) == limit)

        // And the page shows every part that the seed's page has.
        let page = try fixture.page(seed.server, seed.tool)
        let text = Fixture.visible(page)
        for part in [
            "\(seed.category.prefix(1).uppercased() + seed.category.dropFirst())",
            "\(seed.severity.prefix(1).uppercased() + seed.severity.dropFirst()) risk", "What it does",
            "Why it needs a policy",
            "From the tool’s definition", seed.quote, "How to control it", "Attacks that abuse such access",
            "Questions",
            "What does \(seed.tool) do?", "How is a policy enforced on \(seed.tool)?",
            "What risk level is \(seed.tool)?",
            "How is \(seed.tool) rate-limited?", "How is \(seed.tool) blocked completely?",
            "Which server provides \(seed.tool)?",
            "Part of \(seed.server)", "\"default\": \"deny\"", "\"counter\": \"\(seed.counter)\"",
            "\"max\": \(seed.max)",
            "\"scope\": \"grant\"", "at most \(seed.max) times a minute", "tokens in every conversation",
        ] {
            #expect(text.contains(part), "\(part)")
        }
        if seed.file.hasPrefix("000") { #expect(text.contains("Its code is kept at \(Self.repository).")) }
        if let signal = seed.signal { #expect(text.contains(signal)) }
        if seed.file.hasPrefix("00") && seed.category == "execute" { #expect(text.contains("On the same server")) }
        #expect(page.utf8.count <= 60 << 10)
    }
}
