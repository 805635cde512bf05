"""Links lead somewhere, flows are valid, generated pages are as new as the code."""

import importlib.util
import re
from types import ModuleType

import pytest
import yaml

from jobflows.api.policy import RetryPolicy
from jobflows.api.resume import RESUME_ANNOTATION
from jobflows.api.validation import check
from jobflows.engine import Cause, FlowPhase, Reason, StepPhase, edits
from jobflows.engine.starts import APPROVED_PREFIX
from jobflows.manifests import labels
from unit.docs.pages import DOCS, Page, pages

_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`{3,}.*?`{3,}|`[^`\n]*`", re.DOTALL)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_links_lead_somewhere(page: Page) -> None:
    for target in _LINK.findall(_CODE.sub("", page.text)):
        assert not target.startswith("http"), f"{page.name}: {target} cannot be checked"
        file, _, anchor = target.partition("#")
        found = (page.path.parent / file).resolve() if file else page.path
        assert found.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in _anchors(found.read_text()), f"{page.name}: {target}"


def test_every_page_is_reached_from_the_index() -> None:
    index = (DOCS / "README.md").read_text()
    linked = {(DOCS / target).resolve() for target in _LINK.findall(index)}
    inside = {page.path for page in pages() if DOCS in page.path.parents}
    assert inside - linked == {DOCS / "README.md"}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_flows_on_a_page_are_valid(page: Page) -> None:
    for block in page.blocks():
        if block.language != "yaml" or block.appends:
            continue
        for document in yaml.safe_load_all(block.text):
            if isinstance(document, dict) and document.get("kind") == "JobFlow":
                if document.get("apiVersion") == "flow.volcano.sh/v1alpha1":
                    continue  # another project's, to be converted
                problems = [str(problem) for problem in check(document).problems]
                assert not problems, f"{page.name}:{block.line}"


def test_the_threats_name_tests_that_are_there() -> None:
    page = (DOCS / "explanation" / "security.md").read_text()
    named = set(re.findall(r"`((?:unit|engine|cluster_suite)/[\w/]+\.py)`", page))
    assert len(named) > 8
    assert {name for name in named if not (DOCS.parent / "test" / name).is_file()} == set()


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    made: dict[str, str] = _generator().pages()
    return made


@pytest.mark.parametrize(
    "name",
    ["jobflow", "status", "cli", "operator-flags", "metrics", "chunking", "sdk", "helm-values"],
)
def test_generated_pages_are_as_new_as_the_code(generated: dict[str, str], name: str) -> None:
    file = f"{name}.md"
    assert (DOCS / "reference" / file).read_text() == generated[file], "run docs/generate.py"


def test_every_reason_is_explained() -> None:
    page = (DOCS / "reference" / "events-and-reasons.md").read_text()
    reasons = {*map(str, Reason), edits.APPLIED, edits.IGNORED, "StepRetry", "FlowStarted"}
    reasons |= {"ResumeStarted", "ResumeRefused"}
    assert {reason for reason in reasons if f"`{reason}`" not in page} == set()


def test_every_cause_is_explained() -> None:
    page = (DOCS / "reference" / "events-and-reasons.md").read_text()
    assert {cause for cause in Cause if f"| `{cause}` |" not in page} == set()


def test_every_phase_is_explained() -> None:
    page = (DOCS / "reference" / "status.md").read_text()
    assert {p for p in (*FlowPhase, *StepPhase) if f"`{p}`" not in page} == set()


def test_every_label_is_explained() -> None:
    page = (DOCS / "reference" / "labels-and-annotations.md").read_text()
    known = (labels.FLOW, labels.FLOW_UID, labels.STEP, labels.ATTEMPT, labels.MANAGED_BY)
    assert {
        label for label in (*known, APPROVED_PREFIX, RESUME_ANNOTATION) if label not in page
    } == set()


def test_every_metric_that_is_named_exists() -> None:
    known = (DOCS / "reference" / "metrics.md").read_text()
    for page in pages():
        for name in re.findall(r"\b(?:zen_flow|workqueue|jobflow)_[a-z_]+[a-z]\b", page.text):
            bare = re.sub(r"_(bucket|count|sum)$", "", name)
            assert f"`{bare}`" in known, f"{page.name}: {name}"


def test_the_retry_policy_that_is_called_the_default_is_the_default() -> None:
    page = Page(DOCS / "how-to" / "retry-and-timeouts.md")
    shown = next(b.text for b in page.blocks() if b.text.startswith("retryPolicy:"))
    assert RetryPolicy.model_validate(yaml.safe_load(shown)["retryPolicy"]) == RetryPolicy()


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _anchors(text: str) -> set[str]:
    """Headings as every Markdown renderer turns them into anchors."""
    heads = re.findall(r"^#+ (.+)$", re.sub(r"`{3,}.*?`{3,}", "", text, flags=re.DOTALL), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
