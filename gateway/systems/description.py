"""What a connector's YAML may say. Each model here is the schema, the reference and the lint at once.

`load` gives a `System`, or every fault of the file with its line and what to write instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from gateway.partners.checking import faults_of
from gateway.partners.faults import Fault, ProfileFaults, nearest
from gateway.partners.reading import Node, read
from gateway.partners.secrets import SecretRef, Setting
from gateway.partners.values import Duration, Lane, Written, parse_duration, wrong
from gateway.systems.connector import Operation
from gateway.systems.template import Template, TemplateFault, compile_template, places

READING = frozenset({"GET", "HEAD"})  # methods that change nothing there (RFC 9110 9.2.1)
COMMAND_NAMES = frozenset({"key", "lane", "operation", "document", "data", "refs"})


class Request(Written):
    """`POST /v1/orders`: a method and a path under base_url."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    path: Any  # a Template: each value put in is quoted as one path segment

    @property
    def reads(self) -> bool:
        return self.method in READING


def _request(raw: Any) -> Any:
    if not isinstance(raw, str):
        return raw
    method, _, path = raw.partition(" ")
    path = path.strip()
    if method not in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        raise wrong(f"`{raw}` does not begin with a method", "write e.g. `POST /v1/orders`")
    if not path.startswith("/") or path.startswith("//") or "?" in path or "#" in path or ".." in path:
        raise wrong(f"`{path}` is not a path under base_url", "begin with one /, and put parameters under `query:`")
    return Request(method=method, path=_template(path))


def _template(raw: Any) -> Any:
    try:
        return compile_template(raw)
    except TemplateFault as fault:
        raise wrong(str(fault), "see docs/connectors.md, templates") from None


def _pointer(raw: Any) -> Any:
    if isinstance(raw, str) and not (raw == "" or raw.startswith(("/", "header:"))):
        raise wrong(f"`{raw}` is not a JSON pointer", "write e.g. /order/number, or header:Location")
    return "" if raw is None else raw


def _rate(raw: Any) -> Any:
    if not isinstance(raw, str):
        return raw
    count, slash, per = raw.partition("/")
    if not slash or not count.isdecimal() or int(count) == 0:
        raise wrong(f"`{raw}` is no rate", "write a number and a time, e.g. 20/s or 6000/5m")
    return Rate(count=int(count), per=parse_duration(per if per[:1].isdecimal() else f"1{per}"))


class Rate(Written):
    """So many requests in so much time."""

    count: int = Field(ge=1)
    per: Duration


RequestLine = Annotated[Request, BeforeValidator(_request)]
Templated = Annotated[Any, BeforeValidator(_template)]
Pointer = Annotated[str, BeforeValidator(_pointer)]
Header = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", examples=["X-Api-Key"])]
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", examples=["order_id"])]


class Basic(Written):
    """User and password (RFC 7617)."""

    user: Setting
    password: SecretRef


class NamedHeader(Written):
    """A key in a header of the system's own."""

    name: Header
    value: SecretRef


class ClientCredentials(Written):
    """OAuth 2 client credentials (RFC 6749 4.4)."""

    token_url: Setting  # a path under base_url, or an https address of its own
    client_id: Setting
    client_secret: SecretRef
    scope: str | None = None
    audience: str | None = None


class Auth(Written):
    """How we show who we are; exactly one of these."""

    bearer: SecretRef | None = None
    basic: Basic | None = None
    header: NamedHeader | None = None
    oauth2: ClientCredentials | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise wrong("auth names more or less than one way", "keep one of bearer, basic, header, oauth2")
        return self


class Limits(Written):
    """What the system bears. The worker keeps to it across all processes."""

    rate: Annotated[Rate, BeforeValidator(_rate)] | None = None
    concurrency: int = Field(default=4, ge=1, le=100)
    response_bytes: int = Field(default=8_000_000, ge=1_000)  # a page of 1,000 changes with documents is near 2 MB


class Timeouts(Written):
    """How long we wait."""

    connect: Duration = parse_duration("5s")
    read: Duration = parse_duration("20s")  # without a byte
    total: Duration = parse_duration("60s")  # for one request, however it trickles


class ErrorRule(Written):
    """An answer of this system that means something else than its status code usually does."""

    status: int = Field(ge=300, le=599)
    code: str | None = None  # only with this error code in the body
    outcome: Literal["retry", "rejected", "unknown", "done"]
    after: Duration | None = None


