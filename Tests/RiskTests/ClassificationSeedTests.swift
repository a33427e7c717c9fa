import JSON
import Policy
import Risk
import Support
import Testing

/// The five tools of `seeds/`: category, severity, signal and limit follow from the definition alone.
@Suite struct ClassificationSeedTests {
    static let runware =
        "enables lightning fast image and video generation using the Runware API, with tools for"
        + " inference, upscaling, background removal, and more."
    static let runwareTools = [
        "imageInference", "videoInference", "imageMasking", "imageUpload", "imageUpscale", "imageBackgroundRemoval",
        "photoMaker", "imageCaption", "listVideoModels", "controlNetPreprocess", "modelSearch",
    ]

    /// The page's answer to "What does the imageMasking tool do?".
    static func fullDescription() throws -> String {
        let page = String(decoding: try readFile(Places.shared + "/seeds/000_642590ffa626a3b3.txt"), as: UTF8.self)
        let lines = page.split(separator: "\n")
        let start = try #require(lines.firstIndex { $0.hasPrefix("What does the imageMasking tool do?") })
        let answer = lines[start + 1]
        let end = try #require(answer.firstRange(of: ". It is categorised as"))
        return String(answer[..<end.lowerBound])
    }

    /// The parameters that the description lists under `Args:`.
    static let parameters: [(String, JSONValue)] = [
        ("inputImage", "string"), ("model", "string"), ("confidence", "number"), ("maxDetections", "integer"),
        ("maskPadding", "integer"), ("maskBlur", "integer"), ("outputType", "string"), ("outputFormat", "string"),
        ("outputQuality", "integer"), ("uploadEndpoint", "string"), ("includeCost", "boolean"), ("taskUUID", "string"),
    ]

    static func definition(_ name: String, _ description: String, _ parameters: [(String, JSONValue)] = []) throws
        -> ToolDefinition
    {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("name")
        writer.string(name)
        writer.key("description")
        writer.string(description)
        writer.key("inputSchema")
        writer.beginObject()
        writer.key("type")
        writer.string("object")
        writer.key("properties")
        writer.beginObject()
        for (parameter, type) in parameters {
            writer.key(parameter)
            writer.beginObject()
            writer.key("type")
            writer.value(type)
            writer.endObject()
        }
        writer.endObject()
        writer.endObject()
        writer.endObject()
        return try #require(ToolDefinition(try JSONDocument.parse(writer.bytes).root))
    }

    @Test func maskingWithItsDescription() throws {
        let tool = try Self.definition("imageMasking", Self.fullDescription(), Self.parameters)
        let judged = Classifier(rules: .standard).classify(tool, in: ServerProfile(name: "Mcp Runware", tools: [tool]))
        #expect(judged.category == .write)
        #expect(judged.severity == .medium)
        #expect(judged.signals.first?.text == "High parameter count (12 properties)")
        #expect(judged.category.treatment == .limit(perMinute: 30))
        #expect(judged.evidence.contains { $0.place == "description" && $0.quote.hasPrefix("Generate precise masks") })
    }

    @Test(arguments: ["imageMasking", "imageBackgroundRemoval", "imageInference"])
    func emptyDescription(name: String) throws {
        let tools = try Self.runwareTools.map { try Self.definition($0, "") }
        let tool = try #require(tools.first { $0.name == name })
        let server = ServerProfile(name: "Runware MCP Server", description: Self.runware, tools: tools)
        let judged = Classifier(rules: .standard).classify(tool, in: server)
        #expect(judged.category == .execute)
        #expect(judged.severity == .high)
        #expect(judged.confidence == .low)
        #expect(judged.signals.map(\.code) == [.noDescription])
        #expect(judged.category.treatment == .limit(perMinute: 10))
        #expect(judged.evidence.map(\.place) == ["name", "server", "siblings"])
    }

    @Test func inpaint() throws {
        let tool = try Self.definition("inpaint", "Inpaint an image using a mask")
        let judged = Classifier(rules: .standard).classify(
            tool, in: ServerProfile(name: "MCP Flux Studio", tools: [tool]))
        #expect(judged.category == .write)
        #expect(judged.severity == .medium)
        #expect(judged.category.treatment == .limit(perMinute: 30))
        #expect(judged.evidence.first == .init(place: "description", quote: "Inpaint an image using a mask"))
    }
}
