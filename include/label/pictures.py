"""Pictures as data URIs (RFC 2397), for pages that do not reach the object storage."""

import base64

# PNG: W3C "Portable Network Graphics", 5.2; JPEG: ITU-T T.81, annex B, start of image and the marker after it.
SIGNATURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


def data_uri(data: bytes) -> str | None:
    """The bytes of a PNG or JPEG as a data URI; None for any others (an SVG may hold a script)."""
    kind = next((kind for sign, kind in SIGNATURES.items() if data.startswith(sign)), None)
    return kind and f"data:{kind};base64,{base64.b64encode(data).decode()}"
