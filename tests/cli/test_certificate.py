from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from as2_pair import new_certificate
from cryptography.hazmat.primitives import serialization

from cli.deployments import Deployment
from gateway.as2.identity import our_certificate, their_certificate
from gateway.channels.as2_sheet import write
from gateway.cli.certificate import app
from gateway.cli.check import app as check
from gateway.cli.partner import app as partner

NOW, DAY = datetime.now(UTC).replace(microsecond=0), timedelta(days=1)
THEIRS = new_certificate("Pine Street", serial=2, start=NOW - DAY, end=NOW + 40 * DAY)
NEXT = new_certificate("Pine Street 2", serial=3, start=NOW - DAY, end=NOW + 400 * DAY)


@pytest.fixture
def pine(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """A deployment with an AS2 partner, made from a sheet."""
    monkeypatch.setenv("GATEWAY_PUBLIC_URL", "https://edi.northwind.example/")
    (deployment.folder / "sheet.txt").write_text(write("Pine", "PINE", "https://as2.pine.example/in", THEIRS))
    done = deployment.run(partner, "new", "pine-street", "--as2", "--sheet", "sheet.txt")
    assert done.exit_code == 0, done.output
    return deployment


def shown(deployment: Deployment, *arguments: str) -> list[dict[str, object]]:
    told = deployment.run(app, "show", *(arguments or ("pine-street-test",)), "--json").stdout
    return [json.loads(line) for line in told.splitlines()]


def test_a_partner_is_made_of_a_sheet_and_ours_is_written(pine: Deployment) -> None:
    assert pine.run(check).exit_code == 0
    ours = (pine.folder / "pine-street-as2-sheet.txt").read_text()
    assert "as2 id:           NORTHWIND " in ours
    assert "https://edi.northwind.example/as2" in ours
    key = pine.folder / "var/certificates/northwind.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    rows = shown(pine)
    assert [(row["whose"], row["state"], row["fingerprint"]) for row in rows] == [
        ("ours", "used", their_certificate((pine.folder / "var/certificates/northwind.pem").read_bytes()).fingerprint),
        ("theirs", "used", THEIRS.fingerprint),
    ]
    assert str(rows[0]["fingerprint"]) in ours


def test_the_next_partner_gets_the_same_sheet_of_ours(pine: Deployment) -> None:
    done = pine.run(partner, "new", "oak-street", "--as2")
    assert done.exit_code == 0
    assert not (pine.folder / "partners/oak-street").exists()
    one, two = ((pine.folder / f"{name}-as2-sheet.txt").read_text() for name in ("pine-street", "oak-street"))
    assert one == two


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("as2 id: PINE", "there is no certificate in it"),
        (write("We", "NORTHWIND", "https://a.example/as2", THEIRS), "which is ours"),
    ],
)
def test_a_sheet_with_faults_makes_nothing(deployment: Deployment, text: str, said: str) -> None:
    (deployment.folder / "sheet.txt").write_text(text)
    done = deployment.run(partner, "new", "pine-street", "--as2", "--sheet", "sheet.txt")
    assert (done.exit_code, said in done.output) == (2, True)
    assert not (deployment.folder / "partners/pine-street").exists()


@pytest.mark.parametrize("form", ["pem", "der"])
def test_theirs_is_loaded_beside_the_old_from_a_day(pine: Deployment, form: str) -> None:
    file = pine.folder / f"next.{form}"
    encoding = serialization.Encoding.PEM if form == "pem" else serialization.Encoding.DER
    file.write_bytes(NEXT.x509.public_bytes(encoding))
    day = f"{NOW + 20 * DAY:%Y-%m-%d}"
    done = pine.run(app, "import", str(file), "pine-street-test", "--from", day, "--yes")
    assert done.exit_code == 0, done.output
    assert f"from {day} this one is encrypted to" in done.output
    assert f"Both are accepted until {NOW + 40 * DAY:%Y-%m-%d}" in done.output
    assert NEXT.fingerprint in done.output
    assert [row["state"] for row in shown(pine, "pine-street-test")] == ["used", "used", "not yet"]
    assert pine.run(check).exit_code == 0


def test_without_a_yes_nothing_is_loaded(pine: Deployment) -> None:
    (pine.folder / "next.pem").write_bytes(NEXT.pem())
    before = (pine.folder / "partners/pine-street/connections.yaml").read_text()
    assert pine.run(app, "import", "next.pem", "pine-street-test").exit_code == 1
    assert (pine.folder / "partners/pine-street/connections.yaml").read_text() == before


