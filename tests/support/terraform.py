"""Checks Terraform without its providers: format, names and shapes by the providers' schemas, and references.

A schema is a JSON file, `{"resources": {TYPE: BODY}, "data": {TYPE: BODY}}`. A body maps each argument's name to
`{"required": bool}`, and each nested block's to `{"required": bool, "block": true, "list": bool, "of": BODY}`, where
`list` says that the block may be repeated.
"""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

from support.tools import missing, tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

META_ARGUMENTS = {"count", "for_each", "provider", "depends_on"}
META_BLOCKS = {"lifecycle", "provisioner", "connection"}
MODULE_ARGUMENTS = {"source", "version", "providers", "count", "for_each", "depends_on"}
REFERENCE = re.compile(
    r"(?<![\w.\"-])(?P<head>var|local|module|data|[a-z]+_[a-z0-9_]+)"
    r"\.(?P<name>[A-Za-z_][\w-]*)(?P<rest>(?:\.[A-Za-z_][\w-]*)*)"
)

STRING = re.compile(r'"(?:[^"\\$]|\\.|\$(?!\{)|\$\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\})*"')
INTERPOLATION = re.compile(r'\$\{((?:[^{}"]|"(?:[^"\\]|\\.)*")*)\}')


def fmt(folder: Path) -> list[str]:
    """Return the files below `folder` that `terraform fmt` would change."""
    done = subprocess.run(
        [tool("terraform"), "fmt", "-check", "-recursive", "-list=true", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    return [f"{line} is not formatted" for line in done.stdout.splitlines()] or (
        [done.stderr] if done.returncode else []
    )


def parse(folder: Path) -> dict[str, Any]:
    """Return a module's `.tf` files as one document, with names as their plain text.

    The result has `resource` and `data` as `{(TYPE, NAME): BODY}`, `module`, `variable`, `output` and `provider` as
    `{NAME: BODY}`, `locals` as `{NAME: VALUE}` and `terraform` as a list of bodies.
    """
    found: dict[str, Any] = {
        kind: {} for kind in ("resource", "data", "ephemeral", "module", "variable", "output", "provider", "locals")
    }
    found["terraform"] = []
    found["text"] = ""
    for path in sorted(folder.glob("*.tf")):
        text = path.read_text()
        found["text"] += _without_comments(text) + "\n"
        for kind, blocks in _load(text).items():
            if kind.startswith("__"):
                continue
            if kind not in found:
                message = f"{path}: no check for a block {kind}"
                raise ValueError(message)
            for block in blocks:
                _add(found, kind, block)
    return found


def problems(folder: Path, schema_file: Path) -> list[str]:
    """Return what is wrong with every module below `folder`: unknown or missing names, and references to nothing."""
    schema = json.loads(schema_file.read_text())
    modules = {path.parent.resolve() for path in folder.rglob("*.tf")}
    parsed = {path: parse(path) for path in sorted(modules)}
    found: list[str] = []
    for path, module in parsed.items():
        place = str(path.relative_to(folder.resolve()))
        for kind, key in (("resource", "resources"), ("data", "data"), ("ephemeral", "ephemeral")):
            for (type_, name), body in module[kind].items():
                known = schema.get(key, {}).get(type_)
                if known is None:
                    found.append(f"{place}: {kind} {type_} is not in the schema")
                else:
                    found += _body(f"{place}: {type_}.{name}", body, known, meta=True)
        found += _references(place, module, parsed, path)
        found += _calls(place, module, parsed, path)
    return found


def _load(text: str) -> dict[str, Any]:
    try:
        import hcl2  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415 - a test tool
    except ImportError:
        missing("python-hcl2")
    loaded: dict[str, Any] = hcl2.loads(text)
    return loaded


def _add(found: dict[str, Any], kind: str, block: dict[str, Any]) -> None:
    if kind == "terraform":
        found[kind].append(_plain(block))
    elif kind in {"resource", "data", "ephemeral"}:
        for type_, named in block.items():
            for name, body in named.items():
                found[kind][type_.strip('"'), name.strip('"')] = _plain(body)
    else:
        found[kind] |= {name: value for name, value in _plain(block).items() if name != "__is_block__"}


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key.strip('"'): _plain(item) for key, item in value.items() if not key.endswith("comments__")}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1]
    return value


