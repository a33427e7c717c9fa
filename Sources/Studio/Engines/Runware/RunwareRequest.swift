import Base
import Imaging
import JSON

extension RunwareTask {
    /// Ours, or sent in a form of their own.
    static let kept: Set = [
        "model", "taskUUID", "outputType", "outputFormat", "outputQuality", "uploadEndpoint", "includeCost",
        "estimatedCost", "dryRun", "extraArgs", "deliveryMethod",
    ]

    /// Defaults that are sent although the caller did not set them, because the original did and every model takes them.
    private static func always(_ operation: Operation, _ model: String?) -> Set<String> {
        switch operation {
        case .imageInference:
            // Models of other makers refuse `steps`; those of these families are diffusion models that take it.
            let isDiffusion = model.map { $0.hasPrefix("civitai:") || $0.hasPrefix("runware:") } ?? false
            return isDiffusion ? ["width", "height", "numberResults", "steps"] : ["width", "height", "numberResults"]
        case .photoMaker: return ["width", "height", "numberResults", "steps", "CFGScale", "strength"]
        case .upscale: return ["upscaleFactor"]
        case .masking: return ["confidence", "maxDetections", "maskPadding", "maskBlur"]
        case .modelSearch: return ["visibility", "limit", "offset"]
        case .video: return ["duration"]
        case .removeBackground, .caption, .generate, .editImage, .inpaint, .control, .controlMap: return []
        }
    }

    /// The task as it is sent. Pictures must have been replaced by what the service knows.
    static func request(_ job: EngineJob, _ arguments: ToolArguments) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("taskType", .string(name(job.operation) ?? "")), ("taskUUID", .string(job.taskUUID)),
        ]
        if let model = job.model { members.append(("model", .string(model))) }
        let always = always(job.operation, job.model)
        for name in arguments.names where !kept.contains(name) {
            guard let value = arguments[name], arguments.isGiven(name) || always.contains(name) else {
                continue
            }
            // The service spells it otherwise than the original did; leaving it out means the same.
            if name == "style", value == .text("No Style") { continue }
            if name == "checkNSFW", value == .boolean(false) { continue }
            members.append((name, value.sent))
        }
        switch job.operation {
        case .modelSearch, .caption: break
        case .video:
            members += [
                ("outputType", "URL"), ("outputFormat", arguments["outputFormat"]?.json ?? "MP4"),
                ("deliveryMethod", "async"),
            ]
        default:
            members += [("outputType", "URL"), ("outputFormat", .string(job.format.runwareName))]
            if arguments.isGiven("outputQuality"), job.format != .png {
                members.append(("outputQuality", .int(job.quality)))
            }
        }
        if job.operation != .modelSearch { members.append(("includeCost", true)) }
        if case .json(.object(let extra))? = arguments["extraArgs"] {
            let known = Set(members.map(\.0))
            members += extra.filter { !known.contains($0.key) }.map { ($0.key, $0.value) }
        }
        return .members(members)
    }

    /// The question how a task is getting on.
    static func response(to uuid: String) -> JSONValue { ["taskType": "getResponse", "taskUUID": .string(uuid)] }

    /// The upload of a picture.
    static func upload(_ file: [UInt8], _ format: ImageFormat, _ uuid: String) -> JSONValue {
        [
            "taskType": "imageUpload", "taskUUID": .string(uuid),
            "image": .string("data:\(format.mimeType);base64,\(Base64.encode(file))"),
        ]
    }
}
