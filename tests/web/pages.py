"""What a page says."""

import re


def text_of(page) -> str:
    """The words of a page, tags and runs of space taken out."""
    body = page.text[page.text.index("<main>") :]
    return words(body)


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())
