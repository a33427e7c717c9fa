import JSON
import Testing

@testable import Studio

/// Every parameter of every tool: good values, the ends of its range, and values just beyond or of another kind. Made from
/// the declarations, so that no new parameter goes without; the table of ends is the original's, written down by hand.
@Suite struct EveryParameterTests {
    private let tools: ToolRegistry

    init() throws {
        tools = try TestBench().workshop.tools()
    }

    /// Names and numbers of parameters that the original's contract has, some of ours added.
    @Test(arguments: [
        ("imageInference", 37), ("photoMaker", 21), ("imageUpscale", 7), ("imageBackgroundRemoval", 8),
        ("imageCaption", 3), ("imageMasking", 12), ("modelSearch", 10), ("videoInference", 20), ("listVideoModels", 0),
        ("getVideoModelInfo", 1), ("imageUpload", 1), ("generate", 6), ("img2img", 8), ("inpaint", 5), ("control", 6),
    ])
    func noneOfTheOriginalsParametersIsMissing(_ name: String, _ count: Int) throws {
        let names = try #require(tools[name]).parameters.parameters.map(\.name)
        let original = Self.original[name]?.split(separator: " ").map(String.init) ?? []
        #expect(original.count == count)
        #expect(original.filter { !names.contains($0) } == [])
        #expect(Set(names).count == names.count)
    }

    private static let output = "outputType outputFormat outputQuality includeCost taskUUID"
    private static let original: [String: String] = [
        "imageInference":
            "positivePrompt model height width numberResults steps CFGScale negativePrompt seed scheduler checkNSFW strength clipSkip promptWeighting vae maskMargin uploadEndpoint seedImage referenceImages maskImage acceleratorOptions advancedFeatures controlNet lora lycoris embeddings ipAdapters refiner outpaint instantID acePlusPlus extraArgs \(output)",
        "photoMaker":
            "positivePrompt inputImages model height width style strength numberResults steps CFGScale negativePrompt scheduler uploadEndpoint checkNSFW clipSkip seed \(output)",
        "imageUpscale": "inputImage upscaleFactor \(output)",
        "imageBackgroundRemoval": "inputImage model settings \(output)",
        "imageCaption": "inputImage includeCost taskUUID",
        "imageMasking": "inputImage model confidence maxDetections maskPadding maskBlur uploadEndpoint \(output)",
        "modelSearch": "search tags category type architecture conditioning visibility limit offset taskUUID",
        "videoInference":
            "positivePrompt model duration width height outputType outputFormat uploadEndpoint includeCost negativePrompt frameImages referenceImages fps steps seed CFGScale numberResults providerSettings deliveryMethod taskUUID",
        "listVideoModels": "", "getVideoModelInfo": "model_id", "imageUpload": "file_path",
        "generate": "prompt model aspect_ratio width height output",
        "img2img": "image prompt name model strength width height output",
        "inpaint": "image prompt mask_shape position output", "control": "type image prompt steps guidance output",
    ]

