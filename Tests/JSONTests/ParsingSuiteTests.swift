import Base
import JSON
import Support
import Testing

/// The JSON Parsing Test Suite (Nicolas Seriot), in the shared data.
@Suite struct ParsingSuiteTests {
    private static let folder = Places.shared + "/suites/json-parsing/test_parsing"

    /// The suite follows RFC 8259, which allows these; we refuse them, because readers disagree about which one counts.
    private static let stricter: Set = ["y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"]

    private static func files(_ prefix: String) throws -> [String] {
        let names = try listFolder(folder).filter { $0.hasPrefix(prefix) }
        try #require(names.count > 30, "the shared suite is missing files")
        return names
    }

    @Test func everyValidTextIsAccepted() throws {
        for name in try Self.files("y_") {
            let code = refusal(try readFile(Self.folder + "/" + name))
            #expect(code == (Self.stricter.contains(name) ? .duplicateKey : nil), "\(name)")
        }
    }

    @Test func everyInvalidTextIsRefused() throws {
        for name in try Self.files("n_") {
            let bytes = try readFile(Self.folder + "/" + name)
            do throws(JSONError) {
                _ = try JSONDocument.parse(bytes)
                Issue.record("\(name) was accepted")
            } catch {
                #expect((0...bytes.count).contains(error.offset), "\(name)")
                #expect(error.position(in: bytes) >= SourcePosition(line: 1, column: 1), "\(name)")
            }
        }
    }

    @Test func whereParsersMayDifferOursIsWrittenDown() throws {
        let lines = try Self.files("i_").map { name in
            "\(name): \(refusal(try readFile(Self.folder + "/" + name))?.rawValue ?? "accepted")\n"
        }
        #expect(try Golden.difference(lines.joined(), "Tests/JSONTests/Golden/implementation-defined.txt") == nil)
    }

    /// What is accepted means the same after it went through the tree, the writer and the canonical form.
    @Test func acceptedTextsRoundTrip() throws {
        for name in try Self.files("y_") where !Self.stricter.contains(name) {
            let root = try JSONDocument.parse(try readFile(Self.folder + "/" + name)).root
            let again = try JSONDocument.parse(root.value.bytes).root
            let canonical = try JSONDocument.parse(root.canonical()).root
            #expect(root == again, "\(name)")
            #expect(root == canonical, "\(name)")
            #expect(root.value == again.value, "\(name)")
            #expect(canonical.canonical() == root.canonical(), "\(name)")
        }
    }
}
