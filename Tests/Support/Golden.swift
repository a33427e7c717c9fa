import Glibc

/// Files that hold what the tests expect, committed and reviewed like code.
package enum Golden {
    /// Compares a text with the golden file at `path` (relative to the package). Nil when they are the same, else the
    /// first line that differs. With `SLUICE_UPDATE_GOLDEN=1` the file is rewritten instead; review the diff then.
    /// - Throws: `FileProblem` if the file can't be read or written.
    package static func difference(_ actual: String, _ path: String) throws(FileProblem) -> String? {
        let file = Places.packageRoot + "/" + path
        if let update = getenv("SLUICE_UPDATE_GOLDEN"), String(cString: update) == "1" {
            try writeFile(file, Array(actual.utf8))
            return nil
        }
        let expected = String(decoding: try readFile(file), as: UTF8.self)
        if expected == actual { return nil }
        let (want, have) = (lines(expected), lines(actual))
        for i in 0..<max(want.count, have.count) {
            let (w, h) = (i < want.count ? want[i] : "(end)", i < have.count ? have[i] : "(end)")
            if w != h { return "\(path):\(i + 1): expected `\(w)`, found `\(h)`" }
        }
        return "\(path): the line ends differ"
    }

    private static func lines(_ text: String) -> [Substring] {
        text.split(separator: "\n", omittingEmptySubsequences: false)
    }
}
