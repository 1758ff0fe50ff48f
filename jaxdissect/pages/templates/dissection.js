  // The list of units: search, order, filters, and the address that keeps them.

  const page = JSON.parse(byId("page-data").textContent);
  const units = page.units.map((unit) => {
    const card = byId(`unit-${unit.unit}`);
    const text = `unit ${unit.unit} ${unit.label || "no label"} ${unit.category}`;
    return { ...unit, card, link: card.querySelector("h3 a"), text: text.toLowerCase() };
  });
  const cards = byId("cards");
  const bars = [...document.querySelectorAll(".bar")];
  const chips = [...document.querySelectorAll(".chip[data-category]")];
  const search = byId("search");
  const sort = byId("sort");
  const detectors = byId("detectors");
  const significant = byId("significant"); // where it was measured
  const readout = byId("readout");
  {% if effects %}
  const served = byId("served");
  {% endif %}
  let concept = null; // {label, category} of the chosen bar
  let order = ""; // in which the cards stand
  let stop = null; // the unit whose card the Tab key reaches

  const rank = (unit) => page.categories.indexOf(unit.category) >>> 0; // none is last
  const byIou = (a, b) => b.iou - a.iou || a.unit - b.unit;
  const q = ({ ranking: [best] }) => best?.q ?? Number.MAX_VALUE;
  const excess = ({ iou, ranking: [best] }) => iou - (best?.chance ?? 0);
  const isSignificant = ({ ranking: [best] }) => has(best?.q) && !byChance(best);
  const detects = (unit) => Number(unit.is_detector && isSignificant(unit));
  const firstOrder = "{{ first_order }}"; // in which the page comes
  const orders = {
    iou: byIou,
    unit: (a, b) => a.unit - b.unit,
    label: (a, b) =>
      !a.label - !b.label || a.label.localeCompare(b.label) || byIou(a, b),
    category: (a, b) => rank(a) - rank(b) || byIou(a, b),
    {% if tested %}
    chance: (a, b) => detects(b) - detects(a) || byIou(a, b),
    significance: (a, b) => q(a) - q(b) || excess(b) - excess(a) || byIou(a, b),
    {% endif %}
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
  const listed = () => units.filter((unit) => !unit.card.hidden);
  const detail = unitDetail(listed, remember);

  function arrange() {
    const wanted = [sort.value];
    {% if effects %}
    wanted.push(served.value);
    {% endif %}
    if (String(wanted) === order) return;
    order = String(wanted);
    units.sort(orders[sort.value]);
    cards.append(...units.map((unit) => unit.card));
  }

  function update() {
    const words = search.value.toLowerCase().trim();
    const chosen = chips.filter(isPressed).map((chip) => chip.dataset.category);
    const isShown = (unit) =>
      unit.text.includes(words) &&
      (!chosen.length || chosen.includes(unit.category)) &&
      (unit.is_detector || !(detectors.checked || concept)) &&
      (!significant?.checked || isSignificant(unit)) &&
      {% if effects %}
      (!served.value || services(unit).length > 0) &&
      {% endif %}
      (!concept || same(unit, concept));
    arrange();
    for (const unit of units) unit.card.hidden = !isShown(unit);
    const shown = listed();
    rove(shown[0]);
    byId("count").textContent = `${shown.length} of ${units.length} units`;
    byId("nothing").hidden = shown.length > 0;
    byId("concept").hidden = !concept;
    byId("concept").textContent = concept ? `detectors of ${concept.label} ×` : "";
    for (const bar of bars) press(bar, concept && same(bar.dataset, concept));
    describe(null);
  }

  // The view is kept in the address, so that a link leads to the same cards.
  function remember() {
    if (location.protocol === "about:") return; // a frame of a notebook has no address
    const state = new URLSearchParams();
    if (search.value) state.set("find", search.value);
    if (sort.value !== firstOrder) state.set("sort", sort.value);
    if (detectors.checked) state.set("detectors", "only");
    if (significant?.checked) state.set("significant", "only");
    {% if effects %}
    if (served.value) state.set("serves", served.value);
    {% endif %}
    for (const chip of chips.filter(isPressed)) {
      state.append("category", chip.dataset.category);
    }
    if (concept) state.set("concept", JSON.stringify([concept.label, concept.category]));
    const open = detail.unit() ? [`unit-${detail.unit().unit}`] : [];
    const parts = [...open, ...(String(state) ? [state] : [])];
    history.replaceState(null, "", `#${parts.join("&")}`);
  }

  function recall() {
    const state = new URLSearchParams(location.hash.slice(1));
    search.value = state.get("find") ?? "";
    sort.value = state.get("sort") in orders ? state.get("sort") : firstOrder;
    detectors.checked = state.has("detectors");
    if (significant) significant.checked = state.has("significant");
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
    update();
    const asked = units.find((unit) => state.has(`unit-${unit.unit}`));
    if (asked) open(asked);
  }

  function change() {
    update();
    remember();
  }

  function clear() {
    search.value = "";
    detectors.checked = false;
    if (significant) significant.checked = false;
    {% if effects %}
    served.value = "";
    {% endif %}
    concept = null;
    for (const chip of chips) press(chip, false);
  }

  // A unit is shown whatever the filters hide.
  function open(unit) {
    if (unit.card.hidden) {
      clear();
      update();
    }
    detail.show(unit);
  }

  function choose(bar) {
    const again = concept && same(bar.dataset, concept);
    clear();
    concept = again ? null : { ...bar.dataset };
    change();
  }

