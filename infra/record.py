"""Chalice's record of what it deployed: .chalice/deployed/<stage>.json, copied into the build directory and back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from infra.errors import Stopped
from infra.paths import ROOT
from infra.policies import Place
from infra.stage import Stage

FOLDER = ROOT / ".chalice" / "deployed"
Resource = dict[str, Any]


class Record:
    """The record of one stage."""

    def __init__(self, resources: list[Resource]) -> None:
        self._resources = {resource["name"]: resource for resource in resources}

    @classmethod
    def of(cls, stage: Stage) -> Record:
        """The stage's record; empty when it was never deployed from here."""
        path = FOLDER / f"{stage.name}.json"
        return cls(json.loads(path.read_text())["resources"] if path.exists() else [])

    def kind(self, resource_type: str) -> list[Resource]:
        """The resources of one of Chalice's types."""
        return [resource for resource in self._resources.values() if resource["resource_type"] == resource_type]

    def get(self, name: str) -> Resource:
        """One resource; empty when there is none of that name."""
        return self._resources.get(name, {})

    def set(self, resource: Resource) -> None:
        """Add or replace one."""
        self._resources[resource["name"]] = resource

    def drop(self, name: str) -> None:
        """Forget one."""
        self._resources.pop(name, None)

    @property
    def url(self) -> str | None:
        """The API's URL, without a slash at its end."""
        url = self.get("rest_api").get("rest_api_url")
        return str(url).rstrip("/") if url else None

    def put_into(self, project: Path, stage: Stage) -> None:
        """Write it where Chalice reads it."""
        folder = project / ".chalice" / "deployed"
        folder.mkdir(exist_ok=True)
        content = {"resources": [*self._resources.values()], "schema_version": "2.0", "backend": "api"}
        (folder / f"{stage.name}.json").write_text(json.dumps(content, indent=2) + "\n")

    def check_place(self, stage: Stage, place: Place) -> None:
        """Raise Stopped when the stage was deployed to another account or region."""
        for function in self.kind("lambda_function"):
            _, _, _, region, account, *_ = function["lambda_arn"].split(":")
            if (region, account) != (place.region, place.account):
                raise Stopped(
                    f"stage '{stage.name}' is in account {account}, region {region}; you are in {place.account},"
                    f" {place.region}. Choose another stage, or delete .chalice/deployed/{stage.name}.json to deploy it"
                    " here as well"
                )


def bring_back(project: Path, stage: Stage) -> None:
    """Keep what Chalice wrote in the build directory."""
    FOLDER.mkdir(exist_ok=True)
    shutil.copyfile(project / ".chalice" / "deployed" / f"{stage.name}.json", FOLDER / f"{stage.name}.json")


def forget(stage: Stage) -> None:
    """The stage is no more."""
    (FOLDER / f"{stage.name}.json").unlink(missing_ok=True)
