"""CoNLL 2003: tokens of texts with their named entities, a token a line.

Source: "Language-Independent Named Entity Recognition (II)" (the shared task of CoNLL-2003), tags in the scheme
IOB2, the columns as Label Studio writes them: token, `-X-`, `_`, tag. A text is parted at white space and where an
entity begins or ends. The file names no item and no annotator, and not what space stood between tokens; with the
`items` that were sent, in their order, keys, texts and places come back.
"""

from collections.abc import Iterator, Sequence

from include.core.annotations import Annotation, Item, Labelled, Span
from include.core.errors import FatalError
from include.label.formats.files import Source, reading, text
from include.label.formats.report import Written, written

_START = "-DOCSTART- -X- O"
TEXT = "text"


def read(source: Source, items: Sequence[Item] | None = None, column: str = TEXT) -> list[Labelled]:
    """One item a document, or a sentence where the file is one document; keys count from 1.

    With `items`, tokens are sought in each one's text. Raises FatalError where they are not those of the file.
    """
    documents = _documents(text(source))
    if items is None:
        found = [Item(key=str(n), data={column: _joined(d)}) for n, d in enumerate(documents, 1)]
    elif len(items) != len(documents):
        raise FatalError(
            f"The file has {len(documents)} texts, and {len(items)} items are given.",
            fix="give the items that were sent, in their order.",
        )
    else:
        found = list(items)
    return [_labelled(item, document, column) for item, document in zip(found, documents, strict=True)]


def write(labelled: Sequence[Labelled], column: str = TEXT) -> Written:
    """The first annotation of each item that has spans; overlapping and empty spans do not fit."""
    documents = []
    for one in labelled:
        tokens = _tagged(str(one.item.data.get(column, "")), _spans(one, column))
        documents.append("".join(line + "\n" for line in [_START, *tokens, ""]))
    return written(
        "".join(documents).encode(), labelled, lambda data: read(data, column=column), keys_in_file=False
    )


Token = tuple[str, str]


def _documents(file: str) -> list[list[list[Token]]]:
    """Documents of sentences of (token, tag)."""
    documents: list[list[list[Token]]] = []
    starts, open_sentence = 0, False
    for number, line in enumerate(file.split("\n"), 1):
        words = line.strip("\r").split(" ")
        if words[:2] == ["-DOCSTART-", "-X-"] and words[2:3] != ["_"]:
            documents.append([])
            starts, open_sentence = starts + 1, False
        elif words == [""]:
            open_sentence = False
        else:
            with reading(f"Line {number}"):
                if len(words) < 4:
                    raise ValueError(f"{line!r} has fewer than four columns")
                if not documents:
                    documents.append([])
                if not open_sentence:
                    documents[-1].append([])
                open_sentence = True
                documents[-1][-1].append((words[0], " ".join(words[3:])))
    if starts <= 1 and documents and len(documents[0]) > 1:
        return [[sentence] for sentence in documents[0]]
    return documents


def _joined(document: Sequence[Sequence[Token]]) -> str:
    return "\n".join(" ".join(token for token, _ in sentence) for sentence in document)


def _labelled(item: Item, document: Sequence[Sequence[Token]], column: str) -> Labelled:
    words = str(item.data.get(column, ""))
    spans: list[Span] = []
    place = 0
    for sentence in document:
        label = ""
        for token, tag in sentence:
            start = words.find(token, place)
            if start < 0:
                raise FatalError(
                    f"The token {token!r} is not in the text of item {item.key!r} after character {place}.",
                    fix="give the items that were sent, in their order.",
                )
            place = start + len(token)
            if tag.startswith("I-") and tag[2:] == label:
                spans[-1] = _span(words, spans[-1].start, place, label)
            elif tag.startswith(("B-", "I-")):
                spans.append(_span(words, start, place, tag[2:]))
            elif tag != "O":
                raise FatalError(f"The tag {tag!r} is none of IOB2.", fix="write tags as B-, I- or O.")
            label = "" if tag == "O" else tag[2:]
    said = Annotation(item=item.key, annotator="", regions=tuple(spans))
    return Labelled(item=item, annotations=(said,) if spans else ())


def _span(words: str, start: int, end: int, label: str) -> Span:
    return Span(labels=(label,), start=start, end=end, text=words[start:end])


def _spans(one: Labelled, column: str) -> list[Span]:
    """The spans that fit into one row of tags, of the first annotation with any, from left to right."""
    size = len(str(one.item.data.get(column, "")))
    for annotation in one.annotations:
        found = [r for r in annotation.regions if isinstance(r, Span) and r.labels]
        chosen: list[Span] = []
        for span in sorted(found, key=lambda s: (s.start, s.end)):
            free = not chosen or span.start >= chosen[-1].end
            if 0 <= span.start < span.end <= size and free and "\n" not in span.labels[0]:
                chosen.append(span)
        if chosen:
            return chosen
    return []


def _tagged(words: str, spans: Sequence[Span]) -> Iterator[str]:
    place = 0
    for span in spans:
        yield from (f"{token} -X- _ O" for token in words[place : span.start].split())
        for number, token in enumerate(words[span.start : span.end].split()):
            yield f"{token} -X- _ {'I' if number else 'B'}-{span.labels[0]}"
        place = span.end
    yield from (f"{token} -X- _ O" for token in words[place:].split())
