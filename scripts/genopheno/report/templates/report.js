"use strict";
// Tables, tabs, theme and contents. Names are only ever set as text, never as markup.
const byId = (id) => document.getElementById(id);
const dataOf = (id) => JSON.parse(byId(id + "-data").textContent);

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === "text") node.textContent = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

// p from -log10 p, also where p is smaller than a double can hold.
function pText(y) {
  if (y === null || y === undefined || !isFinite(y)) return "–";
  if (y < 3) return Number((10 ** -y).toPrecision(2)).toString();
  let exponent = Math.ceil(y), mantissa = 10 ** (exponent - y);
  if (mantissa.toFixed(1) === "10.0") { mantissa = 1; exponent -= 1; }
  return mantissa.toFixed(1) + "e-" + exponent;
}
function numText(value, digits = 4) {
  if (value === null || value === undefined || value === "") return "–";
  const size = Math.abs(value);
  if (size >= 1e5 || (Number.isInteger(value) && size >= 1000)) return Math.round(value).toLocaleString("en-US");
  if (size !== 0 && size < 1e-3) return value.toExponential(1).replace("-", "−").replace("e−", "e-");
  return Number(value.toPrecision(digits)).toString().replace("-", "−");
}
function bytesText(value) {
  if (value === null || value === undefined) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let i = 0;
  while (value >= 1000 && i < 4) { value /= 1000; i += 1; }
  return (i ? value.toPrecision(3) : value) + " " + units[i];
}
const RIGHT = new Set(["int", "num", "frac", "p", "bytes"]);
function cellText(value, type, digits) {
  if (type === "p") return pText(value);
  if (type === "bytes") return bytesText(value);
  if (type === "int") return value === null || value === undefined ? "–" : Math.round(value).toLocaleString("en-US");
  if (type === "frac") return value === null || value === undefined ? "–" : (100 * value).toFixed(value && Math.abs(value) < 0.01 ? 2 : 1) + " %";
  if (type === "num") return numText(value, digits);
  return value === null || value === undefined ? "" : String(value);
}

