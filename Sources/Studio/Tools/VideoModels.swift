import Base
import JSON

/// A video model as the original's table has it: one size each, though the real ones know several.
struct VideoModel: Sendable, Equatable {
    let id: String
    let title: String
    let provider: String
    let width: Int
    let height: Int
}

extension VideoModel {
    /// In the order of the original's list. A hint, not a limit: videoInference takes any model the service knows.
    static let all: [VideoModel] = [
        VideoModel(id: "klingai:1@1", title: "Kling V1 Standard", provider: "KlingAI", width: 1280, height: 720),
        VideoModel(id: "klingai:1@2", title: "Kling V1.0 Pro", provider: "KlingAI", width: 1280, height: 720),
        VideoModel(id: "klingai:2@1", title: "Kling V1.5 Standard", provider: "KlingAI", width: 1280, height: 720),
        VideoModel(id: "klingai:2@2", title: "Kling V1.5 Pro", provider: "KlingAI", width: 1920, height: 1080),
        VideoModel(id: "klingai:3@1", title: "Kling V1.6 Standard", provider: "KlingAI", width: 1280, height: 720),
        VideoModel(id: "klingai:3@2", title: "Kling V1.6 Pro", provider: "KlingAI", width: 1920, height: 1080),
        VideoModel(id: "klingai:4@3", title: "Kling V2.1 Master", provider: "KlingAI", width: 1280, height: 720),
        VideoModel(
            id: "klingai:5@1", title: "Kling V2.1 Standard (I2V)", provider: "KlingAI", width: 1280, height: 720),
        VideoModel(id: "klingai:5@2", title: "Kling V2.1 Pro (I2V)", provider: "KlingAI", width: 1920, height: 1080),
        VideoModel(id: "klingai:5@3", title: "Kling V2.0 Master", provider: "KlingAI", width: 1920, height: 1080),
        VideoModel(id: "google:2@0", title: "Veo 2.0", provider: "Veo", width: 1280, height: 720),
        VideoModel(id: "google:3@0", title: "Veo 3.0", provider: "Veo", width: 1280, height: 720),
        VideoModel(id: "google:3@1", title: "Veo 3.0 Fast", provider: "Veo", width: 1280, height: 720),
        VideoModel(id: "bytedance:1@1", title: "Seedance 1.0 Lite", provider: "Seedance", width: 864, height: 480),
        VideoModel(id: "bytedance:2@1", title: "Seedance 1.0 Pro", provider: "Seedance", width: 864, height: 480),
        VideoModel(id: "minimax:1@1", title: "MiniMax 01 Base", provider: "MiniMax", width: 1366, height: 768),
        VideoModel(id: "minimax:2@1", title: "MiniMax 01 Director", provider: "MiniMax", width: 1366, height: 768),
        VideoModel(id: "minimax:2@3", title: "MiniMax I2V 01 Live", provider: "MiniMax", width: 1366, height: 768),
        VideoModel(id: "minimax:3@1", title: "MiniMax 02 Hailuo", provider: "MiniMax", width: 1366, height: 768),
        VideoModel(id: "pixverse:1@1", title: "PixVerse 3.5", provider: "PixVerse", width: 640, height: 360),
        VideoModel(id: "pixverse:1@2", title: "PixVerse 4", provider: "PixVerse", width: 640, height: 360),
        VideoModel(id: "pixverse:1@3", title: "PixVerse 4.5", provider: "PixVerse", width: 640, height: 360),
        VideoModel(id: "vidu:1@0", title: "Vidu Q1 Classic", provider: "Vidu", width: 1920, height: 1080),
        VideoModel(id: "vidu:1@1", title: "Vidu Q1", provider: "Vidu", width: 1920, height: 1080),
        VideoModel(id: "vidu:1@5", title: "Vidu 1.5", provider: "Vidu", width: 1920, height: 1080),
        VideoModel(id: "vidu:2@0", title: "Vidu 2.0", provider: "Vidu", width: 1920, height: 1080),
        VideoModel(id: "runware:200@1", title: "Wan 2.1 1.3B", provider: "Wan", width: 853, height: 480),
        VideoModel(id: "runware:200@2", title: "Wan 2.1 14B", provider: "Wan", width: 853, height: 480),
    ]

