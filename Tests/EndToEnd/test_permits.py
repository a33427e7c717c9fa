"""Nothing is forwarded without a permit: what would do so does not compile.

Each snippet is type-checked as if it stood in a module that sees the internals of Policy and Gateway (`@testable`), so what
it can't do nobody outside those very files can. The first snippet does it right, so the others fail for their own reason.
"""

import pathlib
import re
import subprocess
import tempfile
import unittest

from harness import ROOT

MODULES = ROOT / ".build/debug/Modules"
# The C libraries below; SwiftPM makes maps for those that have none of their own.
C_MODULES = [*ROOT.glob("Sources/C*/**/module.modulemap"), *(ROOT / ".build/debug").glob("C*.build/module.modulemap")]
# SwiftPM calls a package by its folder.
PACKAGE = re.sub("[^a-z0-9_]", "_", ROOT.name.lower())

HEAD = """
import Base
@testable import Gateway
import MCP
@testable import Policy
import Store

func journey(
    _ permit: consuming Permit, _ errand: Errand, _ visit: Visit, _ recorder: Recorder, _ forwarder: Forwarder,
    _ handle: CallHandle
) async throws {
"""

RIGHT = """
    let recorded = try await recorder.record(permit, errand, visit, now: Instant(microseconds: 0))
    _ = await forwarder.forward(recorded, errand, visit, handle: handle) { _ in true }
}
"""

# What it tries, the code, and what the compiler has to say.
WRONG = [
    ("a call without any permit", """
    _ = await forwarder.forward(errand, visit, handle: handle) { _ in true }
}""", "missing argument"),
    ("a permit that is not recorded", """
    _ = await forwarder.forward(permit, errand, visit, handle: handle) { _ in true }
}""", "cannot convert value of type 'Permit' to expected argument type 'RecordedPermit'"),
    ("a recorded permit of one's own", """
    let recorded = RecordedPermit(decision: 1, permit: permit)
    _ = await forwarder.forward(recorded, errand, visit, handle: handle) { _ in true }
}""", "'fileprivate' protection level"),
    ("one permit for two calls", """
    let recorded = try await recorder.record(permit, errand, visit, now: Instant(microseconds: 0))
    _ = await forwarder.forward(recorded, errand, visit, handle: handle) { _ in true }
    _ = await forwarder.forward(recorded, errand, visit, handle: handle) { _ in true }
}""", "consumed more than once"),
    ("one decision recorded twice", """
    let first = try await recorder.record(permit, errand, visit, now: Instant(microseconds: 0))
    let second = try await recorder.record(permit, errand, visit, now: Instant(microseconds: 0))
    _ = await forwarder.forward(first, errand, visit, handle: handle) { _ in true }
    _ = await forwarder.forward(second, errand, visit, handle: handle) { _ in true }
}""", "consumed more than once"),
    ("a copy of a permit", """
    let copy = copy permit
    let recorded = try await recorder.record(copy, errand, visit, now: Instant(microseconds: 0))
    _ = await forwarder.forward(recorded, errand, visit, handle: handle) { _ in true }
}""", "'copy' cannot be applied to noncopyable types"),
    ("a permit kept after the call", """
    let recorded = try await recorder.record(permit, errand, visit, now: Instant(microseconds: 0))
    _ = await forwarder.forward(recorded, errand, visit, handle: handle) { _ in true }
    _ = recorded.decision
}""", "used after consume"),
]

# Outside of Policy nobody makes a permit at all.
FORGED = """
import Policy

func forge(_ policy: CompiledPolicy) -> Permit {
    Permit(policy: policy, reservations: [], limits: [], remaining: [], shadow: nil)
}
"""


class Permits(unittest.TestCase):
    def check(self, text):
        """What the compiler says; empty if it is content."""
        self.assertTrue((MODULES / "Gateway.swiftmodule").exists(), "build first: swift build --build-tests")
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "snippet.swift"
            path.write_text(text)
            # Whether a value is consumed twice is found after type checking, so all but the code itself is made.
            done = subprocess.run(
                ["swiftc", "-emit-sil", "-o", "/dev/null", "-swift-version", "6", "-package-name", PACKAGE,
                 "-module-name", "Snippet", "-parse-as-library", "-enable-upcoming-feature", "NonisolatedNonsendingByDefault",
                 "-I", MODULES, *[word for file in C_MODULES for word in ("-Xcc", f"-fmodule-map-file={file}")], path],
                capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode == 0, "error:" not in done.stderr, done.stderr)
        return "\n".join(line for line in done.stderr.splitlines() if "error:" in line)

    def test_the_right_way_compiles(self):
        self.assertEqual(self.check(HEAD + RIGHT), "")

    def test_every_other_way_does_not(self):
        for what, code, says in WRONG:
            with self.subTest(what):
                self.assertIn(says, self.check(HEAD + code))

    def test_permits_are_made_by_the_engine_only(self):
        self.assertIn("initializer is inaccessible due to 'internal' protection level", self.check(FORGED))


if __name__ == "__main__":
    import harness
    harness.main()
