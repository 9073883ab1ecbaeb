"""AS2 (RFC 4130): bytes to signed messages and back. Pure: no socket, no database, no clock, no random.

The road through the files: `mime` and `ber` read bytes as they come, `cms` opens the three shells (`signed`,
`enveloped`, `compressed`), `build` and `read` put the shells on and take them off in any order, `mdn` writes and
reads receipts, `receive` answers one arrival. `partnership` says what two sides agreed, `identity` holds the
certificates, `disposition` names every way it can fail.
"""

from __future__ import annotations
