import HTTP
import Imaging
import JSON

@testable import Studio

/// What agents and services tell Studio. The first byte chooses a tool whose arguments the rest are, or one of the readers of
/// what services say.
///
/// Arguments that were accepted say the same when they are written and read again, and only what was declared gets through;
/// their pictures can be replaced one by one and nothing else changes.
func fuzzStudio(_ bytes: [UInt8]) {
    guard let first = bytes.first else { return }
    let rest = Array(bytes.dropFirst())
    let tools = definitions
    switch Int(first) {
    case ..<200: fuzzArguments(tools[Int(first) % tools.count], rest)
    case ..<220: fuzzReply(rest)
    case ..<240:
        for format in ImageFormat.allCases {
            let once = Metadata.stripped(rest, format)
            expect(once.count <= rest.count, "grew")
            expect(Metadata.stripped(once, format) == once, "something was left")
        }
    default:
        let text = String(decoding: rest, as: UTF8.self)
        _ = ModelID.isWellFormed(text)
        _ = BFLEndpoint.isOwnHost(text)
        _ = try? PriceTable(json: rest)
    }
}

private let definitions: [ToolDefinition] = {
    let engines = EngineRouter([LocalEngine([])])
    return StudioProfile.allCases.flatMap { ToolDefinition.all($0, engines) }
}()

private func fuzzArguments(_ tool: ToolDefinition, _ bytes: [UInt8]) {
    guard let view = try? JSONDocument.parse(bytes).root else { return }
    let list = ParameterList(tool.parameters, rules: tool.rules)
    guard let arguments = try? list.decode(view) else { return }
    let names = Set(tool.parameters.map(\.name))
    expect(arguments.names.allSatisfy(names.contains), "\(tool.name) let through what it did not declare")
    for parameter in tool.parameters where parameter.isRequired {
        expect(arguments[parameter.name] != nil, "\(tool.name) without \(parameter.name)")
    }
    let given = JSONValue.object(
        arguments.names.filter(arguments.isGiven).compactMap { name in
            arguments[name].map { JSONMember(name, $0.sent) }
        })
    guard let again = try? JSONDocument.parse(given.bytes), let second = try? list.decode(again.root) else {
        fail("\(tool.name) refuses its own \(given.text)")
    }
    expect(second == arguments, "\(tool.name) reads its own words otherwise: \(given.text)")
    let paths = arguments.pictures.map(\.path)
    expect(Set(paths).count == paths.count, "two pictures at one place")
    expect(arguments.replacingPictures { _ in nil } == arguments, "replacing nothing changed something")
    let replaced = arguments.replacingPictures { _ in "x" }
    expect(replaced.pictures.map(\.path) == paths, "other places")
    expect(replaced.pictures.allSatisfy { $0.text == "x" }, "a picture was left")
}

private func fuzzReply(_ bytes: [UInt8]) {
    guard let reply = RunwareReply(bytes) else { return }
    expect(reply.items.allSatisfy { $0.kind == .object }, "an item that is no object")
    for problem in reply.problems {
        let error = problem.error()
        expect(error.message.utf8.count < 4096, "an endless message")
    }
}
