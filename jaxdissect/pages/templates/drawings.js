  // Tables and plots of one unit, made from the page's data.

  const byId = (id) => document.getElementById(id);
  const has = (value) => value !== null && value !== undefined;
  const three = (value) => (has(value) ? value.toFixed(3) : "");
  const share = (part, whole) => `${((100 * part) / (whole || 1)).toFixed(2)}%`;
  const smallest = (q) => (q < 0.001 ? "< 0.001" : three(q));
  const byChance = (match) => has(match.q) && match.q > {{ max_q }};
  const colours = {{ colour | tojson }};
  const colourOf = (category) => `k${colours[category] ?? ""}`;

  function filled(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
  }

  const make = (name, attributes = {}, ...children) =>
    filled(document.createElement(name), attributes, children);

  function draw(name, attributes, ...children) {
    const { namespaceURI } = byId("activity");
    return filled(document.createElementNS(namespaceURI, name), attributes, children);
  }

  // A bar of IoU with its interval and what chance would give.
  function track({ iou, chance, low, high }, full) {
    const bar = make("div", { class: "track", "aria-hidden": "true" });
    bar.append(make("i", { style: `width:${share(iou, full)}` }));
    if (has(chance)) bar.append(make("s", { style: `left:${share(chance, full)}` }));
    if (has(low)) {
      const extent = `left:${share(low, full)};width:${share(high - low, full)}`;
      bar.append(make("u", { style: extent }));
    }
    return bar;
  }

  // The best concepts of a unit, their bars on one scale.
  function rankingTable({ ranking, low, high }) {
    const tested = ranking.some(({ chance, q }) => has(chance) || has(q));
    const all = ranking.flatMap(({ iou, chance }) => [iou, chance ?? 0]);
    const full = Math.max(high ?? 0, ...all);
    const names = ["concept", "IoU", "", ...(tested ? ["chance", "q"] : [])];
    const rows = ranking.map((match, i) => {
      const [dot, category] = [make("i", { class: "dot" }), make("small", {}, match.category)];
      const bar = track(i === 0 ? { ...match, low, high } : match, full);
      const numbers = tested ? [three(match.chance), smallest(match.q)] : [];
      return make(
        "tr",
        { class: colourOf(match.category) + (byChance(match) ? " chancy" : "") },
        make("th", { scope: "row" }, dot, match.label, " ", category),
        make("td", { class: "number" }, three(match.iou)),
        make("td", { class: "bars" }, bar),
        ...numbers.map((text) => make("td", { class: "number" }, text)),
      );
    });
    const heads = names.map((name) => make("th", { scope: "col" }, name));
    const head = make("thead", {}, make("tr", {}, ...heads));
    return make("table", {}, head, make("tbody", {}, ...rows));
  }

  const PLOT = { left: 40, right: 432, top: 26, floor: 176 };
  const compact = new Intl.NumberFormat("en", { notation: "compact" });

  // Round numbers between two others, `most` of them or fewer.
  function roundNumbers(low, high, most) {
    if (!(high > low)) return [low];
    const power = 10 ** Math.floor(Math.log10((high - low) / most));
    const step = [1, 2, 5, 10, 20].map((k) => k * power).find((k) => (high - low) / k < most);
    const first = Math.ceil(low / step);
    const count = Math.floor(high / step) - first + 1;
    return Array.from({ length: count }, (_, i) => +((first + i) * step).toPrecision(6));
  }

  function axes({ across, up, low, high, peak }) {
    const { left, right, floor } = PLOT;
    const nodes = [];
    for (let count = 1; count <= peak; count *= 10) {
      const [y, end] = [up(count), { "text-anchor": "end" }];
      nodes.push(draw("line", { class: "tick", x1: left, x2: right, y1: y, y2: y }));
      const at = { class: "tick", x: left - 6, y: y + 4, ...end };
      nodes.push(draw("text", at, compact.format(count)));
    }
    for (const value of roundNumbers(low, high, 6)) {
      const at = { class: "tick", x: across(value), y: floor + 16 };
      nodes.push(draw("text", { ...at, "text-anchor": "middle" }, `${value}`));
    }
    return nodes;
  }

  function mark(x, threshold) {
    const { left, right, top, floor } = PLOT;
    const [anchor, aside] = x > (left + right) / 2 ? ["end", -5] : ["start", 5];
    const line = { class: "threshold", x1: x, x2: x, y1: top - 22, y2: floor };
    const at = { x: x + aside, y: top - 12, "text-anchor": anchor };
    const text = `threshold ${+threshold.toPrecision(4)}`;
    return [draw("line", line), draw("text", at, text)];
  }

  // How often a unit takes which value, with counts on a log scale.
  function activityPlot({ edges, counts, threshold }) {
    const { left, right, top, floor } = PLOT;
    const [low, high, peak] = [edges[0], edges.at(-1), Math.max(1, ...counts)];
    const within = (value) => (value - low) / (high - low || 1);
    const across = (value) => left + (right - left) * Math.min(1, Math.max(0, within(value)));
    const up = (count) => floor - (floor - top) * (Math.log1p(count) / Math.log1p(peak));
    const cut = across(threshold);
    const bars = counts.flatMap((count, i) => {
      const [from, to, y] = [across(edges[i]), across(edges[i + 1]), up(count)];
      const middle = Math.min(Math.max(cut, from), to);
      return [["off", from, middle], ["on", middle, to]].map(([side, x, end]) =>
        draw("rect", { class: side, x, y, width: end - x, height: floor - y }),
      );
    });
    return [...axes({ across, up, low, high, peak }), ...bars, ...mark(cut, threshold)];
  }

