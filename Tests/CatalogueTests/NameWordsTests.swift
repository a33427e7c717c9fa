import Catalogue
import Testing

@Suite struct NameWordsTests {
    @Test(arguments: [
        ("imageBackgroundRemoval", "image background removal"),
        ("image_background-removal", "image background removal"),
        ("HTTPServer", "http server"), ("getURL", "get url"), ("list2Items", "list2 items"),
        ("s3/putObject", "s3 put object"),
        ("inpaint", "inpaint"), ("", ""), ("__", ""), ("größeÄndern", "größe ändern"), ("a.b:c", "a b c"),
    ])
    func namesAreCut(name: String, words: String) {
        #expect(NameWords.split(name).joined(separator: " ") == words)
    }

    @Test func thereAreNotTooMany() {
        #expect(NameWords.split(String(repeating: "a ", count: 500), most: 16).count == 16)
        #expect(NameWords.split(String(repeating: "a", count: 5_000)).first?.count == 64)
    }
}
