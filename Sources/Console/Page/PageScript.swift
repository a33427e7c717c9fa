extension Page {
    static let scriptText = #"""
        // The console's script. Everything shown goes in as text, never as markup; the token is never kept.
        const byId = (id) => document.getElementById(id);
        const every = 3000;
        let role = "";
        let page = "";        // the address of an older page; "" for the newest decisions
        let timer = 0;
        let isBusy = false;

        class Problem extends Error {
          constructor(status, text) { super(text); this.status = status; }
        }

        async function ask(path, options = {}) {
          let answer;
          try {
            answer = await fetch(path, {
              ...options, cache: "no-store", credentials: "same-origin", redirect: "error",
              headers: { "X-Sluice-Console": "1", ...options.headers },
            });
          } catch {
            throw new Problem(0, "The gateway does not answer.");
          }
          const text = await answer.text();
          let body = null;
          try { body = text ? JSON.parse(text) : null; } catch { body = null; }
          if (!answer.ok) throw new Problem(answer.status, body?.detail ?? `The gateway answered ${answer.status}.`);
          return body;
        }

        // MARK: Making elements

        function element(name, text, className) {
          const made = document.createElement(name);
          if (text !== undefined && text !== null) made.textContent = text;
          if (className) made.className = className;
          return made;
        }

        function row(cells, className) {
          const made = element("tr", null, className);
          for (const cell of cells) {
            if (cell instanceof HTMLTableCellElement) made.append(cell);
            else if (cell instanceof Node) { const td = element("td"); td.append(cell); made.append(td); }
            else made.append(element("td", cell ?? "–"));
          }
          return made;
        }

        function empty(columns, text) {
          const td = element("td", text, "quiet");
          td.colSpan = columns;
          const made = element("tr");
          made.append(td);
          return [made];
        }

        const counted = (n, noun) => n ? `with ${n} ${noun}${n === 1 ? "" : "s"}` : "";
        const two = (n) => String(n).padStart(2, "0");

        function moment(iso, isShort) {
          if (!iso) return null;
          const date = new Date(iso);
          const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
          const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
          const isToday = date.toDateString() === new Date().toDateString();
          const made = element("time", isShort && isToday ? clock : `${day} ${clock}`, "fixed");
          made.dateTime = iso;
          made.title = iso;
          return made;
        }

        function span(seconds) {
          const days = Math.floor(seconds / 86400);
          const hours = Math.floor(seconds / 3600) % 24;
          const minutes = Math.floor(seconds / 60) % 60;
          if (days) return `${days} d ${hours} h`;
          if (hours) return `${hours} h ${minutes} min`;
          if (minutes) return `${minutes} min ${seconds % 60} s`;
          return `${seconds} s`;
        }

        function took(microseconds) {
          if (microseconds === null || microseconds === undefined) return "–";
          if (microseconds < 1000) return `${microseconds} µs`;
          if (microseconds < 1e6) return `${(microseconds / 1000).toFixed(microseconds < 1e4 ? 1 : 0)} ms`;
          return `${(microseconds / 1e6).toFixed(1)} s`;
        }

        // MARK: Sections

        function showStatus(status) {
          const tiles = [
            ["Data plane", status.listen], ["Version", status.version], ["Up for", span(status.uptime_seconds)],
            ["Ledger", status.ledger.healthy ? "healthy" : "failing: calls are refused", !status.ledger.healthy],
            ["Rows in the ledger", status.ledger.last_seq.toLocaleString()], ["Sessions", status.sessions],
            ["Calls in flight", status.calls_in_flight],
            ["Allowed since start", status.since_start.allowed.toLocaleString()],
            ["Denied since start", status.since_start.denied.toLocaleString()],
            ["Without a valid token", status.since_start.unauthenticated.toLocaleString()],
            ["Server failures", status.since_start.upstream_failures.toLocaleString()],
            ["Configuration", `generation ${status.generation}`],
          ];
          byId("tiles").replaceChildren(...tiles.map(([name, value, isBad]) => {
            const tile = element("div", null, isBad ? "bad" : "");
            tile.append(element("dt", name), element("dd", value));
            return tile;
          }));
        }

        const outcomes = {
          allowed: ["✓ allowed", "good"], denied: ["✕ denied", "bad"], approved: ["✓ approved", "good"],
          shadow_denied: ["! would be denied", "warn"], rejected: ["✕ rejected", "bad"], expired: ["✕ expired", "bad"],
          error: ["! error", "bad"],
        };

        function showDecisions(list) {
          // The outcome of a call that was let through is a row of its own, later than the decision: one line shows both.
          const ends = new Map();
          for (const entry of list.decisions) if (entry.decision_seq !== null) ends.set(entry.decision_seq, entry);
          const isShown = new Set(list.decisions.filter((entry) => entry.decision_seq === null).map((e) => e.seq));
          const rows = [];
          for (const entry of list.decisions) {
            const isEnd = entry.decision_seq !== null;
            // Without its decision on the page, only an outcome that went wrong says something.
            if (isEnd && (isShown.has(entry.decision_seq) || entry.outcome !== "error")) continue;
            const end = isEnd ? entry : ends.get(entry.seq);
            const failed = !isEnd && end?.outcome === "error";
            const [word, tone] = outcomes[entry.outcome] ?? [entry.outcome, "plain"];
            const mark = element("td");
            mark.append(element("span", word, `mark ${tone}`));
            if (failed) mark.append(" ", element("span", "! then failed", "mark bad"));
            const why = element("td", null, "long");
            const rule = entry.rule_alias ?? entry.rule;
            why.append(...[entry.message, failed ? end.message : null].filter(Boolean).join(" · ") || (rule ? "" : "–"));
            if (rule) why.append(element("span", rule, "rule"));
            if (isEnd) why.append(element("span", `outcome of row ${entry.decision_seq}`, "rule"));
            rows.push(row([
              moment(entry.time, true), mark, entry.server, entry.tool ?? entry.method,
              entry.grant_label ?? entry.grant_id, why, element("td", took(end?.latency_us), "number"),
              element("td", entry.seq, "number"),
            ], failed ? "error" : entry.outcome));
          }
          const none = byId("outcome").value ? "Nothing with this outcome." : "No tool has been called yet.";
          byId("decisions").replaceChildren(...(rows.length ? rows : empty(8, none)));
          byId("older").hidden = !list.next;
          byId("older").dataset.next = list.next ?? "";
          byId("newest").hidden = !page;
        }

        const states = {
          not_started: ["not started", "plain"], starting: ["… starting", "plain"], ready: ["✓ ready", "good"],
          failing: ["! failing", "warn"], breaker_open: ["✕ left alone", "bad"], unusable: ["✕ unusable", "bad"],
        };

        const effects = { reported: "passes", hidden: "hidden", refused: "server refused" };

        function showFindings(list) {
          const tones = { critical: "bad", high: "bad", medium: "warn", low: "plain", info: "plain" };
          const rows = list.findings.map((finding) => {
            const what = element("td", finding.text, "long");
            what.append(element("span", finding.mend, "rule"));
            return row([
              element("span", finding.severity, `mark ${tones[finding.severity] ?? "plain"}`), finding.server,
              finding.quote ?? finding.tool, what, moment(finding.since), effects[finding.effect] ?? finding.effect,
            ]);
          });
          const more = list.total - list.findings.length;
          if (more > 0) rows.push(...empty(6, `and ${more.toLocaleString()} more`));
          byId("findings").replaceChildren(...(rows.length ? rows : empty(6, "Nothing that a person should look at.")));
        }

        function showServers(list) {
          const rows = list.servers.map((server) => {
            const health = server.health;
            const [word, tone] = states[health.state] ?? [health.state, "plain"];
            const state = element("td");
            state.append(element("span", word, `mark ${tone}`));
            const [failures, waiting] = [health.failures_in_a_row, health.calls_waiting];
            if (failures) {
              state.append(element("span", `${failures} failure${failures === 1 ? "" : "s"} in a row`, "rule"));
            }
            if (health.next_try) {
              const next = element("span", "next try ", "rule fixed");
              next.append(moment(health.next_try, true));
              state.append(next);
            }
            const error = element("td", null, "long");
            error.append(health.last_error ?? "–");
            if (health.last_error_at) {
              const at = element("span", null, "rule");
              at.append(moment(health.last_error_at, true));
              error.append(at);
            }
            return row([
              server.name, state,
              server.url ?? `${server.program} ${counted(server.argument_count, "argument")}`,
              element("span", health.protocol_version ?? "–", "fixed"), health.pids.join(", ") || "–",
              element("td", health.calls_in_flight + (waiting ? ` + ${waiting} waiting` : ""), "number"), error,
              server.allow_private ? "allowed" : "refused", moment(server.created),
            ]);
          });
          byId("servers").replaceChildren(...(rows.length ? rows : empty(9, "None yet: sluice server add")));
        }

        function showGrants(list) {
          const tones = { active: "good", expired: "warn", revoked: "bad" };
          // Those that can be used come first, the newest on top.
          const grants = list.grants.toReversed()
            .sort((a, b) => Number(b.standing === "active") - Number(a.standing === "active"));
          const rows = grants.map((grant) => {
            let action = "";
            if (role === "admin" && grant.standing === "active") {
              action = element("button", "Revoke", "danger");
              action.type = "button";
              action.setAttribute("aria-label", `Revoke the grant ${grant.label}`);
              action.addEventListener("click", () => askToRevoke(grant));
            }
            return row([
              grant.label, element("span", grant.standing, `mark ${tones[grant.standing] ?? "plain"}`), grant.server,
              grant.policy, grant.identity, moment(grant.expires) ?? "never", element("code", grant.id), action,
            ], grant.standing === "active" ? "" : "gone");
          });
          byId("grants").replaceChildren(...(rows.length ? rows : empty(8, "None yet: sluice grant create")));
        }

        // MARK: Doing

        // A table is made anew only when it says something new, so that focus and selection survive.
        const shown = new Map();

        function update(name, body, show) {
          const text = JSON.stringify(body);
          if (shown.get(name) === text) return;
          shown.set(name, text);
          show(body);
        }

        function decisionsPath() {
          if (page) return page;
          const outcome = byId("outcome").value;
          return `/api/v1/decisions?limit=100${outcome ? `&outcome=${outcome}` : ""}`;
        }

        async function load() {
          if (isBusy) return;
          isBusy = true;
          try {
            const [status, decisions, findings, servers, grants] = await Promise.all([
              ask("/api/v1/status"), ask(decisionsPath()), ask("/api/v1/findings"), ask("/api/v1/servers"),
              ask("/api/v1/grants"),
            ]);
            update("status", status, showStatus);
            update("decisions", [decisions, page, byId("outcome").value], ([list]) => showDecisions(list));
            update("findings", findings, showFindings);
            update("servers", servers, showServers);
            update("grants", grants, showGrants);
            byId("updated").replaceChildren("Updated ", moment(new Date().toISOString(), true));
            tell("");
          } catch (error) {
            fail(error);
          } finally {
            isBusy = false;
          }
        }

        function tell(text) {
          const place = byId("problem");
          if (place.textContent !== text) place.textContent = text;
          place.hidden = !text;
        }

        function fail(error) {
          if (!(error instanceof Problem)) throw error;
          if (error.status === 401) {
            const wasIn = role !== "";
            signedOut();
            tell(wasIn ? "The session has ended. Sign in again." : "");
          } else {
            tell(error.message);
          }
        }

        function askToRevoke(grant) {
          byId("revoke-text").textContent =
            `“${grant.label}” may call ${grant.server} under the policy ${grant.policy}. Its token stops working with the `
            + "next call and can't be brought back.";
          byId("revoke-yes").onclick = async () => {
            byId("revoke").close();
            try {
              await ask(`/api/v1/grants/${encodeURIComponent(grant.id)}/revoke`, { method: "POST" });
              await load();
            } catch (error) { fail(error); }
          };
          byId("revoke").showModal();
        }

        async function verify() {
          const [button, place] = [byId("verify"), byId("verdict")];
          button.disabled = true;
          place.textContent = "Recomputing the chain…";
          try {
            const verdict = await ask("/api/v1/ledger/verify");
            place.textContent = verdict.intact
              ? `✓ Intact: ${verdict.checked.toLocaleString()} rows; head ${verdict.head_hash.slice(0, 16)}…`
              : `✕ Not intact at row ${verdict.breach.seq}: ${verdict.breach.text}`;
          } catch (error) {
            place.textContent = "";
            fail(error);
          } finally {
            button.disabled = false;
          }
        }

        function schedule() {
          clearInterval(timer);
          timer = 0;
          if (role && byId("refresh").checked && !document.hidden) timer = setInterval(load, every);
        }

        function signedIn(session) {
          role = session.role;
          byId("who").textContent = `${session.label} · ${session.role}`;
          byId("sign-out").hidden = false;
          byId("sign-in").hidden = true;
          byId("console").hidden = false;
          load();
          schedule();
        }

        function signedOut() {
          role = "";
          page = "";
          shown.clear();
          for (const id of ["tiles", "decisions", "findings", "servers", "grants"]) byId(id).replaceChildren();
          byId("verdict").textContent = "";
          byId("who").textContent = "";
          byId("sign-out").hidden = true;
          byId("console").hidden = true;
          byId("sign-in").hidden = false;
          byId("token").focus();
          schedule();
        }

        byId("sign-in-form").addEventListener("submit", async (event) => {
          event.preventDefault();
          const token = byId("token").value.trim();
          byId("token").value = "";
          if (!/^[\x21-\x7e]+$/.test(token)) return tell("A token has no blanks and only plain characters.");
          try {
            const session = await ask("/api/v1/session",
              { method: "POST", headers: { Authorization: `Bearer ${token}` } });
            tell("");
            signedIn(session);
          } catch (error) {
            if (error.status === 401) {
              tell("This token is not valid here: unknown, expired or revoked.");
              byId("token").focus();
            } else fail(error);
          }
        });
        byId("sign-out").addEventListener("click", async () => {
          try { await ask("/api/v1/session", { method: "DELETE" }); signedOut(); tell(""); } catch (error) { fail(error); }
        });
        byId("refresh").addEventListener("change", () => { if (byId("refresh").checked) load(); schedule(); });
        byId("outcome").addEventListener("change", () => { page = ""; load(); });
        byId("older").addEventListener("click", () => { page = byId("older").dataset.next; load(); });
        byId("newest").addEventListener("click", () => { page = ""; load(); });
        byId("verify").addEventListener("click", verify);
        byId("revoke-no").addEventListener("click", () => byId("revoke").close());
        document.addEventListener("visibilitychange", () => { if (!document.hidden && role) load(); schedule(); });

        try { signedIn(await ask("/api/v1/session")); } catch (error) { fail(error); if (!role) byId("sign-in").hidden = false; }
        """#
}
