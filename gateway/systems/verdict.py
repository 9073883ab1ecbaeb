"""What an answer means: the table of defaults, and the overrides of one system.

502 and 504 are written by something in front of the system, which may have finished: to a request that changes
something they are in doubt, like 500. 408, 425, 429 and 503 say that it was not taken up.
"""

from __future__ import annotations

import datetime as dt
import email.utils
from typing import Any

from gateway.systems.connector import Rejected, Retry, Unknown
from gateway.systems.description import ErrorRule, Errors
from gateway.systems.exchange import Answer, InDoubt, NotSent, Result
from gateway.systems.template import ABSENT, point

NOT_TAKEN_UP = frozenset({408, 425, 429, 503})
OUR_KEY = frozenset({401, 403})
KEY_PAUSE = 300.0  # seconds: a refused key is mended by a person, asking often only locks accounts
LONGEST_PAUSE = 3600.0  # seconds: a Retry-After beyond this is taken as this, so that a typing error costs an hour
WORDS = 500  # characters of a system's own words that are kept


def judge(result: Result, errors: Errors, name: str, *, reads: bool) -> Answer | Retry | Rejected | Unknown:
    """The answer itself if it is a success, otherwise what the failure means for the command."""
    match result:
        case NotSent(why):
            return Retry(f"{name} {why}")
        case InDoubt(why):
            return Retry(f"{name} {why}") if reads else Unknown(f"{name} {why}")
        case Answer(status=status) if 200 <= status < 300:
            return result
    status = result.status
    code, message, field = _own_words(result, errors)
    why = f"{name} answers {status}" + (f": {message}" if message else "")
    after = retry_after(result)
    rule = _rule(errors, status, code)
    outcome = rule.outcome if rule else _default(status, reads=reads)
    if rule and rule.after is not None:
        after = rule.after.total_seconds()
    match outcome:
        case "done":
            return result
        case "retry":
            if after is None and status in OUR_KEY:
                after = KEY_PAUSE
            return Retry(why, 0.0 if status == 412 and after is None else after)
        case "unknown":
            return Unknown(why, after)
        case _:
            return Rejected(code or str(status), message or f"{name} answers {status}", field)


def retry_after(answer: Answer) -> float | None:
    """RFC 9110 10.2.3: seconds, or a date."""
    said = answer.headers.get("retry-after", "").strip()
    if not said:
        return None
    if said.isdecimal():
        return min(float(said), LONGEST_PAUSE)
    try:
        moment = email.utils.parsedate_to_datetime(said)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return min(max((moment - dt.datetime.now(dt.UTC)).total_seconds(), 0.0), LONGEST_PAUSE)


def _default(status: int, *, reads: bool) -> str:
    if status in NOT_TAKEN_UP or status in OUR_KEY or status == 412:  # 412: read again, try again
        return "retry"
    if reads and status >= 500:
        return "retry"
    if status < 400 or status >= 500:  # a redirect may follow something done
        return "unknown"
    return "rejected"


def _rule(errors: Errors, status: int, code: str | None) -> ErrorRule | None:
    fitting = [rule for rule in errors.rules if rule.status == status and rule.code in (None, code)]
    return max(fitting, key=lambda rule: rule.code is not None, default=None)


def _own_words(answer: Answer, errors: Errors) -> tuple[str | None, str | None, str | None]:
    try:
        value = answer.value()
    except ValueError:
        return None, None, None
    return _said(value, errors.code), _said(value, errors.message), _said(value, errors.field)


def _said(value: Any, pointer: str | None) -> str | None:
    if pointer is None:
        return None
    found = point(value, pointer)
    if found is ABSENT or found is None or isinstance(found, dict | list):
        return None
    # their words end up on a page and in a log: one line, of bounded length
    return "".join(c if c.isprintable() else " " for c in str(found))[:WORDS]
