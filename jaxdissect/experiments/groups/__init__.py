"""Block norms and losses of receptive fields: how interpretable units become."""

from jaxdissect.experiments.groups.settings import GroupsSettings as Settings

__all__ = ["Settings"]
