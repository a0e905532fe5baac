"""The accounts, numbers, templates and files the sandbox knows."""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import cast

import orjson

from config.dev.sandbox.errors import Json, unknown_object

SEED = Path(__file__).with_name("seed.json")
PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
MEDIA_KINDS = ("IMAGE", "VIDEO", "DOCUMENT", "GIF", "LOCATION")


@dataclass(slots=True)
class Phone:
    """A phone number of a business."""

    id: str
    waba_id: str
    portfolio_id: str
    digits: str
    fields: Json


@dataclass(frozen=True, slots=True)
class Button:
    """A button of a template: its kind and whether a send must fill it."""

    kind: str
    variable: bool


@dataclass
class Template:
    """A message template in one language."""

    id: str
    waba_id: str
    name: str
    language: str
    category: str
    status: str
    parameter_format: str
    components: list[Json]
    extra: Json = field(default_factory=dict)

    @cached_property
    def shape(self) -> "Shape":
        """Return what a send of this template must fill."""
        return Shape.of(self)

    def replace_components(self, components: list[Json]) -> None:
        """Put other components in place."""
        self.components = components
        self.__dict__.pop("shape", None)

    def as_json(self) -> Json:
        """Return the template as the Graph API shows it."""
        return {
            "name": self.name,
            "parameter_format": self.parameter_format,
            "components": self.components,
            "language": self.language,
            "status": self.status,
            "category": self.category,
            "id": self.id,
            **self.extra,
        }


@dataclass(frozen=True, slots=True)
class Shape:
    """What a send of a template must fill; read once for each version of a template."""

    named: bool
    header: str | None
    header_names: tuple[str, ...]
    body_names: tuple[str, ...]
    body_length: int
    buttons: tuple[Button, ...]
    category: str

    @classmethod
    def of(cls, template: Template) -> "Shape":
        """Read the components of the template."""
        header = find_component(template.components, "HEADER")
        body = find_component(template.components, "BODY") or {}
        buttons = (find_component(template.components, "BUTTONS") or {}).get("buttons", [])
        text = str(body.get("text", ""))
        authentication = template.category == "AUTHENTICATION"
        return cls(
            named=template.parameter_format == "NAMED",
            header=str(header.get("format", "TEXT")).upper() if header else None,
            header_names=placeholders(str(header.get("text", ""))) if header else (),
            body_names=("1",) if authentication else placeholders(text),
            body_length=len(PLACEHOLDER.sub("", text)),
            buttons=tuple(_button(b) for b in buttons),
            category=template.category.lower(),
        )


def _button(button: Json) -> Button:
    kind = str(button.get("type", "")).upper()
    if kind == "OTP":
        return Button("URL", variable=True)
    variable = kind == "COPY_CODE" or (kind == "URL" and "{{" in str(button.get("url", "")))
    return Button(kind, variable)


def find_component(components: Iterable[Json], kind: str) -> Json | None:
    """Return the component of this type, if the template has one."""
    for component in components:
        if str(component.get("type", "")).upper() == kind:
            return component
    return None


def placeholders(text: str) -> tuple[str, ...]:
    """Return the names or numbers of the variables in the text, each once, in order."""
    return tuple(dict.fromkeys(PLACEHOLDER.findall(text)))


@dataclass
class Waba:
    """A WhatsApp Business account."""

    id: str
    portfolio_id: str
    fields: Json
    phones: list[Phone] = field(default_factory=list)
    templates: dict[tuple[str, str], Template] = field(default_factory=dict)
    subscribed: bool = True


@dataclass(slots=True)
class Media:
    """A file that was uploaded or that a customer sent."""

    id: str
    phone_number_id: str
    mime_type: str
    data: bytes
    sha256: str
    created_at: float = field(default_factory=time.time)


class World:
    """Everything the Graph API can be asked about, found by id."""

    def __init__(self, seed: Path = SEED) -> None:
        self.seed = seed
        self.reset()

    def reset(self) -> None:
        """Forget everything and read the seed again."""
        self.wabas: dict[str, Waba] = {}
        self.phones: dict[str, Phone] = {}
        self.templates: dict[str, Template] = {}
        self.media: dict[str, Media] = {}
        self._next_id = 910_000_000_000_001
        for entry in orjson.loads(self.seed.read_bytes())["accounts"]:
            self._load(entry)

    def _load(self, entry: Json) -> None:
        portfolio = entry["portfolio"]
        fields = {k: v for k, v in entry.items() if k not in ("phone_numbers", "templates")}
        fields.pop("portfolio")
        fields["owner_business_info"] = portfolio
        waba = Waba(id=entry["id"], portfolio_id=portfolio["id"], fields=fields)
        self.wabas[waba.id] = waba
        for phone_fields in entry["phone_numbers"]:
            digits = re.sub(r"\D", "", phone_fields["display_phone_number"])
            phone = Phone(phone_fields["id"], waba.id, waba.portfolio_id, digits, phone_fields)
            waba.phones.append(phone)
            self.phones[phone.id] = phone
        for spec in entry["templates"]:
            self.add_template(waba, spec)

    def add_template(self, waba: Waba, spec: Json) -> Template:
        """Put a template into the account; a missing id is made up."""
        known = ("id", "name", "language", "category", "status", "parameter_format", "components")
        template = Template(
            id=str(spec.get("id") or self.new_id()),
            waba_id=waba.id,
            name=spec["name"],
            language=spec["language"],
            category=str(spec["category"]).upper(),
            status=spec.get("status", "PENDING"),
            parameter_format=str(spec.get("parameter_format", "POSITIONAL")).upper(),
            components=cast(list[Json], spec["components"]),
            extra={k: v for k, v in spec.items() if k not in known},
        )
        waba.templates[(template.name, template.language)] = template
        self.templates[template.id] = template
        return template

    def remove_template(self, template: Template) -> None:
        """Take the template out of its account."""
        self.templates.pop(template.id, None)
        self.wabas[template.waba_id].templates.pop((template.name, template.language), None)

    def new_id(self) -> str:
        """Return an id nothing here has."""
        self._next_id += 1
        return str(self._next_id)

    def get_phone(self, phone_number_id: str, verb: str = "post") -> Phone:
        """Return the phone number, or refuse with 100/33."""
        phone = self.phones.get(phone_number_id)
        if phone is None:
            raise unknown_object(phone_number_id, verb)
        return phone

    def get_waba(self, waba_id: str, verb: str = "get") -> Waba:
        """Return the account, or refuse with 100/33."""
        waba = self.wabas.get(waba_id)
        if waba is None:
            raise unknown_object(waba_id, verb)
        return waba
