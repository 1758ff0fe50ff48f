"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const page = JSON.parse(byId("page-data").textContent);
  const units = page.units.map((unit) => ({
    ...unit,
    card: byId(`unit-${unit.unit}`),
    text: `unit ${unit.unit} ${unit.label || "no label"} ${unit.category}`.toLowerCase(),
  }));
  const bars = [...document.querySelectorAll(".bar")];
  const chips = [...document.querySelectorAll(".chip[data-category]")];
  const search = byId("search");
  const sort = byId("sort");
  const detectors = byId("detectors");
  const readout = byId("readout");
  {% if effects %}
  const served = byId("served");
  {% endif %}
  let concept = null; // {label, category} of the chosen bar

  const rank = (unit) => page.categories.indexOf(unit.category) >>> 0; // none is last
  const byIou = (a, b) => b.iou - a.iou || a.unit - b.unit;
  const orders = {
    iou: byIou,
    unit: (a, b) => a.unit - b.unit,
    label: (a, b) =>
      !a.label - !b.label || a.label.localeCompare(b.label) || byIou(a, b),
    category: (a, b) => rank(a) - rank(b) || byIou(a, b),
    {% if effects %}
    drop: (a, b) => worst(b) - worst(a) || byIou(a, b),
    {% endif %}
  };
  {% if effects %}

  // The classes a unit serves: all of them, or the chosen one.
  const services = (unit) =>
    page.effects[unit.unit].services.filter(
      (service) => !served.value || service.class_name === served.value,
    );
  // Finite, so that units that serve no class are equal; they come last.
  const worst = (unit) =>
    Math.max(-Number.MAX_VALUE, ...services(unit).map((service) => service.nats));
  {% endif %}

  const same = (a, b) => a.label === b.label && a.category === b.category;
  const isPressed = (node) => node.getAttribute("aria-pressed") === "true";
  const press = (node, on) => node.setAttribute("aria-pressed", String(on));

  function update() {
    const words = search.value.toLowerCase().trim();
    const chosen = chips.filter(isPressed).map((chip) => chip.dataset.category);
    const isShown = (unit) =>
      unit.text.includes(words) &&
      (!chosen.length || chosen.includes(unit.category)) &&
      (unit.is_detector || !(detectors.checked || concept)) &&
      {% if effects %}
      (!served.value || services(unit).length > 0) &&
      {% endif %}
      (!concept || same(unit, concept));
    units.sort(orders[sort.value]);
    let shown = 0;
    for (const unit of units) {
      unit.card.hidden = !isShown(unit);
      shown += !unit.card.hidden;
    }
    byId("cards").append(...units.map((unit) => unit.card));
    byId("count").textContent = `${shown} of ${units.length} units`;
    byId("nothing").hidden = shown > 0;
    byId("concept").hidden = !concept;
    byId("concept").textContent = concept ? `detectors of ${concept.label} ×` : "";
    for (const bar of bars) press(bar, concept && same(bar.dataset, concept));
  }

  // The view is kept in the address, so that a link leads to the same cards.
  function remember() {
    const state = new URLSearchParams();
    if (search.value) state.set("find", search.value);
    if (sort.value !== "iou") state.set("sort", sort.value);
    if (detectors.checked) state.set("detectors", "only");
    {% if effects %}
    if (served.value) state.set("serves", served.value);
    {% endif %}
    for (const chip of chips.filter(isPressed)) {
      state.append("category", chip.dataset.category);
    }
    if (concept) state.set("concept", JSON.stringify([concept.label, concept.category]));
    history.replaceState(null, "", `#${state}`);
  }

  function recall() {
    const state = new URLSearchParams(location.hash.slice(1));
    search.value = state.get("find") ?? "";
    sort.value = state.get("sort") in orders ? state.get("sort") : "iou";
    detectors.checked = state.has("detectors");
    {% if effects %}
    served.value = state.get("serves") ?? "";
    if (served.selectedIndex < 0) served.value = "";
    {% endif %}
    const chosen = state.getAll("category");
    for (const chip of chips) press(chip, chosen.includes(chip.dataset.category));
    const wanted = state.get("concept");
    const bar = bars.find(
      ({ dataset }) => JSON.stringify([dataset.label, dataset.category]) === wanted,
    );
    concept = bar ? { ...bar.dataset } : null;
  }

  function change() {
    update();
    remember();
  }

  function clear() {
    search.value = "";
    detectors.checked = false;
    {% if effects %}
    served.value = "";
    {% endif %}
    concept = null;
    for (const chip of chips) press(chip, false);
  }

  function choose(bar) {
    const again = concept && same(bar.dataset, concept);
    clear();
    concept = again ? null : { ...bar.dataset };
    change();
  }

  function describe(bar) {
    readout.textContent = bar
      ? bar.querySelector("title").textContent
      : readout.dataset.hint;
  }

  for (const bar of bars) {
    bar.addEventListener("click", () => choose(bar));
    bar.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      choose(bar);
    });
    for (const kind of ["mouseenter", "focus"]) {
      bar.addEventListener(kind, () => describe(bar));
    }
    for (const kind of ["mouseleave", "blur"]) {
      bar.addEventListener(kind, () => describe(null));
    }
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
  for (const control of [search, sort, detectors]) {
    control.addEventListener("input", change);
  }
  {% if effects %}
  served.addEventListener("input", change);
  {% endif %}
  {% if classes %}
  // A link leads to its unit whatever the filters hide.
  for (const link of document.querySelectorAll("#classes a")) {
    link.addEventListener("click", () => {
      if (!byId(link.hash.slice(1)).hidden) return;
      clear();
      update();
    });
  }
  {% endif %}
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("controls").hidden = false;
  if (readout) describe(null);
  recall();
  update();
})();
