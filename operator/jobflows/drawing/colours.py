"""Fill, line and text of a box by its phase; the phase stands in it as a word, too."""

from jobflows.engine import StepPhase

COLOURS: dict[StepPhase | None, tuple[str, str]] = {
    StepPhase.SUCCEEDED: ("#dcf1e1", "#2e7d4f"),
    StepPhase.FAILED: ("#fbdcda", "#b3261e"),
    StepPhase.RUNNING: ("#d9e9fb", "#1f6fb2"),
    StepPhase.PENDING_APPROVAL: ("#fdf0c8", "#8a6100"),
    StepPhase.SKIPPED: ("#ececec", "#767676"),
    StepPhase.PENDING: ("#ffffff", "#6b7480"),
    None: ("#ffffff", "#6b7480"),
}
CRITICAL = "#c2410c"
LINE = "#9aa4af"
