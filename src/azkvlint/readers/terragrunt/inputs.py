"""The inputs of a Terragrunt unit, merged from its own file and the files that it includes.

Source: docs.terragrunt.com/reference/hcl/blocks (include, merge_strategy).
"""

from __future__ import annotations

from azkvlint.evaluation.values import Fields, Items, Result
from azkvlint.model.value import Unknown
from azkvlint.readers.terragrunt.configuration import Unit


class Inputs:
    """Values of variables by name. ``layers`` are the inputs of files, the most important first.

    ``missing`` is why there may be more inputs than the layers have.
    """

    def __init__(self, unit: Unit) -> None:
        self.missing: Unknown | None = None
        layers = [(unit.main.inputs(), "shallow")]
        for one in reversed(unit.includes):
            if one.configuration is None:
                self.missing = Unknown(at=one.at, why="an included file, which may provide it, is not available")
            elif one.merge != "no_merge":
                layers.append((one.configuration.inputs(), one.merge))
        self.layers = [(found, merge) for found, merge in layers if found is not None]

    def get(self, name: str) -> Result | None:
        """Return the value of one variable; None if it has none."""
        result: Result | None = None
        for layer, merge in self.layers:
            found = layer.fields.get(name) if isinstance(layer, Fields) else None
            if found is None:
                more = layer.rest if isinstance(layer, Fields) else layer
                if isinstance(more, Unknown):
                    return result if result is not None else more
                continue
            if result is None:
                result = found
            elif merge == "deep":
                result = _merged(found, result)
        return result if result is not None else self.missing


def _merged(below: Result, above: Result) -> Result:
    """Return a deep merge of two values, as ``merge_strategy = "deep"`` makes it. The second one overrides."""
    if isinstance(below, Fields) and isinstance(above, Fields):
        fields = dict(below.fields)
        for name, item in above.fields.items():
            fields[name] = _merged(fields[name], item) if name in fields else item
        return Fields(at=above.at, fields=fields, rest=above.rest if above.rest is not None else below.rest)
    if isinstance(below, Items) and isinstance(above, Items):
        return Items(at=above.at, items=[*below.items, *above.items])
    return above
