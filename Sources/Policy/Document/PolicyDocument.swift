internal import JSON
internal import Base

/// What became of a policy text.
package struct PolicyLoad: Sendable {
    /// Nil if there is any error.
    package let policy: CompiledPolicy?
    /// Errors and warnings in the order of the text.
    package let problems: [PolicyProblem]

    /// What keeps the policy from being used.
    package var errors: [PolicyProblem] { problems.filter { $0.severity == .error } }
    /// What is odd, but allowed.
    package var warnings: [PolicyProblem] { problems.filter { $0.severity == .warning } }
}

/// Reads policies: all problems at once, and no policy unless there is no error.
package enum PolicyDocument {
    /// Bytes of a document.
    package static let maxBytes = 256 << 10

    /// What `version` has to say.
    static let languageVersion = "1"

    static let maxEntries = 2_000
    static let maxRules = 64
    static let maxConditions = 32
    static let maxRegexBytes = 1_024
    static let maxElements = 1_024
    static let maxDepth = 64
    static let maxCounterBytes = 256
    /// A longer window would keep entries for more than a year.
    static let maxWindow = TimeSpan.days(366)
    /// How long a call may wait for a person.
    static let maxTimeout = TimeSpan.days(30)
    static let maxApprovers: Int64 = 100

    /// - Parameters:
    ///   - name: The policy's name, for decisions.
    ///   - version: The number of the stored version, for decisions.
    package static func load(_ bytes: [UInt8], name: String, version: Int) -> PolicyLoad {
        let limits = JSONLimits(maxBytes: maxBytes, maxDepth: maxDepth, maxTokens: 200_000)
        let (parsed, duplicates) = DuplicateKeys.parse(bytes, limits: limits)
        var problems: [PolicyProblem] = []
        var policy: CompiledPolicy?
        var root: JSONView?
        switch parsed {
        case .failure(let error): problems.append(problem(of: error, in: bytes))
        case .success(let document):
            root = document.root
            let load = load(document.root, name: name, version: version)
            policy = load.policy
            problems = load.problems
        }
        for offset in duplicates {
            let key = key(at: offset, in: bytes)
            let pointer = root.map { $0.pointer(around: offset).appending(key).description } ?? ""
            problems.append(
                PolicyProblem(
                    .error, .duplicateKey, at: SourcePosition(offset: offset, in: bytes), pointer: pointer,
                    message: "the key `\(clipped(key))` stands twice in the same object"))
        }
        return PolicyLoad(policy: duplicates.isEmpty ? policy : nil, problems: PolicyProblem.ordered(problems))
    }

    private static func key(at offset: Int, in bytes: [UInt8]) -> String {
        var end = offset + 1
        while end < bytes.count, bytes[end] != UInt8(ascii: "\"") { end += bytes[end] == UInt8(ascii: "\\") ? 2 : 1 }
        guard end < bytes.count else { return "" }
        return (try? JSONDocument.parse(Array(bytes[offset...end])))?.root.string ?? ""
    }

    /// Reads a policy that is a value inside another document; positions are those of that document.
    static func load(_ view: JSONView, name: String, version: Int) -> PolicyLoad {
        var reader = PolicyReader(document: view.document)
        let policy = reader.policy(view, name: name, version: version)
        let problems = PolicyProblem.ordered(reader.problems)
        let isValid = !problems.contains { $0.severity == .error }
        return PolicyLoad(policy: isValid ? policy : nil, problems: problems)
    }

    private static func problem(of error: JSONError, in bytes: [UInt8]) -> PolicyProblem {
        let code: ProblemCode
        var message = error.sentence(in: bytes)
        switch error.code {
        case .tooLarge, .tooManyTokens:
            code = .tooLarge
            message = "a policy has at most \(maxBytes) bytes; this one has \(bytes.count)"
        case .tooDeep:
            code = .tooDeep
            message = "a policy nests at most \(maxDepth) levels"
        case .duplicateKey: code = .duplicateKey
        case .empty, .unexpectedByte, .unterminated, .invalidNumber, .invalidEscape, .loneSurrogate, .invalidUTF8,
            .controlCharacter, .trailingData, .byteOrderMark:
            code = .notJSON
        }
        return PolicyProblem(.error, code, at: error.position(in: bytes), pointer: "", message: message)
    }
}
