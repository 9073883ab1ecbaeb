"""SFTP, our side calling: files on a partner's server, in and out (remote.py says how)."""

from __future__ import annotations

import paramiko

from gateway.channels.remote import RemoteChannel
from gateway.channels.sftp_session import Lost, SftpSession, SftpSettings, connect

LOST_FOR_SURE = (EOFError, paramiko.SSHException, TimeoutError, ConnectionError)


class SftpChannel(RemoteChannel[SftpSettings, SftpSession]):
    """One partner's SFTP server."""

    lost = Lost

    def _connect(self) -> SftpSession:
        return connect(self.settings, self._resolve)

    def _where(self) -> str:
        return self.settings.host

    def _broke(self, session: SftpSession, error: Exception) -> bool:
        # the transport notices a moment later
        return isinstance(error, LOST_FOR_SURE) or not session.is_alive()
