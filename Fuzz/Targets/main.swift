import Driver
import Glibc

guard let wanted = FuzzTarget.chosen else {
    print("FUZZ_TARGET is one of: \(FuzzTarget.allCases.map(\.rawValue).joined(separator: " "))")
    exit(2)
}
var count = CommandLine.argc
var words: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
if count == 2, let word = words?[1], String(cString: word) == "--describe" {
    print(wanted.rawValue)
    exit(0)
}
exit(
    LLVMFuzzerRunDriver(&count, &words) { bytes, count in
        FuzzTarget.chosen?.run(UnsafeRawBufferPointer(start: bytes, count: count))
        return 0
    })
