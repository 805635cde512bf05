"""Looking at the machine costs next to nothing to import."""

import subprocess
import sys

HEAVY = (
    "asyncio",
    "ctypes",
    "multiprocessing",
    "numpy",
    "pathlib",
    "psutil",
    "pydantic",
    "statistics",
    "subprocess",
    "tempfile",
)


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "import jobflows.chunking.system_info, jobflows.chunking.cost_model\n"
        f"print(sorted({set(HEAVY)!r} & (set(sys.modules) - before)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"