class Errors(Written):
    """Where a refusal's own words stand, and which answers are special here."""

    code: Pointer | None = None
    message: Pointer | None = None
    field: Pointer | None = None
    rules: tuple[ErrorRule, ...] = ()


class Find(Written):
    """How to see whether a step has already happened."""

    request: RequestLine = Field(examples=["POST /v1/orders"])
    query: dict[str, Templated] = Field(default_factory=dict)
    items: Pointer | None = None  # where the list of hits stands; without it the answer itself is the hit
    match: dict[Pointer, Templated] = Field(
        min_length=1, examples=['{/reference: "{key}"}']
    )  # what makes a hit ours, beyond any doubt

    @model_validator(mode="after")
    def _reads(self) -> Self:
        if not self.request.reads:
            raise wrong("a find that changes something", "use GET")
        return self


class Step(Written):
    """One request of an operation."""

    name: Word
    request: RequestLine = Field(examples=["POST /v1/orders"])
    query: dict[str, Templated] = Field(default_factory=dict)
    headers: dict[Header, Templated] = Field(default_factory=dict)
    body: Templated = None
    send_as: Literal["json", "form"] = "json"
    take: dict[Word, Pointer] = Field(
        default_factory=dict, examples=["{id: /id}"]
    )  # what to remember of the answer, and of what find found
    when: Templated = True  # skip the step when this value is not there
    find: Find | None = None
    repeatable: str | None = None  # why asking twice is harmless, where there is no find

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        if not self.request.reads and self.find is None and not self.repeatable:
            raise wrong(
                f"step `{self.name}` changes something there, and nothing says how to see whether it happened",
                "give it `find:`, or say in `repeatable:` why asking twice is harmless",
            )
        return self


class OperationDef(Written):
    """How one operation is done here: steps in order, and what to answer."""

    steps: tuple[Step, ...] = Field(min_length=1)
    ref: Templated  # the system's own id of the record
    answer: dict[Word, Templated] = Field(default_factory=dict)  # what else is worth knowing

    def unsure(self) -> frozenset[str]:
        """Steps whose answer cannot be had again without asking for the thing itself again."""
        names: set[str] = set()
        for step in self.steps:
            needs = {path.split(".")[1] for path in _paths_of(step) if path.startswith("steps.")}
            if step.find is None and (not step.request.reads or needs & names):
                names.add(step.name)
        return frozenset(names)


class EventRule(Written):
    """One kind of change there, in our words."""

    match: dict[Pointer, str] = Field(min_length=1)
    event: str = Field(pattern=r"^[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*$", examples=["shipment.confirmed"])
    keys: dict[Word, Templated] = Field(min_length=1)
    ids: dict[Word, Templated] = Field(default_factory=dict)
    data: Templated = None


class Changes(Written):
    """The feed of what happened there since."""

    request: RequestLine = Field(examples=["POST /v1/orders"])
    query: dict[str, Templated]
    first: str | None = None  # the cursor of the very first reading
    items: Pointer = Field(examples=["/data"])
    id: Pointer = Field(examples=["/id"])  # in an item
    at: Pointer | None = None  # in an item: when it happened
    next: Pointer | None = None  # in the page: the new cursor; without it, the id of the last item
    more: Pointer | None = None  # in the page: true if another page waits
    every: Duration = parse_duration("15s")
    events: tuple[EventRule, ...] = Field(min_length=1)
    ignore: tuple[dict[Pointer, str], ...] = ()


class System(Written):
    """One ERP, CRM or warehouse system over HTTP."""

    system: Word = Field(examples=["erp"])
    lane: Lane
    base_url: Setting = Field(examples=["env:ERP_URL"])
    allow_http: bool = False  # plain http to another machine: only inside a network you trust
    auth: Auth | None = None
    headers: dict[Header, Templated] = Field(default_factory=dict, examples=["{X-Lane: test}"])  # on every request
    limits: Limits = Field(default=Limits(), examples=["{rate: 20/s}"])
    timeouts: Timeouts = Field(default=Timeouts(), examples=["{read: 20s}"])
    errors: Errors = Errors()
    operations: dict[Operation, OperationDef] = Field(default_factory=dict)
    changes: Changes | None = None


