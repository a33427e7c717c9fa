import Base
import JSON

@testable import Policy

/// A line with a path, then the call's arguments. A path that is read can be written and read again, and it finds what a
/// plain walk over the tree finds, with the truth that the language's table gives it.
func fuzzPath(_ bytes: [UInt8]) {
    let end = bytes.firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
    guard let text = String(validating: bytes[..<end], as: UTF8.self) else { return }
    let path: CompiledPath
    do throws(PathError) {
        path = try PathParser.parse(text)
    } catch {
        expect(!error.message.isEmpty && error.code.rawValue.hasPrefix("policy."), "a problem without words")
        expect((try? PathParser.parse(text)) == nil, "the second reading is another")
        return
    }
    expect(path.isMany == path.steps.contains(.all), "isMany is wrong")
    let again = path.written
    if again.utf8.count <= PathParser.maxBytes {
        guard let second = try? PathParser.parse(again) else { fail("what was read can't be read again: \(again)") }
        expect(
            second.root == path.root && second.steps == path.steps && second.function == path.function,
            "read again it is another path: \(again)")
    }
    let limits = JSONLimits(maxDepth: 32)
    let given = try? JSONDocument.parse(Array(bytes[min(end + 1, bytes.count)...]), limits: limits).root
    guard let arguments = given ?? standardArguments else { return }
    judge(path, arguments)
}

private let standardArguments = try? JSONDocument.parse(
    Array(#"{"a":[{"b":1,"c":"x"},{"b":[2,3]},null],"b":{"a b":true,"":0},"u":"https://h.example/p","s":"é"}"#.utf8)
).root

extension CompiledPath {
    /// The path in its long form: every step in brackets.
    fileprivate var written: String {
        let (object, field) =
            PathRoot.fields.lazy.flatMap { object, fields in
                fields.isEmpty ? [(PathRoot.args, object, "")] : fields.map { ($0.1, object, $0.0) }
            }.first { $0.0 == root }.map { ($0.1, $0.2) } ?? ("?", "")
        var text = object + (field.isEmpty ? "" : "[\"\(field)\"]")
        for step in steps {
            switch step {
            case .key(let key): text += "[\(JSONValue.string(key).text)]"
            case .index(let index): text += "[\(index)]"
            case .all: text += "[*]"
            }
        }
        return function.map { "\($0.rawValue)(\(text))" } ?? text
    }
}

// MARK: The plain walk

private enum Found: Equatable {
    case value(JSONValue)
    case missing
    case wrong
}

private func walk(_ steps: ArraySlice<PathStep>, _ value: JSONValue) -> [Found] {
    guard let step = steps.first else { return [.value(value)] }
    let rest = steps.dropFirst()
    switch (step, value) {
    case (.key(let key), .object(let members)):
        guard let member = members.first(where: { Array($0.key.utf8) == Array(key.utf8) }) else { return [.missing] }
        return walk(rest, member.value)
    case (.index(let index), .array(let list)):
        let position = index < 0 ? list.count + index : index
        return list.indices.contains(position) ? walk(rest, list[position]) : [.missing]
    case (.all, .array(let list)): return list.flatMap { walk(rest, $0) }
    default: return [.wrong]
    }
}

private func applied(_ function: PathFunction?, _ found: Found) -> Found? {
    guard let function, case .value(let value) = found else { return found }
    switch (function, value) {
    case (.type, .null): return .value("null")
    case (.type, .bool): return .value("boolean")
    case (.type, .number): return .value("number")
    case (.type, .string): return .value("string")
    case (.type, .array): return .value("array")
    case (.type, .object): return .value("object")
    case (.len, .string(let text)): return .value(.int(text.unicodeScalars.count))
    case (.len, .array(let list)): return .value(.int(list.count))
    case (.len, .object(let members)): return .value(.int(members.count))
    case (.len, _), (.lower, .null), (.lower, .bool), (.lower, .number), (.lower, .array), (.lower, .object),
        (.host, .null), (.host, .bool), (.host, .number), (.host, .array), (.host, .object):
        return .wrong
    case (.lower, .string), (.host, .string): return nil
    }
}

/// The condition "is one of all the values that there are" has to hold, except for what is missing or of a wrong type.
private func judge(_ path: CompiledPath, _ arguments: JSONView) {
    let call = CallFacts(
        tool: "t", arguments: arguments, facts: ToolFacts(name: "t", annotations: arguments), server: "s",
        grant: GrantFacts(id: "g", label: "l", identity: nil), client: nil, session: "s", ip: "::1",
        now: Instant(microseconds: 1_767_607_200_000_000))
    let walked = path.root.isDocument ? walk(path.steps[...], arguments.value) : []
    let expected = walked.map { applied(path.function, $0) }
    var choices = expected.compactMap { if case .value(let value)?? = Optional($0) { value } else { nil } }
    let isKnown = path.root.isDocument && !expected.contains(nil) && choices.count <= 1_024
    if !isKnown { choices = ["x", 1] }
    if choices.isEmpty { choices = [.null] }
    for each in ["any", "all"] {
        let condition: JSONValue = [
            "path": .string(path.text), "op": "in", "value": .array(choices), "each": .string(each),
        ]
        for list in ["require", "deny_if"] {
            let policy: JSONValue = [
                "version": "1", "default": "allow", "all_tools": .object([JSONMember(list, [condition])]),
            ]
            guard let loaded = PolicyDocument.load(policy.bytes, name: "p", version: 1).policy else {
                fail("a path that was read makes a policy that is refused: \(policy.text)")
            }
            var quotas = QuotaWindows()
            var word = "holds"
            var isDenied = false
            switch decide(call, policy: loaded, quotas: &quotas) {
            case .permit: if list == "deny_if" { continue }
            case .denial(let denial):
                isDenied = true
                // A call whose arguments are no object never comes to the conditions.
                guard denial.reason == .require || denial.reason == .denyIf else { return }
                word = denial.evidence.first?.result ?? ""
            case .ask: fail("a question that nobody asked")
            }
            expect(isDenied == (list == "require" ? word != "holds" : true), "denied, but \(word)")
            guard isKnown else { continue }
            let truth = joined(expected.compactMap { $0 }, isMany: path.isMany, each)
            expect(word == truth, "\(path.text) \(each) \(list) is \(word), not \(truth)")
        }
    }
}

private func joined(_ found: [Found], isMany: Bool, _ each: String) -> String {
    let words = found.map { found in
        switch found {
        case .value: "holds"
        case .missing: "missing"
        case .wrong: "undetermined"
        }
    }
    guard isMany else { return words.first ?? "" }
    if each == "all" { return ["undetermined", "missing"].first { words.contains($0) } ?? "holds" }
    return ["holds", "undetermined", "missing"].first { words.contains($0) } ?? "does_not_hold"
}
