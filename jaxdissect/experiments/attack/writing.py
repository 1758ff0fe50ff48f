"""What attacks leave: tables, figures, a page."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path

from jaxdissect.experiments.attack import figures as attack_figures
from jaxdissect.experiments.attack import findings as attack_findings
from jaxdissect.experiments.attack import page as attack_report
from jaxdissect.experiments.attack import tables as attack_tables
from jaxdissect.experiments.attack.figures import Bar
from jaxdissect.experiments.attack.findings import MEASURES, Findings
from jaxdissect.experiments.attack.pictures import Drawn
from jaxdissect.experiments.attack.results import ALL
from jaxdissect.experiments.attack.settings import AttackSettings
from jaxdissect.pages import tables
from jaxdissect.plots import figures
from jaxdissect.runs import outputs

NUM_MOVED = 4
"""Units listed that rise most, and as many that fall most."""


def write(
    folder: Path,
    config: AttackSettings,
    found: Findings,
    drawn: Sequence[Drawn],
    facts: Mapping[str, str],
) -> list[str]:
    """Tables, figures and the page; gives the findings in words."""
    for name, table in {
        "attacks": attack_tables.attacks_table(found),
        "roles": attack_tables.roles_table(found),
        "units": attack_tables.units_table(found),
        "steps": attack_tables.steps_table(found),
    }.items():
        tables.write_csv(folder / f"{name}.csv", *table)
    said = attack_findings.sentences(found)
    summary = {**attack_tables.summary(found), "findings": said, "facts": facts}
    outputs.write_json(folder / "summary.json", summary)
    save_figures(folder, config, found, drawn)
    page = attack_report.render(
        f"What an attack does to {config.layer}",
        facts,
        said,
        sections_of(folder, found),
        aims_of(found),
        [each.shown() for each in drawn],
    )
    (folder / "report.html").write_text(page, encoding="utf-8")
    return said


def save_figures(
    folder: Path,
    config: AttackSettings,
    found: Findings,
    drawn: Sequence[Drawn],
) -> None:
    """roles.png, units.png and pictures.png, where there is something to draw."""
    panels = [_role_panel(measure, found) for measure in MEASURES]
    if panels[0][1]:
        figures.save(attack_figures.role_figure(panels), folder / "roles.png")
    if units := _unit_panels(found):
        figures.save(attack_figures.unit_figure(units), folder / "units.png")
    rows = [each.row() for each in drawn]
    most = max(map(len, rows), default=0)
    rows = [row for row in rows if len(row) == most]
    if rows:
        title = f"Images attacked, and the units of {config.layer} that move most"
        figure = attack_figures.picture_figure(rows, title)
        figures.save(figure, folder / "pictures.png")


def _role_panel(
    measure: str, found: Findings
) -> tuple[str, list[str], list[dict[str, Bar]]]:
    by_target: dict[int, dict[str, Bar]] = {}
    for effect in found.measured[measure].role_effects:
        bar = Bar(effect.mean, effect.low, effect.high)
        by_target.setdefault(effect.target, {})[effect.role] = bar
    names = [
        "all targets" if target == ALL else f"to {found.name(target)}"
        for target in by_target
    ]
    label = f"mean |change| of peaks\n({measure})"
    return label, names, list(by_target.values())


def _unit_panels(found: Findings) -> list[tuple[str, list[tuple[str, Bar]]]]:
    panels = []
    for target, effects in found.measured[MEASURES[1]].unit_effects.items():
        if target == ALL:
            continue
        risen, fallen = attack_findings.moved_most(found.cards, effects.mean, NUM_MOVED)
        ends = effects.interval
        bars = []
        for unit in [*risen, *reversed(fallen)]:
            low, high = (values[unit.unit].item() for values in ends)
            bars.append((f"{unit.name} {unit.unit}", Bar(unit.change, low, high)))
        panels.append((f"to {found.name(target)}", bars))
    return panels


def aims_of(found: Findings) -> list[attack_report.Aim]:
    """Which units move most, class by class."""
    aims = []
    for target, effects in found.measured[MEASURES[1]].unit_effects.items():
        if target == ALL:
            continue
        ends = (effects.interval.low, effects.interval.high)
        moved = attack_findings.moved_most(found.cards, effects.mean, NUM_MOVED, ends)
        matter = ", ".join(
            f"{attack_findings.name_of(found.cards[unit])} {unit}"
            for unit in found.important[target].tolist()
        )
        said = f"Units that matter most to it: {matter}."
        aims.append(attack_report.Aim(found.name(target), said, *moved))
    return aims


def sections_of(folder: Path, found: Findings) -> list[attack_report.Section]:
    """Tables and figures of the page."""
    short = [attack_tables.short_roles_table(found, measure) for measure in MEASURES]
    return [
        attack_report.Section(
            "Which units move",
            [
                "Absolute change of the units' peaks as they are, as in the paper. "
                "Units whose values are large move by more."
            ],
            short[0],
            _png(folder / "roles.png"),
            "Mean absolute change of the peaks of units, by role and target",
        ),
        attack_report.Section(
            "The same as shares of the units' scales",
            ["Units are alike here."],
            short[1],
        ),
        attack_report.Section(
            "How small the attacks are",
            [
                "L2 norm of the whole change, and the largest change of a pixel's "
                "channel, with colours in [0, 1]; of attacks that succeed."
            ],
            attack_tables.strength_table(found),
        ),
        attack_report.Section(
            "Single steps for comparison",
            [
                "The same images after one step along the sign of a gradient: towards "
                "the target, or away from the source (FGSM)."
            ],
            attack_tables.steps_table(found),
        ),
    ]


def _png(path: Path) -> str:
    if not path.exists():
        return ""
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
