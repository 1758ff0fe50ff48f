"""`dissect` with an `AttackConfig`: what an attack does to the units of a layer.

In reading order: `command`, `knowing` (which units matter, what they look for),
`attacking`, `findings`, `tables`, `pictures`, `pages`.
"""

from jaxdissect.cli.attack.command import run

__all__ = ["run"]
