"use strict";
// Plots are drawn when they come near the window, and again when the theme changes.
const root = document.documentElement, drawn = new Set();
const theme = byId("theme");
function setTheme(name) {
  root.dataset.theme = name;
  theme.textContent = name === "dark" ? "Light" : "Dark";
  for (const id of [...drawn]) draw(byId(id));
}
const colour = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
const webgl = (() => {
  try { return Boolean(document.createElement("canvas").getContext("webgl")); } catch { return false; }
})();

function paint(value) {
  if (typeof value === "string") return value.startsWith("var:") ? colour(value.slice(4)) : value;
  if (Array.isArray(value)) {
    return value.length && typeof value[0] !== "number" && value[0] !== null ? value.map(paint) : value;
  }
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, paint(v)]));
  }
  return value;
}

function dress(layout, node) {
  const narrow = node.clientWidth < 520;
  const axis = { gridcolor: colour("grid"), linecolor: colour("line"), zeroline: false, tickcolor: colour("line"),
    ticks: "outside", ticklen: 4, automargin: true, tickfont: { size: 12, color: colour("soft") }, fixedrange: false };
  const full = {
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: colour("ink") },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "closest",
    margin: { l: narrow ? 46 : 62, r: narrow ? 12 : 22, t: 14, b: 48 },
    hoverlabel: { bgcolor: colour("panel"), bordercolor: colour("line"), font: { color: colour("ink"), size: 13 }, align: "left" },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("grey"), activecolor: colour("accent") },
    legend: { traceorder: "normal", orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 12.5 }, itemsizing: "constant" },
    showlegend: false, dragmode: "zoom", ...layout,
  };
  if (full.showlegend) full.margin = { ...full.margin, t: 40 };
  for (const key of new Set(["xaxis", "yaxis", ...Object.keys(full).filter((k) => /^[xy]axis\d*$/.test(k))])) {
    const own = full[key] || {};
    full[key] = { ...axis, ...own };
    if (own.title) full[key].title = { standoff: 10, font: { size: 13, color: colour("soft") }, ...own.title };
  }
  full.annotations = (full.annotations || []).map((a) => ({ font: { size: 12.5, color: colour("ink") }, ...a }));
  return full;
}

const CONFIG = { responsive: false, displaylogo: false,
  displayModeBar: matchMedia("(hover: hover)").matches ? "hover" : false, plotlyServerURL: "", showTips: false,
  modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d", "toggleSpikelines", "hoverClosestCartesian", "hoverCompareCartesian"],
  toImageButtonOptions: { format: "svg" }, doubleClick: "reset" };

const unpack = {};
function numbersOf(held) {
  const bytes = Uint8Array.from(atob(held.data), (c) => c.charCodeAt(0)).buffer;
  return new { f4: Float32Array, i4: Int32Array, u4: Uint32Array, u2: Uint16Array, u1: Uint8Array }[held.dtype](bytes);
}
const escaped = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const books = JSON.parse(byId("books").textContent);
const PALETTE = ["g1", "g2", "g3", "g4", "g5", "g6", "g7", "g8"];
const SYMBOLS = ["circle", "diamond", "square", "triangle-up"];

function chooser(node, label, options, value, change) {
  const select = make("select", { onchange: (e) => change(e.target.value) });
  for (const [key, text] of options) select.append(make("option", { value: key, text, selected: key === value ? "" : null }));
  byId(node.id + "-tools").append(make("label", { class: "choice" }, label, select));
}

