"""Where people label: what every annotation tool does for a round, and the tools by key."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from include.core.annotations import Item
from include.label.formats.judge import Judged
from include.specs import Labelling


class Tool(Protocol):
    """A place where a round's items are shown, and from which the answers are taken back."""

    def place(self, dataset: str, run: str) -> str:
        """The name under which the round is found there, the same for every try of the run."""

    def send(self, place: str, items: Sequence[Item], declared: Labelling) -> None:
        """Hand out the items. A call that was cut off is made good by the next one; nothing is there twice."""

    def take_back(self, place: str, items: Sequence[Item], declared: Labelling) -> Judged:
        """What is answered so far. Bad answers are told with every reason; good ones are taken all the same."""

    def lacking(self, place: str, items: Sequence[Item], declared: Labelling) -> int:
        """How many items have fewer answers than declared; an annotator who skips one has answered it."""

    def forget(self, place: str, theirs: Callable[[str], bool]) -> int:
        """Remove the items whose key is `theirs`, with all that was said of them; how many were there."""

    def holding(self, place: str, theirs: Callable[[str], bool]) -> int:
        """How many items whose key is `theirs` are there."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where an annotation server is, and the token of the user as whom it is spoken to."""

    url: str
    token: str

    def __repr__(self) -> str:
        return f"Server({self.url!r})"


def tool(declared: Labelling, storage: Any, server: Server | None, image: str | None = None) -> Tool:
    """The declared tool: `storage` is the object storage's root, for sheets and for pictures, whose paths are in
    the column `image`; `server` is the annotation server.

    What is answered in Airflow's forms comes as sheets too.
    """
    if declared.tool == "label_studio" and server is not None:
        from include.label.studio.round import Projects

        return Projects(server, image=image, storage=storage)
    from include.label.hand_over import Sheets

    return Sheets(storage)
