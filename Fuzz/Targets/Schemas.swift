import Base
import JSON

@testable import Policy

/// `{"schema": …, "instance": …}`, or a schema alone. The verdict is the same however both are written, and it obeys logic.
func fuzzSchema(_ bytes: [UInt8]) {
    guard let root = try? JSONDocument.parse(bytes, limits: JSONLimits(maxDepth: 40)).root else { return }
    let view = root["schema"] ?? root
    guard let instance = root["instance"] ?? emptyObject else { return }
    let schema = CompiledSchema.compile(view)
    let accepted = isAccepted(instance, schema)
    expect((schema.fault(in: instance) == nil) == schema.accepts(instance), "a fault in what is accepted")
    if let fault = schema.fault(in: instance) { check(fault, instance) }
    for (key, _) in instance.members { _ = schema.names(argument: key.string ?? "") }

    guard let plain = parse(view.value.bytes), let written = parse(instance.value.bytes),
        let sorted = parse(instance.canonical())
    else { fail("what was written can't be read") }
    let again = CompiledSchema.compile(plain)
    expect(again.problems == schema.problems, "written again it has other problems")
    let answers = [isAccepted(written, again), isAccepted(sorted, schema), isAccepted(written, schema)]
    expect(
        accepted == nil || answers.allSatisfy { $0 == nil || $0 == accepted }, "the spelling of the value matters")

    // References would lead elsewhere from inside another schema.
    let text = plain.document.bytes
    guard let accepted, !text.contains(UInt8(ascii: "$")) else { return }
    if let negated = isAccepted(instance, wrapped(#"{"not":"#, text, "}")) {
        expect(!(accepted && negated), "it is accepted and so is its contrary")
        expect(accepted || negated || !schema.problems.isEmpty, "neither it nor its contrary is accepted")
    }
    guard schema.problems.isEmpty else { return }
    let same = [
        (#"{"allOf":["#, "]}"), (#"{"anyOf":[false,"#, "]}"), (#"{"oneOf":["#, ",false]}"), (#"{"not":{"not":"#, "}}"),
        (#"{"if":"#, #","then":true,"else":false}"#), (#"{"$defs":{"a":"#, ##"},"$ref":"#/$defs/a"}"##),
    ]
    for (before, after) in same {
        let answer = isAccepted(instance, wrapped(before, text, after))
        expect(answer == nil || answer == accepted, "\(before)…\(after) says otherwise")
    }
    // The same one level deeper.
    let deeper = parse(Array(#"{"k":"#.utf8) + instance.value.bytes + Array("}".utf8)) ?? instance
    let inside = isAccepted(deeper, wrapped(#"{"properties":{"k":"#, text, "}}"))
    expect(inside == nil || inside == accepted, "inside an object it is another")
}

private let emptyObject = parse(Array("{}".utf8))

private func parse(_ bytes: [UInt8]) -> JSONView? { (try? JSONDocument.parse(bytes))?.root }

/// Nil if the work or the depth was too much: then the value is refused, and no law says when.
private func isAccepted(_ instance: JSONView, _ schema: CompiledSchema) -> Bool? {
    var validator = SchemaValidator(schema)
    let accepted = validator.accepts(instance)
    expect(!(accepted && validator.isExhausted), "accepted what it could not finish")
    return validator.isExhausted ? nil : accepted
}

private func wrapped(_ before: String, _ text: [UInt8], _ after: String) -> CompiledSchema {
    guard let view = parse(Array(before.utf8) + text + Array(after.utf8)) else { fail("a schema can't be nested") }
    return CompiledSchema.compile(view)
}

/// The fault names a place in the instance, or the member of such a place.
private func check(_ fault: CompiledSchema.Fault, _ instance: JSONView) {
    expect(!fault.keyword.isEmpty && !fault.sentence.isEmpty, "a fault without words")
    guard !fault.pointer.hasSuffix("…") else { return }
    guard let pointer = JSONPointer(fault.pointer) else { fail("\(fault.pointer) is no pointer") }
    let parent = JSONPointer(tokens: Array(pointer.tokens.dropLast()))
    expect(instance[pointer] != nil || instance[parent] != nil, "\(fault.pointer) leads nowhere")
}
