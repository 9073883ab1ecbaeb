"""Every way the road can stop for a person, in plain words (the desk's form: what, where, why, who, what to do).

The words are format strings over the data of the work item; {it} is what it is about, as every command takes it: D-7,
T-3, L-5. A remedy names its command. Values come from partners: they are cut to one line and a sane length before they
stand in a sentence, and nothing else is ever done with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Situation:
    """One kind of stop."""

    category: str  # source data, orchestration, partner delay, platform (CHECKLIST E12)
    title: str  # one sentence: what is wrong
    why: str  # what is lost if nobody acts
    who: str  # who mends it
    what_to_do: str


LONGEST = 120  # characters of a partner's value in a sentence; the whole value stays in the document


def spoken(value: Any) -> str:
    """A value fit to stand in a sentence: printable, one line, not endless."""
    text = "".join(c if c.isprintable() else " " for c in str(value)).strip()
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


class _Words(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "(not known)"


def say(sentence: str, data: Mapping[str, Any]) -> str:
    """The sentence with its values; a value nobody knows is said to be not known."""
    return sentence.format_map(_Words({key: spoken(value) for key, value in data.items()}))


SITUATIONS: dict[str, Situation] = {
    "file-unreadable": Situation(
        "source data",
        "We could not read what {partner} sent: {reason}.",
        "Nothing of it was used; whatever they meant to send has not happened here.",
        "{partner}",
        "Look at its first bytes and ask for the file again; where the cause was ours and is mended, "
        "`gateway reprocess {it}` reads it again.",
    ),
    "interchange-unreadable": Situation(
        "source data",
        "An interchange that {partner} sent could not be read: {reason}.",
        "Nothing of it was used; the other interchanges of the file went on.",
        "{partner}",
        "{remedy}",
    ),
    "as2-refused": Situation(
        "source data",
        "We refused an AS2 message of {partner}: {reason}.",
        "Nothing of it was used. They were told: {disposition}.",
        "{partner}, or our engineer where our settings are wrong",
        "{remedy}",
    ),
    "as2-stranger": Situation(
        "source data",
        'An AS2 message from "{as2_from}" to "{as2_to}" was refused: {reason}.',
        "Nothing of it was used. They were told: {disposition}.",
        "Our engineer, or they used the wrong name",
        "{remedy} {closest}",
    ),
    "as2-flood": Situation(
        "source data",
        "We refuse more AS2 messages {whose} than we keep: {an_hour} in less than an hour.",
        "What came beyond that was answered with 429 and not stored; an honest sender tries again later.",
        "Our engineer",
        "Look at the last refused messages. If it is a partner, mend what they are refused for; if it is nobody you "
        "know, close your firewall to where they come from.",
    ),
    "as2-cannot-pack": Situation(
        "platform",
        "We cannot make the AS2 message of delivery L-{delivery} for {target}: {reason}.",
        "Nothing was sent; it waits, and so does whatever else goes to {target}.",
        "Our engineer",
        "{remedy} It is tried again every ten seconds by itself.",
    ),
    "as2-not-taken": Situation(
        "source data",
        "{target} refused the AS2 message with delivery L-{delivery} ({what}); {reason}.",
        "They have not used it, and it will not be sent again by itself.",
        "{partner}'s AS2 desk, or our engineer where our settings are wrong",
        "Compare certificates and algorithms with their sheet, mend the cause, then `gateway resend {it}` sends it as "
        "a new message.",
    ),
    "as2-receipt-unproven": Situation(
        "source data",
        "{target} answered delivery L-{delivery} ({what}), but {reason}.",
        "They may have it or not: nothing proves that they got our bytes.",
        "{partner}'s AS2 desk",
        "Ask them whether they have it. If they do, `gateway skip {it}`; if not, `gateway resend {it}` sends it as a "
        "new message.",
    ),
    "as2-receipt-doubted": Situation(
        "source data",
        "A receipt for delivery L-{delivery} to {target} is not believed: {reason}.",
        "It counts as no receipt, so the same message is sent again.",
        "{partner}'s AS2 desk, or our engineer where we lack their new certificate",
        "Ask whether they changed their certificate, and load it after comparing the fingerprint by telephone.",
    ),
    "as2-receipt-missing": Situation(
        "partner delay",
        "No receipt came for delivery L-{delivery} ({what}) to {target}: {reason}.",
        "They may treat it as never sent.",
        "{partner}'s AS2 desk",
        "Ask whether they have it, and whether they reach our address for receipts; a late receipt still counts.",
    ),
    "as2-receipt-contradicts": Situation(
        "source data",
        "{target} says two things about delivery L-{delivery}: {reason}.",
        "The first of the two counts here; for them the other may.",
        "{partner}'s AS2 desk",
        "Show them both receipts and ask which one holds.",
    ),
    "as2-receipt-unread": Situation(
        "source data",
        "A receipt that came over {connection} cannot be read: {reason}.",
        "What it speaks of counts as unanswered, so the same message is sent again.",
        "{partner}'s AS2 desk, or our engineer where our settings are wrong",
        "Mend what the reason names and `gateway reprocess {it}`, or ask them which software made it.",
    ),
    "as2-receipt-unmatched": Situation(
        "source data",
        "A receipt of {partner} belongs to nothing we sent them: {reason}.",
        "Nothing was changed by it.",
        "{partner}'s AS2 desk, or our engineer",
        "Compare its Original-Message-ID with what we sent them; settle this if it was a test of theirs.",
    ),
    "certificate-runs-out": Situation(
        "partner delay",
        "The AS2 certificate of {partner} {when}, and no successor is trusted.",
        "From then on we can neither check their signatures nor encrypt to them: nothing goes over {connections}.",
        "{partner}'s AS2 desk, then our engineer",
        "Ask them for their next certificate, compare its fingerprint by telephone, then load it beside this one: "
        "gateway certificate import FILE {connection}. This settles by itself then. The one that ends: {fingerprint}.",
    ),
    "our-certificate-runs-out": Situation(
        "platform",
        "Our AS2 certificate {subject} {when}, and no successor is loaded.",
        "From then on nobody accepts our signatures and nothing sent to us opens, over {connections}.",
        "Our engineer",
        "Make the next one (gateway certificate make NAME), mail it to {partners}, agree on the day from which it "
        "counts, and load it from that day. This settles by itself then. The one that ends: {fingerprint}.",
    ),
    "certificates-unusable": Situation(
        "platform",
        "The certificates of connection {connection} cannot be used: {reason}.",
        "Nothing comes in or goes out over it.",
        "Our engineer",
        "Mend the file, the variable or the profile. This settles by itself within the hour.",
    ),
    "interchange-cut-off": Situation(
        "source data",
        "This file was cut off: it ends inside interchange {control_number}.",
        "Nothing of this interchange was used; complete ones before it were.",
        "{partner}",
        "Ask for the file again; there is nothing to undo.",
    ),
    "interchange-rejected": Situation(
        "source data",
        "Interchange {control_number} of {partner} has an envelope we cannot use: {reason}.",
        "Nothing of it was used.",
        "{partner}",
        "Tell them what is wrong with it; when they send it again, mended, it goes on by itself. Then settle this.",
    ),
    "sender-not-allowed": Situation(
        "source data",
        'The sender "{sender}" is not allowed on connection {connection}.',
        "Interchange {control_number} was set aside unread.",
        "Our engineer, or they used the wrong id",
        "Write the sender under `ids:` of a partner of this connection, `gateway apply`, then `gateway reprocess "
        "{it}`; or settle this, and it stays aside for good. {closest}",
    ),
    "no-agreement": Situation(
        "source data",
        "{partner} sent a {set_id}, and no agreement says what to do with it.",
        "These documents were set aside; what they ask for has not happened, and nobody was told.",
        "Our engineer",
        "Write an agreement that receives {set_id} in partners/{partner}/partner.yaml, `gateway apply`, then "
        "`gateway reprocess {it}`. {closest}",
    ),
    "wrong-lane": Situation(
        "source data",
        "A {usage} interchange came over a {lane} connection.",
        "Nothing of it reached the ERP, the CRM or a warehouse.",
        "{partner}",
        "Ask what they meant. If it was right as it is, they send it again over the {usage} connection; if not, with "
        "the other letter in ISA15. Then settle this.",
    ),
    "control-number-reused": Situation(
        "source data",
        "Interchange number {control_number} came again with other content.",
        "If both are used, something may be shipped or billed twice; if the second is dropped, an order may be lost.",
        "{partner}",
        "Compare the two, and ask which one they mean. `gateway reprocess {it}` uses the second too; or settle this, "
        "and it stays aside.",
    ),
    "control-number-used-twice": Situation(
        "source data",
        "Interchange number {control_number} came again with other content, and both are used.",
        "If one was sent by mistake, something may be shipped or billed twice.",
        "{partner}",
        "Compare the two; if one should not be, take back what it asked for, then settle this.",
    ),
    "business-key-reused": Situation(
        "source data",
        "The same {kind} number came again with other content: {business_key}.",
        "The second waits unused. If both are used, we ship or bill twice; if it is a change, it has not happened.",
        "{partner}'s buyer",
        "Compare, and ask which one they mean. To keep the first, settle this; `gateway reprocess {it}` uses the "
        "second as one of its own, with its document's id behind its number.",
    ),
    "business-key-used-twice": Situation(
        "source data",
        "The same {kind} number came again with other content, and both are used: {business_key}.",
        "If the second was meant as a change of the first, we ship or bill twice.",
        "{partner}'s buyer",
        "Compare the two; if one should not be, take it back in the system that has it, then settle this.",
    ),
    "file-set-aside": Situation(
        "source data",
        "File {file} of {partner} cannot be used: {reason}.",
        "Nothing of it was used; its documents are kept and wait.",
        "{partner}",
        "Ask for the file again; where the cause was ours and is mended, `gateway reprocess {it}` reads it again.",
    ),
    "file-repeated": Situation(
        "source data",
        "File {file} of {partner} holds the same bytes as {before}.",
        "If it was sent by mistake nothing follows; if they meant it, what it asks for happens once and not twice.",
        "{partner}",
        "Ask whether they meant it; documents that were used before are not used again. Then settle this.",
    ),
    "file-without-agreement": Situation(
        "source data",
        "{partner} sent the {set_id}, and no agreement says what to do with it.",
        "Nothing of it was used; the file is kept whole.",
        "Our engineer, or they sent the wrong file",
        "Write an agreement that names such files, `gateway apply`, then `gateway reprocess {it}`; or settle this. "
        "{closest}",
    ),
    "part-rejected": Situation(
        "source data",
        "Document {number} ({kind_word}, {place}) of a file of {partner} cannot be used: {finding}",
        "What it asks for has not happened; the other documents of the file are not held up by it.",
        "{partner}",
        "Tell them what is wrong with it; a corrected document goes on by itself. Then settle this. Where we should "
        "take it as it is, mend the agreement, `gateway apply`, `gateway reprocess {it}`.",
    ),
    "document-rejected": Situation(
        "source data",
        "{kind_word} {control_number} of {partner} was refused: {finding}",
        "They were told by acknowledgement; what they asked for has not happened.",
        "{partner}",
        "Tell their EDI desk what is wrong with it; a corrected document goes on by itself. Then settle this. Where we "
        "should take it as it is: `tolerate:` in its agreement, `gateway apply`, `gateway reprocess {it}`.",
    ),
    "map-failed": Situation(
        "orchestration",
        "Our map {map} could not carry {kind_word} {control_number} of {partner}: {reason}.",
        "The document was accepted and waits; nothing was passed on.",
        "Our engineer",
        "Mend the map or the code table, `gateway apply`, then `gateway reprocess {it}`.",
    ),
    "agreement-without-map": Situation(
        "orchestration",
        "{kind_word} {control_number} of {partner} came under the agreement {agreement}, which {reason}.",
        "The document was accepted and waits; nothing was passed on.",
        "Our engineer",
        "Name a map that reads a {kind_word} in that agreement (`map:`; `gateway check` says which there are), "
        "`gateway apply`, then `gateway reprocess {it}`.",
    ),
    "order-changed": Situation(
        "source data",
        "{partner} changes order {business_key} by {set_id}, and no map of ours carries a change.",
        "{known} Whoever works on it works on the order as it was.",
        "Your order desk",
        "Read what changes (GET /v1/documents/D-{document}/content). Change it in the system that has the order; where "
        "a warehouse has it too and nothing has left, cancel the order and release it again as it is meant now. Then "
        "settle this.",
    ),
    "agreement-gone": Situation(
        "orchestration",
        "{kind_word} {control_number} of {partner} came under the agreement {agreement}, which there is no more.",
        "The document was accepted and waits; nothing was passed on.",
        "Our engineer",
        "Publish an agreement of that name again and `gateway reprocess {it}`; or run the transmission it came in "
        "again (`gateway trace {it}` names it): its documents then go by the agreements of today.",
    ),
    "agreement-gone-out": Situation(
        "orchestration",
        "Our {set_id} for {partner} is written, and the agreement {agreement} that says how it is sent is gone.",
        "{partner} does not hear of it until it is sent.",
        "Our engineer",
        "Write an agreement of that name again, under `agreements:` in partners/{partner}/partner.yaml, publish it "
        "with `gateway apply`, then `gateway reprocess {it}`. If they are to have it no more, settle this.",
    ),
    "unknown-unit": Situation(
        "source data",
        '{subject} is ordered in "{value}", and nothing tells us how many {ours} one is.',
        "We would pick the wrong amount.",
        "You, or {partner}'s EDI desk",
        "Answer how many {ours} 1 {value} is, or ask them.",
    ),
    "unknown-code": Situation(
        "source data",
        '{partner} writes "{value}", and nothing tells us which {table} they mean.',
        "The document was accepted and waits; nothing was passed on.",
        "You, or {partner}'s EDI desk",
        "Answer which of our words it is ({choices}), or ask them.",
    ),
    "unknown-code-out": Situation(
        "orchestration",
        'Nothing tells us which code {partner} uses for the {table} "{value}".',
        "The partner does not hear of it until it is sent.",
        "You, or {partner}'s EDI desk",
        "Answer which code of theirs it is, or ask them.",
    ),
    "held-before-sending": Situation(
        "source data",
        "The {kind} {business_key} for {partner} is held: {breach}.",
        "The partner does not hear of it until it is released.",
        "You",
        "Mend it: {remedy}. Or release it as it is; `gateway reprocess {it}` judges it anew.",
    ),
    "sent-all-the-same": Situation(
        "source data",
        "The {kind} {business_key} went to {partner} although {breach}.",
        "They may refuse it, or charge for it.",
        "You",
        "Next time: {remedy}. Settle this once {partner} took it.",
    ),
    "cannot-write": Situation(
        "orchestration",
        "We cannot write the {kind} for {partner}: {reason}.",
        "The partner does not hear of it until it is sent.",
        "Our engineer",
        "Mend the map, the agreement or the data{then}.",
    ),
    "order-refused-by-system": Situation(
        "source data",
        "{system} refuses order {business_key}: {message}.",
        "The order waits and may miss its ship date.",
        "Your order desk",
        "Mend the cause and `gateway resend L-{delivery}`, or reject the order to the partner: POST "
        "/v1/orders/D-{document}/reject.",
    ),
    "release-site-unknown": Situation(
        "orchestration",
        'Order {business_key} was released to site "{site}", which we do not have.',
        "No warehouse was told to ship it.",
        "Our engineer, or whoever runs the system that released it",
        "We have {known}. Name the site under `sites:` of the company's profile and `gateway apply`, or release the "
        "order again to one of them, under the same number.",
    ),
    "shipped-short": Situation(
        "orchestration",
        "{shipped} of {ordered} {item} left the dock; {quantity} are neither shipped nor cancelled.",
        "The customer ordered {ordered}, and nobody works on the {quantity}. The warehouse says: {reason}.",
        "Your order desk",
        "Backorder the {quantity}, or cancel them; the ERP and the CRM are told.",
    ),
    "shipped-in-excess": Situation(
        "orchestration",
        "{shipped} {item} left the dock; {ordered} were ordered.",
        "The customer gets {quantity} they did not order, and may refuse or keep them unbilled.",
        "Your warehouse desk",
        "Ask the warehouse what left; then bill the {quantity}, or have them come back. Then settle this.",
    ),
    "shipped-though-cancelled": Situation(
        "orchestration",
        "Warehouse order {number} was shipped ({shipments}), though we had taken it back.",
        "The customer expects no goods.",
        "Your warehouse desk",
        "Stop the truck, or agree with the customer that they take the goods. Then settle this.",
    ),
    "stock-site-unknown": Situation(
        "orchestration",
        "{partner} reports stock under number {number}, and no site of ours is run by them.",
        "Nothing was booked.",
        "Our engineer",
        "Name their site in the company's profile (`sites: {{NAME: {{warehouse: {partner}}}}}`), `gateway apply`, then "
        "`gateway reprocess D-{document}`.",
    ),
    "received-with-exceptions": Situation(
        "source data",
        "Not everything of receipt {number} came in as announced: {told}.",
        "Only what can be used was booked; somebody has to pay for the rest. Announced under: {order_number}.",
        "Your purchasing desk, with {partner}'s desk",
        "Claim it from the carrier or the supplier, then settle this.",
    ),
    "advice-unmatched": Situation(
        "source data",
        "{partner} confirmed shipment {number} for an order we never sent: {release}.",
        "Nothing was posted: the ERP, the CRM and the customer do not know of it.",
        "{partner}'s desk, or you",
        "{closest} Match it, or ask them.",
    ),
    "shipment-matched-anew": Situation(
        "source data",
        "Shipment {number} of {warehouse} was counted for warehouse order {before}, and belongs to {after}.",
        "Outside this house it still counts for order {order_number}: {told}.",
        "Your order desk",
        "Have each of them take it back (a ship notice: call {partner}, or send a cancellation by POST /v1/documents "
        "where they take one); then settle this.",
    ),
    "advice-line-unknown": Situation(
        "source data",
        "{partner} shipped something that was not on warehouse order {release}: {reason}.",
        "Nothing of shipment {number} was posted.",
        "{partner}'s desk, or our engineer where a line number or an article number is written differently",
        "Ask them which line is meant. Where it belongs to another order, `gateway match {it} NUMBER`; where the map "
        "is mended, `gateway reprocess {it}`; where they sent it anew, settle this.",
    ),
    "shipment-for-rejected-order": Situation(
        "orchestration",
        "A shipment was reported for order {business_key}, which we rejected.",
        "The partner expects no goods and would refuse them.",
        "Your warehouse desk",
        "Stop the shipment, or agree with the partner that they order it anew: a rejected order stays rejected. Then "
        "settle this.",
    ),
    "answer-due": Situation(
        "orchestration",
        "We still owe {partner} {what}.",
        "{waits} {partner} has a time agreed for it, and it is nearly over.",
        "Your order desk",
        "See what it waits for (`gateway trace {business_key}`); this settles itself once the answer is made.",
    ),
    "advice-due": Situation(
        "partner delay",
        "{partner} has not said what became of warehouse order {business_key}.",
        "The time agreed for a first shipping advice is nearly over; the goods may miss their truck.",
        "{partner}'s desk",
        "Ask them whether they have it and when it leaves; this settles itself once their shipping advice comes.",
    ),
    "answer-overdue": Situation(
        "partner delay",
        "{partner} has not confirmed our {kind} {business_key}.",
        "They may treat it as never sent.",
        "{partner}'s EDI desk; you can send it again",
        "Ask them whether they have it; `gateway resend {it}` sends the same bytes again, and shows first what they "
        "see.",
    ),
    "answer-refused": Situation(
        "source data",
        "{partner} refused our {kind} {business_key}: {reason}.",
        "For them it does not exist.",
        "Our engineer",
        "Mend the map or the data, then `gateway reprocess {it}`: it goes anew, with new numbers.",
    ),
    "answer-unmatched": Situation(
        "source data",
        "{partner} answered what we never sent: {about}.",
        "Nothing was changed by it.",
        "{partner}'s EDI desk or our engineer",
        "Compare with what we sent around that time, or ask them; then settle this.",
    ),
    "change-unmatched": Situation(
        "orchestration",
        "{system} reports a change that belongs to nothing we sent it: {what}.",
        "Nothing was changed by it; if it was meant for an order of ours, its partner is not told.",
        "Whoever runs {system}",
        "Find the order it was meant for, or settle this if the order did not come through the gateway.",
    ),
    "delivery-gave-up": Situation(
        "platform",
        "{target} has not taken delivery L-{delivery} ({what}) in {attempts} tries: {reason}.",
        "Whatever comes after it for the same {key_word} waits behind it.",
        "Whoever runs {target}",
        "Mend the cause, then `gateway resend {it}` sends the same bytes again; or `gateway skip {it}`.",
    ),
    "delivery-rejected": Situation(
        "source data",
        "{target} refused delivery L-{delivery} ({what}): {reason}.",
        "It was not taken, and will not be sent again by itself.",
        "Your order desk",
        "Mend the data or the settings, then `gateway resend {it}`; or `gateway skip {it}`.",
    ),
    "not-fetched": Situation(
        "partner delay",
        "{partner} has not fetched {name} from {target}, where it has waited for {waited}.",
        "For them it does not exist until they fetch it.",
        "{partner}'s EDI desk",
        "Ask them to look into their outbox; it stays there, and this settles itself when they have fetched it.",
    ),
    "connection-stopped": Situation(
        "platform",
        "Nothing goes over {connection}: {reason}.",
        "What they send us waits there, and what we owe them waits here; it is tried again every few minutes.",
        "Our engineer, with {connection}'s people",
        "Mend what it says; this settles itself once the connection works again.",
    ),
    "sftp-guessing": Situation(
        "platform",
        "Somebody at {address} fails again and again to log in as {user}, the SFTP login of {connection}.",
        "They are not answered for a quarter of an hour. If it is the partner themselves, their files do not come.",
        "Our engineer",
        "Ask the partner whether {address} is theirs. If so, compare their key; if not, list theirs in `addresses:`.",
    ),
    "sftp-login-unknown": Situation(
        "partner delay",
        "Somebody at {address} fails again and again to log in as {tried}, which is no SFTP login of ours.",
        "Closest login is {user}, of {connection}; the name differs. If it is this partner, their files do not come.",
        "Whoever sends on {connection}",
        "Ask the partner whether {address} is theirs; if so, tell them the name of their login: {user}.",
    ),
    "upload-abandoned": Situation(
        "source data",
        "{name} {how} in the inbox of {connection} after {size} bytes, and nobody went on with it.",
        "Nothing of it was used, and it was deleted now; whatever they meant to send has not happened here.",
        "Whoever sends on {connection}",
        "Ask for the file again; if they upload under a name that they change at the end, the change is missing. Then "
        "settle this.",
    ),
    "our-fault": Situation(
        "platform",
        "Stage {stage} failed on {subject}: a defect of ours.",
        "This one waits; everything else goes on.",
        "The gateway's maintainers",
        "{remedy} The log has the details under {subject}.",
    ),
}
