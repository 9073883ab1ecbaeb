"""The rules taken out one by one: without any of them, a test of its number must be red.

The package is copied, one line is changed in the copy, and `test_security_rules.py` runs against it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gateway

HERE = Path(__file__).parent

# rule, file, what stands there, what stands there without the rule
REMOVED = [
    (1, "signed.py", "    if not infos:  # security rule 1", "    if False:"),
    (1, "signed.py", "if who.is_named_by(info.signer)]", "if True]"),
    (1, "signed.py", "    if not who.in_use(now):", "    if False:"),
    (2, "signed.py", "            if attributes_required:  # security rule 2", "            if False:"),
    (2, "signed.py", "            if content.looks_like_attributes:", "            if False:"),
    (2, "signed.py", "            if values[kind.contents] or len(children) != 1:", "            if False:"),
    (2, "signed.py", "    if values[CONTENT_TYPE][0].contents != DATA:", "    if False:"),
    (3, "signed.py", "    if len(parts[2].children()) > 1:", "    if False:"),
    (3, "signed.py", "        if claimed != computed:", "        if False:"),
    (3, "read.py", "        if multipart.next() is not None:  # security rule 3", "        if False:"),
    (4, "read.py", "    partnership.accepts.judge(tuple(opening.done))", "    pass"),
    (5, "read.py", "            inner.drain()\n            if envelope", "            if envelope"),
    (5, "read.py", "        inner.drain()\n        envelope.finish()", "        inner.drain()"),
    (
        6,
        "read.py",
        "        if any(isinstance(one, CompressionDone) for one in self.done):  # security rule 6",
        "        if False:",
    ),
    (4, "partnership.py", 'self._allowed(signature.digest, self.digests, "digest")', "pass"),
    (4, "partnership.py", 'self._allowed(encryption.cipher, self.ciphers, "cipher")', "pass"),
    (4, "partnership.py", 'self._allowed(encryption.key_transport, self.key_transports, "key transport")', "pass"),
    (4, "partnership.py", 'self._allowed(signature.scheme, self.signatures, "signature scheme")', "pass"),
    (1, "mdn.py", "    if receipt.signature_fault is not None:", "    if False:"),
    (4, "mdn.py", "    if sent.signed_receipt and receipt.signature is None:", "    if False:"),
    (4, "mdn.py", "    if not _same(kept, receipt.mic.value):", "    if False:"),
    (
        4,
        "mdn.py",
        '    if kept is None:\n        return _not(said, f"the MIC',
        '    if kept is None:\n        return Verdict(True, False, "", said)\n        return _not(said, f"the MIC',
    ),
    (10, "mdn.py", "    if from_wrong or to_wrong:  # security rule 10", "    if False:"),
    (10, "mdn.py", "(asynchronous or receipt.as2_from)", "receipt.as2_from"),
    (10, "mdn.py", "    if _bare(receipt.original_message_id) != _bare(sent.message_id):", "    if False:"),
    (
        5,
        "recipients.py",
        '        except ValueError:\n            content_key = b""',
        '        except ImportError:\n            content_key = b""',
    ),
    (
        5,
        "recipients.py",
        "        if len(content_key) != key_size:\n            content_key = certificate.substitute_key(",
        '        if len(content_key) != key_size:\n            raise Malformed("x", ',
    ),
    (
        5,
        "enveloped.py",
        '            self._fault = self._fault or "the wrong key, or damaged ciphertext"',
        '            raise DecryptionFailed("padding")',
    ),
    (
        5,
        "enveloped.py",
        '        except (InvalidTag, ValueError):\n            self._fault = "the wrong key, or damaged ciphertext"',
        "        except (InvalidTag, ValueError):\n            pass",
    ),
    (
        6,
        "compressed.py",
        "            if given > limits.free_of_ratio and given > taken * limits.ratio:",
        "            if False:",
    ),
    (7, "ber.py", "if depth > DEPTH:\n            raise", "if False:\n            raise"),
    (7, "ber.py", "if depth > DEPTH:\n        raise", "if False:\n        raise"),
    (
        7,
        "ber.py",
        "        if length > limit:\n            raise TooLarge",
        "        if False:\n            raise TooLarge",
    ),
    (8, "mime.py", " or (not value.isprintable() and _CONTROL.search(value))", ""),
    (8, "message.py", "    if _MESSAGE_ID.match(value) is None:", "    if False:"),
    (8, "mime.py", '.replace("\\\\", "/").rsplit("/", 1)[-1]\n', "\n"),
    (
        9,
        "receive.py",
        "    if partnership is not None and partnership.may_post_to(wanted):",
        "    if partnership is not None:",
    ),
]


# the same for the road behind the core: rule, file, what stands there, what stands there without it, the test
REMOVED_ON_THE_ROAD = [
    (
        4,
        "pipeline/as2_send.py",
        "    if verdict.acknowledged:\n        return Arrived(words(verdict), receipt=receipt)",
        "    if True:\n        return Arrived(words(verdict), receipt=receipt)",
        "pipeline/test_as2_road.py::test_a_receipt_by_nobody_we_know_is_no_receipt",
    ),
    (
        9,
        "channels/as2.py",
        "        if not partnership.may_post_to(url):",
        "        if False:",
        "api/test_as2_endpoint.py::test_a_receipt_goes_to_no_other_address",
    ),
    (
        10,
        "store/as2_messages.py",
        "_t.c.connection == connection, _t.c.message_id",
        "_t.c.message_id",
        "pipeline/test_as2_road.py::test_rule_10_another_partner_cannot_speak_for_this_one",
    ),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A house of its own: the package and the tests of this rule."""
    made = tmp_path_factory.mktemp("removed")
    shutil.copytree(Path(gateway.__file__).parent, made / "gateway", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("as2_pair.py", "growth.py"):
        shutil.copy(HERE.parent / name, made)
    for name in ("conftest.py", "test_security_rules.py"):
        shutil.copy(HERE / name, made)
    return made


def red(copy: Path, rule: str = "") -> bool:
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", "-q", "-x"]
    command += ["-k", f"test_{rule}", "test_security_rules.py"]
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout
    return done.returncode == 1


@pytest.mark.slow
def test_with_the_rules_all_is_green(copy: Path) -> None:
    assert not red(copy)


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "file", "line", "without"), REMOVED)
def test_without_it_a_test_is_red(copy: Path, rule: int, file: str, line: str, without: str) -> None:
    path = copy / "gateway" / "as2" / file
    text = path.read_text()
    assert text.count(line) >= 1, "the rule stands somewhere else now: write here where"
    path.write_text(text.replace(line, without, 1))
    try:
        assert red(copy, f"{rule}_")
    finally:
        path.write_text(text)


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole house with its tests and examples, without the guides' samples."""
    made, root = tmp_path_factory.mktemp("road"), HERE.parents[1]
    for name in ("gateway", "tests", "partners", "maps"):
        shutil.copytree(root / name, made / name, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True)
    shutil.copy(root / "pyproject.toml", made)
    return made


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "file", "line", "without", "test"), REMOVED_ON_THE_ROAD)
def test_without_it_the_road_is_red(road: Path, rule: int, file: str, line: str, without: str, test: str) -> None:
    path = road / "gateway" / file
    text = path.read_text()
    assert text.count(line) == 1, "the rule stands somewhere else now: write here where"
    path.write_text(text.replace(line, without))
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", "-q"]
    command += ["-k", "sqlite", f"--basetemp={road / 'bt'}", f"tests/{test}"]
    environment = {**os.environ, "PYTHONPATH": str(road)}
    try:
        done = subprocess.run(command, cwd=road, env=environment, capture_output=True, text=True, check=False)
    finally:
        path.write_text(text)
    assert (done.returncode, "FAILED tests/" in done.stdout) == (1, True), done.stdout[-2000:]