    /// The ends of each range in the original's documents: the last good value on either side, and a step beyond.
    @Test(
        arguments: [
            ("imageInference", "width", "128", "2048", "64"), ("imageInference", "height", "128", "2048", "64"),
            ("imageInference", "numberResults", "1", "20", "1"), ("imageInference", "steps", "1", "100", "1"),
            ("imageInference", "CFGScale", "0", "50", "0.01"), ("imageInference", "strength", "0", "1", "0.01"),
            ("imageInference", "clipSkip", "0", "2", "1"), ("imageInference", "outputQuality", "20", "99", "1"),
            ("imageInference", "lora[0].weight", "-4", "4", "0.01"),
            ("imageInference", "embeddings[0].weight", "-4", "4", "0.01"),
            ("imageInference", "ipAdapters[0].weight", "0", "1", "0.01"),
            ("imageInference", "controlNet[0].weight", "0", "1", "0.01"),
            ("imageInference", "controlNet[0].startStepPercentage", "0", "99", "1"),
            ("imageInference", "controlNet[0].endStepPercentage", "1", "100", "1"),
            ("imageInference", "refiner.startStep", "2", "100", "1"),
            ("imageInference", "refiner.startStepPercentage", "1", "99", "1"),
            ("imageInference", "acePlusPlus.repaintingScale", "0", "1", "0.01"),
            ("photoMaker", "width", "128", "2048", "64"), ("photoMaker", "strength", "15", "50", "1"),
            ("photoMaker", "numberResults", "1", "20", "1"), ("imageUpscale", "upscaleFactor", "2", "4", "1"),
            ("imageBackgroundRemoval", "settings.alphaMattingErodeSize", "1", "255", "1"),
            ("imageBackgroundRemoval", "settings.alphaMattingForegroundThreshold", "11", "255", "0"),
            ("imageMasking", "confidence", "0", "1", "0.01"), ("imageMasking", "maxDetections", "1", "20", "1"),
            ("imageMasking", "maskPadding", "-40", "40", "1"), ("imageMasking", "maskBlur", "0", "20", "1"),
            ("modelSearch", "limit", "1", "100", "1"), ("modelSearch", "offset", "0", "1000000", "1"),
            ("videoInference", "duration", "1", "10", "0.1"), ("videoInference", "fps", "15", "60", "1"),
            ("videoInference", "steps", "10", "50", "1"), ("videoInference", "numberResults", "1", "4", "1"),
            ("generate", "width", "256", "2048", "1"), ("img2img", "strength", "0", "1", "0.01"),
            ("generate", "safety_tolerance", "0", "6", "1"), ("control", "steps", "1", "100", "1"),
            ("control", "guidance", "0", "100", "0.5"), ("inpaint", "guidance", "1.5", "100", "0.1"),
        ]
    )
    func rangesAreTheOriginals(_ tool: String, _ path: String, _ low: String, _ high: String, _ step: String) throws {
        for value in [low, high] { #expect(try problems(tool, path, value) == [], "\(path) = \(value)") }
        guard let step = Double(step), step > 0 else { return }
        for value in [(Double(low) ?? 0) - step, (Double(high) ?? 0) + step] {
            #expect(try problems(tool, path, JSONValue.shortest(value)).first == path, "\(path) = \(value)")
        }
    }

    @Test(arguments: [
        ("imageInference", "width", "200"), ("imageInference", "outpaint.top", "63"),
        ("imageInference", "positivePrompt", "\"x\""), ("imageInference", "model", "\"no id\""),
        ("imageInference", "model", "\"a:b\""), ("imageInference", "seed", "0"),
        ("imageInference", "seed", "9223372036854775808"), ("imageInference", "controlNet", "[]"),
        ("imageInference", "lora[0].model", "7"), ("imageInference", "acePlusPlus.type", "\"x\""),
        ("imageInference", "promptWeighting", "\"Compel\""), ("photoMaker", "inputImages", "[]"),
        ("photoMaker", "inputImages", "[\"a\",\"b\",\"c\",\"d\",\"e\"]"), ("photoMaker", "style", "\"none\""),
        ("imageBackgroundRemoval", "settings.rgba", "[1,2,3]"), ("modelSearch", "category", "\"x\""),
        ("modelSearch", "conditioning", "\"x\""), ("modelSearch", "visibility", "\"x\""),
        ("videoInference", "outputType", "\"dataURI\""), ("videoInference", "outputFormat", "\"AVI\""),
        ("videoInference", "frameImages", "\"{}\""), ("videoInference", "frameImages[0].frame", "\"middle\""),
        ("videoInference", "frameImages[0].frame", "-1"), ("videoInference", "deliveryMethod", "\"sync\""),
        ("generate", "aspect_ratio", "\"2:1\""), ("generate", "model", "\"flux.2\""), ("generate", "width", "255.5"),
        ("inpaint", "mask_shape", "\"star\""), ("inpaint", "position", "\"sky\""), ("control", "type", "\"edge\""),
    ])
    func valuesThatAreNoneAreRefused(_ tool: String, _ path: String, _ value: String) throws {
        #expect(try problems(tool, path, value).first == path)
    }

    /// Each declared parameter with values of its own kind and of every other.
    @Test func everyDeclaredParameterChecksItsValue() throws {
        var count = 0
        for tool in tools.tools {
            for parameter in tool.parameters.parameters {
                let needs = Self.required(tool, except: parameter.name)
                for (value, isGood) in Self.probes(parameter.kind) {
                    var members = needs
                    members.append(JSONMember(parameter.name, value))
                    // Its companions, so that only this parameter is judged.
                    for case .needs(parameter.name, let other) in tool.parameters.rules
                    where tool.parameters[other] != nil {
                        guard let companion = tool.parameters[other], let good = Self.good(companion.kind) else {
                            continue
                        }
                        if !members.contains(where: { $0.key == other }) { members.append(JSONMember(other, good)) }
                    }
                    for case .below(let low, parameter.name) in tool.parameters.rules {
                        members.append(JSONMember(low, 0))
                    }
                    let text = JSONValue.object(members).text
                    let found = problems(tool, text)
                    let isAtFault = found.contains { path in
                        path == parameter.name || path.hasPrefix("\(parameter.name)[")
                            || path.hasPrefix("\(parameter.name).")
                    }
                    if isAtFault == isGood { Issue.record("\(tool.name) \(text.prefix(300)): \(found)") }
                    count += 1
                }
            }
        }
        #expect(count > 900)
    }

    @Test func rulesBindParameters() throws {
        for (tool, arguments, code) in [
            ("imageInference", #"{"positivePrompt":"ab","maskImage":"x"}"#, "missingParameter"),
            ("imageInference", #"{"positivePrompt":"ab","outpaint":{"top":64}}"#, "missingParameter"),
            (
                "imageInference",
                #"{"positivePrompt":"ab","refiner":{"model":"a:b@1","startStep":3,"startStepPercentage":4}}"#,
                "incompatibleParameters"
            ),
            (
                "imageInference",
                #"{"positivePrompt":"ab","controlNet":[{"model":"a:b@1","guideImage":"x","startStep":9,"endStep":9}]}"#,
                "invalidParameter"
            ),
            ("inpaint", #"{"image":"x","prompt":"ab","mask":"y","position":"ground"}"#, "incompatibleParameters"),
            ("img2img", #"{"image":"x","prompt":"ab","width":512}"#, "missingParameter"),
            ("control", #"{"type":"canny","image":"x","prompt":"a","canny_low_threshold":200}"#, "invalidParameter"),
        ] {
            let parameters = try #require(tools[tool]).parameters
            do throws(ArgumentProblems) {
                _ = try parameters.decode(try? json(arguments))
                Issue.record("\(arguments) was accepted")
            } catch {
                #expect(error.first.code.rawValue == code, "\(arguments)")
            }
        }
    }

    // MARK: How

    private func problems(_ tool: any Tool, _ text: String) -> [String] {
        do throws(ArgumentProblems) {
            _ = try tool.parameters.decode(try? json(text))
            return []
        } catch {
            return ([error.first] + error.rest).map { $0.parameter ?? "" }
        }
    }

    /// The parameters at fault when the one at `path` has this value and everything required is there.
    private func problems(_ tool: String, _ path: String, _ value: String) throws -> [String] {
        let tool = try #require(tools[tool])
        let parts = path.split(separator: ".").map(String.init)
        let name = parts[0].split(separator: "[").map(String.init)[0]
        var text = value
        if parts.count == 2 {
            let isList = parts[0].hasSuffix("[0]")
            let kind = try #require(tool.parameters[name]).kind
            var inside: [Parameter] = []
            if case .object(let members, _) = kind { inside = members }
            if case .list(.object(let members, _), _, _) = kind { inside = members }
            let others = inside.filter { $0.isRequired && $0.name != parts[1] }.map {
                "\"\($0.name)\":\(Self.good($0.kind)?.text ?? "null")"
            }
            text = "{" + (["\"\(parts[1])\":\(value)"] + others).joined(separator: ",") + "}"
            if isList { text = "[\(text)]" }
        }
        var members = Self.required(tool, except: name).map { "\"\($0.key)\":\($0.value.text)" }
        members.append("\"\(name)\":\(text)")
        for case .needs(name, let other) in tool.parameters.rules where other != name {
            if let good = tool.parameters[other].flatMap({ Self.good($0.kind) }) {
                members.append("\"\(other)\":\(good.text)")
            }
        }
        return problems(tool, "{\(members.joined(separator: ","))}")
    }

    private static func required(_ tool: any Tool, except name: String) -> [JSONMember] {
        tool.parameters.parameters.filter { $0.isRequired && $0.name != name }.compactMap { parameter in
            good(parameter.kind).map { JSONMember(parameter.name, $0) }
        }
    }

    private static func good(_ kind: Parameter.Kind) -> JSONValue? { probes(kind).first { $0.1 }?.0 }

    /// Values and whether they are good.
    private static func probes(_ kind: Parameter.Kind) -> [(JSONValue, Bool)] {
        let wrong: [(JSONValue, Bool)]
        switch kind {
        case .text, .image: wrong = [("word", true), ("", false), (7, false), ([], false), ([:], false), (true, false)]
        case .prompt(let length):
            let (low, high) = (length.lowerBound, length.upperBound)
            wrong = [
                (.string(String(repeating: "é", count: max(low, 1))), true),
                (.string(String(repeating: "😀", count: high)), true),
                (.string(String(repeating: "a", count: high + 1)), false), (7, false), ([], false),
            ]
            return low > 0 ? wrong + [(.string(String(repeating: "a", count: low - 1)), false)] : wrong
        case .choice(let words):
            return words.map { (.string($0), true) } + [("no such word", false), ("", false), (7, false), ([], false)]
        case .integer(let range, let step):
            wrong = [
                (.int(range.lowerBound), true), (.int(range.upperBound), range.upperBound.isMultiple(of: step)),
                ("7", false), (.real(0.5), false), (true, false), ([], false),
            ]
            let beyond: [(JSONValue, Bool)] =
                (range.lowerBound > .min ? [(.int(range.lowerBound - 1), false)] : [])
                + (range.upperBound < .max ? [(.int(range.upperBound + 1), false)] : [])
            return wrong + beyond
        case .number(let range):
            return [
                (.real(range.lowerBound), true), (.real(range.upperBound), true),
                (.real(range.lowerBound - 0.001), false),
                (.real(range.upperBound + 0.001), false), ("1", false), (true, false),
            ]
        case .boolean: wrong = [(true, true), (false, true), (1, false), ("true", false), (0, false)]
        case .uuid:
            wrong = [
                ("7c1f0a2e-5b7d-4c3a-9e21-0d5b6f8a9c10", true), ("7c1f0a2e-5b7d-1c3a-9e21-0d5b6f8a9c10", false),
                ("x", false), (7, false),
            ]
        case .air:
            wrong = [
                ("runware:101@1", true), ("runware:controlnet-preprocess@canny", true), ("local:grabcut", true),
                ("runware:101", false), ("101@1", false), ("a:b@", false), (":b@1", false), ("a b:c@1", false),
                (7, false), (.string("a:b@" + String(repeating: "c", count: 200)), false),
            ]
        case .frame: wrong = [("first", true), ("last", true), (0, true), (-1, false), ("third", false), (true, false)]
        case .list(let element, let count, let orText):
            guard let good = good(element) else { return [] }
            func many(_ n: Int) -> JSONValue { .array(Array(repeating: good, count: n)) }
            return [
                (many(count.lowerBound), true), (many(count.upperBound), true), (many(count.upperBound + 1), false),
                (many(count.lowerBound - 1), false), (.string(many(count.lowerBound).text), orText), (7, false),
                ([[]], false),
            ]
        case .object(let parameters, _):
            let members = parameters.filter(\.isRequired).compactMap { parameter in
                good(parameter.kind).map { JSONMember(parameter.name, $0) }
            }
            return [
                (.object(members), true), (.object(members + [JSONMember("no such member", 1)]), false), ("x", false),
                ([], false),
            ]
        case .anyObject: wrong = [([:], true), (["a": [1, nil]], true), ([], false), ("x", false)]
        }
        return wrong
    }
}

extension ParameterList {
    fileprivate subscript(name: String) -> Parameter? { parameters.first { $0.name == name } }
}
