"""Every chapter of the script, in the order in which it is played."""

from __future__ import annotations

from model.script import OBJECTS, Chapter
from model.script_controllers import CONTROLLERS
from model.script_jobs import FLOWS, OBJECTS_OF_JOBS
from model.script_watch import WATCHES

ALL: dict[str, Chapter] = OBJECTS | WATCHES | FLOWS | OBJECTS_OF_JOBS | CONTROLLERS
