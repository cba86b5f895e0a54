/// The constant parts of a page: its looks and the scripts that start the plots.
enum PageStyle {
  /// Forbids the page to load anything; Vega compiles expressions, which needs `unsafe-eval`.
  static let policy =
    "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
    + "script-src 'unsafe-inline' 'unsafe-eval'"

  /// Shows every script error on the page, because nobody looks at a console.
  static let errorScript = """

    function reportScriptError(text) {
      const box = document.getElementById("script-errors");
      const line = document.createElement("p");
      line.textContent = String(text);
      box.appendChild(line);
      box.hidden = false;
    }
    window.addEventListener("error", event => reportScriptError(event.message));
    window.addEventListener("unhandledrejection", event => reportScriptError(event.reason));

    """

  /// Draws every plot, again when the reader's colour scheme changes; `data-plots-drawn` on the body counts
  /// those that succeeded.
  static func plotScript(count: Int) -> String {
    """

    (function () {
      const dark = window.matchMedia("(prefers-color-scheme: dark)");
      const darkColors = \(scriptJSON(.array(PlotTheme.darkColors.map(JSONValue.string))));
      async function drawAll() {
        let drawn = 0;
        for (let number = 0; number < \(count); number++) {
          try {
            const text = document.getElementById("specification-" + number).textContent;
            const specification = JSON.parse(text);
            if (dark.matches) {
              specification.config.mark.color = darkColors[0];
              specification.config.range.category = darkColors;
            }
            await vegaEmbed("#plot-" + number, specification, {
              renderer: "svg", actions: { export: true, source: false, compiled: false, editor: false },
              logLevel: 1, downloadFileName: "plot-" + (number + 1),
            });
            drawn++;
          } catch (error) {
            reportScriptError("plot " + (number + 1) + ": " + error);
          }
        }
        document.body.dataset.plotsDrawn = drawn;
      }
      dark.addEventListener("change", drawAll);
      drawAll();
    })();

    """
  }

  static let css = """

    :root {
      color-scheme: light dark;
      --page: #ffffff; --ink: #1c1f24; --faint: #646b75; --line: #dfe3e8; --shade: #f5f7f9; --link: #0072b2;
      --good: #00694c; --bad: #b03a00; --open: #6b6200;
      --good-shade: #e3f4ee; --bad-shade: #fdebe1; --open-shade: #f7f3d6;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --page: #15181c; --ink: #e6e8eb; --faint: #9aa2ad; --line: #333941; --shade: #1e2329; --link: #56b4e9;
        --good: #5fd3ae; --bad: #ff9c66; --open: #e3d86a;
        --good-shade: #12352b; --bad-shade: #43230f; --open-shade: #37330f;
      }
    }
    * { box-sizing: border-box; }
    body {
      margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 62rem; background: var(--page); color: var(--ink);
      font: 16px/1.55 system-ui, "Segoe UI", "DejaVu Sans", Helvetica, sans-serif;
    }
    h1 { font-size: 1.75rem; line-height: 1.2; margin: 0; }
    h2 { font-size: 1.2rem; margin: 2.2rem 0 .7rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); }
    p { max-width: 46rem; }
    .subtitle { color: var(--faint); margin: .3rem 0 0; }
    .wide { overflow-x: auto; max-width: 100%; }
    table { border-collapse: collapse; font-size: .9rem; margin: .8rem 0; font-variant-numeric: tabular-nums; }
    caption { text-align: left; font-weight: 600; padding-bottom: .35rem; }
    th, td { padding: .32rem .9rem .32rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
    th { font-weight: 600; color: var(--faint); }
    th:last-child, td:last-child { padding-right: 0; }
    .number { text-align: right; white-space: nowrap; }
    .claims { width: 100%; }
    .claims td:first-child { min-width: 16rem; }
    .badge { display: inline-block; padding: 0 .55em; border-radius: .7em; font-size: .85em; font-weight: 600; white-space: nowrap; }
    .holds .badge { color: var(--good); background: var(--good-shade); }
    .fails .badge { color: var(--bad); background: var(--bad-shade); }
    .not-run .badge { color: var(--open); background: var(--open-shade); }
    .verdict, .notice, #script-errors { padding: .6rem .9rem; border-left: 4px solid; border-radius: 3px; max-width: none; }
    .verdict.holds { border-color: var(--good); background: var(--good-shade); }
    .verdict.fails, #script-errors { border-color: var(--bad); background: var(--bad-shade); }
    .verdict.not-run, .notice { border-color: var(--open); background: var(--open-shade); }
    #script-errors p { margin: 0; }
    .facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .5rem 1.5rem; margin: .8rem 0; }
    dt { color: var(--faint); font-size: .82rem; }
    dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
    figure { margin: 1.4rem 0; }
    figcaption { color: var(--faint); font-size: .88rem; margin-top: .4rem; max-width: 46rem; }
    img { max-width: 100%; height: auto; image-rendering: pixelated; }
    code, pre { font: .88rem/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, monospace; }
    pre { background: var(--shade); padding: .8rem 1rem; border-radius: 4px; overflow-x: auto; }
    summary { cursor: pointer; color: var(--link); }
    .plot .mark-rect path { shape-rendering: crispEdges; }
    .plot .vega-embed { padding-right: 34px; }
    @media print {
      :root {
        --page: #ffffff; --ink: #000000; --faint: #444444; --line: #cccccc; --shade: #f5f5f5;
        --good: #00694c; --bad: #b03a00; --open: #6b6200;
        --good-shade: #ffffff; --bad-shade: #ffffff; --open-shade: #ffffff;
      }
      body { padding: 0; max-width: none; font-size: 11pt; }
      .wide { overflow: visible; }
      h2 { break-after: avoid; }
      figure, tr { break-inside: avoid; }
      .vega-embed > details { display: none; }
    }

    """
}
