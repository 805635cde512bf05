"""Flows that are refused: a document, the path of its problem, words of its message and cure."""

from unit.api.refused.arrays import ARRAYS
from unit.api.refused.base import Case
from unit.api.refused.conditions import CONDITIONS
from unit.api.refused.endings import ENDINGS
from unit.api.refused.growth import GROWTH
from unit.api.refused.locks import LOCKS
from unit.api.refused.maps import MAPS
from unit.api.refused.names import GRAPH, NAMES
from unit.api.refused.parameters import PARAMETERS
from unit.api.refused.policies import RESOURCES, RETRIES
from unit.api.refused.sharing import SHARING
from unit.api.refused.structure import STRUCTURE
from unit.api.refused.templates import TEMPLATES

__all__ = ["REFUSED", "Case"]

REFUSED = [
    *STRUCTURE,
    *NAMES,
    *GRAPH,
    *TEMPLATES,
    *RESOURCES,
    *RETRIES,
    *LOCKS,
    *ENDINGS,
    *GROWTH,
    *CONDITIONS,
    *PARAMETERS,
    *SHARING,
    *ARRAYS,
    *MAPS,
]
