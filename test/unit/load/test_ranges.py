"""A figure beyond its range fails `make test-load`, and so does one that is not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from load.cli import main
from load.ranges import Range, judge, read

RANGES = read()
SHORT = [each for each in RANGES if each.profile == "short"]


def within(ranges: list[Range]) -> dict[str, float]:
    """Figures at the very bounds."""
    found = {}
    for each in ranges:
        bound = each.at_least if each.at_most is None else each.at_most
        assert bound is not None
        found[each.metric] = bound
    return found


def checked(folder: Path, figures: dict[str, float]) -> int:
    file = folder / "figures.json"
    file.write_text(json.dumps(figures))
    return main(["check", "--figures", str(file)])


def test_figures_within_their_ranges_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert checked(tmp_path, within(RANGES)) == 0
    assert f"{len(SHORT)} passed, 0 failed" in capsys.readouterr().err


@pytest.mark.parametrize("worse", SHORT, ids=lambda r: r.metric)
def test_a_regression_fails(
    worse: Range, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert worse.at_most is not None
    figures = within(RANGES) | {worse.metric: worse.at_most * 1.01 + 0.01}
    assert checked(tmp_path, figures) == 1
    bad = [line for line in capsys.readouterr().out.splitlines() if line.startswith("BAD")]
    assert len(bad) == 1
    assert worse.metric in bad[0]


def test_what_was_not_measured_fails(tmp_path: Path) -> None:
    figures = within(RANGES)
    del figures["chains.writes_a_step"]
    assert checked(tmp_path, figures) == 1


def test_the_full_profile_has_ranges_of_its_own() -> None:
    verdicts = judge(RANGES, within(SHORT), "full")
    assert [v.range.profile for v in verdicts if not v.good] == ["full"] * sum(
        r.profile == "full" for r in RANGES
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[{metric: a, relative_to: b}]", "a: say at_most or at_least"),
        ("[{metric: a, relative_to: b, at_mots: 1}]", "at_mots"),
        ("[{metric: a, relative_to: b, at_most: 1, profile: long}]", "none of short, full"),
        (2 * "- {metric: a, relative_to: b, at_most: 1}\n", "a: more than once"),
    ],
)
def test_a_range_that_bounds_nothing_is_refused(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "rangespec.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=said):
        read(file)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rate", "fast"], "'fast' is no rate: write 50/s or 600/m"),
        (["--fail", "2"], "'2' is no share: write 5% or 0.05"),
        (["--duration", "long"], "'long' is no duration: write 200ms, 2s, 1m or 1h"),
    ],
)
def test_the_command_says_what_is_wrong(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", *words])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
