"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const named = (side) => (side ? `unit ${side[0]} ${side[1] || "no label"} ${side[2]}` : "");
  const pairs = JSON.parse(byId("page-data").textContent).map((pair, number) => ({
    ...pair,
    number,
    card: byId(`pair-${number}`),
    iou: Math.max(pair.a?.[3] ?? 0, pair.b?.[3] ?? 0),
    unit: (pair.a ?? pair.b)[0],
    text: `${named(pair.a)} | ${named(pair.b)}`.toLowerCase(),
  }));
  const CHANGED = {{ changed | tojson }};
  const chips = [...document.querySelectorAll(".chip[data-status]")];
  const concepts = [...document.querySelectorAll(".concept")];
  const [search, sort, changed] = ["search", "sort", "changed"].map(byId);
  let concept = null; // [label, category] of the chosen concept

  // Units without a counterpart come last.
  const isAlone = (pair) => !(pair.a && pair.b);
  const falling = (value) => (a, b) =>
    isAlone(a) - isAlone(b) || value(b) - value(a) || b.iou - a.iou || a.number - b.number;
  const orders = {
    iou: falling((pair) => pair.iou),
    change: falling((pair) => Math.abs(pair.change)),
    similarity: falling((pair) => pair.similarity),
    unit: (a, b) => !a.a - !b.a || a.unit - b.unit,
  };

  const key = (parts) => JSON.stringify(parts);
  const keyOf = ({ dataset }) => key([dataset.label, dataset.category]);
  const isPressed = (node) => node.getAttribute("aria-pressed") === "true";
  const press = (node, on) => node.setAttribute("aria-pressed", String(on));

  function update() {
    const words = search.value.toLowerCase().trim();
    const chosen = chips.filter(isPressed).map((chip) => chip.dataset.status);
    const isShown = (pair) =>
      pair.text.includes(words) &&
      (!changed.checked || CHANGED.includes(pair.status)) &&
      (!chosen.length || chosen.includes(pair.status)) &&
      (!concept || pair.detects.some((found) => key(found) === key(concept)));
    pairs.sort(orders[sort.value]);
    let shown = 0;
    for (const pair of pairs) {
      pair.card.hidden = !isShown(pair);
      shown += !pair.card.hidden;
    }
    byId("pairs").append(...pairs.map((pair) => pair.card));
    byId("count").textContent = `${shown} of ${pairs.length}`;
    byId("nothing").hidden = shown > 0;
    byId("concept").hidden = !concept;
    byId("concept").textContent = concept ? `detectors of ${concept[0]} ×` : "";
    for (const button of concepts) press(button, concept && keyOf(button) === key(concept));
  }

  // The view is kept in the address, so that a link leads to the same units.
  function remember() {
    const state = new URLSearchParams();
    if (search.value) state.set("find", search.value);
    if (sort.value !== "iou") state.set("sort", sort.value);
    if (changed.checked) state.set("changed", "only");
    for (const chip of chips.filter(isPressed)) state.append("status", chip.dataset.status);
    if (concept) state.set("concept", key(concept));
    history.replaceState(null, "", `#${state}`);
  }

  function recall() {
    const state = new URLSearchParams(location.hash.slice(1));
    search.value = state.get("find") ?? "";
    sort.value = state.get("sort") in orders ? state.get("sort") : "iou";
    changed.checked = state.has("changed");
    const chosen = state.getAll("status");
    for (const chip of chips) press(chip, chosen.includes(chip.dataset.status));
    const button = concepts.find((node) => keyOf(node) === state.get("concept"));
    concept = button ? JSON.parse(keyOf(button)) : null;
  }

  function change() {
    update();
    remember();
  }

  function clear() {
    search.value = "";
    changed.checked = false;
    concept = null;
    for (const chip of chips) press(chip, false);
  }

  for (const button of concepts) {
    button.addEventListener("click", () => {
      const again = concept && keyOf(button) === key(concept);
      clear();
      concept = again ? null : JSON.parse(keyOf(button));
      change();
      if (concept) byId("units").scrollIntoView();
    });
  }
  for (const chip of chips) {
    chip.addEventListener("click", () => {
      press(chip, !isPressed(chip));
      change();
    });
  }
  for (const button of document.querySelectorAll("[data-clear]")) {
    button.addEventListener("click", () => {
      clear();
      change();
    });
  }
  for (const control of [search, sort, changed]) control.addEventListener("input", change);
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("controls").hidden = false;
  byId("hint").hidden = false;
  recall();
  update();
})();
