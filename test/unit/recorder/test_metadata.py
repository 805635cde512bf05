"""What people write on a flow besides its spec is archived as it is now."""

from __future__ import annotations

from cluster_suite.flows import flow, sim, step
from jobflows.api.model import CREATED_BY
from jobflows.archive import Archive, FlowFilter, document, flows
from unit.archive.rows import all_rows
from unit.controller.stage import FLOWS, Stage
from unit.recorder.test_recording import watch
from unit.recorder.watched import Watcher


def test_labels_and_their_owner_follow_a_flow_that_has_ended_as_well(archive: Archive) -> None:
    """Metadata has no generations, so they are ordered as all else is of a flow."""

    async def relabel(stage: Stage, team: str | None) -> None:
        notes = {CREATED_BY: f"one of {team}"}
        body = {"metadata": {"labels": {"team": team}, "annotations": notes}}
        await stage.call("PATCH", f"{FLOWS}/f", body)

    def told() -> tuple[list[str], object, str]:
        with archive.reading() as connection:
            (kept,) = flows(connection).items
            teams = [
                team
                for team in ("ocean", "sky", "land")
                if flows(connection, FlowFilter(label=("team", team))).items
            ]
            kept_document = document(connection, kept.id)
        assert kept_document is not None
        return teams, kept_document["metadata"].get("labels"), kept.created_by

    async def scenario(stage: Stage, watcher: Watcher) -> None:
        await stage.apply(flow("f", step("a", pod=sim(run_for="60s"))))
        for team in ("ocean", "sky"):
            await relabel(stage, team)
            await watcher.caught_up()
            assert told() == ([team], {"team": team}, f"one of {team}")
        await stage.ended("f")
        await watcher.caught_up()
        await relabel(stage, "land")
        await watcher.caught_up()
        assert told() == (["land"], {"team": "land"}, "one of land")
        before = all_rows(archive)
        await watcher.crash()
        watcher.start()
        await watcher.caught_up()
        assert all_rows(archive) == before
        await relabel(stage, None)
        await watcher.caught_up()
        assert told() == ([], None, "one of None")

    watch(archive, scenario)