def load(file: str, text: str) -> System:
    """Read and check a connector; raises `ProfileFaults` with every mistake in it."""
    node = read(file, text)
    try:
        system = System.model_validate(node.plain())
    except ValidationError as error:
        raise ProfileFaults(faults_of(System, node, error)) from None
    if faults := list(_unknown_names(node, system)):
        raise ProfileFaults(faults)
    return system


Where = tuple[str | int, ...]


def _unknown_names(node: Node, system: System) -> Iterator[Fault]:
    """Templates that speak of something no command, step or item has."""
    for name, template in system.headers.items():
        yield from _judge(node, ("headers", name), template, frozenset({"lane"}))
    for operation, definition in system.operations.items():
        base: Where = ("operations", operation.value)
        taken: dict[str, frozenset[str]] = {}
        for n, step in enumerate(definition.steps):
            at = (*base, "steps", n)
            if step.name in taken:
                yield node.at((*at, "name")).fault(f"two steps are called `{step.name}`", "give each its own name")
            for where, template in _templates_of(step):
                yield from _judge(node, (*at, *where), template, COMMAND_NAMES | {"steps"}, taken)
            taken[step.name] = frozenset(step.take)
        yield from _blind_finds(node, base, definition)
        yield from _judge(node, (*base, "ref"), definition.ref, COMMAND_NAMES | {"steps"}, taken)
        for name, template in definition.answer.items():
            yield from _judge(node, (*base, "answer", name), template, COMMAND_NAMES | {"steps"}, taken)
    if (changes := system.changes) is not None:
        for name, template in changes.query.items():
            yield from _judge(node, ("changes", "query", name), template, frozenset({"cursor", "lane"}))
        yield from _judge(node, ("changes", "request"), changes.request.path, frozenset({"cursor", "lane"}))
        for n, rule in enumerate(changes.events):
            for part in ("keys", "ids"):
                for name, template in getattr(rule, part).items():
                    yield from _judge(node, ("changes", "events", n, part, name), template, frozenset({"item"}))
            yield from _judge(node, ("changes", "events", n, "data"), rule.data, frozenset({"item"}))


def _blind_finds(node: Node, base: Where, definition: OperationDef) -> Iterator[Fault]:
    """A look that needs what only another sending would tell: after a crash it could not be taken."""
    unsure = definition.unsure()
    for n, step in enumerate(definition.steps):
        if step.find is None:
            continue
        for where, template in _templates_of(step):
            if where[0] not in ("find", "when"):
                continue
            for place, _ in places(template):
                for path in place.paths:
                    if path.startswith("steps.") and path.split(".")[1] in unsure:
                        yield node.at((*base, "steps", n, *where)).fault(
                            f"`{path}` is only known after asking step `{path.split('.')[1]}` again",
                            "look it up by something the command holds, e.g. {key}, or give that step a `find:` too",
                        )


def _paths_of(step: Step) -> Iterator[str]:
    for _, template in _templates_of(step):
        for place, _ in places(template):
            yield from place.paths


def _templates_of(step: Step) -> Iterator[tuple[Where, Any]]:
    yield ("request",), step.request.path
    yield ("body",), step.body
    yield ("when",), step.when if step.when is not True else None
    for part in ("query", "headers"):
        for name, template in getattr(step, part).items():
            yield (part, name), template
    if step.find is not None:
        yield ("find", "request"), step.find.request.path
        for name, template in step.find.query.items():
            yield ("find", "query", name), template
        for name, template in step.find.match.items():
            yield ("find", "match", name), template


def _judge(
    node: Node,
    at: Where,
    template: Template,
    names: frozenset[str],
    taken: Mapping[str, frozenset[str]] | None = None,
) -> Iterator[Fault]:
    for place, inner in places(template):
        for path in place.paths:
            first, _, rest = path.partition(".")
            step, _, value = rest.partition(".")
            if first not in names | inner:
                yield node.at(at).fault(f"`{path}`: there is no `{first}`", nearest(first, names | inner))
            elif first == "steps" and step not in (taken or {}):
                yield node.at(at).fault(f"`{path}`: no earlier step is called `{step}`", nearest(step, taken or ()))
            elif first == "steps" and value.partition(".")[0] not in (taken or {})[step]:
                yield node.at(at).fault(
                    f"`{path}`: step `{step}` takes no `{value}`", nearest(value, (taken or {})[step])
                )
