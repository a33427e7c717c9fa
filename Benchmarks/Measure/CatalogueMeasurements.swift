import Base
import Catalogue
import Glibc
import JSON
import MCP
import Policy
import Risk
import Store
import StoreSQLite

/// The catalogue at three sizes, made by variation from real definitions (`../shared/data/tools`): judging, adding, searching
/// and writing pages.
@MainActor func measureCatalogue() {
    guard let corpus = Corpus() else {
        fail("../shared/data/tools is not there, so the catalogue is not measured")
        return
    }
    do {
        try measureJudging(corpus)
        var template = Array(
            "\(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")/sluice-catalogue-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { return fail("no temporary folder") }
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { removeTree(folder) }
        let store = try DataDirectory.open(folder + "/data").configuration
        let judge = try ServerJudge()
        var variation = Variation(corpus)
        var tools = 0
        for size in [12_500, 25_000, 50_000] {
            let began = cpuNanoseconds()
            var added = 0
            while tools + added < size {
                let input = try variation.next(atMost: size - tools - added)
                _ = try store.recordInCatalogue(
                    CatalogueServerEntry(judge.judge(input)), at: Instant(microseconds: 1_767_607_200_000_000))
                added += input.entries(.tools).count
            }
            try store.tidyCatalogue()
            report("catalogue_add_\(size)_us", (cpuNanoseconds() - began) / 1_000 / Double(added))
            tools += added
            try measureSearch(store, corpus, size)
            let site = "\(folder)/site-\(size)"
            let (wall, cpu) = (wallSeconds(), cpuNanoseconds())
            let written = try Site.export(store, to: site)
            report("export_\(size)_s", wallSeconds() - wall)
            report("export_\(size)_cpu_s", (cpuNanoseconds() - cpu) / 1e9)
            report("export_\(size)_mib", Double(written.bytes) / 1_048_576)
            if written.tools != tools { fail("\(written.tools) pages for \(tools) tools") }
            removeTree(site)
            var status = stat()
            if stat(folder + "/data/sluice.db", &status) == 0 {
                report("catalogue_\(size)_mib", Double(status.st_size) / 1_048_576)
            }
        }
    } catch {
        fail("\(error)")
    }
}

/// Classification and lint of every real definition, server by server as `ServerJudge` does it, on one core.
@MainActor private func measureJudging(_ corpus: Corpus) throws {
    let (classifier, lint) = (Classifier(), try MetadataLint.standard())
    let profiles = corpus.inputs.map { server in
        ServerProfile(
            name: server.name, description: server.description,
            tools: server.entries(.tools).compactMap(ToolDefinition.init))
    }
    let count = profiles.reduce(0) { $0 + $1.tools.count }
    var best = Double.infinity
    for _ in 0..<3 {
        let began = cpuNanoseconds()
        for profile in profiles {
            for tool in profile.tools { use(classifier.classify(tool, in: profile)) }
            use(lint.findings(in: profile.tools))
        }
        best = min(best, cpuNanoseconds() - began)
    }
    report("classify_per_s", Double(count) / (best / 1e9))
}

/// The CPU time of 2,000 searches: one to three words of real names, half of them with a filter.
@MainActor private func measureSearch(_ store: SQLiteConfigurationStore, _ corpus: Corpus, _ size: Int) throws {
    var random = Random(state: 7)
    var times: [Double] = []
    for turn in 0..<2_000 {
        var query = CatalogueQuery(
            words: (0...random.below(3)).map { _ in corpus.words[random.below(corpus.words.count)] })
        if turn % 4 == 1 { query.severities = ["high"] }
        if turn % 4 == 3 { query.categories = ["write"] }
        let began = cpuNanoseconds()
        use(try store.searchCatalogue(query))
        times.append((cpuNanoseconds() - began) / 1e6)
    }
    times.sort()
    report(size == 50_000 ? "search_p50_ms" : "search_\(size)_p50_ms", times[times.count / 2])
    report(size == 50_000 ? "search_p99_ms" : "search_\(size)_p99_ms", times[times.count * 99 / 100])
}

private func wallSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// A folder of our own with all that is in it.
private func removeTree(_ path: String) {
    if let stream = opendir(path) {
        for name in names(stream) { removeTree("\(path)/\(name)") }
        rmdir(path)
    } else {
        unlink(path)
    }
}

private func names(_ stream: OpaquePointer) -> [String] {
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        if name != ".", name != ".." { names.append(name) }
    }
    return names
}

/// The same numbers on every machine.
private struct Random {
    var state: UInt64

    mutating func below(_ limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(max(1, limit)))
    }
}

/// The real definitions, and the words of their names.
private struct Corpus {
    let inputs: [ServerMaterial]
    let words: [String]

    init?() {
        let folder = (getenv("SLUICE_SHARED").map { String(cString: $0) } ?? "../shared") + "/data/tools"
        guard let stream = opendir(folder) else { return nil }
        var inputs: [ServerMaterial] = []
        for name in names(stream).sorted() where name.hasSuffix(".json") {
            guard let bytes = Corpus.read("\(folder)/\(name)"),
                let read = try? SavedTools.read(bytes, name: name, fallback: name)
            else { return nil }
            inputs += read
        }
        self.inputs = inputs
        words = inputs.flatMap { $0.entries(.tools).flatMap { NameWords.split($0["name"]?.string ?? "") } }
        if words.isEmpty { return nil }
    }

    private static func read(_ path: String) -> [UInt8]? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&piece, 1, piece.count, file)
            if count == 0 { return bytes }
            bytes += piece[..<count]
        }
    }
}

/// Servers like the real ones: names with another word behind them, an eighth of the descriptions' words replaced.
private struct Variation {
    private let corpus: Corpus
    private var random = Random(state: 1)
    private var turn = 0

    init(_ corpus: Corpus) { self.corpus = corpus }

    mutating func next(atMost most: Int) throws -> ServerMaterial {
        let input = corpus.inputs[turn % corpus.inputs.count]
        let round = turn / corpus.inputs.count
        turn += 1
        var names: Set<String> = []
        var tools: [JSONValue] = []
        for tool in input.entries(.tools).compactMap(ToolDefinition.init).prefix(most) {
            var name = round == 0 ? tool.name : "\(tool.name)_\(word())"
            while !names.insert(name).inserted { name += "_\(word())" }
            var members = [JSONMember("name", .string(name))]
            let words = tool.description.split(separator: " ", omittingEmptySubsequences: false).map { piece in
                round > 0 && random.below(8) == 0 ? word() : String(piece)
            }
            members.append(JSONMember("description", .string(words.joined(separator: " "))))
            if let schema = tool.inputSchema { members.append(JSONMember("inputSchema", schema.value)) }
            tools.append(.object(members))
        }
        let list: JSONValue = [
            "server": .string(round == 0 ? input.name : "\(input.name)-\(round)"), "tools": .array(tools),
        ]
        return try SavedTools.read(list.bytes, name: "variation", fallback: "variation")[0]
    }

    private mutating func word() -> String { corpus.words[random.below(corpus.words.count)] }
}
