// Searches the pages without a server. Entries lie in scripts by the first two letters of their words: a script can be
// loaded from a folder on disk too, where a page may not fetch files.
"use strict";
(() => {
  const loaded = new Map(), waiting = new Map(), most = 100;
  const input = document.getElementById("q"), state = document.getElementById("state");
  const results = document.getElementById("results");

  // The same cutting as the program's: maskImage, mask_image and HTTPServer.
  const words = (text) => text.replace(/([\p{Ll}\d])(\p{Lu})/gu, "$1 $2").replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, "$1 $2")
    .toLowerCase().split(/[^\p{L}\p{N}]+/u).filter((word) => word !== "");
  const key = (word) => /^[a-z0-9]{2}/.test(word) ? word.slice(0, 2) : "_";

  window.sluiceShard = (name, entries, cut) => loaded.set(name, { entries, cut });

  function load(name) {
    if (loaded.has(name)) return Promise.resolve();
    if (!waiting.has(name)) {
      waiting.set(name, new Promise((done) => {
        const script = document.createElement("script");
        script.src = "search/" + name + ".js";
        script.onload = done;
        script.onerror = () => { loaded.set(name, { entries: [], cut: 0 }); done(); };
        document.head.append(script);
      }));
    }
    return waiting.get(name);
  }

  function score(entry, wanted) {
    const own = words(entry[0]);
    let sum = 0;
    for (const word of wanted) {
      if (own.includes(word)) sum += 10;
      else if (own.some((one) => one.startsWith(word))) sum += 6;
      else if ((entry[0] + " " + entry[1] + " " + entry[5]).toLowerCase().includes(word)) sum += 1;
      else return -1;
    }
    return sum - own.length / 2;
  }

  function item(entry) {
    const [name, server, address, category, severity, summary] = entry;
    const li = document.createElement("li"), link = document.createElement("a"), note = document.createElement("span");
    link.href = address;
    link.textContent = name;
    li.append(link, " ");
    for (const [letter, word, text] of [["c", category, category], ["s", severity, severity + " risk"]]) {
      if (word === "") continue;
      const badge = document.createElement("span");
      badge.className = "badge " + letter + "-" + word;
      badge.textContent = text[0].toUpperCase() + text.slice(1);
      li.append(badge, " ");
    }
    note.className = "note";
    note.textContent = (server === "" ? "" : "on " + server + ". ") + summary;
    li.append(document.createElement("br"), note);
    return li;
  }

  let turn = 0;
  async function search() {
    const now = ++turn, wanted = words(input.value);
    if (wanted.length === 0 || (wanted.length === 1 && wanted[0].length < 2)) {
      results.replaceChildren();
      state.textContent = "";
      return;
    }
    const names = [...new Set(wanted.filter((word) => word.length > 1).map(key))];
    await Promise.all(names.map(load));
    if (now !== turn) return;
    const found = new Map();
    let cut = false;
    for (const name of names) {
      const shard = loaded.get(name);
      cut = cut || shard.cut > 0;
      for (const entry of shard.entries) {
        const sum = score(entry, wanted);
        if (sum >= 0) found.set(entry[2], [sum, entry]);
      }
    }
    const sorted = [...found.values()].sort((a, b) => b[0] - a[0] || (a[1][0] < b[1][0] ? -1 : 1));
    results.replaceChildren(...sorted.slice(0, most).map((pair) => item(pair[1])));
    state.textContent = sorted.length === 0 ? "Nothing found."
      : (sorted.length > most ? "The best " + most + " of " : "") + sorted.length + (sorted.length === 1 ? " match" : " matches")
        + (cut ? ", of the first some thousand pages with such a word." : ".");
  }

  input.addEventListener("input", search);
  input.form.addEventListener("submit", (event) => { event.preventDefault(); search(); });
  input.value = new URLSearchParams(location.search).get("q") ?? "";
  input.focus();
  search();
})();
