"""`jobflow-recorder` and `python -m jobflows.recorder`: the recorder as a process."""

from __future__ import annotations


def main() -> None:
    """Read the flags, run, exit with 0 (stopped), 1 (failed) or 2 (usage)."""
    from jobflows.recorder.flags import app  # noqa: PLC0415 - nothing is imported to be imported

    app()


if __name__ == "__main__":
    main()
