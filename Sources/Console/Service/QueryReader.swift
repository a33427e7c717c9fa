import Base
import HTTP
import Store

/// The query of a request, checked against what its route takes. What is not understood is refused: a mistyped filter that
/// is passed over would show rows as if they had been filtered.
struct QueryReader: Sendable {
    private static let maximumText = 256
    private var values: [String: String] = [:]

    init(_ target: RequestTarget, for parameters: [QueryParameter]) throws(AdminProblem) {
        guard let query = target.query, !query.isEmpty else { return }
        let known = parameters.map { $0.name.description }
        for pair in query.split(UInt8(ascii: "&")) {
            let name = ByteText(pair.bytes.prefix { $0 != UInt8(ascii: "=") }).string
            guard let parameter = parameters.first(where: { $0.name.description == name }) else {
                throw .badQuery(Self.unknown(name, among: known))
            }
            guard values[name] == nil else { throw .badQuery("the parameter `\(name)` is given twice") }
            guard let value = target.queryValue(parameter.name) else {
                throw .badQuery("the value of `\(name)` is not percent-encoded UTF-8")
            }
            try Self.check(value, name, parameter.form)
            values[name] = value
        }
    }

    func text(_ name: String) -> String? { values[name] }
    func sequence(_ name: String) -> Int64? { values[name].flatMap { Int64($0) } }
    func count(_ name: String) -> Int? { values[name].flatMap { Int($0) } }
    func time(_ name: String) -> Instant? { values[name].flatMap { Instant(iso8601: $0) } }

    private static func check(_ value: String, _ name: String, _ form: QueryParameter.Form) throws(AdminProblem) {
        let shown = Name.quoted(value)
        switch form {
        case .sequence:
            guard isPlainNumber(value), Int64(value) != nil else {
                throw .badQuery("`\(name)` is \(shown), but has to be a row's number")
            }
        case .count(let most):
            guard isPlainNumber(value), let number = Int(value), (1...most).contains(number) else {
                throw .badQuery("`\(name)` is \(shown), but has to be a whole number from 1 to \(most)")
            }
        case .time:
            guard Instant(iso8601: value) != nil else {
                throw .badQuery(
                    "`\(name)` is \(shown), but has to be a time such as 2026-01-05T10:00:00Z (a + is written %2B)")
            }
        case .text:
            guard !value.isEmpty, value.utf8.count <= maximumText else {
                throw .badQuery("`\(name)` is empty or longer than \(maximumText) bytes")
            }
        case .word(let words):
            guard words.contains(value) else {
                throw .badQuery("`\(name)` is \(shown), but has to be one of \(words.joined(separator: ", "))")
            }
        }
    }

    private static func isPlainNumber(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (48...57).contains($0) }
    }

    private static func unknown(_ name: String, among known: [String]) -> String {
        let what = "there is no query parameter \(Name.quoted(name)) here"
        if known.isEmpty { return "\(what); this path takes none" }
        if let near = nearest(name, among: known) { return "\(what); did you mean `\(near)`?" }
        return "\(what); there are \(known.joined(separator: ", "))"
    }
}
