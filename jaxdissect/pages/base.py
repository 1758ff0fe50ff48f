"""What all HTML pages share: how their templates are found, escaped and checked."""

from collections.abc import Callable
from typing import Any

import jinja2
import markupsafe

from jaxdissect.errors import escaped


def environment(
    package: str = "jaxdissect.pages", **filters: Callable[..., Any]
) -> jinja2.Environment:
    """Where pages come from: templates that escape whatever they are given.

    Control characters, and those that turn the order of letters, are escaped, too.
    A name that a template was not given is an error, and so is a number in a page's
    data that is not finite, which would make it unreadable.

    Args:
        package: whose `templates` there are beside those that all share.
        **filters: functions that templates may use, by name.

    >>> page = environment(twice=lambda text: 2 * text)
    >>> page.from_string("{{ '<' | twice }}").render()
    '&lt;&lt;'
    """
    packages = dict.fromkeys((package, "jaxdissect.pages"))
    made = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader(name, "templates") for name in packages]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= filters
    made.policies["json.dumps_kwargs"] = {"allow_nan": False}
    return made


def _harmless(value: Any) -> Any:
    """What is put into a page; markup was made here."""
    made_here = isinstance(value, markupsafe.Markup) or not isinstance(value, str)
    return value if made_here else escaped(value, kept="\n\t")
