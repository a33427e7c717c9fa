import Imaging
import JSON
import Studio
import Testing

@Suite struct ParameterTests {
    private func decode(_ tool: String, _ arguments: String) throws -> Result<ToolArguments, ArgumentProblems> {
        let parameters = try #require(TestBench().workshop.tools()[tool]).parameters
        do throws(ArgumentProblems) {
            return .success(try parameters.decode(try? json(arguments)))
        } catch {
            return .failure(error)
        }
    }

    @Test func defaultsAreThoseOfTheOriginal() throws {
        let arguments = try decode("imageMasking", #"{"inputImage":"x"}"#).get()
        #expect(arguments.text("model") == "runware:35@1")
        #expect(arguments.number("confidence") == 0.25)
        #expect(arguments.integer("maxDetections") == 6)
        #expect(arguments.integer("maskPadding") == 4)
        #expect(arguments.integer("maskBlur") == 4)
        #expect(arguments.text("outputType") == "URL")
        #expect(arguments.text("outputFormat") == "JPG")
        #expect(arguments.integer("outputQuality") == 95)
        #expect(arguments.boolean("includeCost") == false)
        #expect(arguments.text("uploadEndpoint") == nil)
        #expect(arguments.text("taskUUID") == nil)
    }

    @Test(arguments: [
        ("confidence", "0", "1"), ("maxDetections", "1", "20"), ("maskPadding", "-40", "40"), ("maskBlur", "0", "20"),
        ("outputQuality", "20", "99"),
    ])
    func rangesIncludeTheirEnds(_ name: String, _ low: String, _ high: String) throws {
        for value in [low, high] {
            _ = try decode("imageMasking", #"{"inputImage":"x","\#(name)":\#(value)}"#).get()
        }
        let step = name == "confidence" ? 0.001 : 1
        for value in [(Double(low) ?? 0) - step, (Double(high) ?? 0) + step] {
            let text = value == value.rounded() ? "\(Int(value))" : "\(value)"
            let problems = try failure(decode("imageMasking", #"{"inputImage":"x","\#(name)":\#(text)}"#))
            #expect(problems.first.code == .invalidParameter)
            #expect(problems.first.parameter == name)
            #expect(problems.first.message.contains(low) && problems.first.message.contains(high))
        }
    }

    @Test(
        arguments: [
            (#"{"inputImage":7}"#, "inputImage", .invalidParameter),
            (#"{"inputImage":""}"#, "inputImage", .invalidParameter),
            (#"{"inputImage":null}"#, "inputImage", .invalidParameter),
            (#"{}"#, "inputImage", .missingParameter),
            (#"{"inputImage":"x","model":"runware:35@16"}"#, "model", .invalidParameter),
            (#"{"inputImage":"x","model":35}"#, "model", .invalidParameter),
            (#"{"inputImage":"x","maxDetections":"6"}"#, "maxDetections", .invalidParameter),
            (#"{"inputImage":"x","maxDetections":6.5}"#, "maxDetections", .invalidParameter),
            (#"{"inputImage":"x","maxDetections":1e99}"#, "maxDetections", .invalidParameter),
            (#"{"inputImage":"x","confidence":"0.5"}"#, "confidence", .invalidParameter),
            (#"{"inputImage":"x","confidence":1e400}"#, "confidence", .invalidParameter),
            (#"{"inputImage":"x","confidence":true}"#, "confidence", .invalidParameter),
            (#"{"inputImage":"x","outputType":"url"}"#, "outputType", .invalidParameter),
            (#"{"inputImage":"x","outputFormat":"GIF"}"#, "outputFormat", .invalidParameter),
            (#"{"inputImage":"x","includeCost":1}"#, "includeCost", .invalidParameter),
            (#"{"inputImage":"x","taskUUID":"nonsense"}"#, "taskUUID", .invalidParameter),
            (#"{"inputImage":"x","taskUUID":"7c1f0a2e-5b7d-1c3a-9e21-0d5b6f8a9c10"}"#, "taskUUID", .invalidParameter),
            (#"{"inputImage":"x","maskpadding":3}"#, "maskpadding", .unknownParameter),
            (#"{"inputImage":"x","a":1}"#, "a", .unknownParameter),
            (#"[1]"#, nil, .invalidParameter),
            (#""inputImage""#, nil, .invalidParameter),
        ] as [(String, String?, StudioError.Code)])
    func wrongArgumentsAreNamed(_ text: String, _ parameter: String?, _ code: StudioError.Code) throws {
        let problems = try failure(decode("imageMasking", text))
        #expect(problems.first.code == code)
        #expect(problems.first.parameter == parameter)
        #expect(!problems.first.isRetryable)
        #expect(!problems.first.message.isEmpty)
    }

    @Test func allProblemsAreReportedAtOnce() throws {
        let problems = try failure(
            decode("imageMasking", #"{"maskBlur":99,"confidence":2,"outputFromat":"PNG","model":"@6"}"#))
        let all = [problems.first] + problems.rest
        #expect(all.map(\.parameter) == ["inputImage", "model", "confidence", "maskBlur", "outputFromat"])
        #expect(all.last?.message.contains("did you mean `outputFormat`?") == true)
    }

    @Test func integersMayBeWrittenAsWholeNumbers() throws {
        let arguments = try decode("imageMasking", #"{"inputImage":"x","maxDetections":3.0,"maskPadding":-1e1}"#).get()
        #expect(arguments.integer("maxDetections") == 3)
        #expect(arguments.integer("maskPadding") == -10)
    }

    @Test func nullMeansAbsentForOptionalArguments() throws {
        let arguments = try decode("imageMasking", #"{"inputImage":"x","model":null,"taskUUID":null}"#).get()
        #expect(arguments.text("model") == "runware:35@1")
    }

    @Test func taskUUIDIsKeptInLowerCase() throws {
        let arguments = try decode(
            "imageMasking", #"{"inputImage":"x","taskUUID":"7C1F0A2E-5B7D-4C3A-9E21-0D5B6F8A9C10"}"#
        ).get()
        #expect(arguments.text("taskUUID") == "7c1f0a2e-5b7d-4c3a-9e21-0d5b6f8a9c10")
    }

    @Test func keysWithEscapesAndLookAlikesAreNoWayAround() throws {
        // Composed and decomposed spellings are different names, and so are look-alikes.
        let problems = try failure(decode("imageMasking", "{\"inputImage\":\"x\",\"model\\u0301\":\"runware:35@6\"}"))
        #expect(problems.first.code == .unknownParameter)
        let escaped = try decode("imageMasking", #"{"input\u0049mage":"x"}"#).get()
        #expect(escaped.text("inputImage") == "x")
    }

    @Test func randomUUIDsAreVersion4AndDiffer() {
        let ids = (0..<200).map { _ in UUIDText.random() }
        #expect(Set(ids).count == 200)
        #expect(ids.allSatisfy { $0.isVersion4 && UUIDText($0.text) == $0 })
        for wrong in ["", "7c1f0a2e5b7d4c3a9e210d5b6f8a9c10", "7c1f0a2e-5b7d-4c3a-9e21-0d5b6f8a9c1g", "é"] {
            #expect(UUIDText(wrong) == nil)
        }
    }

    private func failure(_ result: Result<ToolArguments, ArgumentProblems>) throws -> ArgumentProblems {
        guard case .failure(let problems) = result else { throw TestProblem("was accepted") }
        return problems
    }
}