function buildTable(root) {
  const data = dataOf(root.id), { columns, rows } = data;
  const type = Object.fromEntries(columns.map((c) => [c.key, c.type]));
  let order = Array.from({ length: data.length }, (_, i) => i);
  let shown = order, page = 0, sortKey = "", down = false, words = "", only = null;

  const body = make("tbody"), pager = make("div", { class: "pager" });
  const heads = columns.map((c) => make("th", { scope: "col", class: RIGHT.has(c.type) ? "right" : null },
    make("button", { type: "button", text: c.label, title: c.help || null, onclick: () => sortBy(c.key) })));
  const grid = make("table", { "aria-label": root.dataset.label },
    make("thead", {}, make("tr", {}, ...heads)), body);

  const bar = make("div", { class: "table-bar" });
  if (data.length > data.page || type.verdict) {
    bar.append(make("input", { type: "search", placeholder: "Filter rows", "aria-label": "Filter rows of " + root.dataset.label,
      oninput: (e) => { words = e.target.value.toLowerCase(); page = 0; refresh(); } }));
  }
  if (type.verdict === "verdict") {
    const chips = make("span", { class: "chips", role: "group", "aria-label": "Verdicts to show" });
    for (const verdict of ["pass", "warn", "fail"]) {
      const n = rows.verdict.filter((v) => v === verdict).length;
      chips.append(make("button", { type: "button", "aria-pressed": "false", text: verdict + " " + n, onclick: (e) => {
        only = only === verdict ? null : verdict;
        for (const b of chips.children) b.setAttribute("aria-pressed", String(b === e.currentTarget && only !== null));
        page = 0; refresh();
      } }));
    }
    bar.append(chips);
  }
  bar.append(make("span", { class: "fill" }));
  if (data.file) bar.append(make("button", { type: "button", text: "Save CSV", onclick: save }));
  if (bar.childElementCount > 1) root.append(bar);
  root.append(make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": root.dataset.label }, grid), pager);

  function sortBy(key) {
    down = sortKey === key ? !down : RIGHT.has(type[key]);
    sortKey = key; page = 0; sorted(); refresh();
  }
  function sorted() {
    const values = rows[sortKey], right = RIGHT.has(type[sortKey]);
    // p is held as -log10 p, so that the largest number is the smallest p.
    const flip = (down ? -1 : 1) * (type[sortKey] === "p" ? -1 : 1);
    order.sort((a, b) => {
      const u = values[a], v = values[b];
      const noU = u === null || u === undefined || u === "", noV = v === null || v === undefined || v === "";
      if (noU || noV) return noU === noV ? a - b : noU ? 1 : -1;
      const less = right ? u - v : String(u).localeCompare(String(v), "en", { numeric: true });
      return less ? flip * less : a - b;
    });
    columns.forEach((c, i) => {
      if (c.key === sortKey) heads[i].setAttribute("aria-sort", down ? "descending" : "ascending");
      else heads[i].removeAttribute("aria-sort");
    });
  }
  function refresh() {
    shown = order.filter((i) => (only === null || rows.verdict[i] === only) &&
      (!words || columns.some((c) => cellText(rows[c.key][i], c.type).toLowerCase().includes(words))));
    const pages = Math.max(1, Math.ceil(shown.length / data.page));
    page = Math.min(page, pages - 1);
    body.replaceChildren(...shown.slice(page * data.page, (page + 1) * data.page).map(rowOf));
    if (!shown.length) body.append(make("tr", {}, make("td", { colspan: columns.length, text: "No rows." })));
    pager.replaceChildren();
    if (shown.length > data.page || words || only) {
      const from = page * data.page;
      pager.append(
        make("button", { type: "button", text: "‹", "aria-label": "Previous rows", onclick: () => { page -= 1; refresh(); } }),
        make("button", { type: "button", text: "›", "aria-label": "Next rows", onclick: () => { page += 1; refresh(); } }),
        make("span", { "aria-live": "polite", text: shown.length
          ? `${(from + 1).toLocaleString("en-US")}–${Math.min(from + data.page, shown.length).toLocaleString("en-US")} of ${shown.length.toLocaleString("en-US")}` +
            (shown.length < data.length ? ` (${data.length.toLocaleString("en-US")} in all)` : "")
          : "none of " + data.length.toLocaleString("en-US") }));
      pager.children[0].disabled = page === 0;
      pager.children[1].disabled = page >= pages - 1;
    }
  }
  function rowOf(i) {
    const act = data.zoom ? () => zoomTo(data.zoom, rows.x[i]) : data.opens ? () => openTab(rows.tab[i], true) : null;
    const line = make("tr", act ? { class: "click", tabindex: "0", onclick: act,
      onkeydown: (e) => { if (e.key === "Enter") act(); } } : {});
    for (const c of columns) {
      const value = rows[c.key][i], text = cellText(value, c.type, c.digits);
      const cell = make("td", { class: RIGHT.has(c.type) ? "right" : c.type === "text" ? (text.length > 24 ? "text long" : "text whole") : c.type + (text.length < 46 ? " whole" : "") });
      if (c.type === "verdict") cell.append(make("span", { class: "badge tone-" + (["pass", "warn", "fail"].includes(value) ? value : "none"), text }));
      else cell.textContent = text;
      line.append(cell);
    }
    return line;
  }
  function save() {
    const quote = (value, kind) => {
      if (value === null || value === undefined) return "";
      if (kind === "p") return pText(value);
      let text = String(value);
      // A spreadsheet would run a cell of text that begins like a formula.
      if (!RIGHT.has(kind) && /^[=+\-@\t\r]/.test(text)) text = "'" + text;
      return /[",\n\r]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
    };
    const lines = [columns.map((c) => quote(c.key === "p" ? "p_value" : c.key)).join(",")];
    for (const i of shown) lines.push(columns.map((c) => quote(rows[c.key][i], c.type)).join(","));
    const link = make("a", { download: data.file, href: URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
  if (data.sort) {
    sortKey = data.sort.replace(/^-/, "");
    // A leading '-' asks for the best first: the smallest p, or the largest number.
    down = data.sort.startsWith("-") && type[sortKey] !== "p";
    sorted();
  }
  refresh();
}

function openTab(id, jump) {
  const chosen = byId("tab-" + id);
  if (!chosen) return;
  for (const tab of chosen.parentElement.children) {
    const mine = tab === chosen, panel = byId(tab.getAttribute("aria-controls"));
    tab.setAttribute("aria-selected", String(mine));
    tab.tabIndex = mine ? 0 : -1;
    if (!mine && !panel.hidden) window.leavePlots(panel);
    panel.hidden = !mine;
  }
  window.drawIn(byId("panel-" + id));
  if (jump) byId("panel-" + id).closest(".tabs").scrollIntoView();
}

document.querySelectorAll("[role=tablist]").forEach((list) => {
  const tabs = [...list.children];
  tabs.forEach((tab, i) => {
    tab.addEventListener("click", () => openTab(tab.id.slice(4), false));
    tab.addEventListener("keydown", (e) => {
      const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: tabs.length - 1 }[e.key];
      if (to === undefined) return;
      const next = tabs[(to + tabs.length) % tabs.length];
      e.preventDefault(); next.focus(); openTab(next.id.slice(4), false);
    });
  });
});
document.querySelectorAll("a.hit").forEach((link) =>
  link.addEventListener("click", (e) => { e.preventDefault(); openTab(link.dataset.tab, true); }));
document.querySelectorAll(".grid-table").forEach(buildTable);

// The contents follow the reader.
const links = new Map([...document.querySelectorAll(".toc a")].map((a) => [a.getAttribute("href").slice(1), a]));
function mark() {
  let here = null;
  for (const part of document.querySelectorAll("main > section")) {
    if (part.getBoundingClientRect().top < 140) here = part.id;
  }
  if (scrollY > 0 && innerHeight + scrollY >= document.body.scrollHeight - 4) here = [...links.keys()].pop();
  for (const [id, link] of links) {
    const mine = id === (here || "summary");
    if (mine && !link.classList.contains("here") && matchMedia("(max-width: 980px)").matches) {
      const strip = link.closest("nav");
      strip.scrollLeft = link.offsetLeft - strip.clientWidth / 3;
    }
    link.classList.toggle("here", mine);
    if (mine) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
  }
}
let waiting = false;
addEventListener("scroll", () => {
  if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; mark(); }); }
}, { passive: true });
mark();
