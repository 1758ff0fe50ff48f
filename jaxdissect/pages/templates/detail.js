  // The dialog with everything about one unit.

  function unitDetail(listed, changed) {
    const dialog = byId("detail");
    const steps = [...dialog.querySelectorAll("[data-step]")];
    let current = null;

    function title({ unit, label, category }) {
      const number = make("span", { class: "unit" }, `unit ${unit}`);
      const kind = make("span", { class: "category" }, make("i", { class: "dot" }), category);
      return [number, " ", label || "no label", ...(category ? [" ", kind] : [])];
    }

    function verdict({ iou, low, high, is_detector, ranking: [best] }) {
      const said = [`IoU ${three(iou)}`];
      if (has(low)) said.push(`95 % interval ${three(low)}–${three(high)}`);
      if (has(best?.chance)) said.push(`by chance ${three(best.chance)}`);
      if (has(best?.q)) said.push(`q ${best.q < 0.001 ? "" : "= "}${smallest(best.q)}`);
      if (best && byChance(best)) said.push("not above chance");
      if (!is_detector) said.push("not a detector");
      return said.map((text) => make("span", {}, text));
    }

    // The strip shows one image per tile: all tiles hold it, each at another place.
    function tiles({ card }) {
      const strip = card.querySelector(".strip");
      const [, src] = getComputedStyle(strip).backgroundImage.match(/"(.*)"/) ?? [];
      return [...strip.children].map((item) => {
        const picture = make("img", { alt: item.title, ...(src ? { src } : {}) });
        picture.style.objectPosition = `${item.style.getPropertyValue("--at")} 0`;
        return make("li", {}, picture, item.textContent);
      });
    }

    function activity(unit) {
      const plot = byId("activity");
      const measured = unit.counts.length > 0;
      plot.toggleAttribute("hidden", !measured);
      plot.replaceChildren(...(measured ? activityPlot(unit) : []));
      const threshold = `threshold ${+unit.threshold.toPrecision(4)}`;
      plot.setAttribute("aria-label", `Histogram of activations, log counts, ${threshold}`);
      const mass = has(unit.tail_mass) && +(100 * unit.tail_mass).toPrecision(3);
      byId("tail-mass").textContent =
        mass === false
          ? `It is on above its ${threshold}.`
          : `This unit is on at ${mass} % of the positions: above its ${threshold}.`;
    }

    function fill(unit) {
      const { category } = unit;
      const list = listed();
      const at = list.indexOf(unit);
      dialog.className = colourOf(category);
      byId("detail-title").replaceChildren(...title(unit));
      byId("position").textContent = `${at + 1} of ${list.length}`;
      byId("verdict").replaceChildren(...verdict(unit));
      byId("tiles").replaceChildren(...tiles(unit));
      byId("ranking").replaceChildren(rankingTable(unit));
      {% if effects %}
      const does = unit.card.querySelector(".effects").cloneNode(true);
      byId("what-it-does").replaceChildren(does);
      {% endif %}
      activity(unit);
      for (const step of steps) {
        const end = !list[at + Number(step.dataset.step)];
        step.setAttribute("aria-disabled", String(end));
      }
    }

    function show(unit) {
      current = unit;
      fill(unit);
      if (!dialog.open) dialog.showModal();
      dialog.focus();
      dialog.scrollTop = 0;
      byId("tiles").scrollLeft = 0;
      changed();
    }

    function step(by) {
      const list = listed();
      const next = list[list.indexOf(current) + by];
      if (next) show(next);
    }

    for (const button of steps) {
      button.addEventListener("click", () => step(Number(button.dataset.step)));
    }
    byId("close").addEventListener("click", () => dialog.close());
    // The sheet fills the dialog, so a click on the dialog itself is one beside it.
    dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
    dialog.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      step(by);
    });
    dialog.addEventListener("close", () => {
      const { link } = current;
      current = null;
      changed();
      link.focus();
    });
    return { show, close: () => dialog.close(), unit: () => current };
  }

