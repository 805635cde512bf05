"""Flows are found by the labels of the newest document that is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from jobflows import archive as package
from jobflows.api.model import CREATED_BY
from jobflows.archive import Archive, FlowFact, FlowFilter, GoneFact, flows
from jobflows.archive.models import Label
from jobflows.archive.pruning import prune
from unit.archive import samples
from unit.archive.samples import START


def labelled(id: str, version: int, created: float = START, **labels: str) -> FlowFact:
    text = json.dumps({"metadata": {"labels": labels}})
    made = samples.flow(id, created=created, phase="Succeeded", finished=START + 5)
    return replace(made, document={"flow_id": id, "document": text, "version": version})


def found(archive: Archive, key: str, value: str, limit: int = 50) -> list[str]:
    ids, after = [], None
    while True:
        with archive.reading() as connection:
            page = flows(connection, FlowFilter(label=(key, value)), after=after, limit=limit)
        ids += [each.id for each in page.items]
        if (after := page.next) is None:
            return ids


def test_pages_of_a_label_have_each_flow_once_the_newest_first(archive: Archive) -> None:
    archive.write(labelled(f"f{n}", 1, START + n // 2, team="ocean") for n in range(5))
    archive.write([labelled("other", 1, team="sky", x="ocean")])
    assert found(archive, "team", "ocean", limit=2) == ["f4", "f3", "f2", "f1", "f0"]


def test_the_newest_document_is_believed_in_any_order(archive: Archive) -> None:
    old, new = labelled("f1", 1, team="ocean", a="b"), labelled("f1", 2, team="sky")
    for order in ([old, new], [new, old], [old], [new]):
        archive.write(order)
    assert (found(archive, "team", "sky"), found(archive, "team", "ocean")) == (["f1"], [])
    assert found(archive, "a", "b") == []


def test_what_no_database_takes_is_replaced(archive: Archive) -> None:
    archive.write([labelled("f1", 1, team="a\0b\ud800")])
    assert found(archive, "team", "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}") == ["f1"]


def test_labels_go_with_their_flow(archive: Archive) -> None:
    archive.write([labelled("f1", 1, team="ocean"), GoneFact("f1", START + 9)])
    assert prune(archive, before=START + 100, now=START + 100) == 1
    with archive.reading() as connection:
        assert connection.execute(sa.select(Label)).all() == []


def earlier(file: Path, documents: dict[str, str]) -> str:
    """An archive of the first release with these documents; its address."""
    engine = sa.create_engine(f"sqlite:///{file}")
    config = Config()
    config.set_main_option("script_location", str(Path(package.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        row = {k: v for k, v in samples.flow("f1").flow.items() if k != "created_by"}
        values = ", ".join(f":{name}" for name in row)
        insert = sa.text(f"INSERT INTO flows ({', '.join(row)}) VALUES ({values})")
        connection.execute(insert, [{**row, "id": id} for id in documents])
        insert = sa.text("INSERT INTO documents VALUES (:id, :text, 1)")
        connection.execute(insert, [{"id": id, "text": text} for id, text in documents.items()])
    engine.dispose()
    return str(engine.url)


def test_an_earlier_archive_gets_its_labels_and_users(tmp_path: Path) -> None:
    """Of a document that was cut for its length nothing is known, and the others are read."""
    text = json.dumps(
        {"metadata": {"labels": {"team": "ocean"}, "annotations": {CREATED_BY: "ada"}}}
    )
    documents = {f"f{n:03}": text for n in range(205)} | {"f100": text[:40], "f200": text[:-1]}
    with Archive.open(earlier(tmp_path / "archive.db", documents), migrate=True) as archive:
        whole = {id for id, each in documents.items() if each == text}
        assert set(found(archive, "team", "ocean")) == whole
        with archive.reading() as connection:
            by = FlowFilter(created_by="ada")
            assert {each.id for each in flows(connection, by, limit=1000).items} == whole
