"""A stage's configuration: its entry in .chalice/config.json, as Chalice is to see it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.errors import ConfigurationError
from chalicelib.providers import names
from chalicelib.routing import Route, parse_route
from infra.errors import Stopped
from infra.paths import ROOT

CONFIG = ROOT / ".chalice" / "config.json"
#: As infra/resources.yaml has it: the stage is part of every name.
NAME = re.compile(r"[a-z][a-z0-9]{0,15}")
PUBLIC_URL, ROUTE = "SMSIGNAL_PUBLIC_URL", "SMSIGNAL_ROUTE"


@dataclass(frozen=True)
class Stage:
    """One stage of config.json."""

    name: str
    config: Mapping[str, Any]  #: the whole file

    @property
    def entry(self) -> Mapping[str, Any]:
        """What config.json says of this stage alone."""
        return dict(self.config["stages"][self.name])

    @property
    def environment(self) -> dict[str, str]:
        """The functions' environment variables, as Chalice merges them, with the stage's name."""
        merged = {**self.config.get("environment_variables", {}), **self.entry.get("environment_variables", {})}
        return {**merged, **self._route(merged), "SMSIGNAL_STAGE": self.name, **self._custom_domain(merged)}

    @property
    def route_file(self) -> Path:
        """Where the stage's route may be written down."""
        return CONFIG.with_name(f"route-{self.name}.json")

    def checked_route(self) -> Route | None:
        """The stage's route, or None when one provider carries everything. Raises Stopped, naming what is wrong and where."""
        text = self.environment.get(ROUTE)
        where = f".chalice/{self.route_file.name}" if self.route_file.exists() else ROUTE
        if text is None:
            return None
        try:
            return parse_route(text, known=names())
        except ConfigurationError as error:
            raise Stopped(f"{where}: {error} (docs/routing.md)") from None

    @property
    def custom_domain(self) -> Mapping[str, str] | None:
        """The domain of the API, if it has one of its own."""
        return self._setting("api_gateway_custom_domain", None)  # type: ignore[no-any-return]

    @property
    def api_stage(self) -> str:
        """The first part of the path in the API's URL."""
        return str(self._setting("api_gateway_stage", "api"))

    @property
    def log_retention_in_days(self) -> int:
        """How long the logs are kept."""
        return int(self._setting("log_retention_in_days", 30))

    def resource(self, thing: str) -> str:
        """The name of one of the stage's tables and queues."""
        return f"smsignal-{self.name}-{thing}"

    def function(self, name: str) -> str:
        """The Lambda's name, as `chalice deploy` makes it: that of the routes has no end of its own."""
        return f"smsignal-{self.name}" if name == "api_handler" else f"smsignal-{self.name}-{name}"

    def rendered(self, environment: Mapping[str, str]) -> dict[str, Any]:
        """The config.json for the build directory: this stage only, with more environment variables."""
        variables = {**self.environment, **environment}
        functions = {**self.entry.get("lambda_functions", {})}
        # Chalice makes the log group of `api_handler` under a name that the function does not have (chalice/deploy/appgraph.py,
        # _create_lambda_model), so that one is made elsewhere: infra/package.py, infra/settings.py.
        functions["api_handler"] = {**functions.get("api_handler", {}), "log_retention_in_days": 0}
        # With no retention Chalice makes no log groups, and the functions may not make their own.
        retention = {"log_retention_in_days": self.log_retention_in_days}
        entry = {**self.entry, **retention, "environment_variables": variables, "lambda_functions": functions}
        return {**self.config, "stages": {self.name: entry}}

    def _setting(self, name: str, default: Any) -> Any:
        return self.entry.get(name, self.config.get(name, default))

    def _route(self, variables: Mapping[str, str]) -> dict[str, str]:
        if not self.route_file.exists():
            return {}
        if ROUTE in variables:
            raise Stopped(f"stage '{self.name}' has two routes: {ROUTE} and .chalice/{self.route_file.name}. Keep one")
        text = self.route_file.read_text()
        try:
            return {ROUTE: json.dumps(json.loads(text), separators=(",", ":"))}
        except ValueError:
            return {ROUTE: text}  # `checked_route` says what is wrong with it

    def _custom_domain(self, variables: Mapping[str, str]) -> dict[str, str]:
        domain = self.custom_domain
        if not domain or variables.get(PUBLIC_URL):
            return {}
        prefix = domain.get("url_prefix", "").strip("/")
        return {PUBLIC_URL: f"https://{domain['domain_name']}/{prefix}".rstrip("/")}


def read_stage(name: str) -> Stage:
    """The stage of that name. Raises Stopped when config.json has none, or cannot be read."""
    try:
        config = json.loads(CONFIG.read_text())
    except ValueError as error:
        raise Stopped(f".chalice/config.json is not JSON: {error}") from None
    stages = config.get("stages", {})
    if name not in stages:
        raise Stopped(
            f"there is no stage '{name}' in .chalice/config.json, only {', '.join(sorted(stages))}."
            f' To make it, add an entry under "stages" (docs/deploying.md, A second stage)'
        )
    if not NAME.fullmatch(name):
        raise Stopped(f"'{name}' cannot be a stage: its name is 1 to 16 small letters and digits, a letter first")
    return Stage(name, config)