const state = {};
const DRAWERS = {
  plain(node, spec) { return paint(spec); },

  // Small plots in two columns; in a narrow window one below the other.
  strips(node, spec) {
    const made = paint(spec), axes = Object.keys(made.layout).filter((k) => k.startsWith("xaxis"));
    const one = node.clientWidth < 520;
    node.style.height = (46 + 128 * (one ? axes.length : Math.ceil(axes.length / 2))) + "px";
    if (one) axes.forEach((key, i) => {
      const top = 1 - i / axes.length;
      made.layout[key].domain = [0, 1];
      made.layout[key.replace("x", "y")].domain = [top - 0.6 / axes.length, top - 0.13 / axes.length];
    });
    return made;
  },

  manhattan(node, spec) {
    if (!unpack[node.id]) {
      const held = {};
      for (const [key, value] of Object.entries(spec)) held[key] = value && value.dtype ? numbersOf(value) : value;
      const x = new Float64Array(spec.count), text = new Array(spec.count);
      for (let i = 0; i < spec.count; i += 1) {
        const c = held.contig[i], [ref, alt] = books.alleles[held.alleles[i]].split(":");
        x[i] = held.position[i] + spec.offsets[c];
        const rs = held.rsid[i] ? "rs" + held.rsid[i] : spec.rsid_others[i] || "";
        const where = [books.gene[held.gene[i]], books.consequence[held.consequence[i]].replaceAll("_", " ")].filter(Boolean).join(", ");
        text[i] = `<b>${escaped(spec.contigs[c])}:${held.position[i]}:${escaped(ref)}:${escaped(alt)}</b>` +
          (rs ? "<br>" + escaped(rs) : "") + (where ? "<br>" + escaped(where) : "") +
          `<br>p = ${pText(held.y[i])}   beta = ${numText(Number(held.beta[i].toPrecision(4)))}` +
          `<br>frequency ${(held.frequency[i] / 65535).toFixed(4)}   n = ${spec.n_levels[held.n[i]].toLocaleString("en-US")}`;
      }
      unpack[node.id] = { ...held, x, text };
    }
    const held = unpack[node.id], one = spec.contigs.length === 1;
    const groups = [[], [], []];
    for (let i = 0; i < spec.count; i += 1) {
      groups[held.y[i] >= spec.bonferroni ? 2 : held.contig[i] % 2].push(i);
    }
    const many = spec.count > 20000;
    const data = groups.map((group, g) => ({
      type: webgl ? "scattergl" : "scatter", mode: "markers", x: group.map((i) => held.x[i]), y: group.map((i) => held.y[i]),
      text: group.map((i) => held.text[i]), hovertemplate: "%{text}<extra></extra>",
      marker: { size: g === 2 ? 7.5 : many ? 4.5 : 5.5, color: colour(["accent", "accent2", "hit"][g]), opacity: g === 2 ? 1 : 0.85 },
    }));
    const start = spec.starts[0], end = spec.starts[spec.starts.length - 1], span = Math.max(end - start, 1);
    const top = Math.max(8.2, ...spec.labels.map((l) => l.y));
    const line = (y, dash) => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: { color: colour("soft"), width: 1.1, dash } });
    const mids = [], names = [];
    spec.contigs.forEach((name, c) => {
      const width = spec.starts[c + 1] - spec.starts[c];
      if (!one && width / span > (node.clientWidth < 520 ? 0.045 : 0.016)) { mids.push((spec.starts[c] + spec.starts[c + 1]) / 2); names.push(escaped(spec.contigs.length > 8 ? name.replace(/^chr(?=.)/, "") : name)); }
    });
    const placed = [], annotations = [];
    for (const label of spec.labels) {
      if (placed.some((x) => Math.abs(x - label.x) < span * (node.clientWidth < 520 ? 0.25 : 0.12))) continue;
      placed.push(label.x);
      const side = (label.x - start) / span;
      annotations.push({ x: label.x, y: label.y, text: escaped(label.text.length > 24 ? label.text.slice(0, 23) + "…" : label.text), showarrow: false, yshift: 14,
        xanchor: side < 0.06 ? "left" : side > 0.94 ? "right" : "center", font: { size: 12.5, color: colour("ink") } });
    }
    for (const [y, text] of [[spec.genome_wide, "5e-8"], [spec.bonferroni, "Bonferroni"]]) {
      if (text === "5e-8" || Math.abs(y - spec.genome_wide) / top > 0.05) {
        annotations.push({ xref: "paper", x: 1, xanchor: "right", y, yanchor: "bottom", text, showarrow: false, font: { size: 11.5, color: colour("soft") } });
      }
    }
    const zoom = state[node.id] && state[node.id].zoom;
    const layout = {
      xaxis: { showgrid: false, range: zoom || [start - span * 0.012, end + span * 0.012],
        title: { text: one ? "position on " + escaped(spec.contigs[0]) + " (bp)" : "contig" },
        ...(one || zoom ? { tickformat: ",d", nticks: 8 } : { tickvals: mids, ticktext: names, ticks: "" }) },
      yaxis: { title: { text: "−log<sub>10</sub> p" }, range: [0, top * 1.1] },
      shapes: [line(spec.genome_wide, "solid"), line(spec.bonferroni, "dash"),
        ...(zoom ? [{ type: "line", yref: "paper", y0: 0, y1: 1, x0: (zoom[0] + zoom[1]) / 2, x1: (zoom[0] + zoom[1]) / 2, layer: "below", line: { color: colour("hit"), width: 1, dash: "dot" } }] : [])],
      annotations,
    };
    if (zoom && !one) layout.xaxis = { ...layout.xaxis, showticklabels: false, title: { text: "zoomed: " + escaped(contigAt(spec, (zoom[0] + zoom[1]) / 2)) } };
    const tools = byId(node.id + "-tools");
    tools.replaceChildren();
    if (zoom) tools.append(make("button", { type: "button", text: "Whole genome", onclick: () => { state[node.id].zoom = null; draw(node); } }));
    return { data, layout };
  },

  qq(node, spec) {
    const most = Math.max(...spec.expected, 1), top = Math.max(...spec.observed, ...spec.high, 1);
    return { data: [
      { type: "scatter", mode: "lines", x: [...spec.expected, ...[...spec.expected].reverse()], y: [...spec.high, ...[...spec.low].reverse()],
        fill: "toself", fillcolor: colour("grey") + "40", line: { width: 0 }, hoverinfo: "skip" },
      { type: "scatter", mode: "lines", x: [0, most], y: [0, most], line: { color: colour("soft"), width: 1.1, dash: "dash" }, hoverinfo: "skip" },
      { type: "scatter", mode: "markers", x: spec.expected, y: spec.observed, marker: { size: 5.5, color: colour("accent") },
        hovertemplate: "expected %{x:.2f}<br>observed %{y:.2f}<extra></extra>" },
    ], layout: { xaxis: { title: { text: "expected −log<sub>10</sub> p" }, range: [0, most * 1.04] },
      yaxis: { title: { text: "observed −log<sub>10</sub> p" }, range: [0, top * 1.05] } } };
  },

  pca(node, spec) {
    const groups = Object.keys(spec.groups);
    if (!state[node.id]) {
      state[node.id] = { x: 0, y: Math.min(1, spec.scores.length - 1), group: groups[0] };
      const options = spec.scores.map((_, i) => [String(i), "PC" + (i + 1)]);
      const set = (key) => (value) => { state[node.id][key] = key === "group" ? value : Number(value); draw(node); };
      chooser(node, "Across", options, "0", set("x"));
      chooser(node, "Up", options, String(state[node.id].y), set("y"));
      chooser(node, "Colour", groups.map((g) => [g, byText(g)]), groups[0], set("group"));
    }
    const { x, y, group } = state[node.id], labels = spec.groups[group];
    const levels = [...new Set(labels)].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    const verdict = { pass: "pass", warn: "warn", fail: "fail" };
    const title = (i) => "PC" + (i + 1) + (spec.share[i] ? ` (${(100 * spec.share[i]).toFixed(1)} % of variance)` : "");
    const data = levels.map((level, g) => {
      const at = labels.flatMap((l, i) => (l === level ? [i] : []));
      return { type: webgl && spec.samples.length > 3000 ? "scattergl" : "scatter", mode: "markers", name: level,
        x: at.map((i) => spec.scores[x][i]), y: at.map((i) => spec.scores[y][i]), text: at.map((i) => spec.samples[i]),
        hovertemplate: `<b>%{text}</b><br>PC${x + 1} %{x:.4f}<br>PC${y + 1} %{y:.4f}<extra>${level}</extra>`,
        marker: { size: spec.samples.length > 1500 ? 5 : 9, opacity: 0.8, color: colour(verdict[level] || PALETTE[g % 8]),
          symbol: SYMBOLS[Math.floor(g / 8) % 4], line: { width: spec.samples.length > 1500 ? 0 : 0.7, color: colour("panel") } } };
    });
    return { data, layout: { showlegend: true, xaxis: { title: { text: title(x) } }, yaxis: { title: { text: title(y) } } } };
  },

  frequencies(node, spec) {
    if (!state[node.id]) {
      state[node.id] = { x: 0, y: 1 };
      const options = spec.labels.map((label, i) => [String(i), byText(label)]);
      chooser(node, "Across", options, "0", (v) => { state[node.id].x = Number(v); draw(node); });
      chooser(node, "Up", options, "1", (v) => { state[node.id].y = Number(v); draw(node); });
    }
    const { x, y } = state[node.id];
    const line = { type: "line", x0: 0, y0: 0, x1: 1, y1: 1, layer: "below", line: { color: colour("soft"), width: 1.1, dash: "dash" } };
    return { data: [{ type: webgl && spec.values[0].length > 3000 ? "scattergl" : "scatter", mode: "markers", x: spec.values[x], y: spec.values[y], text: spec.names,
      marker: { size: 5, opacity: 0.5, color: colour("accent") }, hovertemplate: "<b>%{text}</b><br>%{x:.3f} and %{y:.3f}<extra></extra>" }],
      layout: { shapes: [line], xaxis: { title: { text: "frequency, " + spec.labels[x] }, range: [-0.02, 1.02] },
        yaxis: { title: { text: "frequency, " + spec.labels[y] }, range: [-0.02, 1.02] } } };
  },
};
// Labels come with '<' as an entity, for Plotly; elsewhere they are text.
const byText = (label) => label.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
const contigAt = (spec, x) => spec.contigs.find((_, c) => x < spec.starts[c + 1]) || "";

