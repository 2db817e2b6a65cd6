"""Change sets of CloudFormation's: what is refused of them, and what they would change. moto takes
all of them, and lists what their conditions leave out."""

from typing import Any

from moto.cloudformation.models import Change, ChangeSet, CloudFormationBackend
from moto.cloudformation.parsing import ResourceMap

from sandbox.api.replacements import ALWAYS, NEVER, PERHAPS, in_the_way, names_in, replacement
from sandbox.api.stack_parameters import check, refused, template_of

# A stack that holds nothing: its first change set has not been carried out.
EMPTY = "REVIEW_IN_PROGRESS"

_create = CloudFormationBackend.create_change_set


def take_over() -> None:
    CloudFormationBackend.create_change_set = _created  # type: ignore[method-assign, assignment]
    ChangeSet.diff = _changes  # type: ignore[method-assign, assignment]
    ResourceMap.build_resource_diff = _differences  # type: ignore[method-assign, assignment]


def _created(backend: Any, stack_name: str, *, change_set_type: str, **asked: Any) -> Any:
    template = template_of(asked["template"])
    given = asked["parameters"]
    there = [one for one in backend.stacks.values() if one.name == stack_name]
    for one in there:
        if change_set_type == "CREATE" and one.status != EMPTY:
            raise refused(
                f"Stack [{stack_name}] already exists and cannot be created again with the "
                f"changeSet [{asked['change_set_name']}]."
            )
        if change_set_type == "UPDATE" and one.status == "ROLLBACK_COMPLETE":
            raise refused(
                f"Stack:{one.stack_id} is in ROLLBACK_COMPLETE state and can not be updated."
            )
    check(backend, stack_name, template, given)
    for one in there if change_set_type == "CREATE" else ():
        del backend.stacks[one.stack_id]
    return _create(backend, stack_name=stack_name, change_set_type=change_set_type, **asked)


class Changed(Change):
    """With what CloudFormation says of one that is changed: whether it is made anew."""

    def __init__(self, action: str, name: str, kind: str, replacement: str | None) -> None:
        super().__init__(action, logical_resource_id=name, resource_type=kind)
        self.replacement = replacement


def _changes(change_set: Any) -> list[Change]:
    before, template = change_set.stack.resource_map, change_set.template_dict
    actions = _differences(before, template, change_set.parameters)
    old, new = before._resource_json_map, template["Resources"]
    kinds = old | new
    anew = _replacements(change_set, actions["Modify"])
    found: list[Change] = [
        Changed(action, name, kinds[name]["Type"], anew.get(name, NEVER) if modified else None)
        for action, names in actions.items()
        for modified in (action == "Modify",)
        for name in names
    ]
    # What has the id of one that is made anew is changed with it.
    more = [name for name in anew if name not in actions["Modify"]]
    return found + [Changed("Modify", name, kinds[name]["Type"], anew[name]) for name in more]


def _replacements(change_set: Any, modified: list[str]) -> dict[str, str]:
    """CloudFormation's word for each resource that is, or may be, made anew."""
    before, template = change_set.stack.resource_map, change_set.template_dict
    after = _after(before, template, change_set.parameters)
    old, new, other = _made(before), _made(after), _other(before, after)
    found: dict[str, str] = {}
    while True:
        more = {
            name: word
            for name in new
            if name in old and name not in found
            for word in (replacement(old[name], new[name], other, found),)
            if word != NEVER and (word == PERHAPS or name in modified)
        }
        if not more:
            return found
        found |= more


def refused_replacement(change_set: Any) -> str:
    """The logical name of a resource that CloudFormation would make anew, and cannot: one of its
    name is there. Empty: none."""
    before, template = change_set.stack.resource_map, change_set.template_dict
    other = _other(before, _after(before, template, change_set.parameters))
    old, new = before._resource_json_map, template["Resources"]
    changed = (one for one in change_set.changes if getattr(one, "replacement", None) == ALWAYS)
    names = [one.logical_resource_id for one in changed]
    return next((one for one in names if in_the_way(old[one], new[one], other)), "")


def _differences(
    before: Any, template: dict[str, Any], parameters: dict[str, str] | None = None
) -> dict[str, list[str]]:
    """Names of resources, by CloudFormation's words. One whose condition does not hold is none."""
    after = _after(before, template, parameters)
    old, new = _made(before), _made(after)
    other = _other(before, after)
    for one in new.keys() - old.keys():
        # moto remembers that its condition did not hold.
        if before._parsed_resources.get(one, True) is None:
            del before._parsed_resources[one]
    return {
        "Add": [one for one in new if one not in old],
        "Modify": [
            one
            for one in new
            if one in old and (new[one] != old[one] or other & set(names_in(new[one])))
        ],
        "Remove": [one for one in old if one not in new],
    }


def _after(before: Any, template: dict[str, Any], parameters: dict[str, str] | None) -> Any:
    """The resources as the template would have them."""
    after: Any = ResourceMap(
        before.stack_id,
        "",
        before.input_parameters if parameters is None else parameters,
        {},
        before._region_name,
        before._account_id,
        template,
        before.cross_stack_resources,
    )
    after.load_mapping()
    after.load_parameters()
    after.load_conditions()
    return after


def _other(before: Any, after: Any) -> set[str]:
    """The parameters whose values are not what they were."""
    former, values = before.resolved_parameters, after.resolved_parameters
    return {one for one in former | values if former.get(one) != values.get(one)}


def _made(resources: Any) -> dict[str, Any]:
    """Those whose condition holds."""
    holds = getattr(resources, "lazy_condition_map", {})
    return {
        name: one
        for name, one in resources._resource_json_map.items()
        if "Condition" not in one or holds[one["Condition"]]
    }
