"""One CloudFormation stack: what it is, and changing it while showing each step."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from infra.errors import Stopped

Show = Callable[[str], None]


class Stack:
    """A stack by its name, whether it is there or not."""

    def __init__(self, cloudformation: Any, name: str, show: Show) -> None:
        self.name = name
        self._cloudformation = cloudformation
        self._show = show

    @property
    def status(self) -> str | None:
        """CloudFormation's word for its state; None when there is no such stack."""
        described = self._describe()
        return str(described["StackStatus"]) if described else None

    @property
    def template(self) -> str:
        """The template that it was made from."""
        return str(self._cloudformation.get_template(StackName=self.name)["TemplateBody"])

    @property
    def outputs(self) -> dict[str, str]:
        """Its outputs."""
        described = self._describe() or {}
        return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}

    def create(self, **request: Any) -> None:
        """Make it. Raises Stopped when it fails."""
        self._show(f"Creating the stack {self.name}")
        stack_id = self._cloudformation.create_stack(StackName=self.name, **request)["StackId"]
        self._follow(stack_id, set(), "CREATE_COMPLETE")

    def update(self, **request: Any) -> None:
        """Change it. Raises Stopped when it fails."""
        self._show(f"Updating the stack {self.name}")
        seen = {event["EventId"] for event in self._events(self.name)}
        try:
            stack_id = self._cloudformation.update_stack(StackName=self.name, **request)["StackId"]
        except ClientError as error:
            if "No updates" in str(error):  # a comment was all that changed
                return
            raise
        self._follow(stack_id, seen, "UPDATE_COMPLETE")

    def delete(self) -> None:
        """Delete it; what is to be kept stays. Raises Stopped when it fails."""
        self._show(f"Deleting the stack {self.name}")
        stack_id = (self._describe() or {})["StackId"]  # a deleted stack is found by its id alone
        seen = {event["EventId"] for event in self._events(self.name)}
        self._cloudformation.delete_stack(StackName=self.name)
        self._follow(stack_id, seen, "DELETE_COMPLETE")

    def _follow(self, stack_id: str, seen: set[str], wanted: str) -> None:
        """Show what happens until it is at rest."""
        failures: list[str] = []
        pause = 0.2
        while True:
            status = str((self._describe(stack_id) or {"StackStatus": wanted})["StackStatus"])
            failures += self._show_events(stack_id, seen)
            if not status.endswith("IN_PROGRESS"):
                break
            time.sleep(pause)
            pause = min(3.0, pause * 1.5)
        if status != wanted:
            raise Stopped(f"the stack {self.name} failed: {failures[0] if failures else status}")

    def _show_events(self, stack_id: str, seen: set[str]) -> list[str]:
        """Show the steps that are new; returns those that failed. The first failure is the cause of the others."""
        failures = []
        for event in reversed(self._events(stack_id)):
            status = event["ResourceStatus"]
            if event["EventId"] not in seen and status.endswith(("COMPLETE", "FAILED")):
                self._show(f"  {status.lower().replace('_', ' ')}: {event['LogicalResourceId']}")
                if status.endswith("FAILED"):
                    failures.append(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', status)}")
            seen.add(event["EventId"])
        return failures

    def _events(self, stack: str) -> list[dict[str, Any]]:
        return list(self._cloudformation.describe_stack_events(StackName=stack)["StackEvents"])

    def _describe(self, stack: str | None = None) -> dict[str, Any] | None:
        try:
            return dict(self._cloudformation.describe_stacks(StackName=stack or self.name)["Stacks"][0])
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
