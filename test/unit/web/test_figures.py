"""Pictures, as places and lengths."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from jobflows.web.figures.days import days
from jobflows.web.figures.gantt import LABELS, MOST, Span, gantt, short_time
from jobflows.web.figures.scale import Scale
from jobflows.web.figures.spread import Axis, Line, Point, histogram, scatter
from jobflows.web.figures.timeline import Buckets, timeline

PLAIN = Axis("value", Scale.marks, lambda v: f"{v:g}")


@given(
    st.floats(0, 1e12),
    st.floats(1e-3, 1e12),
    st.sampled_from([Scale.marks, Scale.time_marks, Scale.size_marks]),
)
@example(1e-6, 0.5, Scale.size_marks)  # a mark at 0 lay before the axis
def test_marks_are_few_and_within_the_axis(low: float, wide: float, kind: object) -> None:
    scale = Scale(low, low + wide, 0, 100)
    marks = kind(scale)  # type: ignore[operator]
    assert len(marks) <= 9
    assert all(low - 1e-6 * (low + wide) <= mark <= (low + wide) * (1 + 1e-6) for mark in marks)


def test_a_line_shows_how_long_a_step_waited() -> None:
    made = gantt([Span("a", "Succeeded", 0, 0, 50), Span("b", "Running", 50, 75, None)], now=100)
    assert made is not None
    first, second = made.rows
    assert first.wait == first.left == LABELS
    assert second.wait == first.left + first.width
    assert second.left > second.wait
    assert second.title == "b: Running, ran 25.0s, waited 25.0s"


def test_of_many_steps_the_critical_and_the_longest_are_shown() -> None:
    spans = [Span(f"s{i}", "Succeeded", 0, 0, float(i + 1)) for i in range(500)]
    spans.append(Span("short", "Succeeded", 0, 0, 0.1, critical=True))
    made = gantt(spans, now=1000)
    assert made is not None
    shown = {row.span.name for row in made.rows}
    assert len(shown) == MOST
    assert {"short", "s499"} <= shown
    assert made.hidden == 501 - MOST


def test_tasks_that_overlap_are_counted_at_once() -> None:
    made = timeline(Buckets(0.0, 1.0, 4, {0: 2, 1: 3}, {1: 1, 3: 4}, {3: 2}))
    assert made is not None
    assert made.most == 4
    assert [failure.count for failure in made.failures] == [2]
    assert timeline(Buckets(0.0, 1.0, 4, {}, {}, {})) is None


def test_tasks_that_follow_each_other_did_not_run_at_once() -> None:
    made = timeline(Buckets(0.0, 1.0, 3, {0: 1, 1: 1, 2: 1}, {1: 1, 2: 1}, {}))
    assert made is not None
    assert made.most == 1
    counted = timeline(Buckets(0.0, 1.0, 2, {0: 3}, {0: 3}, {}, most=2))
    assert counted is not None
    assert counted.most == 2


def test_marks_of_an_axis_have_no_more_digits_than_they_need() -> None:
    since = 1_800_000_000.123
    marks = [short_time(since + at - since) for at in (0, 0.1, 0.25, 30, 7200)]
    assert marks == ["0s", "0.1s", "0.25s", "30s", "2h"]


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=200))
def test_a_histogram_has_every_value(values: list[float]) -> None:
    made = histogram(values, PLAIN, levels=[Line(2e9, "asked for", "asked")])
    assert made is not None
    assert sum(int(words.split()[0]) for *_, words in made.bars) == len(values)
    assert made.verticals[0].at <= made.right


def test_points_share_a_path_by_phase() -> None:
    made = scatter(
        [Point(1, 2, "Failed"), Point(2, 1, "Succeeded"), Point(3, 3, "Failed")], PLAIN, PLAIN
    )
    assert made is not None
    assert [(phase, path.count("M")) for phase, path in made.dots] == [
        ("Failed", 2),
        ("Succeeded", 1),
    ]
    assert scatter([], PLAIN, PLAIN) is None


def test_days_are_stacked_by_phase() -> None:
    class Count:
        def __init__(self, day: float, phase: str, count: int) -> None:
            self.day, self.phase, self.count = day, phase, count

    made = days(
        [Count(0, "Failed", 1), Count(0, "Succeeded", 3), Count(86_400, "Running", 2)], 0, 2
    )
    assert made is not None
    below, above, other = made.columns
    assert (below.phase, above.phase, other.phase) == ("Succeeded", "Failed", "Running")
    assert above.top < below.top
    assert other.left > below.left
