"""The terms of an agreement. Every one may be said by a layer: standard preset, company, industry, partner, agreement.

No field here has a default of its own: presets/standard.yaml says all of them, so that each line in force was written
in a file a person can be shown. A new field stands here and there.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from gateway.flows.before_sending import RULES
from gateway.flows.warehouse_order import ADVICE
from gateway.formats.finding import Severity
from gateway.formats.x12 import narrowing
from gateway.formats.x12 import separators as x12
from gateway.formats.x12.guide import Guide, GuideFault
from gateway.formats.x12.tolerance import RELAXATIONS, Preset, Tolerance
from gateway.partners.faults import nearest
from gateway.partners.values import Duration, TimeOfDay, TradingId, Written, wrong

Separator = Annotated[str, StringConstraints(min_length=1, max_length=1, pattern=r"^[^A-Za-z0-9\s]$")]


class Acknowledge(Written):
    """What we answer to what they send."""

    with_: Literal["997", "999", "file", "none"] = Field(
        alias="with",
        description="The functional acknowledgement they get; `file`: our own, as the agreement to send one says.",
    )
    within: Duration = Field(description="How soon they must have it; later is a work item.")
    detail: Literal["all", "errors", "none"] = Field(
        description="Name every set in it, only those with errors, or give the group's result alone."
    )
    ta1: Literal["asked", "always", "never"] = Field(
        description="Answer the interchange too: when ISA14 asks, always, or never."
    )


class Duplicates(Written):
    """What to do when something comes a second time.

    `hold` asks a person, `warn` uses it and says so, `answer-again` sends the first answer again and does nothing else,
    `ignore` uses it. An order that is used beside another of its number gets its document's id behind the number.
    """

    transport: Literal["answer-again", "ignore"] = Field(description="The same interchange: same number, same content.")
    control_number: Literal["hold", "warn", "ignore"] = Field(
        description="The same interchange number from the same sender, with other content."
    )
    content: Literal["hold", "warn", "answer-again", "ignore"] = Field(
        description="A file with the same bytes; one of a format without numbers of its own."
    )
    business_key: Literal["hold", "warn", "ignore"] = Field(
        description="The same order, shipment or invoice number, with other content."
    )
    window: Duration = Field(description="How far back an interchange number counts as the same; partners reuse them.")


class Tolerate(Written):
    """How strictly a document is judged."""

    preset: Literal["strict", "standard", "lenient"] = Field(description="The rules to start from.")
    but: dict[str, Literal["warning", "error", "rejects"]] = Field(
        description="Deviations that weigh differently here (docs/profiles.md lists their names).",
        examples=["{segment-count: warning}"],
    )

    @field_validator("but")
    @classmethod
    def _known(cls, but: dict[str, str]) -> dict[str, str]:
        for name in but:
            if name not in RELAXATIONS:
                raise wrong(f"no deviation is called `{name}`", nearest(name, RELAXATIONS))
        return but


class Codes(Written):
    """What their codes and units must mean to us before a document is used."""

    ask: tuple[str, ...] = Field(
        description="Code tables of the map that must name every code: an unknown one waits for a person's answer "
        "instead of being passed on.",
        examples=["[unit, id_scheme]"],
    )
    units: tuple[str, ...] = Field(
        description="The units our systems count in: a quantity in another one, that no conversion covers, waits for "
        "a person's answer. Empty: any.",
        examples=["[each]"],
    )


class Separators(Written):
    """The characters of the X12 we write."""

    element: Separator = Field(description="Between elements.")
    component: Separator = Field(description="Between components (ISA16).")
    repetition: Separator = Field(description="Between repetitions, from release 00402 on (ISA11).")
    segment: Separator = Field(description="After each segment.")
    newline: bool = Field(description="A line break after each segment, for people who read it.")

    @model_validator(mode="after")
    def _distinct(self) -> Separators:
        used = [self.element, self.component, self.repetition, self.segment]
        if len(set(used)) < len(used):
            raise wrong("two separators are the same character", "give each its own, e.g. * > ^ ~")
        return self


class Envelope(Written):
    """How documents are put together before they are sent."""

    window: Duration = Field(description="Collect documents for this long; 0s sends each at once.")
    max_documents: int = Field(ge=1, le=1000, description="Documents in one envelope; so many are sent at once.")
    cutoff: TimeOfDay | None = Field(
        description="Send whatever is collected at this time of our day, each working day."
    )
    characters: Separators = Field(alias="separators", description="The characters of the X12 we write.")
    ask_ta1: bool = Field(description="Ask them to answer the interchange too (ISA14).")
    our_id: TradingId | None = Field(description="Which of our ids to use; without it the first.")
    their_id: TradingId | None = Field(
        description="Which of their ids to use and accept; without it the first, and any."
    )
    our_group_id: str | None = Field(description="Our code in GS02/GS03; without it the id.")
    their_group_id: str | None = Field(description="Their code in GS02/GS03; without it the id.")

    @property
    def collects(self) -> bool:
        """Whether a document waits for others."""
        return self.window > timedelta()

    @model_validator(mode="after")
    def _collects_something(self) -> Envelope:
        if self.collects and self.max_documents == 1:
            raise wrong("`window` collects, but an envelope takes one document", "say e.g. `max_documents: 500` too")
        if self.cutoff is not None and not self.collects:
            raise wrong("`cutoff` ends a collection, and nothing is collected", "say e.g. `window: 24h` too")
        return self

    @property
    def separators(self) -> x12.Separators:
        """The characters as the writer takes them."""
        say = self.characters
        return x12.Separators(say.element, say.repetition, say.component, say.segment, "\n" if say.newline else "")


Weight = Literal["off", "warn", "hold"]


class BeforeSending(Written):
    """Rules a document keeps before it goes out.

    `hold` stops it until a person mends or releases it, `warn` sends it and says so, `off` does not look.
    """

    asn_before_arrival: Weight = Field(description=RULES["asn_before_arrival"][0])
    sscc_check_digit: Weight = Field(description=RULES["sscc_check_digit"][0])
    lines_on_order: Weight = Field(description=RULES["lines_on_order"][0])
    quantities_within_order: Weight = Field(description=RULES["quantities_within_order"][0])
    prices_as_ordered: Weight = Field(description=RULES["prices_as_ordered"][0])
    allowed_units: Weight = Field(description=RULES["allowed_units"][0])
    required_values: Weight = Field(description=RULES["required_values"][0])
    units: tuple[str, ...] = Field(description="The units they take, as our words.", examples=["[each, case]"])
    required: tuple[str, ...] = Field(
        description="What must be there: a field of our document, or `reference` and its type.",
        examples=["[bill_of_lading, carrier.scac, reference DP]"],
    )

    def looking(self) -> dict[str, Weight]:
        """The rules that look at a document, with their weight."""
        said: dict[str, Weight] = {rule: getattr(self, rule) for rule in RULES}
        return {rule: weight for rule, weight in said.items() if weight != "off"}


class Confirm(Written):
    """What we expect back for what we send."""

    with_: Literal["997", "999"] = Field(alias="with", description="The acknowledgement they owe us.")
    within: Duration = Field(description="When it is late; a work item then asks what to do.")


class Deadlines(Written):
    """What is owed after what was sent, and how soon by the clock (a Sunday counts): by us, and by a warehouse."""

    order_response: Duration | None = Field(description="The order response, counted from the order.")
    ship_notice: Duration | None = Field(description="The ship notice, counted from the shipment.")
    invoice: Duration | None = Field(description="The invoice, counted from the shipment.")
    shipping_advice: Duration | None = Field(
        description="What a warehouse owes us: a first shipping advice, counted from the warehouse order."
    )


DEADLINES = {"order-response": "order_response", "shipment": "ship_notice", "invoice": "invoice"}
DEADLINES |= {ADVICE: "shipping_advice"}
"""Canonical kind, or what a warehouse owes us -> the field of Deadlines that says how soon it is owed."""


class Terms(Written):
    """Everything two parties agree on about one document."""

    acknowledge: Acknowledge = Field(description="What we answer to what they send.")
    duplicates: Duplicates = Field(description="What to do when something comes a second time.")
    destinations: tuple[str, ...] = Field(
        description="Our systems of the same lane: one that can submit must take it, the others are told.",
        examples=["[erp, crm]"],
    )
    ship_from: str | None = Field(
        description="The site of ours that ships these orders, unless the system that releases them names another.",
        examples=["reno"],
    )
    deadlines: Deadlines = Field(description="What is owed after what was sent, and how soon.")
    codes: Codes = Field(description="What their codes and units must mean to us before a document is used.")
    tolerate: Tolerate = Field(description="How strictly a document is judged.")
    narrow: dict[str, str] = Field(
        description="Their guide where it asks more than the standard: a set and a place (`850 REF`, `850 PO1/PID`, "
        "`850 BEG-01`), and `required`, `unused`, `at most 3`, `2 to 9` (characters), `only A B` or `also A B`.",
        examples=['{"850 REF": "required, at most 3", "850 BEG-01": only 00 06}'],
    )
    refuse: Literal["document", "file"] = Field(
        description="What one bad document of a CSV, XML or JSON file costs: itself, or the whole file."
    )
    envelope: Envelope = Field(description="How documents are put together before they are sent.")
    before_sending: BeforeSending = Field(description="Rules a document keeps before it goes out.")
    cartons: Literal["as-told", "numbered"] = Field(
        description="Cartons of a ship notice or shipping advice: with the numbers we were told, or with an SSCC of "
        "ours (`gs1_prefix`) where a carton came without one."
    )
    confirm: Confirm | None = Field(description="What we expect back for what we send, or `none`.")
    resend: Literal["same-bytes", "new-number"] = Field(
        description="What a resend offers first: the same bytes again, or the same document under a new number."
    )

    @field_validator("narrow")
    @classmethod
    def _narrows(cls, narrow: dict[str, str]) -> dict[str, str]:
        for place, text in narrow.items():
            try:
                narrowing.check_place(place)
                narrowing.rule(text)
            except GuideFault as error:
                raise wrong(str(error), "e.g. `850 REF: required, at most 3`") from None
        return narrow

    def narrowed(self, guide: Guide) -> Guide:
        """A standard guide as this partner wants it; judging.py has seen that the rules fit it."""
        return narrowing.narrowed(guide, self.narrow)

    @cached_property
    def tolerance(self) -> Tolerance:
        """`tolerate` as the formats judge by it."""
        overrides = {name: Severity(weight) for name, weight in self.tolerate.but.items()}
        return Tolerance(Preset(self.tolerate.preset), overrides)


RECEIVING = frozenset({"acknowledge", "duplicates", "destinations", "ship_from", "deadlines", "refuse"})
SENDING = frozenset({"envelope", "before_sending", "cartons", "confirm", "resend"})
