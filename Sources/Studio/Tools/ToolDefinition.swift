import JSON

/// What a tool is, as data: what agents read, what it takes, what it gives. ``EngineTool`` carries it out.
struct ToolDefinition: Sendable {
    /// What the objects of `result.data` are.
    enum Yield: Sendable, Equatable {
        /// Pictures, with members `<prefix>UUID`, `<prefix>URL` and so on.
        case pictures(prefix: String)
        case video
        /// Only members.
        case facts
    }

    let name: String
    /// For people; agents see `name`.
    let title: String
    /// What it does, for agents; which engines and models there are is added.
    let summary: String
    let operation: Operation
    let parameters: [Parameter]
    var rules: [ParameterRule] = []
    var yields = Yield.pictures(prefix: "image")
    /// The picture argument whose UUID the result says as `inputImageUUID`.
    var echo: String?
    /// Schemas of members of `result.data` beside the usual ones.
    var members: [(String, JSONValue)] = []
    /// Schemas of members beside `result`, `engine`, `model`, `cost`.
    var facts: [(String, JSONValue)] = []
    var isReadOnly = false
    /// What was made, for the sentence of the result: `picture`.
    var product = "picture"
    /// Whether the result says how much of the first picture is not black.
    var annotatesCoverage = false
    /// What is peculiar about the tool's arguments: run after they were checked and before an engine is chosen.
    var prepare: @Sendable (inout ToolArguments) throws(StudioError) -> Void = { _ throws(StudioError) in }

    /// The model a call asks for, by argument or default; nil: the engine's choice.
    func model(_ arguments: ToolArguments) -> String? { arguments.text("model") }

    /// `taskType` in results: the original's name of the task.
    var taskType: String { name }
}
