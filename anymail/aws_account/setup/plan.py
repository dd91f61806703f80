"""A plan: what is there, what is missing, what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .kinds import KINDS, creation_steps
from .lookups import Found, Run
from .resources import ConfigurationSet, Desired, Part, Queue, Resource, Topic
from .steps import Context, Outcome, Remark, Step

#: The tag that says that a resource was made by the set-up.
OWNER = ("created-by", "anymail_setup")
#: The settings that name what has tags.
SETTINGS: Mapping[type, str] = {
    ConfigurationSet: "AMAZON_SES_CONFIGURATION_SET_NAME",
    Topic: "AMAZON_SES_SNS_TOPIC_ARNS",
    Queue: "AMAZON_SES_QUEUES",
}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A resource, and what to do about it; nothing if it is as it should be."""

    resource: Resource
    outcomes: Sequence[Outcome]

    @property
    def steps(self) -> list[Step]:
        """The changes to make, in order."""
        return [one for one in self.outcomes if isinstance(one, Step)]

    @property
    def is_new(self) -> bool:
        """Whether the resource is missing."""
        return any(step.is_new for step in self.steps)

    @property
    def remarks(self) -> list[Remark]:
        """What a person has to change, or decide."""
        return [one for one in self.outcomes if isinstance(one, Remark)]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that was compared, in the order in which it is made."""

    comparisons: Sequence[Comparison]

    @property
    def steps(self) -> list[Step]:
        """The changes to make, in order."""
        return [step for comparison in self.comparisons for step in comparison.steps]

    @property
    def missing(self) -> int:
        """How many resources are missing."""
        return sum(comparison.is_new for comparison in self.comparisons)

    @property
    def additions(self) -> int:
        """How many changes are additions to resources that are there."""
        return sum(len(one.steps) for one in self.comparisons if not one.is_new)

    @property
    def blocking(self) -> list[Remark]:
        """Why nothing must be changed."""
        remarks = [one for comparison in self.comparisons for one in comparison.remarks]
        return [remark for remark in remarks if remark.is_blocking]

    def of_part(self, part: Part) -> list[Comparison]:
        """What belongs to a part."""
        return [one for one in self.comparisons if one.resource.part == part]


def make_plan(run: Run, desired: Desired, context: Context) -> Plan:
    """Look everything up, and compare it. Changes nothing.

    :raises AnymailAPIError: AWS refuses, or cannot be reached.
    """
    found = ((one, KINDS[type(one.spec)].find(run, one.spec)) for one in desired.resources)
    return Plan(
        comparisons=[
            Comparison(resource=resource, outcomes=tuple(compare(resource, state, context)))
            for resource, state in found
        ]
    )


def compare(resource: Resource, found: Found, context: Context) -> Iterator[Outcome]:
    """What to do about a resource. Pure.

    :param found: what AWS has of it; None if it is missing.
    """
    spec = resource.spec
    if found is None:
        yield from creation_steps(spec, context)
    elif _is_foreign(resource, found):
        text = f"There is a {spec.title} already, which anymail_setup has not made."
        fix = f'To use it, set ANYMAIL["{SETTINGS[type(spec)]}"]; or choose another --name.'
        yield Remark(text=text, fix=fix, is_blocking=True)
    else:
        yield from KINDS[type(spec)].compare(spec, found, context)


def _is_foreign(resource: Resource, found: Found) -> bool:
    """Whether somebody else made it, and the settings do not name it either.

    Only lookups of what has a name of its own and tags tell the tags.
    """
    if found is None or resource.is_named or "Tags" not in found:
        return False
    key, value = OWNER
    return bool(found["Tags"].get(key) != value)
