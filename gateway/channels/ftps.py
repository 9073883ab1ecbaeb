"""FTP over TLS, our side calling: files on a partner's server, in and out (remote.py says how).

Never a password or a byte of a file without TLS: the control connection is encrypted before the login, and every data
connection is, with the session of the control connection (by that some servers know that both are one client). The
certificate is judged before anything of ours is said, and so is that of each data connection. Passive mode only; a data
connection goes to the address of the control connection, whatever the server says.
"""

from __future__ import annotations

import base64
import ftplib
import hashlib
import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import Field

from gateway.channels.channel import ChannelError, HostKeyChanged, LoginRefused, Resolve
from gateway.channels.remote import BLOCK, Found, RemoteChannel, RemoteSettings
from gateway.partners.secrets import SecretMissing, SecretRef, Setting

IMPLICIT_PORT = 990
Fingerprint = Annotated[str, Field(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$", examples=["SHA256:" + "A" * 43])]


class FtpsSettings(RemoteSettings):
    """A partner's FTPS server, and what we do there."""

    host: Setting = Field(description="Name of their server, as its certificate says it.")
    port: int | None = Field(default=None, ge=1, le=65535, description="Port; without it 21, or 990 if `implicit`.")
    user: Setting = Field(description="Our login there.")
    password: SecretRef = Field(description="Our password there.")
    tls: Literal["explicit", "implicit"] = Field(
        default="explicit", description="TLS asked for by AUTH TLS, or from the first byte on."
    )
    ca: Setting | None = Field(
        default=None, description="PEM of what their certificate must come from, instead of the system's authorities."
    )
    certificates: tuple[Fingerprint, ...] = Field(
        default=(),
        description="Fingerprints of their certificate, where no authority vouches for it; another one stops the "
        "connection.",
    )


class NameTaken(ftplib.error_perm):
    """A file of this name is there already."""


class _Client(ftplib.FTP_TLS):
    """ftplib's client, with TLS from the first byte where that is wanted, and with every certificate judged."""

    def __init__(self, settings: FtpsSettings, context: ssl.SSLContext) -> None:
        self._settings = settings
        self._socket: Any = None
        super().__init__(context=context, timeout=settings.timeout.total_seconds())

    @property
    def sock(self) -> Any:
        return self._socket

    @sock.setter
    def sock(self, value: Any) -> None:
        """ftplib puts a new connection here and then waits for the greeting."""
        if self._settings.tls == "implicit" and type(value) is socket.socket:
            value = self.context.wrap_socket(value, server_hostname=self.host)
            self._judge(value)
        self._socket = value

    def auth(self) -> str:
        said = super().auth()
        self._judge(self._socket)
        return said

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[Any, int | None]:
        plain, size = ftplib.FTP.ntransfercmd(self, cmd, rest)  # noqa: S321 - it is wrapped below
        try:
            secured = self.context.wrap_socket(plain, server_hostname=self.host, session=self._socket.session)
            self._judge(secured)
        except BaseException:
            plain.close()
            raise
        return secured, size

    def _judge(self, secured: ssl.SSLSocket) -> None:
        if not self._settings.certificates:
            return  # the context has judged it
        seen = certificate_fingerprint(secured.getpeercert(binary_form=True) or b"")
        if seen not in self._settings.certificates:
            secured.close()
            raise _strange(self.host, f"shows the certificate {seen}, none of those we know it by")


class _Download:
    """A file that is being read."""

    def __init__(self, session: FtpsSession, connection: Any, left: int) -> None:
        self._session = session
        self._connection = connection
        self._left = left

    def read(self, size: int) -> bytes:
        data: bytes = self._connection.recv(min(size, BLOCK))
        self._left -= len(data)
        if not data and self._left > 0:  # the end of a connection is all that FTP has for the end of a file
            raise ConnectionResetError("the data connection ended early")
        return data

    def close(self) -> None:
        """We may have what we want before the server has said all: then it complains, and that is no trouble."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            with suppress(*ftplib.all_errors):
                self._session.client.voidresp()


class FtpsSession:
    """The verbs of `Remote` over FTPS."""

    def __init__(self, client: _Client) -> None:
        self.client = client
        self.is_broken = False
        self._tells_facts = "MLST" in client.sendcmd("FEAT").upper()

    def is_alive(self) -> bool:
        return not self.is_broken and self.client.sock is not None

    def close(self) -> None:
        with suppress(*ftplib.all_errors):
            self.client.quit()
        self.client.close()

    def look(self, folder: str) -> list[Found]:
        if self._tells_facts:
            listed = self.client.mlsd(folder, ["type", "size", "modify"])
            return [_found(name, facts) for name, facts in listed if facts.get("type", "").lower() == "file"]
        names: list[str] = []
        try:
            self.client.retrlines(f"NLST {folder}", names.append)
        except ftplib.error_perm as error:
            if not str(error).startswith("550"):  # what some answer for an empty folder
                raise
        found = (self.find(f"{folder.rstrip('/')}/{name.rpartition('/')[2]}") for name in names)
        return [one for one in found if one is not None]

    def find(self, path: str) -> Found | None:
        name = path.rpartition("/")[2]
        try:
            if self._tells_facts:
                facts = _facts(self.client.sendcmd(f"MLST {path}"))
                return _found(name, facts) if facts.get("type", "").lower() == "file" else Found(name, -1, "")
            self.client.voidcmd("TYPE I")
            size = self.client.size(path) or 0
            return Found(name, size, self.client.sendcmd(f"MDTM {path}")[4:])
        except ftplib.error_perm as error:
            if str(error).startswith("550"):
                return None
            raise

    def make_folder(self, path: str) -> bool:
        try:
            self.client.mkd(path)
        except ftplib.error_perm:
            return self._has_folder(path)
        return True

    def rename(self, old: str, new: str) -> None:
        if self.find(new) is not None:  # servers of this kind replace without a word
            raise NameTaken(f"553 {new} is there already")
        try:
            self.client.sendcmd(f"RNFR {old}")
        except ftplib.error_perm as error:
            if self.find(old) is None:
                raise FileNotFoundError(old) from None
            raise error
        self.client.voidcmd(f"RNTO {new}")

    def remove(self, path: str) -> None:
        self.client.delete(path)

    def read(self, path: str, start: int, size: int) -> _Download:
        self.client.voidcmd("TYPE I")
        return _Download(self, self.client.transfercmd(f"RETR {path}", start or None), size - start)

    def write(self, path: str, blocks: Iterable[bytes | memoryview], start: int) -> None:
        self.client.voidcmd("TYPE I")
        connection: Any = self.client.transfercmd(f"STOR {path}", start or None)
        try:
            for block in blocks:
                connection.sendall(block)
            with suppress(OSError):  # not every server says goodbye; the size tells whether all of it arrived
                connection.unwrap()
        finally:
            connection.close()
        self.client.voidresp()

    def _has_folder(self, path: str) -> bool:
        try:
            before = self.client.pwd()
            self.client.cwd(path)
            self.client.cwd(before)
        except ftplib.error_perm:
            return False
        return True


class FtpsChannel(RemoteChannel[FtpsSettings, FtpsSession]):
    """One partner's FTPS server."""

    lost = (ftplib.Error, OSError, EOFError)

    def _connect(self) -> FtpsSession:
        return connect(self.settings, self._resolve)

    def _where(self) -> str:
        return self.settings.host

    def _broke(self, session: FtpsSession, error: Exception) -> bool:
        says_no = isinstance(error, ftplib.error_perm | ftplib.error_temp) and not str(error).startswith("421")
        session.is_broken = session.is_broken or not says_no
        return session.is_broken


def connect(settings: FtpsSettings, resolve: Resolve) -> FtpsSession:
    """A session with a server that is who it was, and that takes our login."""
    try:
        host, user, password = resolve(settings.host), resolve(settings.user), resolve(settings.password)
        client = _Client(settings, _context(settings, resolve))
    except SecretMissing as error:
        raise LoginRefused(str(error)) from None
    try:
        client.connect(host, settings.port or (IMPLICIT_PORT if settings.tls == "implicit" else ftplib.FTP_PORT))
        if settings.tls == "explicit":
            client.auth()
        client.prot_p()
        try:
            client.login(user, password, secure=False)  # it is secure already
        except ftplib.error_perm:
            raise LoginRefused(f"{host} does not take our login for {user}") from None
        return FtpsSession(client)
    except BaseException as error:
        client.close()
        if isinstance(error, ssl.SSLCertVerificationError):
            raise _strange(host, f"shows a certificate that nobody vouches for ({error.verify_message})") from None
        if isinstance(error, FtpsChannel.lost) and not isinstance(error, ChannelError):
            raise ChannelError(f"{host} gives us no FTPS session ({error or type(error).__name__})") from None
        raise


def certificate_fingerprint(der: bytes) -> str:
    """SHA-256 of a certificate, written as OpenSSH writes that of a key."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode("ascii").rstrip("=")


def _context(settings: FtpsSettings, resolve: Resolve) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=resolve(settings.ca) if settings.ca else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.certificates:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # `_Client._judge` compares fingerprints instead
    return context


def _strange(host: str, what: str) -> HostKeyChanged:
    return HostKeyChanged(
        f"{host} {what}; nothing was sent. Compare it with the partner by telephone, "
        "then change `certificates:` or `ca:`"
    )


def _facts(reply: str) -> dict[str, str]:
    """The facts of an MLST reply: its second line, up to the name."""
    line = reply.splitlines()[1].strip().partition(" ")[0]
    pairs = (fact.partition("=") for fact in line.rstrip(";").split(";"))
    return {name.lower(): value for name, _, value in pairs}


def _found(name: str, facts: dict[str, str]) -> Found:
    return Found(name, int(facts.get("size", "0")), facts.get("modify", ""))
