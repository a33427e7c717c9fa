import Glibc
import JSON
import Risk
import Support

/// Real servers' definitions, from the shared data.
enum Corpus {
    /// Where a test writes what it found, for people; from `SLUICE_REPORT`.
    static var report: String? { getenv("SLUICE_REPORT").map { String(cString: $0) } }

    static func servers() throws -> [ServerProfile] {
        let folder = Places.shared + "/data/tools"
        return try fileNames(in: folder).filter { $0.hasSuffix(".json") }.map { file in
            let root = try JSONDocument.parse(readFile(folder + "/" + file)).root
            return ServerProfile(
                name: root["server"]?.string ?? file,
                tools: root["tools"].map { $0.elements.compactMap(ToolDefinition.init) } ?? [])
        }
    }

    private static func fileNames(in folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                })
        }
        return names.sorted()
    }
}
