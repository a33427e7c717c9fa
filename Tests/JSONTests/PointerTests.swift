import JSON
import Testing

@Suite struct PointerTests {
    private static let document = #"""
        {"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8,"01":[9]}
        """#

    /// RFC 6901, section 5.
    @Test(arguments: [
        ("/foo", #"["bar","baz"]"#), ("/foo/0", #""bar""#), ("/", "0"), ("/a~1b", "1"), ("/c%d", "2"), ("/e^f", "3"),
        ("/g|h", "4"),
        ("/i\\j", "5"), ("/k\"l", "6"), ("/ ", "7"), ("/m~0n", "8"), ("/01/0", "9"),
    ])
    func examplesOfTheRFC(_ text: String, _ value: String) throws {
        let pointer = try #require(JSONPointer(text))
        let found = try #require(try parse(Self.document)[pointer])
        #expect(String(decoding: found.rawBytes, as: UTF8.self) == value)
        #expect(pointer.description == text)
    }

    @Test func theEmptyPointerIsTheWholeDocument() throws {
        let root = try parse(Self.document)
        #expect(root[JSONPointer()] == root)
        #expect(JSONPointer("")?.tokens == [])
        #expect(JSONPointer().description == "")
    }

    @Test(arguments: [
        "/foo/2", "/foo/-", "/foo/-1", "/foo/00", "/foo/01", "/foo/1e0", "/foo/ 1", "/foo/",
        "/foo/99999999999999999999", "/foo/0/0",
        "/bar", "//", "/foo/bar", "/foo/\u{661}",
    ])
    func nothingThere(_ text: String) throws {
        let pointer = try #require(JSONPointer(text))
        #expect(try parse(Self.document)[pointer] == nil)
    }

    @Test(arguments: ["foo", "~", "/~", "/~2", "/a~", "/~~1", "#/foo", " /foo"])
    func malformed(_ text: String) {
        #expect(JSONPointer(text) == nil)
    }

    @Test(arguments: [[], [""], ["a"], ["a", "b"], ["~", "/", "~1", "~0", "~01"], ["", ""], ["é", "0"]])
    func roundTrips(_ tokens: [String]) {
        let pointer = JSONPointer(tokens: tokens)
        #expect(JSONPointer(pointer.description) == pointer)
    }

    @Test func appending() {
        #expect(JSONPointer().appending("a/b").appending(3).appending("~").description == "/a~1b/3/~0")
    }
}
