import Glibc

/// Runs a shell command to its end and gives its standard output and exit status: for oracles that others wrote.
/// - Throws: `FileProblem` if it can't be started.
package func output(ofShell command: String) throws(FileProblem) -> (text: [UInt8], status: Int32) {
    guard let pipe = popen(command, "re") else { throw FileProblem(path: command, code: errno) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = fread(&chunk, 1, chunk.count, pipe)
        guard count > 0 else { break }
        bytes.append(contentsOf: chunk[..<count])
    }
    let status = pclose(pipe)
    return (bytes, status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F)
}
