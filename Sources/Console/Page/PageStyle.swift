extension Page {
    static let cssText = """
        :root {
          color-scheme: light dark;
          --back: #f5f7f9; --card: #ffffff; --text: #17212b; --quiet: #4a5a69; --line: #c9d2da; --main: #0b5c8a;
          --on-main: #ffffff; --bad: #a3161d; --bad-back: #fdeaea; --warn: #7a4b00; --warn-back: #fff3da;
          --good: #12643a; --good-back: #e4f5ea;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --back: #11171d; --card: #1a222a; --text: #e7edf2; --quiet: #a9b7c3; --line: #3a4753; --main: #6cc0ee;
            --on-main: #06202f; --bad: #ff9c9c; --bad-back: #3d1a1d; --warn: #ffcf7a; --warn-back: #3a2c10;
            --good: #86dca8; --good-back: #143222;
          }
        }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--back); color: var(--text);
          font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; }
        header { display: flex; flex-wrap: wrap; align-items: center; gap: .75rem; padding: .6rem 1.25rem;
          background: var(--card); border-bottom: 1px solid var(--line); }
        .brand { font-weight: 700; font-size: 1.15rem; margin: 0; }
        #who { margin: 0 0 0 auto; }
        main { max-width: 84rem; margin: 0 auto; padding: 1.25rem; }
        h1, h2 { font-size: 1.2rem; margin: 0; }
        section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1.25rem;
          margin-bottom: 1.25rem; }
        .quiet { color: var(--quiet); font-size: .9rem; }
        .bar { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1rem; margin: 0 0 .75rem; }
        .bar > .quiet { margin: 0; }
        .bar .check { margin-left: auto; }
        .bar:last-child { margin: .75rem 0 0; }
        section > h2 { margin-bottom: .75rem; }
        .tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(11.5rem, 1fr)); gap: .75rem; margin: 0; }
        .tiles div { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .75rem; }
        .tiles dt { color: var(--quiet); font-size: .85rem; }
        .tiles dd { margin: 0; font-size: 1.1rem; font-weight: 600; overflow-wrap: anywhere; }
        .tiles .bad { background: var(--bad-back); border-color: var(--bad); }
        .tiles .bad dd { color: var(--bad); }
        .scroll { overflow-x: auto; position: relative; }
        table { border-collapse: collapse; width: 100%; font-size: .92rem; }
        th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); }
        th { color: var(--quiet); font-weight: 600; white-space: nowrap; }
        td { overflow-wrap: break-word; max-width: 24rem; }
        td.fixed, .fixed { white-space: nowrap; overflow-wrap: normal; }
        .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; overflow-wrap: normal; }
        td.long { min-width: 16rem; max-width: none; overflow-wrap: anywhere; }
        td .rule { display: block; color: var(--quiet); font-size: .85rem; }
        tr.denied, tr.error { background: var(--bad-back); box-shadow: inset .3rem 0 0 var(--bad); }
        tr.shadow_denied { background: var(--warn-back); box-shadow: inset .3rem 0 0 var(--warn); }
        tbody td:first-child, thead th:first-child { padding-left: .75rem; }
        tr.gone td { color: var(--quiet); }
        .mark { display: inline-block; border: 1px solid currentColor; border-radius: .3rem; padding: 0 .45rem;
          font-weight: 600; white-space: nowrap; }
        .mark.good { color: var(--good); background: var(--good-back); }
        .mark.bad { color: var(--bad); background: var(--bad-back); }
        .mark.warn { color: var(--warn); background: var(--warn-back); }
        .mark.plain { color: var(--quiet); }
        .problem { background: var(--bad-back); color: var(--bad); border: 1px solid var(--bad); border-radius: .5rem;
          padding: .6rem .9rem; margin: 0 0 1.25rem; }
        #sign-in { max-width: 34rem; margin: 8vh auto 0; }
        main:has(#sign-in:not([hidden])) #problem { max-width: 34rem; margin: 8vh auto 1.25rem; }
        main:has(#problem:not([hidden])) #sign-in { margin-top: 0; }
        #sign-in form { display: grid; gap: .5rem; margin-top: .75rem; }
        #sign-in .quiet { margin: 0; }
        label { font-weight: 600; }
        .check, .bar label { font-weight: 400; font-size: .92rem; }
        input, select, button { font: inherit; color: inherit; }
        input[type=password], select { background: var(--back); border: 1px solid var(--quiet); border-radius: .4rem;
          padding: .4rem .6rem; }
        input[type=password] { width: 100%; font-family: ui-monospace, "DejaVu Sans Mono", monospace; }
        input[type=checkbox] { width: 1.1rem; height: 1.1rem; vertical-align: -.15rem; accent-color: var(--main); }
        button { background: transparent; border: 1px solid var(--quiet); border-radius: .4rem; padding: .3rem .8rem;
          cursor: pointer; }
        button.main { background: var(--main); border-color: var(--main); color: var(--on-main); font-weight: 600;
          justify-self: start; }
        button.danger { color: var(--bad); border-color: var(--bad); font-weight: 600; }
        button:hover { filter: brightness(.95); text-decoration: underline; }
        button[disabled] { opacity: .6; cursor: default; }
        :focus-visible { outline: 3px solid var(--main); outline-offset: 2px; }
        code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .92em; }
        dialog { background: var(--card); color: var(--text); border: 1px solid var(--line); border-radius: .6rem;
          max-width: 32rem; padding: 1.25rem; }
        dialog::backdrop { background: rgb(0 0 0 / .5); }
        .unseen, .skip:not(:focus) { position: absolute; width: 1px; height: 1px; overflow: hidden;
          clip-path: inset(50%); white-space: nowrap; }
        .skip:focus { position: absolute; background: var(--card); padding: .5rem 1rem; z-index: 1; }
        [hidden] { display: none !important; }
        @media (max-width: 40rem) { main { padding: .6rem; } section { padding: .75rem; } }
        """
}
