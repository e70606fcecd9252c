"""What a person sees while it works: a live table on a terminal, plain lines elsewhere."""

from rich.console import Console

console = Console(highlight=False)


def say(line: str) -> None:
    console.print(line, markup=False)
