import Glibc

/// What can be fuzzed. The name chooses it, and is the name of its folder of examples.
enum FuzzTarget: String, CaseIterable {
    case json, policy, path, schema, definition, evaluator, calls, reservations, request, response, sse, lines, mcp,
        modern, session, image, config, studio

    /// From the environment, because libFuzzer hands its own arguments to the processes that it starts.
    static let chosen = getenv("FUZZ_TARGET").flatMap { FuzzTarget(rawValue: String(cString: $0)) }

    func run(_ bytes: UnsafeRawBufferPointer) {
        switch self {
        case .json: fuzzJSON(Array(bytes))
        case .policy: fuzzPolicy(Array(bytes))
        case .path: fuzzPath(Array(bytes))
        case .schema: fuzzSchema(Array(bytes))
        case .definition: fuzzDefinition(Array(bytes))
        case .evaluator: fuzzEvaluator(Array(bytes))
        case .calls: fuzzCalls(Array(bytes))
        case .reservations: fuzzReservations(Array(bytes))
        case .request: fuzzRequests(bytes)
        case .response: fuzzResponses(bytes)
        case .sse: fuzzEvents(Array(bytes))
        case .lines: fuzzLines(Array(bytes))
        case .mcp: fuzzMessages(Array(bytes))
        case .modern: fuzzModern(Array(bytes))
        case .session: fuzzSession(Array(bytes))
        case .image: fuzzPictures(Array(bytes))
        case .config: fuzzConfigurations(Array(bytes))
        case .studio: fuzzStudio(Array(bytes))
        }
    }
}

/// Ends the program, which libFuzzer takes for a finding, if what must hold does not. Optimised code prints no message for
/// `precondition`.
func expect(_ holds: Bool, _ message: @autoclosure () -> String) {
    guard !holds else { return }
    fail(message())
}

func fail(_ message: String) -> Never {
    let text = "\nFINDING: \(message)\n"
    _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) }
    abort()
}
