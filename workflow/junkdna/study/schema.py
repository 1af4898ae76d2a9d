"""Apply the config's JSON schema: fill in defaults, give numbers one type, say in words what is wrong."""

import math
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from junkdna.study.problems import problem

TYPES = {
    "object": "a mapping of keys",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


def schema_problems(config: dict[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """List what the schema refuses in `config`, one line each; it gets defaults and number types in place.

    `schema` is closed and holds its own definitions (references inside it only).
    """
    from jsonschema import Draft202012Validator, ValidationError
    from jsonschema.validators import extend

    rules = Draft202012Validator.VALIDATORS

    def properties(
        validator: Any, subschemas: Mapping[str, Any], instance: Any, schema: Any
    ) -> Iterator[ValidationError]:
        if isinstance(instance, dict):
            for key, subschema in subschemas.items():
                if "default" in subschema:
                    instance.setdefault(key, deepcopy(subschema["default"]))
                if key in instance:
                    instance[key] = _cast(instance[key], subschema)
        yield from rules["properties"](validator, subschemas, instance, schema)

    def items(
        validator: Any, subschema: Mapping[str, Any], instance: Any, schema: Any
    ) -> Iterator[ValidationError]:
        if isinstance(instance, list):
            instance[:] = [_cast(item, subschema) for item in instance]
        yield from rules["items"](validator, subschema, instance, schema)

    def pattern(validator: Any, expression: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
        # Python's `$` also matches before a line break at the end; that of JSON schema does not.
        if isinstance(instance, str) and not re.fullmatch(expression, instance):
            yield ValidationError(instance)

    # No bound holds against nan: comparisons with it are all false.
    types = Draft202012Validator.TYPE_CHECKER.redefine(
        "number", lambda _, value: isinstance(value, int | float) and _is_finite(value)
    )
    own = {"properties": properties, "items": items, "pattern": pattern}
    validator = extend(Draft202012Validator, own, type_checker=types)(schema)
    return [line for error in validator.iter_errors(config) for line in _lines_of(error)]


def _cast(value: Any, subschema: Mapping[str, Any]) -> Any:
    """One type per key: 3 and 3.0 are the same value, but not the same Snakemake param."""
    kind = subschema.get("type")
    if kind == "number" and type(value) is int:
        return float(value)
    whole = kind == "integer" or (isinstance(kind, list) and "integer" in kind)
    return int(value) if whole and isinstance(value, float) and value.is_integer() else value


def _lines_of(error: Any) -> list[str]:
    """The lines about one jsonschema error."""
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    where = where.lstrip(".") or "config"
    found, schema, rule = error.instance, error.schema, error.validator
    if rule == "additionalProperties":
        known = list(schema["properties"])
        return [problem(where, key, known, what="key") for key in found if key not in known]
    if rule == "required":
        missing = [key for key in error.validator_value if key not in found]
        return [
            f"{where}.{key}: missing; needed: {schema['properties'][key]['description']}" for key in missing
        ]
    if "propertyNames" in error.absolute_schema_path:
        near = re.sub(r"[^a-z0-9]+", "-", found.lower()).strip("-")
        return [f"{problem(where, found, _legal(schema), what='name')}; did you mean {near!r}?"]
    if rule == "uniqueItems":
        twice = list(dict.fromkeys(item for item in found if found.count(item) > 1))
        return [f"{where}: found {item!r} {found.count(item)} times; legal: each once" for item in twice]
    if rule in ("minItems", "minLength"):
        few = f"{len(found)} entries" if isinstance(found, list) else "an empty text"
        return [f"{where}: found {few}; legal: at least {error.validator_value}"]
    if rule == "enum":
        return [problem(where, found, error.validator_value)]
    return [f"{where}: found {_shown(found)}; legal: {_legal(schema)}{_hint(found, schema)}"]


def _is_finite(value: Any) -> bool:
    return not isinstance(value, bool) and (isinstance(value, int) or math.isfinite(value))


def _shown(found: Any) -> str:
    if found is None:
        return "nothing"
    if isinstance(found, float) and not math.isfinite(found):
        return f"{found} (no finite number)"
    if type(found) is int and abs(found) > 10**15:
        return f"{found:.3g} (a number)"
    if isinstance(found, dict | list):
        return f"{'a mapping' if isinstance(found, dict) else 'a list'} ({str(found)[:60]})"
    kinds = {bool: "a truth value", str: "text", int: "a number", float: "a number"}
    return f"{found!r} ({kinds.get(type(found), type(found).__name__)})"


def _legal(schema: Mapping[str, Any]) -> str:
    """What a subschema allows, in words."""
    if "title" in schema or "$ref" in schema or "type" not in schema:
        return schema.get("title", schema.get("description", "see config/README.md"))
    if "enum" in schema:
        return ", ".join(schema["enum"])
    bounds = [
        f"{sign} {schema[bound]:{'g' if schema[bound] < 1e5 or schema[bound] > 1e15 else ',.0f'}}"
        for bound, sign in BOUNDS.items()
        if bound in schema
    ]
    return " ".join([TYPES[schema["type"]], " and ".join(bounds)]).strip()


def _hint(found: Any, schema: Mapping[str, Any]) -> str:
    """What YAML made of what was meant."""
    kind = schema.get("type")
    if isinstance(found, str) and kind in ("number", "integer"):
        if re.fullmatch(r"[-+]?\d+e[-+]?\d+", found, re.IGNORECASE):
            return f"; YAML reads {found} as text: write {found.lower().replace('e', '.0e')}"
        number = re.fullmatch(r"\s*([-+]?\d+(?:\.\d+)?)\s*%?\s*", found)
        return f"; did you mean {number[1]}?" if number else ""
    if kind == "string" and isinstance(found, bool):
        return "; YAML reads yes, no, on and off as truth values: quote it"
    if kind == "string" and isinstance(found, int | float):
        return "; quote it"
    if kind == "array" and isinstance(found, str | int | float):
        return f"; did you mean [{found}]?"
    if "percent" in schema.get("title", "") and isinstance(found, int | float) and 0 < found < 1:
        return f"; did you mean {100 * found:g}?"
    return ""
