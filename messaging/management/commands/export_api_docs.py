"""Write docs/openapi.yaml and docs/postman_collection.json from the code."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from django.core.management.base import BaseCommand, CommandError, CommandParser
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer

from config.env import BASE_DIR

OPENAPI: Final = "docs/openapi.yaml"
POSTMAN: Final = "docs/postman_collection.json"
_POSTMAN_SCHEMA: Final = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"


class Command(BaseCommand):
    """Write the API documents; with --check, fail when those in the tree are stale."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --check."""
        parser.add_argument("--check", action="store_true", help="write nothing; fail when stale")

    def handle(self, *_: Any, check: bool, **__: Any) -> None:
        """Write the files, or compare them."""
        made = documents()
        root = BASE_DIR
        if not check:
            for name, text in made.items():
                (root / name).write_text(text, encoding="utf-8")
                self.stdout.write(f"wrote {name}")
            return
        stale = [name for name, text in made.items() if _read(root / name) != text]
        if stale:
            raise CommandError(f"stale: {', '.join(stale)}; run `manage.py export_api_docs`")


def documents() -> dict[str, str]:
    """Return the text of each file by its path in the tree."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # no types upstream
    text = OpenApiYamlRenderer().render(schema, renderer_context={}).decode()  # type: ignore[no-untyped-call]  # same
    collection = _collection(yaml.safe_load(text))
    return {OPENAPI: text, POSTMAN: json.dumps(collection, indent=2, ensure_ascii=False) + "\n"}


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _collection(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema as a Postman collection: a folder per tag, a request per operation."""
    folders: dict[str, list[dict[str, Any]]] = {}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            tag = (operation.get("tags") or ["other"])[0]
            folders.setdefault(tag, []).append(_request(schema, path, method, operation))
    return {
        "info": {"name": schema["info"]["title"], "schema": _POSTMAN_SCHEMA},
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{access_token}}"}]},
        "variable": [
            {"key": "base_url", "value": "http://127.0.0.1:8000"},
            {"key": "access_token", "value": ""},
        ],
        "item": [{"name": tag, "item": found} for tag, found in sorted(folders.items())],
    }


def _request(
    schema: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]
) -> dict[str, Any]:
    segments = [f":{part[1:-1]}" if part[:1] == "{" else part for part in path.split("/") if part]
    parameters = operation.get("parameters", [])
    request: dict[str, Any] = {
        "method": method.upper(),
        "description": operation.get("description", ""),
        "header": [_header(one) for one in parameters if one["in"] == "header"],
        "url": {
            "raw": "{{base_url}}/" + "/".join(segments),
            "host": ["{{base_url}}"],
            "path": segments,
            "query": [
                {"key": one["name"], "value": "", "disabled": not one.get("required", False)}
                for one in parameters
                if one["in"] == "query"
            ],
            "variable": [
                {"key": one["name"], "value": ""} for one in parameters if one["in"] == "path"
            ],
        },
    }
    if body := _body(schema, operation):
        request["body"] = body
    return {"name": f"{method.upper()} {path}", "request": request}


def _header(parameter: Mapping[str, Any]) -> dict[str, Any]:
    return {"key": parameter["name"], "value": "", "disabled": not parameter.get("required", False)}


def _body(schema: Mapping[str, Any], operation: Mapping[str, Any]) -> dict[str, Any] | None:
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        example = _shown(schema, content["application/json"])
        text = json.dumps(example, indent=2, ensure_ascii=False)
        return {"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}}
    for form in content.values():
        fields = _properties(schema, form.get("schema", {}))
        rows = [{"key": name, "type": _form_type(one)} for name, one in fields]
        return {"mode": "formdata", "formdata": rows}
    return None


def _shown(schema: Mapping[str, Any], content: Mapping[str, Any]) -> Any:
    """Return the first example the document gives, else a value made from the schema."""
    for given in content.get("examples", {}).values():
        return given["value"]
    return _example(schema, content.get("schema", {}), 0)


def _form_type(field: Mapping[str, Any]) -> str:
    is_file = field.get("format") == "binary" or "contentMediaType" in field
    return "file" if is_file else "text"


def _properties(
    schema: Mapping[str, Any], part: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from _resolved(schema, part).get("properties", {}).items()


def _resolved(schema: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow references and single choices to the schema that says the type."""
    while True:
        choices = part.get("oneOf") or part.get("anyOf") or part.get("allOf")
        if "$ref" in part:
            part = schema["components"]["schemas"][part["$ref"].rpartition("/")[2]]
        elif choices:
            part = choices[0]
        else:
            return part


def _example(schema: Mapping[str, Any], part: Mapping[str, Any], depth: int) -> Any:
    """Return a value that shows the shape of what is required."""
    part = _resolved(schema, part)
    if "enum" in part:
        return part["enum"][0]
    kind = part.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        required = part.get("required", [])
        return {
            name: _example(schema, one, depth + 1)
            for name, one in part.get("properties", {}).items()
            if name in required and depth < 4
        }
    if kind == "array":
        return []
    return {"integer": 1, "number": 1.0, "boolean": False}.get(str(kind), "")
