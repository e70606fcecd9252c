"""Keep the harmless part of a page of HTML: an allow-list of tags and attributes, all text escaped."""

import re
from html import escape
from html.parser import HTMLParser
from typing import Final

TAGS: Final = frozenset({
    "div", "span", "p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td",
    "ul", "ol", "li", "strong", "em", "b", "i", "code", "pre", "br", "hr", "a",
})  # fmt: skip
VOID: Final = frozenset({"br", "hr"})
ATTRIBUTES: Final = frozenset({"id", "class", "colspan", "rowspan", "hidden"})
# What stands inside these is no text for a reader, or belongs to the frame of the page it came from.
DROPPED: Final = frozenset(
    {"script", "style", "head", "nav", "footer", "button", "svg", "iframe", "object", "template", "noscript"}
)
_BLANKS: Final = re.compile(r"\s*\n\s*")
# The sidebar, dialogs, and what folds out by script alone: tracebacks, which the task's log has too.
DROPPED_CLASSES: Final = frozenset({"col-lg-2", "modal", "collapse"})


def clean_html(page: str) -> str:
    """The body of `page` without scripts, styles, forms, media, links to elsewhere and the page's own frame."""
    cleaner = _Cleaner()
    cleaner.feed(page)
    cleaner.close()
    return "".join(cleaner.kept)


class _Cleaner(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.kept: list[str] = []
        self._open: list[str] = []
        self._dropping: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._dropping:
            if tag == self._dropping[0]:
                self._dropping.append(tag)
            return
        given = dict(attrs)
        classes = set((given.get("class") or "").split())
        if tag in DROPPED or classes & DROPPED_CLASSES or given.get("data-toggle") == "collapse":
            self._dropping.append(tag)
        elif tag in TAGS:
            self.kept.append(f"<{tag}{self._attributes(tag, attrs)}>")
            if tag not in VOID:
                self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._dropping:
            if tag == self._dropping[0]:
                self._dropping.pop()
        elif tag in self._open:
            # An end tag closes what was left open inside it, so that the page's frame cannot be broken out of.
            while (inner := self._open.pop()) != tag:
                self.kept.append(f"</{inner}>")
            self.kept.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self._dropping:
            # Templates leave pages of blank lines behind, which mean something in <pre> alone.
            self.kept.append(escape(data if "pre" in self._open else _BLANKS.sub("\n", data)))

    def close(self) -> None:
        super().close()
        self.kept += [f"</{tag}>" for tag in reversed(self._open)]
        self._open = []

    @staticmethod
    def _attributes(tag: str, attrs: list[tuple[str, str | None]]) -> str:
        kept = [(name, value or "") for name, value in attrs if name in ATTRIBUTES]
        if tag == "a":
            kept += [(name, value) for name, value in attrs if name == "href" and value and value.startswith("#")]
        return "".join(f' {name}="{escape(value)}"' for name, value in kept)
