"""Expansion of variables, replacement of paths, tails of logs, verdicts about pods: tables."""

from pathlib import Path

import pytest

from jobflows.local.expansion import expand
from jobflows.local.failure_rules import PodVerdict, judge_pod
from jobflows.local.paths import PathMap
from jobflows.local.termination import read_message, read_tail
from jobflows.local.workdir import create_workdir


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(NAME)", "Ada"),
        ("a-$(NAME)-b", "a-Ada-b"),
        ("$$(NAME)", "$(NAME)"),
        ("$$$(NAME)", "$Ada"),
        ("$(OTHER)", "$(OTHER)"),
        ("$NAME ${NAME} $", "$NAME ${NAME} $"),
        ("$(", "$("),
        ("echo $$", "echo $"),
    ],
)
def test_variables_are_expanded_as_the_kubelet_does(text: str, expected: str) -> None:
    assert expand(text, {"NAME": "Ada"}) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/data", "/here"),
        ("/data/x.csv", "/here/x.csv"),
        ("--out=/data/x", "--out=/here/x"),
        ("cat '/data/a' >/data/b", "cat '/here/a' >/here/b"),
        ("file:///data/x", "file:///here/x"),
        ("PATH=/bin:/data/bin", "PATH=/bin:/here/bin"),
        ("see /data.", "see /here."),
        ("/database /data2 /data-old /data.bak", "/database /data2 /data-old /data.bak"),
        ("/srv/data s3://bucket/data $HOME/data ${X}/data", None),
        ("/data/deep/x", "/inner/x"),
        ("/data/deeper", "/here/deeper"),
    ],
)
def test_paths_are_replaced_at_path_boundaries_only(text: str, expected: str | None) -> None:
    replace = PathMap({"/data/": Path("/here"), "/data/deep": Path("/inner")})
    assert replace(text) == (text if expected is None else expected)


def test_a_tail_is_cut_at_a_line_and_a_message_at_4096_bytes(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number:04d}\n" for number in range(1000)))
    tail = read_tail(log)
    assert tail.splitlines()[-1] == "line 0999"
    assert len(tail.splitlines()) == 80
    assert read_tail(log, size=25).splitlines() == ["line 0998", "line 0999"]
    assert len(read_message(log)) == 4096
    assert read_message(tmp_path / "nothing") == read_tail(tmp_path / "nothing") == ""


@pytest.mark.parametrize(
    ("operator", "container", "codes", "expected"),
    [
        ("In", None, {"main": 3}, PodVerdict.FAIL_JOB),
        ("In", "main", {"side": 3}, PodVerdict.COUNT),
        ("In", "main", {"main": 4}, PodVerdict.COUNT),
        ("NotIn", "main", {"main": 4}, PodVerdict.FAIL_JOB),
        ("NotIn", "main", {}, PodVerdict.COUNT),
    ],
)
def test_rules_on_exit_codes(
    operator: str, container: str | None, codes: dict[str, int], expected: PodVerdict
) -> None:
    match = {"containerName": container, "operator": operator, "values": [3]}
    policy = {"rules": [{"action": "FailJob", "onExitCodes": match}]}
    assert judge_pod(policy, codes) is expected
    assert judge_pod(None, codes) is PodVerdict.COUNT


def test_a_work_directory_is_for_its_owner(tmp_path: Path) -> None:
    made = create_workdir(tmp_path / "runs" / "nightly-1")
    assert made.stat().st_mode & 0o077 == 0
    assert create_workdir(made) == made
