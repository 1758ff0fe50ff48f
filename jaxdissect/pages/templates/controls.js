  // What the pointer and the keys do.

  function describe(bar) {
    if (!readout) return;
    const chosen = concept && `The units below detect ${concept.label}; `;
    readout.textContent = bar
      ? bar.querySelector("title").textContent
      : chosen
        ? `${chosen}choose its bar again to see all.`
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
  for (const control of byId("controls").querySelectorAll("input, select")) {
    control.addEventListener("input", change);
  }

  // The Tab key reaches one card, the arrow keys the others.
  function rove(unit) {
    if (stop) stop.link.tabIndex = -1;
    if (unit) unit.link.tabIndex = 0;
    stop = unit;
  }

  const unitAt = (node) => units.find(({ card }) => card.contains(node));

  cards.addEventListener("focusin", ({ target }) => rove(unitAt(target)));
  cards.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const shown = listed();
    const at = shown.indexOf(unitAt(event.target));
    const columns = getComputedStyle(cards).gridTemplateColumns.split(" ").length;
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    const ends = { Home: 0, End: shown.length - 1 };
    const next = shown[event.key in moves ? at + moves[event.key] : ends[event.key]];
    if (!next) return;
    event.preventDefault();
    next.link.focus();
  });
  cards.addEventListener("click", (event) => {
    const unit = unitAt(event.target);
    const elsewhere = event.ctrlKey || event.metaKey || event.shiftKey;
    if (!unit || elsewhere || String(getSelection())) return;
    event.preventDefault();
    detail.show(unit);
  });
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== "ArrowDown") return;
    event.preventDefault();
    listed()[0]?.link.focus();
  });
  {% if classes %}
  for (const link of document.querySelectorAll("#classes a")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      open(units.find((unit) => `#${unit.card.id}` === link.hash));
    });
  }
  {% endif %}
  addEventListener("hashchange", () => {
    if (location.hash.startsWith("#unit-")) recall();
  });
  // By then all pictures are there.
  addEventListener("DOMContentLoaded", () => detail.unit() && detail.show(detail.unit()));
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("controls").hidden = false;
  for (const { link } of units) link.tabIndex = -1;
  recall();