def _without_comments(text: str) -> str:
    return re.sub(r"(?m)(^|\s)(#|//).*$", "", text)


def _is_blocks(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, list) and bool(value) and all(isinstance(x, dict) and "__is_block__" in x for x in value)


def _body(place: str, body: dict[str, Any], known: dict[str, Any], *, meta: bool = False) -> Iterator[str]:
    ignored = {"__is_block__", "dynamic"} | (META_ARGUMENTS | META_BLOCKS if meta else set())
    given = {name: value for name, value in body.items() if name not in ignored}
    for dynamic in body.get("dynamic", []):
        for name, inner in _plain(dynamic).items():
            if name != "__is_block__":
                given[name] = given.get(name, []) + inner["content"]
    for name, value in given.items():
        if name in known:
            yield from _value(f"{place}.{name}", value, known[name])
        else:
            yield f"{place} has no {name}"
    for name, rule in known.items():
        if rule["required"] and name not in given:
            yield f"{place} lacks {name}"


def _value(place: str, value: Any, rule: dict[str, Any]) -> Iterator[str]:  # noqa: ANN401
    if _is_blocks(value) != bool(rule.get("block")):
        yield f"{place} is {'an argument, not a block' if _is_blocks(value) else 'a block, not an argument'}"
    elif _is_blocks(value):
        if len(value) > 1 and not rule["list"]:
            yield f"{place} may be there only once"
        for block in value:
            yield from _body(place, block, rule["of"])


def _references(place: str, module: dict[str, Any], parsed: dict[Path, Any], path: Path) -> Iterator[str]:
    text = module["text"]
    for _ in range(2):  # an interpolation may hold strings of its own
        text = STRING.sub(lambda match: f"({' '.join(INTERPOLATION.findall(match[0]))})", text)
    matches = list(REFERENCE.finditer(text))
    used = {match["name"] for match in matches if match["head"] == "var"}
    yield from (f"{place}: variable {name} is never used" for name in sorted(set(module["variable"]) - used))
    providers = {type_.split("_")[0] for type_, _ in module["resource"]}
    for match in matches:
        head, name, attributes = match["head"], match["name"], match["rest"].split(".")[1:]
        if head == "module" and name in module["module"]:
            outputs = parsed.get((path / str(module["module"][name]["source"])).resolve(), {}).get("output", attributes)
            if attributes and attributes[0] not in outputs:
                yield f"{place}: module.{name} has no output {attributes[0]}"
            continue
        declared = {
            "var": name in module["variable"],
            "local": name in module["locals"],
            "module": False,
            "data": (name, *attributes[:1]) in module["data"],
        }.get(head, (head, name) in module["resource"] or head.split("_")[0] not in providers)
        if not declared:
            yield f"{place}: {'.'.join([head, name, *(attributes[:1] if head == 'data' else [])])} is not declared"


def _calls(place: str, module: dict[str, Any], parsed: dict[Path, Any], path: Path) -> Iterator[str]:
    for name, call in module["module"].items():
        source = (path / str(call["source"])).resolve()
        if source not in parsed:
            yield f"{place}: module {name} has no folder {call['source']}"
            continue
        variables = parsed[source]["variable"]
        given = set(call) - MODULE_ARGUMENTS - {"__is_block__"}
        for argument in sorted(given - set(variables)):
            yield f"{place}: module {name} has no variable {argument}"
        for argument, variable in variables.items():
            if "default" not in variable and argument not in given:
                yield f"{place}: module {name} lacks {argument}"