def test_a_gap_is_said(pine: Deployment) -> None:
    (pine.folder / "next.pem").write_bytes(NEXT.pem())
    done = pine.run(app, "import", "next.pem", "pine-street-test", "--from", f"{NOW + 50 * DAY:%Y-%m-%d}")
    assert "nothing goes in between" in done.output


def test_ours_is_made_and_loaded(pine: Deployment) -> None:
    made = pine.run(app, "make", "northwind-next", "--for", "Northwind Supply")
    assert made.exit_code == 0, made.output
    done = pine.run(app, "import", "northwind-next", "pine-street-test", "--from", f"{NOW + 9 * DAY:%Y-%m-%d}", "--yes")
    assert "this one signs" in done.output
    rows = [row for row in shown(pine) if row["whose"] == "ours"]
    assert [row["state"] for row in rows] == ["used", "not yet"]
    assert "is there already" in pine.run(app, "make", "northwind-next").output


def test_ours_comes_and_goes_as_pkcs12(pine: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P12_PASSWORD", "correct horse")
    own = new_certificate("Northwind", serial=5, start=NOW - DAY, end=NOW + 900 * DAY)
    (pine.folder / "ours.p12").write_bytes(own.p12(b"correct horse"))
    assert "another password" in pine.run(app, "import", "ours.p12", "pine-street-test").output
    done = pine.run(app, "import", "ours.p12", "pine-street-test", "--password", "env:P12_PASSWORD", "--yes")
    assert done.exit_code == 0, done.output
    (key,) = (pine.folder / "var/certificates").glob("ours-*.key")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert (
        "holds this certificate already" in pine.run(app, "import", f"{key.stem}", "pine-street-test", "--yes").output
    )
    assert "leaves only with a password" in pine.run(app, "export", "pine-street-test", "--p12", "out.p12").output
    out = pine.run(app, "export", "pine-street-test", "--p12", "out.p12", "--password", "env:P12_PASSWORD")
    assert out.exit_code == 0, out.output
    assert stat.S_IMODE((pine.folder / "out.p12").stat().st_mode) == 0o600
    assert our_certificate((pine.folder / "out.p12").read_bytes(), b"correct horse").key is not None


def test_theirs_goes_out_as_pem(pine: Deployment) -> None:
    done = pine.run(app, "export", "pine-street-test", "--theirs")
    assert their_certificate(done.stdout.encode()).fingerprint == THEIRS.fingerprint
    assert "PRIVATE" not in pine.run(app, "export", "pine-street-test").stdout


CANNOT = [
    (("show", "pine-stret-test"), "did you mean pine-street-test?"),
    (("export", "harbor-pine"), "there is no AS2 connection 'harbor-pine'"),
    (("import", "nothing.pem", "pine-street-test"), "nothing.pem: No such file"),
    (("import", "partners/pine-street/partner.yaml", "pine-street-test"), "not a certificate"),
    (("import", "sheet.txt", "pine-street-test", "--from", "tomorrow"), "is no day"),
    (("import", "sheet.txt", "nowhere"), "there is no AS2 connection 'nowhere'"),
    (("make", "../x"), "is no name for a file"),
    (("export", "pine-street-test", "--p12", "x", "--password", "secret"), "name the password, do not write it"),
]


def test_what_cannot_be_done_is_said(pine: Deployment) -> None:
    for arguments, said in CANNOT:
        done = pine.run(app, *arguments)
        assert (done.exit_code, said in done.output) == (2, True), done.output


def test_a_file_is_shown(pine: Deployment) -> None:
    done = pine.run(app, "show", "sheet.txt")
    assert THEIRS.fingerprint in done.output
    assert "39 days left" in done.output or "40 days left" in done.output


def test_a_certificate_in_a_profile_that_is_none_is_a_fault_with_its_line(pine: Deployment) -> None:
    wires = Path("partners/pine-street/connections.yaml")
    lines = wires.read_text().split("\n")
    at = next(n for n, line in enumerate(lines) if "BEGIN CERTIFICATE" in line)
    lines[at + 1] = lines[at + 1][:20]
    wires.write_text(os.linesep.join(lines))
    done = pine.run(check)
    assert done.exit_code != 0
    assert "pine-street/connections.yaml:1" in done.output
    assert "not a certificate in PEM" in done.output
