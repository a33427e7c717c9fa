import Glibc
import Imaging

/// The models that the operator brought: the folder `own` beside the ones that `scripts/setup` fetched.
///
/// A file is found by the id of the model it is, with `-` for `:`: `runware:35@1` is `runware-35@1.onnx`. Files that have
/// no id of Runware's say what they are for: `upscale-NAME.onnx`, `inpaint-NAME.onnx` and `background-NAME.onnx` serve the
/// model `local:NAME`. docs/studio-models.md has the layouts.
package struct OwnModels: Sendable {
    /// Most files that are listed; a folder with more is not ours.
    private static let mostFiles = 200

    let folder: String

    /// - Parameter vendor: the folder that `scripts/setup` fills.
    package init(vendor: String) {
        folder = "\(vendor)/own"
    }

    /// Where the file of a model would be.
    func path(_ id: String) -> String { "\(folder)/\(Self.name(id))" }

    /// What the file of a model would be called.
    static func name(_ id: String) -> String { "\(String(id.map { $0 == ":" ? "-" : $0 })).onnx" }

    /// Whether the file of a model is there and readable.
    func has(_ id: String) -> Bool { access(path(id), R_OK) == 0 }

    /// What finds things for masks: the operator's files where YOLO's ids have them, else what is built in.
    func masker(vendor: String, cache: String?) -> Masker {
        let yolo: [MaskModel] = [.faceNano, .faceSmall, .hands, .peopleNano, .peopleSmall]
        let paths = yolo.filter { has($0.rawValue) }.map { ($0, path($0.rawValue)) }
        return Masker(vendor: vendor, cache: cache, own: Dictionary(uniqueKeysWithValues: paths))
    }

    /// A model that one of the operator's files is.
    struct Entry: Sendable {
        let id: String
        let path: String
    }

    /// The models of these ids whose files are there, and those that say they are for `purpose`.
    func entries(_ ids: [String], purpose: String) -> [Entry] {
        let named = names().compactMap { name -> Entry? in
            guard name.hasPrefix("\(purpose)-"), name.hasSuffix(".onnx") else { return nil }
            let short = name.dropFirst(purpose.utf8.count + 1).dropLast(5)
            guard !short.isEmpty, short.utf8.allSatisfy(\.isPlain) else { return nil }
            return Entry(id: "local:\(short)", path: "\(folder)/\(name)")
        }
        return ids.filter(has).map { Entry(id: $0, path: path($0)) } + named
    }

    /// The folders in it: models that are several files. By name.
    func folders() -> [String] {
        names().filter { name in
            var info = stat()
            return name.utf8.allSatisfy(\.isPlain) && stat("\(folder)/\(name)", &info) == 0
                && info.st_mode & S_IFMT == S_IFDIR
        }
    }

    private func names() -> ArraySlice<String> { Files.names(in: folder).prefix(Self.mostFiles) }
}

/// What the local operations on whole pictures share.
struct LocalShop: Sendable {
    let models: UserModels
    let own: OwnModels

    /// Runs pixel work, its errors in the words of tools.
    static func run<Result>(_ work: () throws(ImagingError) -> Result) throws(StudioError) -> Result {
        do throws(ImagingError) {
            return try work()
        } catch {
            throw StudioError(imaging: error)
        }
    }

    /// What is missing for one of the operator's models to run.
    func shortcoming(_ path: String) -> String? {
        let missing = models.missing(path)
        return missing.isEmpty ? nil : LocalShop.text(missing)
    }

    /// Paths of files that are missing, and how to get them. Agents see this, so it says where in the models' folder they
    /// belong, and not where on this machine that is.
    static func text(_ missing: [String]) -> String {
        let names = missing.map { $0.split(separator: "/").suffix(2).joined(separator: "/") }
        return "missing: \(names.joined(separator: ", ")); run scripts/setup, or name the folder that holds them with "
            + "--models DIR or SLUICE_VENDOR"
    }
}
