"""Jobs of many pods, Jobs that wait, and what the operator adds to a Job."""

import pytest

from cluster_suite.flows import flow, job, runs, sim, step
from cluster_suite.kube import Kube, container, moment, phases, steps

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]


def test_a_job_of_many_pods_is_done_when_the_job_is(kube: Kube) -> None:
    many = {"name": "many", "template": job(runs("300ms"), completions=3, parallelism=2)}
    kube.apply(flow("pods", many, step("after", "many")))
    done = steps(kube.ends("pods"))
    (made,) = kube.jobs("pods", "many")
    assert made["status"]["succeeded"] == 3
    assert moment(done["after"]["startTime"]) >= moment(made["status"]["completionTime"])


def test_a_job_of_many_pods_fails_when_the_job_does(kube: Kube) -> None:
    script = sim("fail", only_pods="-1-[a-z0-9]{5}$", exit_code="5")
    many = {"name": "a", "template": job(script, completions=2, parallelism=2)}
    kube.apply(flow("pods", many))
    done = steps(kube.ends("pods", "Failed"))["a"]
    assert "code 5" in done["message"]


def test_an_indexed_job_passes_through(kube: Kube) -> None:
    many = job(sim(), completions=3, parallelism=3, completionMode="Indexed")
    kube.apply(flow("indexed", {"name": "a", "template": many}))
    kube.ends("indexed")
    (made,) = kube.jobs("indexed")
    assert made["status"]["completedIndexes"] == "0-2"


def test_a_suspended_job_is_told_and_runs_when_it_is_released(kube: Kube) -> None:
    queued = {"name": "a", "template": job(suspend=True)}
    kube.apply(flow("queue", queued))
    kube.until("jf", "queue", lambda f: "suspended" in str(f.get("status")))
    kube.patch("job", "queue-a-1", {"spec": {"suspend": False}})
    kube.ends("queue")


def test_a_job_carries_the_templates_fields_and_its_place_in_the_flow(kube: Kube) -> None:
    template = job(
        container={"env": [{"name": "MINE", "value": "{{ flow.name }}-{{ step.attempt }}"}]}
    )
    template["metadata"] = {"labels": {"team": "genomics"}}
    one = {"name": "a", "template": template, "metadata": {"annotations": {"note": "hi"}}}
    kube.apply(flow("full", one))
    kube.ends("full")
    (made,) = kube.jobs("full")
    uid = kube.get("jf", "full")["metadata"]["uid"]
    labels = made["metadata"]["labels"]
    assert labels.items() >= {
        ("team", "genomics"),
        ("workflow.kube-zen.io/flow", "full"),
        ("workflow.kube-zen.io/step", "a"),
        ("workflow.kube-zen.io/attempt", "1"),
        ("workflow.kube-zen.io/managed-by", "jobflow"),
    }
    assert made["metadata"]["annotations"]["note"] == "hi"
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("JobFlow", uid, True)
    assert made["spec"]["backoffLimit"] == 0
    env = {variable["name"]: variable.get("value") for variable in container(made)["env"]}
    assert env == {"MINE": "full-1"}


def test_long_names_and_dots_still_make_jobs(kube: Kube) -> None:
    name = "a.very.long.flow." + "n" * 180
    kube.apply(flow(name, step("s" * 63), step("t" * 63, "s" * 63)))
    assert set(phases(kube.ends(name)).values()) == {"Succeeded"}
    assert len(kube.find("jobs")) == 2


def test_deleting_a_flow_deletes_its_jobs_and_pods(kube: Kube) -> None:
    kube.apply(flow("gone", step("a", pod=sim("never"))))
    kube.until_any("pods", "", lambda p: p["status"].get("phase") == "Running")
    kube("delete", "jf", "gone")
    kube.gone("job", "gone-a-1")
    for pod in kube.find("pods"):
        kube.gone("pod", pod["metadata"]["name"])
