/// The console: one page, its style and its script. They are part of the program; nothing is fetched from elsewhere.
enum Page {
    /// Only our own files, no inline script or style, in nobody's frame.
    static let contentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

    static let html = Array(htmlText.utf8)
    static let css = Array(cssText.utf8)
    static let script = Array(scriptText.utf8)
    static let icon = Array(iconText.utf8)

    private static let iconText = """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b5c8a"/>
        <path d="M6 8v17M26 8v17M11 6h10v9H11z" fill="#fff" stroke="#fff" stroke-width="3"/>
        <path d="M10 22q3-3 6 0t6 0" fill="none" stroke="#9fd6f5" stroke-width="3"/></svg>
        """

    private static let htmlText = """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>Sluice console</title>
        <link rel="icon" href="/icon.svg">
        <link rel="stylesheet" href="/console.css">
        <script type="module" src="/console.js"></script>
        </head>
        <body>
        <a class="skip" href="#content">Skip to the content</a>
        <header>
          <img src="/icon.svg" alt="" width="28" height="28">
          <p class="brand">Sluice</p>
          <p id="who" class="quiet"></p>
          <button type="button" id="sign-out" hidden>Sign out</button>
        </header>
        <main id="content">
        <p id="problem" class="problem" role="alert" hidden></p>

        <section id="sign-in" aria-labelledby="sign-in-title" hidden>
          <h1 id="sign-in-title">Sign in</h1>
          <form id="sign-in-form">
            <label for="token">Admin token</label>
            <input id="token" type="password" autocomplete="off" spellcheck="false" required
              aria-describedby="token-help" placeholder="sla_…">
            <p id="token-help" class="quiet">Printed once, when <code>sluice serve</code> started for the first time.
              It is exchanged for a session of this browser and not kept by the page.</p>
            <button type="submit" class="main">Sign in</button>
          </form>
          <noscript><p class="problem">This page needs JavaScript. The same is to be had from
            <code>/api/v1</code> with any HTTP client.</p></noscript>
        </section>

        <div id="console" hidden>
          <section aria-labelledby="status-title">
            <div class="bar">
              <h1 id="status-title">Status</h1>
              <p id="updated" class="quiet"></p>
              <label class="check"><input type="checkbox" id="refresh" checked> Refresh every 3 seconds</label>
            </div>
            <dl id="tiles" class="tiles"></dl>
            <p class="bar"><button type="button" id="verify">Verify the ledger</button>
              <output id="verdict" class="quiet"></output></p>
          </section>

          <section aria-labelledby="decisions-title">
            <div class="bar">
              <h2 id="decisions-title">Latest decisions</h2>
              <label for="outcome">Show</label>
              <select id="outcome">
                <option value="">all outcomes</option>
                <option value="denied">denied</option>
                <option value="shadow_denied">would be denied (shadow)</option>
                <option value="allowed">allowed</option>
                <option value="error">errors</option>
              </select>
            </div>
            <div class="scroll" role="region" aria-labelledby="decisions-title" tabindex="0">
              <table>
                <thead><tr><th scope="col">Time</th><th scope="col">Outcome</th><th scope="col">Server</th>
                  <th scope="col">Tool</th><th scope="col">Grant</th><th scope="col">Rule and message</th>
                  <th scope="col" class="number">Took</th><th scope="col" class="number">Row</th></tr></thead>
                <tbody id="decisions"></tbody>
              </table>
            </div>
            <p class="bar"><button type="button" id="older" hidden>Older</button>
              <button type="button" id="newest" hidden>Newest</button></p>
          </section>

          <section aria-labelledby="findings-title">
            <h2 id="findings-title">Findings</h2>
            <div class="scroll" role="region" aria-labelledby="findings-title" tabindex="0">
              <table>
                <thead><tr><th scope="col">Severity</th><th scope="col">Server</th><th scope="col">Tool</th>
                  <th scope="col">What is the matter, and how to mend it</th><th scope="col">Since</th>
                  <th scope="col">Effect</th></tr></thead>
                <tbody id="findings"></tbody>
              </table>
            </div>
          </section>

          <section aria-labelledby="servers-title">
            <h2 id="servers-title">Servers</h2>
            <div class="scroll" role="region" aria-labelledby="servers-title" tabindex="0">
              <table>
                <thead><tr><th scope="col">Name</th><th scope="col">State</th>
                  <th scope="col">Where</th><th scope="col">Protocol</th><th scope="col">Process</th>
                  <th scope="col" class="number">Calls</th><th scope="col">Last error</th>
                  <th scope="col">Private addresses</th><th scope="col">Added</th></tr></thead>
                <tbody id="servers"></tbody>
              </table>
            </div>
          </section>

          <section aria-labelledby="grants-title">
            <h2 id="grants-title">Grants</h2>
            <div class="scroll" role="region" aria-labelledby="grants-title" tabindex="0">
              <table>
                <thead><tr><th scope="col">Label</th><th scope="col">Standing</th><th scope="col">Server</th>
                  <th scope="col">Policy</th><th scope="col">Identity</th><th scope="col">Expires</th>
                  <th scope="col">Id</th><th scope="col"><span class="unseen">Action</span></th></tr></thead>
                <tbody id="grants"></tbody>
              </table>
            </div>
          </section>
        </div>
        </main>

        <dialog id="revoke" aria-labelledby="revoke-title">
          <h2 id="revoke-title">Revoke this grant?</h2>
          <p id="revoke-text"></p>
          <p class="bar"><button type="button" id="revoke-no" autofocus>Keep it</button>
            <button type="button" id="revoke-yes" class="danger">Revoke it for good</button></p>
        </dialog>
        </body>
        </html>
        """
}
