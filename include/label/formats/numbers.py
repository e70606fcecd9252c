"""Decimals that say in a text exactly what two floats say together, so that both come back bit for bit."""

from decimal import Context, Decimal, InvalidOperation
from fractions import Fraction

# Wide enough for the sum of any two floats.
_EXACT = Context(prec=700)


def sum_text(*parts: float) -> str:
    """What the shortest decimals of these floats add up to; whole numbers without a point."""
    total = Decimal(0)
    for part in parts:
        total = _EXACT.add(total, Decimal(repr(part)))
    return number_text(total)


def difference(end: str, start: str) -> float:
    """The float next to `end` - `start`: what was added to `start`."""
    return float(fraction(end.strip()) - fraction(start.strip()))


def number_text(value: float | Decimal) -> str:
    """The shortest decimal that reads back as this number, without an exponent or an idle point."""
    text = format(value if isinstance(value, Decimal) else Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def share_text(value: Fraction, digits: int) -> str:
    """A fraction to so many significant digits, without an exponent."""
    context = Context(prec=digits)
    return number_text(context.divide(Decimal(value.numerator), Decimal(value.denominator)))


def exact(value: float) -> Fraction:
    """The shortest decimal of a float, as a fraction."""
    return Fraction(repr(value))


def fraction(text: str) -> Fraction:
    """The number that a text says, exactly. Raises ValueError for what no float comes near to."""
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{text[:40]!r} is no number") from error
    if not number.is_finite() or abs(number.adjusted()) > 400:
        raise ValueError(f"{text[:40]!r} is no number of a coordinate")
    return Fraction(number)