const specs = {}, busy = {};
function draw(node) {
  specs[node.id] ||= dataOf(node.id);
  const made = DRAWERS[node.dataset.draw](node, specs[node.id]);
  drawn.add(node.id);
  widths.set(node.id, node.clientWidth);
  busy[node.id] = Plotly.react(node, made.data, { ...dress(made.layout, node), width: node.clientWidth, height: node.clientHeight }, { ...CONFIG,
    toImageButtonOptions: { format: "svg", filename: node.id } });
}
function zoomTo(id, x) {
  const node = byId(id), spec = specs[id] || dataOf(id);
  const wide = Math.min(250000, (spec.starts[spec.starts.length - 1] - spec.starts[0]) / 8);
  state[id] = { zoom: [x - wide, x + wide] };
  draw(node);
  byId(id + "-panel").scrollIntoView({ block: "nearest" });
}
const widths = new Map();
const sizes = new ResizeObserver((seen) => {
  for (const { target } of seen) {
    const width = target.clientWidth;
    if (width && drawn.has(target.id) && widths.get(target.id) !== width) draw(target);
  }
});
const watcher = new IntersectionObserver((seen) => {
  for (const { isIntersecting, target } of seen) {
    if (isIntersecting && !drawn.has(target.id)) draw(target);
  }
}, { rootMargin: "600px" });
window.drawIn = (panel) => panel.querySelectorAll(".plot").forEach((node) => { if (!drawn.has(node.id)) draw(node); });
// A browser has few WebGL contexts: plots of a trait that is left give theirs back.
window.leavePlots = (panel) => panel.querySelectorAll(".plot").forEach((node) => {
  // Not before it has come to rest, and not if the reader is back by then.
  if (drawn.delete(node.id)) {
    busy[node.id].then(() => setTimeout(() => { if (!drawn.has(node.id)) Plotly.purge(node); }, 800));
  }
});
theme.addEventListener("click", () => setTheme(root.dataset.theme === "dark" ? "light" : "dark"));
setTheme(new URLSearchParams(location.search).get("theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
document.querySelectorAll(".plot").forEach((node) => { watcher.observe(node); sizes.observe(node); });
// The others follow one by one while the reader reads, so that none is waited for.
function drawNext() {
  const node = [...document.querySelectorAll(".plot")].find((n) => !drawn.has(n.id) && !n.closest("[hidden]"));
  if (node) { draw(node); setTimeout(drawNext, 30); }
}
addEventListener("load", () => setTimeout(drawNext, 150));
addEventListener("beforeprint", () => document.querySelectorAll(".plot").forEach((node) => {
  if (!node.closest("[hidden]") && !drawn.has(node.id)) draw(node);
}));
