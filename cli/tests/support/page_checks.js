// Looks at each page at each width and posts what it finds; the test judges it.
"use strict";
const reports = ["outage", "unmeasured"];
const widths = [360, 768, 1280];

function load(path, width) {
  return new Promise((loaded, failed) => {
    const frame = document.createElement("iframe");
    frame.style = `border:0;width:${width}px;height:1000px`;
    frame.onload = () => loaded(frame);
    frame.onerror = () => failed(new Error(`cannot load ${path}`));
    frame.src = path;
    document.body.append(frame);
  });
}

const named = (element) => `${element.tagName.toLowerCase()}.${element.getAttribute("class") ?? ""}`;

function look(frame) {
  const view = frame.contentWindow, page = frame.contentDocument;
  const all = (selector) => [...page.querySelectorAll(selector)];
  const seen = (element) => element.checkVisibility() && element.getBoundingClientRect().width > 0;
  const width = page.documentElement.clientWidth;
  const focused = (element) => (element.focus(), page.activeElement === element && element.tabIndex >= 0);
  const outline = (element) => view.getComputedStyle(element).outlineStyle;
  const drawings = all("svg.chart:not(.key)");
  const lines = drawings.filter(seen).flatMap((chart) => [...chart.querySelectorAll("[stroke^='#0000']")]);
  return {
    overflow: page.documentElement.scrollWidth - width,
    beyond: all("body *")
      .filter((it) => seen(it) && !it.closest(".scroll, svg, pre") && it.getBoundingClientRect().right > width + 0.5)
      .map(named),
    background: view.getComputedStyle(page.body).backgroundColor,
    fetched: view.performance.getEntriesByType("resource").map((it) => it.name),
    unreachable: all("summary, .scroll, a").filter((it) => seen(it) && !focused(it)).map(named),
    unfoldable: all("summary").filter((it) => (it.click(), !it.parentElement.open)).length,
    unmarked: (focused(page.querySelector("summary")), outline(page.querySelector("summary")) === "none"),
    summaries: all("summary").length,
    headings: all("h1, h2, h3").map((it) => Number(it.tagName[1])),
    charts: all("figure").filter((it) => it.querySelector("svg.wide"))
      .map((it) => [...it.querySelectorAll("svg.wide, svg.narrow")].filter(seen).length),
    small: drawings.filter(seen).flatMap((it) => [...it.querySelectorAll("text")])
      .map((it) => it.getBoundingClientRect().height).filter((height) => height < 10),
    uninked: lines.filter((it) => view.getComputedStyle(it).stroke === it.getAttribute("stroke")
      || /^rgb\(0, 0, \d+\)$/.test(view.getComputedStyle(it).stroke)).length,
    inked: lines.length,
  };
}

async function complaints(frame) {
  const found = await frame.contentWindow.axe.run(frame.contentDocument, { resultTypes: ["violations"] });
  return found.violations.flatMap((it) => it.nodes.map((node) => `${it.id}: ${node.html} ${node.failureSummary}`));
}

async function main() {
  const pages = [];
  for (const report of reports) {
    for (const width of widths) {
      const frame = await load(`/${report}`, width);
      const found = look(frame);
      frame.remove();
      const copy = await load(`/axe/${report}`, width);
      pages.push({ report, width, ...found, complaints: await complaints(copy) });
      copy.remove();
    }
  }
  return { dark: matchMedia("(prefers-color-scheme: dark)").matches, pages };
}

main()
  .catch((error) => ({ error: String(error.stack ?? error) }))
  .then((findings) => fetch("/findings", { method: "POST", body: JSON.stringify(findings) }));
