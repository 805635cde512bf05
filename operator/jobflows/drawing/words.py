"""How times and counts are put into few words, for terminals and pictures."""

from jobflows.engine.tasks import Tasks


def tasks_words(tasks: Tasks) -> str:
    """How the tasks of an array stand: `6/10 tasks, 1 failed, 2 running`."""
    counts = {"failed": tasks.failed, "running": tasks.running, "skipped": tasks.skipped}
    more = "".join(f", {len(members)} {what}" for what, members in counts.items() if members)
    return f"{len(tasks.succeeded)}/{tasks.total} tasks{more}"
