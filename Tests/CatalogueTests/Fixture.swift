import Base
import Catalogue
import JSON
import Policy
import Risk
import Store
import StoreSQLite
import Support
import Testing

/// A data folder of its own for one test, with the judge that all share.
struct Fixture {
    static let judge = Result { () throws(CatalogueError) in try ServerJudge() }

    let folder: TemporaryFolder
    let data: DataDirectory

    init() throws {
        folder = try TemporaryFolder()
        data = try DataDirectory.open(folder.path + "/data")
    }

    var store: any CatalogueStore { data.configuration }

    /// Puts in what a file with this text would.
    @discardableResult
    func add(_ json: String, named name: String = "demo", at second: Int64 = 1_767_607_200) throws -> [CatalogueChange]
    {
        var changes: [CatalogueChange] = []
        for material in try SavedTools.read(Array(json.utf8), name: name, fallback: name) {
            changes += try store.recordInCatalogue(
                CatalogueServerEntry(Self.judge.get().judge(material)), at: Instant(microseconds: second * 1_000_000))
        }
        return changes
    }

    /// The first tool of a name.
    func tool(_ server: String, _ name: String) throws -> CataloguedTool {
        try #require(try store.cataloguedTools(server, named: name).first)
    }

    /// The page of a tool as text.
    func page(_ server: String, _ tool: String) throws -> String {
        String(decoding: try #require(try Site.page(store, server: server, tool: tool)), as: UTF8.self)
    }

    /// A list with one tool.
    static func list(
        _ server: String, _ tool: String, _ description: String, _ properties: String = "{}", repository: String = ""
    ) -> String {
        """
        {"server": \(JSONValue.string(server).text), "repository": \(JSONValue.string(repository).text),
        "tools": [{"name": \(JSONValue.string(tool).text), "description": \(JSONValue.string(description).text),
        "inputSchema": {"type": "object", "properties": \(properties)}}]}
        """
    }

    /// What a browser shows of a page: tags out, entities back, white space as one space.
    static func visible(_ page: String) -> String {
        var text = ""
        var isTag = false
        for character in page {
            if character == "<" {
                isTag = true
            } else if character == ">" {
                isTag = false
            } else if !isTag {
                text.append(character)
            }
        }
        for (entity, plain) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")] {
            text = text.split(separator: entity, omittingEmptySubsequences: false).joined(separator: plain)
        }
        return text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
}
