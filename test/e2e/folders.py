"""Folders of this machine that pods see, by a claim which nobody else fills."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster_suite.kube import Kube


@contextmanager
def claimed(kube: Kube, namespace: str, claim: str) -> Iterator[Path]:
    """A volume for this claim."""
    folder = Path("/var/tmp", f"{namespace}-{claim}")
    folder.mkdir()
    folder.chmod(0o777)  # the user of the image owns nothing outside of it
    kube.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": folder.name},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "claimRef": {"namespace": namespace, "name": claim},
                "hostPath": {"path": str(folder), "type": "Directory"},
            },
        }
    )
    yield folder
    kube("delete", "persistentvolume", folder.name, "--wait=false")
    shutil.rmtree(folder, ignore_errors=True)  # a pod may still write there
