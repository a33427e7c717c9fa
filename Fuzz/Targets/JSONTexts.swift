import Base
import JSON

/// What is accepted must mean the same after every way through the module; whatever comes, nothing may trap.
func fuzzJSON(_ bytes: [UInt8]) {
    guard let root = try? JSONDocument.parse(bytes).root else { return }
    guard String(validating: bytes, as: UTF8.self) != nil else {
        fail("accepted bytes that are not UTF-8")
    }
    let canonical = root.canonical()
    guard let again = try? JSONDocument.parse(canonical).root, let tree = try? JSONDocument.parse(root.value.bytes).root
    else { fail("what was written can't be read") }
    expect(again == root && tree == root, "the meaning changed")
    expect(again.canonical() == canonical, "the canonical form is not stable")
    visit(root, JSONPointer(), root)
}

/// Every question to every value, and every value found again by its pointer.
private func visit(_ view: JSONView, _ pointer: JSONPointer, _ root: JSONView) {
    _ = (view.int, view.double, view.bool, view.string, view.stringBytes, view.decimal, view.numberText, view.count)
    expect(root[pointer]?.range == view.range, "the pointer leads elsewhere")
    expect(view.compareNumber(to: view) == (view.kind == .number ? 0 : nil), "a number differs from itself")
    for (i, element) in view.elements.enumerated() { visit(element, pointer.appending(i), root) }
    for (key, value) in view.members { visit(value, pointer.appending(key.string ?? ""), root) }
}
