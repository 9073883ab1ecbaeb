"""django-pyas2 as a server in a process of its own. Run as: python django_peer.py FOLDER OUR_URL.

Prints its port. Then for each line "NAME=VALUE ..." on standard input it changes its record of us and, if the line
names a `send`, sends that file, or for a `settle` posts the receipts it owes; it answers with a line of JSON: the last
message it has.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
import threading
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

folder, our_url = Path(sys.argv[1]), sys.argv[2]

real, narrow = re.search, r"\b(\d\.\d\.\d[a-z]*)\b"  # oscrypto 1.3.0 misreads OpenSSL 3.0.10 and later
re.search = lambda pattern, *rest: real(r"\b(\d+\.\d+\.\d+[a-z]*)\b" if pattern == narrow else pattern, *rest)  # type: ignore[assignment]
import oscrypto.asymmetric  # noqa: E402, F401

re.search = real

import django  # noqa: E402
from django.conf import settings  # noqa: E402

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "db.sqlite3")}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "pyas2"],
    MEDIA_ROOT=str(folder / "media"),
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for a test",
    USE_TZ=True,
)
django.setup()

from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import include, path  # noqa: E402

urlpatterns = [path("pyas2/", include("pyas2.urls"))]


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *words: object) -> None:
        """Nothing."""


def records() -> Any:
    from pyas2.models import Organization, Partner, PrivateKey, PublicCertificate

    call_command("migrate", verbosity=0)
    key = PrivateKey.objects.create(name="k", key=(folder / "peer.p12").read_bytes(), key_pass="x")
    certificate = PublicCertificate.objects.create(
        name="c", certificate=(folder / "us.crt").read_bytes(), verify_cert=False
    )
    Organization.objects.create(name="peer", as2_name="The Peer", encryption_key=key, signature_key=key)
    return Partner.objects.create(
        name="us",
        as2_name="us",
        target_url=our_url,
        content_type="application/octet-stream",
        encryption_cert=certificate,
        signature_cert=certificate,
        mdn=True,
        mdn_mode="SYNC",
    )


def main() -> None:
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    partner = records()
    server = make_server("127.0.0.1", 0, get_wsgi_application(), Server, Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    from pyas2 import settings as own
    from pyas2.models import Message

    own.MDN_URL = f"http://127.0.0.1:{server.server_port}/pyas2/as2receive"  # where it wants asynchronous receipts
    for line in sys.stdin:
        words = dict(word.split("=", 1) for word in line.split())
        send, settle = words.pop("send", ""), words.pop("settle", "")
        for name, value in words.items():
            setattr(partner, name, {"yes": True, "no": False, "none": None}.get(value, value))
        partner.save()
        if send:
            call_command("sendas2message", "The Peer", "us", send)
        if settle:  # what its timer does
            call_command("manageas2server", "--async-mdns", stdout=io.StringIO())
        last = Message.objects.order_by("timestamp").last()
        said = {"status": last.status, "detail": last.detailed_status or ""} if last else {}
        if last:
            said["payload"] = last.payload.read().decode("latin-1")
            said["direction"] = last.direction
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
