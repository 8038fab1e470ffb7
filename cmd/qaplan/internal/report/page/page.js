"use strict";
// The charts and the tables of the report. Plot is in scope from the script
// before this one; the numbers are in the element with the id "data".
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const number = new Intl.NumberFormat("en");
  // compact writes the numbers of an axis up to a top, with the units of the rest
  // of the page.
  const compact = (top) => {
    const [unit, name] = top >= 1e9 ? [1e9, " G"] : top >= 1e6 ? [1e6, " M"] : top >= 1e4 ? [1e3, " k"] : [1, ""];
    return (n) => (n ? number.format(n / unit) + name : "0");
  };
  const two = (n) => String(n).padStart(2, "0");
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const money = (usd) => (usd > 0 && usd < 0.01 ? "<$0.01" : "$" + usd.toFixed(2));

  // length gives seconds in their two largest units, as the command line does.
  const length = (s) => {
    if (s < 60) return s + "s";
    if (s < 3600) return Math.floor(s / 60) + "m" + two(s % 60) + "s";
    if (s < 86400) return Math.floor(s / 3600) + "h" + two(Math.floor((s % 3600) / 60)) + "m";
    return Math.floor(s / 86400) + "d" + Math.floor((s % 86400) / 3600) + "h";
  };
  const day = (d) => d.getUTCDate() + " " + months[d.getUTCMonth()];
  const clock = (d, seconds) => two(d.getUTCHours()) + ":" + two(d.getUTCMinutes()) + (seconds ? ":" + two(d.getUTCSeconds()) : "");

  // axis writes times of an axis as long as is needed to tell them apart.
  const axis = (times) => {
    const span = times[times.length - 1] - times[0];
    return (d) => {
      if (span > 4 * 864e5 || (span > 36e5 && d.getUTCHours() + d.getUTCMinutes() === 0)) return day(d);
      return clock(d, span < 10 * 6e4);
    };
  };
  const moment = (d, seconds) => day(d) + " " + clock(d, seconds) + " UTC";

  // ticks of a count are whole numbers.
  const counts = (top, label) => ({
    label, grid: true, nice: true, domain: [0, Math.max(top, 1)], tickFormat: compact(top),
    ...(top < 5 ? { interval: 1 } : { ticks: 5 }),
  });

  const draw = {
    phases(width) {
      const t = data.timeline.times.map((s) => new Date(s));
      const order = ["done", "succeeded", "submitted", "unknown", "uploaded", "absent", "held", "failed"].filter((p) => data.timeline.phases[p]);
      // The newest counts need some room, or the last step is not seen.
      const end = new Date(+t[t.length - 1] + (t[t.length - 1] - t[0]) / 100);
      const tidy = order.flatMap((phase) => [...t, end].map((at, i) => ({ at, phase, n: data.timeline.phases[phase][Math.min(i, t.length - 1)] })));
      const short = t[t.length - 1] - t[0] < 36e5;
      const words = t.map((at, i) => ({
        at, total: order.reduce((sum, p) => sum + data.timeline.phases[p][i], 0) / 2,
        text: [moment(at, short), ...order.filter((p) => data.timeline.phases[p][i]).reverse().map((p) => number.format(data.timeline.phases[p][i]) + " " + p)].join("\n"),
      }));
      return {
        height: width < 500 ? 230 : 300,
        x: { type: "utc", label: null, tickFormat: axis(t), ticks: Math.max(2, Math.floor(width / 110)) },
        y: counts(data.batches, "batches"),
        color: { domain: order, range: order.map((p) => `var(--${p})`) },
        marks: [
          Plot.areaY(tidy, { x: "at", y: "n", fill: "phase", order, curve: "step-after" }),
          Plot.ruleY([0], { stroke: "var(--strong)" }),
          Plot.ruleX(words, Plot.pointerX({ x: "at", stroke: "var(--text)", strokeOpacity: 0.5 })),
          Plot.tip(words, Plot.pointerX({ x: "at", y: "total", title: "text", fill: "var(--card)", stroke: "var(--strong)", anchor: "left" })),
        ],
      };
    },
    jobs(width) { return level(width, "jobs", "jobs", data.work.limit_jobs); },
    tokens(width) { return level(width, "tokens", "input tokens", data.work.limit_tokens); },
    rows(width) {
      const every = data.throughput.every_seconds * 1000;
      const bars = data.throughput.stretches.map((s) => ({ from: new Date(s.from), to: new Date(Date.parse(s.from) + every), rows: s.rows, jobs: s.ended }));
      const t = [bars[0].from, bars[bars.length - 1].to];
      return {
        height: width < 500 ? 190 : 220,
        x: { type: "utc", label: null, domain: t, tickFormat: axis(t), ticks: Math.max(2, Math.min(bars.length, Math.floor(width / 110))) },
        y: counts(Math.max(...bars.map((b) => b.rows)), "rows answered"),
        marks: [
          Plot.rectY(bars, {
            x1: "from", x2: "to", y: "rows", fill: "var(--bar)", insetLeft: 0.5, insetRight: 0.5,
            title: (b) => `${moment(b.from, every < 6e4)}\n${number.format(b.rows)} rows answered\n${number.format(b.jobs)} jobs ended`,
            tip: { fill: "var(--card)", stroke: "var(--strong)" },
          }),
          Plot.ruleY([0], { stroke: "var(--strong)" }),
        ],
      };
    },
    days(width) {
      const kinds = ["input", "output", "thoughts"].filter((k) => data.days.some((d) => d.tokens[k] > 0));
      const tidy = kinds.flatMap((kind) => data.days.map((d) => ({ date: d.date, kind, n: d.tokens[kind] })));
      return {
        height: width < 500 ? 190 : 220, marginLeft: 48,
        x: { label: null, type: "band", tickFormat: dates(data.days.length, width) },
        y: counts(Math.max(...data.days.map((d) => d.tokens.input + d.tokens.output + d.tokens.thoughts)), "tokens"),
        color: { domain: kinds, range: kinds.map((k) => ({ input: "var(--in)", output: "var(--out)", thoughts: "var(--thoughts)" })[k]) },
        marks: [
          Plot.barY(tidy, { x: "date", y: "n", fill: "kind", order: kinds, title: (d) => `${d.date}\n${number.format(d.n)} ${d.kind} tokens`, tip: { fill: "var(--card)", stroke: "var(--strong)" } }),
          Plot.ruleY([0], { stroke: "var(--strong)" }),
        ],
      };
    },
    cost(width) {
      const top = Math.max(...data.days.map((d) => d.cost_usd));
      return {
        height: width < 500 ? 190 : 220, marginLeft: 48,
        x: { label: null, type: "band", tickFormat: dates(data.days.length, width) },
        y: { label: "US dollars", grid: true, nice: true, ticks: 5, tickFormat: (n) => "$" + (top < 10 ? n.toFixed(2) : number.format(n)), domain: [0, top || 1] },
        marks: [
          Plot.barY(data.days, { x: "date", y: "cost_usd", fill: "var(--bar)", title: (d) => `${d.date}\n${money(d.cost_usd)}`, tip: { fill: "var(--card)", stroke: "var(--strong)" } }),
          Plot.ruleY([0], { stroke: "var(--strong)" }),
        ],
      };
    },
    durations(width) {
      const top = data.durations.longest_seconds;
      const [unit, name] = top < 180 ? [1, "seconds"] : top < 3 * 3600 ? [60, "minutes"] : [3600, "hours"];
      const bars = data.durations.bins.map((b) => ({ from: b.from_seconds / unit, to: b.to_seconds / unit, jobs: b.jobs }));
      return {
        height: width < 500 ? 190 : 220,
        marginBottom: 44,
        x: { label: name + " from create to end", labelAnchor: "center", labelArrow: "none", ticks: Math.max(3, Math.floor(width / 80)), domain: [bars[0].from, bars[bars.length - 1].to] },
        y: counts(Math.max(...bars.map((b) => b.jobs)), "jobs"),
        marks: [
          Plot.rectY(bars, {
            x1: "from", x2: "to", y: "jobs", fill: "var(--bar)", insetLeft: 0.5, insetRight: 0.5,
            title: (b) => `${b.from} to ${b.to} ${name}\n${number.format(b.jobs)} jobs`, tip: { fill: "var(--card)", stroke: "var(--strong)" },
          }),
          Plot.ruleY([0], { stroke: "var(--strong)" }),
        ],
      };
    },
  };

  // dates leaves some labels of many days out.
  function dates(n, width) {
    const room = Math.max(1, Math.floor(width / 60));
    const step = Math.ceil(n / room);
    return (s, i) => (i % step ? "" : day(new Date(s + "T00:00:00Z")));
  }

  // level draws what was at work of each model, and the limits.
  function level(width, what, label, limits) {
    const t = data.work.times.map((s) => new Date(s));
    const short = t[t.length - 1] - t[0] < 36e5;
    const lines = data.work.models.map((m, k) => ({ name: m.model, color: `var(--${["submitted", "out", "done", "held"][k % 4]})`, points: m[what] }));
    // The limit on jobs is on those of all models together.
    if (what === "jobs" && lines.length > 1) lines.unshift({ name: "all models", color: "var(--text)", points: data.work.jobs });
    const top = Math.max(1, ...lines.flatMap((l) => l.points));
    // A limit far above what was at work would flatten the lines: the sentence
    // above the chart tells of it then.
    const near = (limits || []).filter((l) => l <= 3 * top);
    const words = t.map((at, i) => ({
      at, top: Math.max(...lines.map((l) => l.points[i])),
      text: [moment(at, short), ...lines.map((l) => number.format(l.points[i]) + " " + label + (lines.length > 1 ? ", " + l.name : ""))].join("\n"),
    }));
    const at = { x: (d, i) => t[i], y: (n) => n, curve: "step-before" };
    return {
      height: width < 500 ? 190 : 220,
      x: { type: "utc", label: null, tickFormat: axis(t), ticks: Math.max(2, Math.floor(width / 110)) },
      y: counts(Math.max(top, ...near), label),
      marks: [
        Plot.areaY(lines[0].points, { ...at, fill: lines[0].color, fillOpacity: 0.12 }),
        ...lines.map((l) => Plot.lineY(l.points, { ...at, stroke: l.color, strokeWidth: 1.75 })),
        Plot.ruleY(near, { stroke: "var(--limit)", strokeDasharray: "5 4", strokeWidth: 1.5 }),
        Plot.text(near, { x: () => t[t.length - 1], y: (l) => l, text: (l) => "limit " + compact(l)(l), textAnchor: "end", dy: -8, fill: "var(--limit)", stroke: "var(--card)", strokeWidth: 4 }),
        Plot.ruleY([0], { stroke: "var(--strong)" }),
        Plot.ruleX(words, Plot.pointerX({ x: "at", stroke: "var(--text)", strokeOpacity: 0.5 })),
        Plot.tip(words, Plot.pointerX({ x: "at", y: "top", title: "text", fill: "var(--card)", stroke: "var(--strong)" })),
      ],
    };
  }

  const render = (node) => {
    const width = Math.floor(node.clientWidth);
    if (!width || node.dataset.width === String(width)) return;
    node.dataset.width = width;
    const figure = node.closest("figure");
    const spec = draw[node.dataset.chart](width);
    const svg = Plot.plot({
      marginLeft: 44, marginRight: 14, marginTop: 24, ...spec, width, className: "plot",
      ariaLabel: figure.querySelector("h3").textContent, ariaDescription: figure.querySelector("figcaption p").textContent,
      style: { fontFamily: "inherit", fontSize: "12px", color: "var(--muted)", background: "none" },
    });
    svg.setAttribute("role", "img");
    svg.querySelectorAll("style").forEach((s) => s.remove()); // page.css has what it says; the page's policy forbids it
    node.replaceChildren(svg);
  };
  const charts = document.querySelectorAll("[data-chart]");
  const watch = new ResizeObserver((entries) => entries.forEach((e) => render(e.target)));
  charts.forEach((node) => { render(node); watch.observe(node); });

  // A table with a filter, sorted columns and pages. Rows come as lists of
  // values; columns say which they show.
  const pageSize = 25;
  const text = (name, value, cls) => { const e = document.createElement(name); e.textContent = value; if (cls) e.className = cls; return e; };
  const swatch = (cls) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "dot"); svg.setAttribute("aria-hidden", "true");
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    rect.setAttribute("class", cls); rect.setAttribute("width", 11); rect.setAttribute("height", 11);
    svg.append(rect);
    return svg;
  };
  const plain = (v) => document.createTextNode(v);
  const amount = (v) => plain(v ? number.format(v) : "");
  const shown = {
    text: plain, number: amount,
    money: (v) => plain(v ? money(v) : ""), length: (v) => plain(v ? length(v) : ""),
    time: (v) => plain(v ? v.slice(0, 16).replace("T", " ") : ""),
    phase: (v) => { const f = document.createDocumentFragment(); f.append(swatch(v), v); return f; },
    mono: (v) => text("span", v, "mono"),
    long: (v) => { const d = document.createElement("details"); d.append(text("summary", "show"), text("pre", v)); return v ? d : plain(""); },
  };
  const collate = new Intl.Collator("en", { numeric: true });

  for (const root of document.querySelectorAll("[data-table]")) {
    const { columns, rows } = data.tables[root.dataset.table];
    const body = root.querySelector("tbody"), heads = [...root.querySelectorAll("thead th")];
    const search = root.querySelector("input"), picks = [...root.querySelectorAll("select")];
    const [back, forth] = root.querySelectorAll(".pager button"), where = root.querySelector(".pager p");
    const haystack = rows.map((r) => r.filter((v, k) => typeof v === "string" && columns[k].kind !== "long").join(" ").toLowerCase());
    let order = rows.map((_, i) => i), page = 0, sorted = null;

    const matching = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      return order.filter((i) => words.every((w) => haystack[i].includes(w)) && picks.every((s) => !s.value || String(rows[i][s.dataset.column]) === s.value));
    };
    const show = () => {
      const found = matching(), pages = Math.max(1, Math.ceil(found.length / pageSize));
      page = Math.min(page, pages - 1);
      const from = page * pageSize, list = found.slice(from, from + pageSize);
      body.replaceChildren(...list.map((i) => {
        const tr = document.createElement("tr");
        columns.forEach((c, k) => {
          const cell = document.createElement(k ? "td" : "th");
          if (!k) cell.scope = "row";
          if (c.class) cell.className = c.class;
          cell.append(shown[c.kind](rows[i][k]));
          tr.append(cell);
        });
        return tr;
      }));
      where.textContent = found.length ? `${number.format(from + 1)} to ${number.format(from + list.length)} of ${number.format(found.length)}` + (found.length < rows.length ? `, filtered from ${number.format(rows.length)}` : "") : "Nothing matches.";
      back.disabled = page === 0; forth.disabled = page >= pages - 1;
    };
    const sort = (k) => {
      const down = sorted && sorted.k === k ? !sorted.down : columns[k].first === "down";
      sorted = { k, down };
      const sign = down ? -1 : 1;
      const value = (i) => rows[i][k];
      order = rows.map((_, i) => i).sort((a, b) => {
        const x = value(a), y = value(b);
        const empty = (x === "" || x === 0) - (y === "" || y === 0);
        return empty || sign * (typeof x === "number" ? x - y : collate.compare(x, y)) || a - b;
      });
      heads.forEach((h, j) => { if (j === k) h.setAttribute("aria-sort", down ? "descending" : "ascending"); else h.removeAttribute("aria-sort"); });
      page = 0; show();
    };
    heads.forEach((h, k) => {
      const b = text("button", h.textContent); b.type = "button";
      b.addEventListener("click", () => sort(k));
      h.replaceChildren(b);
    });
    const again = () => { page = 0; show(); };
    search.addEventListener("input", again);
    picks.forEach((s) => s.addEventListener("change", again));
    back.addEventListener("click", () => { page--; show(); });
    forth.addEventListener("click", () => { page++; show(); });
    root.querySelectorAll("[hidden]").forEach((e) => { e.hidden = false; });
    show();
  }
})();
