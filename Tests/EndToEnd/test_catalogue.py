"""The catalogue: what is added is found, shown and written as pages that anybody can read."""

import html.parser
import json
import re
import unittest

from harness import ROOT, Case, sluice

FILES = {"server": "acme files", "version": "1", "instructions": "Works on files.", "tools": [
    {"name": "readFile", "description": "Reads a file.",
     "inputSchema": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}},
    {"name": "delete_file", "description": "Deletes a file for good. <script>alert(1)</script>\u200b",
     "inputSchema": {"type": "object", "properties": {"path": {"type": "string"}}}}]}
DISK = {"tools": [{"name": "read_file", "description": "Reads a file from the disk."}]}


class Page(html.parser.HTMLParser):
    """What a page links to and loads, its headings, and what a keyboard reaches."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loads, self.headings, self.labels, self.inputs, self.ids = [], [], [], [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if "id" in attributes:
            self.ids.add(attributes["id"])
        if tag == "a":
            self.links.append(attributes["href"])
        if tag in ("link", "script", "img", "iframe"):
            self.loads.append(attributes.get("href") or attributes.get("src"))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "label":
            self.labels.append(attributes["for"])
        if tag == "input":
            self.inputs.append(attributes["id"])
        assert "tabindex" not in attributes or attributes["tabindex"] in ("0", "-1"), attributes
        assert not any(name.startswith("on") for name in attributes), attributes


class Catalogue(Case):
    def setUp(self):
        super().setUp()
        self.file("files.json", FILES)
        self.file("disk.json", DISK)

    def file(self, name, content):
        path = self.folder / name
        path.write_text(json.dumps(content))
        return path

    def run_well(self, *words):
        done = sluice("catalogue", *words, data=self.data)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_from_a_list_to_pages(self):
        said = self.run_well("add", self.folder / "files.json", self.folder / "disk.json")
        self.assertEqual(said, "acme files: 2 tools\ndisk: 1 tool\n")
        # Search and its filters.
        found = json.loads(self.run_well("search", "file", "--category", "destructive", "--json"))
        self.assertEqual([(hit["server"], hit["tool"]) for hit in found], [("acme files", "delete_file")])
        self.assertEqual(json.loads(self.run_well("search", "nothing like it", "--json")), [])
        # Show a tool: the related one of the other server, a policy that passes its own test.
        shown = json.loads(self.run_well("show", "acme files/readFile", "--json"))
        self.assertEqual(shown["category"], "read")
        self.assertIn(("disk", "read_file"), [(hit["server"], hit["tool"]) for hit in shown["related"]])
        test = self.file("read.policytest.json", shown["policy_test"])
        done = sluice("policy", "test", test)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("delete_file on acme files", self.run_well("show", "acme files/delete_file"))
        # Export: each link leads somewhere, nothing is loaded from elsewhere.
        site = self.folder / "site"
        self.run_well("export", "--html", site)
        pages = list(site.rglob("*.html"))
        self.assertGreater(len(pages), 170)
        for path in pages:
            text = path.read_text()
            page = Page(text)
            with self.subTest(path.relative_to(site)):
                self.assertEqual(page.headings[0], 1)
                self.assertTrue(all(b <= a + 1 for a, b in zip(page.headings, page.headings[1:])), page.headings)
                self.assertEqual(page.labels, page.inputs)
                self.assertEqual(page.links[0], "#main")
                self.assertIn("main", page.ids)
                for link in page.links + page.loads:
                    if link in page.loads or not link.startswith(("https://", "#")):
                        self.assertTrue((path.parent / link).is_file(), link)
                if path.parent.parent.name == "server":
                    self.assertLessEqual(len(text.encode()), 60 << 10)
                    self.assertNotIn("<script", text)
        shards = (site / "search/fi.js").read_text()
        self.assertIn('"delete_file"', shards)
        # As JSON and lines; what is exported can be read in again.
        whole = json.loads(self.run_well("export", "--json"))
        self.assertEqual([server["server"] for server in whole["servers"]], ["acme files", "disk"])
        lines = self.run_well("export", "--jsonl").splitlines()
        self.assertEqual([json.loads(line)["name"] for line in lines], ["readFile", "delete_file", "read_file"])
        again = self.file("again.json", whole)
        self.assertEqual(self.run_well("add", again), "acme files: 2 tools\ndisk: 1 tool\n")
        # A change is told, and kept.
        later = json.loads(json.dumps(FILES))
        later["tools"][0]["description"] = "Reads any file."
        del later["tools"][1]
        said = self.run_well("add", self.file("files.json", later))
        self.assertEqual(
            said, "acme files: 1 tool\n  tool readFile changed: /description\n  tool delete_file is gone\n")
        self.assertIn("tool delete_file is gone", self.run_well("show", "acme files"))
        self.run_well("remove", "disk")
        self.assertEqual([one["server"] for one in json.loads(self.run_well("list", "--json"))], ["acme files"])

    def test_wrong_usage(self):
        self.run_well("add", self.folder / "disk.json")
        (self.folder / "bad.json").write_text("{")
        full = self.folder / "full"
        full.mkdir()
        (full / "mine.txt").write_text("mine")
        for words, code, says in [
            (["add", self.folder / "bad.json"], 2, "bad.json, line 1"), (["add", self.folder / "none.json"], 2, "none.json"),
            (["search"], 2, "nothing to search for"), (["search", "x", "--category", "wrte"], 2, "did you mean 'write'?"),
            (["show", "dsk/x"], 2, "did you mean 'disk'?"), (["remove", "none"], 2, "nothing called"),
            (["export"], 2, "wants one of"), (["export", "--html", full], 3, "has other files in it"),
        ]:
            with self.subTest(words):
                done = sluice("catalogue", *words, data=self.data)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(says, done.stderr)
        self.assertEqual([path.name for path in full.iterdir()], ["mine.txt"])


class Looks(unittest.TestCase):
    """The style sheet, by the arithmetic of WCAG 2.2."""

    CSS = (ROOT / "Assets/site/site.css").read_text()
    TEXTS = ["text", "soft", "link", "good", "mild", "warm", "bad", "deep", "mark"]
    GROUNDS = ["ground", "panel"]

    @staticmethod
    def luminance(colour):
        parts = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(self, a, b):
        light, dark = sorted((self.luminance(a), self.luminance(b)), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    def test_every_text_can_be_read_on_every_ground(self):
        schemes = [dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", block))
                   for block in re.findall(r":root \{(.*?)\}", self.CSS, re.S)]
        self.assertEqual(len(schemes), 2, "light and dark")
        for scheme in schemes:
            self.assertEqual(set(scheme), {*self.TEXTS, *self.GROUNDS, "line"})
            for text in self.TEXTS:
                for ground in self.GROUNDS:
                    self.assertGreaterEqual(self.contrast(scheme[text], scheme[ground]), 4.5, (text, ground))

    def test_all_colours_are_of_the_scheme(self):
        rules = re.sub(r":root \{.*?\}", "", re.sub(r"/\*.*?\*/", "", self.CSS, flags=re.S), flags=re.S)
        for name, value in re.findall(r"(?<![\w-])(color|background|border-color): ([^;]+);", rules):
            allowed = self.TEXTS if name == "color" else self.GROUNDS
            self.assertTrue(value == "none" or value in [f"var(--{one})" for one in allowed], (name, value))
        self.assertNotRegex(rules, r"#[0-9a-fA-F]{3,6}\b|rgb|url\(|@import|opacity")
        # Only where the focus is put by the link past the head.
        self.assertEqual(re.findall(r"\n([^\n]*)\{[^}]*outline: (?:none|0)", rules), ["main:focus "])
        self.assertIn(":focus-visible", rules)
        self.assertIn("@media print", rules)


if __name__ == "__main__":
    unittest.main()