    /// In the order of the list, each once.
    static var providers: [String] {
        all.map(\.provider).reduce(into: []) { if $0.last != $1 { $0.append($1) } }
    }
}

/// `listVideoModels`: the models of ``VideoModel/all``. Asks nobody.
struct ListVideoModelsTool: Tool {
    let name = "listVideoModels"
    let title = "List video models"
    let description = """
        Lists models for videoInference with one size each that they are known to take, by provider. A table of this \
        server's own that asks nobody; modelSearch knows what is new.
        """
    let annotations = ToolAnnotations(isReadOnly: true, isDestructive: false, isIdempotent: true, isOpenWorld: false)
    let parameters = ParameterList([])

    let outputSchema = Envelope.plainSchema([
        (
            "models",
            ["type": "object", "additionalProperties": ["type": "array", "items": ["type": "string"]]]
        ),
        ("total_providers", ["type": "integer"]),
        ("usage_note", ["type": "string"]),
        ("model_details", ["type": "object", "additionalProperties": ["type": "array", "items": ["type": "object"]]]),
    ])

    func call(_ arguments: ToolArguments, _ call: CallContext) async throws(StudioError) -> ToolOutcome {
        var names: [(String, JSONValue)] = []
        var details: [(String, JSONValue)] = []
        for provider in VideoModel.providers {
            let models = VideoModel.all.filter { $0.provider == provider }
            names.append((provider, .array(models.map { .string("\($0.id) (\($0.title))") })))
            details.append(
                (
                    provider,
                    .array(
                        models.map {
                            [
                                "model_id": .string($0.id), "display_name": .string($0.title),
                                "supported_dimensions": .string("\($0.width)x\($0.height)"), "width": .int($0.width),
                                "height": .int($0.height),
                            ]
                        })
                ))
        }
        return ToolOutcome(
            message: "\(VideoModel.all.count) video models of \(names.count) providers.", data: nil,
            facts: [
                JSONMember("models", .members(names)), JSONMember("total_providers", .int(names.count)),
                JSONMember(
                    "usage_note", "Give an id as `model` of videoInference, with that width and height or none."),
                JSONMember("model_details", .members(details)),
            ])
    }
}

/// `getVideoModelInfo`: one of them.
struct GetVideoModelInfoTool: Tool {
    let name = "getVideoModelInfo"
    let title = "Look up a video model"
    let description = "Says the provider, the name and a known size of one video model of listVideoModels. Asks nobody."
    let annotations = ToolAnnotations(isReadOnly: true, isDestructive: false, isIdempotent: true, isOpenWorld: false)
    let parameters = ParameterList([
        .required("model_id", .text(maxBytes: 128), "Id of a video model, such as klingai:5@2.")
    ])

    let outputSchema = Envelope.plainSchema([
        ("model_id", ["type": "string"]), ("display_name", ["type": "string"]), ("provider", ["type": "string"]),
        (
            "supported_dimensions",
            [
                "type": "object",
                "properties": [
                    "width": ["type": "integer"], "height": ["type": "integer"], "format": ["type": "string"],
                ],
            ]
        ),
    ])

    func call(_ arguments: ToolArguments, _ call: CallContext) async throws(StudioError) -> ToolOutcome {
        let id = arguments.text("model_id") ?? ""
        guard let model = VideoModel.all.first(where: { $0.id == id }) else {
            let hint = nearest(id, among: VideoModel.all.map(\.id)).map { "did you mean `\($0)`? " } ?? ""
            throw StudioError(
                .modelUnavailable, parameter: "model_id",
                "\(quoted(id)) is not in this server's table; \(hint)listVideoModels has all of it, modelSearch what is new"
            )
        }
        return ToolOutcome(
            message: "\(model.title) of \(model.provider).", data: nil,
            facts: [
                JSONMember("model_id", .string(model.id)), JSONMember("display_name", .string(model.title)),
                JSONMember("provider", .string(model.provider)),
                JSONMember(
                    "supported_dimensions",
                    [
                        "width": .int(model.width), "height": .int(model.height),
                        "format": .string("\(model.width)x\(model.height)"),
                    ]),
            ])
    }
}
