"""What the sample shop's web site shows: hand-written number plates, photos, reviews, and planted dirt."""

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np  # noqa: TID253

from include.core.errors import FatalError
from include.core.seeds import seed_of

PRODUCTS = 72
PHOTOS = 5
# Enough to spoil a dozen; and scikit-learn has enough digits for so many.
MIN_PLATES, MAX_PLATES = 16, 74
# Three digits that are easily confused; the last is rare, one to eight of each other.
DIGITS = ("1", "3", "8")
SHARES = (8, 8, 1)
SIDE = 32
AUTHORS = ("Anna", "Ben", "Chloé", "Dario", "Femke", "José", "Łukasz", "Noor")
OPINIONS = (
    "Looks just like my grandfather's writing.", "Arrived quickly, hangs straight.", "The paint is a bit thin.",
    "Our postman finally finds us.", "Smaller than I thought, still pretty.", "Would buy again.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo of one hand-written digit; a page without a `label` does not say which."""

    path: str
    label: str | None
    body: bytes


@dataclass(frozen=True, slots=True)
class Review:
    author: str
    stars: str
    text: str


@dataclass(frozen=True, slots=True)
class Plate:
    """A product as its page shows it: `price` is text, and `encoding` what its bytes really are."""

    sku: str
    name: str
    price: str
    description: str
    photos: tuple[Photo, ...]
    reviews: tuple[Review, ...]
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class SitePlanted:
    """Something wrong with row `key` of `table` on the site.

    `where` says who must notice: `collect` (the scraper rejects the record with `rule` as a reason), `gate`
    (the dataset's suite rejects the row by `rule`) or `shown` (it lands, and whoever shows it must escape it).
    """

    table: str
    key: str
    kind: str
    rule: str
    where: str


@dataclass(slots=True)
class Shelf:
    """All that the site shows in one edition, and what is wrong with it on purpose."""

    plates: list[Plate] = field(default_factory=list)
    planted: list[SitePlanted] = field(default_factory=list)


@lru_cache(maxsize=4)
def stock(seed: int, products: int = PRODUCTS, edition: int = 0) -> Shelf:
    """The shelf of this seed: `products` plates with five photos each.

    Every edition after 0 changes a price, adds a review, and puts one new plate on sale.
    """
    if not MIN_PLATES <= products + edition <= MAX_PLATES:
        raise FatalError(
            f"The sample site can show {MIN_PLATES} to {MAX_PLATES} plates, not {products + edition}.",
            fix="choose another number of products, or a lower edition.",
        )
    rng = np.random.default_rng(seed_of("sample site", seed))
    pictures = _pictures(rng)
    plates = [_plate(rng, number, pictures) for number in range(1, products + edition + 1)]
    shelf = Shelf(plates)
    _soil(shelf)
    for turn in range(1, edition + 1):
        clean = 12 + turn % (products - 12)
        plate = shelf.plates[clean]
        news = Review("Ursula", "5", f"Bought another one, number {turn} by now.")
        price = f"{float(plate.price) + turn:.2f}"
        shelf.plates[clean] = replace(plate, price=price, reviews=(*plate.reviews, news))
    return shelf


def _pictures(rng: np.random.Generator) -> list[tuple[str, bytes]]:
    """Labelled PNGs of scikit-learn's digits, each of another hand, in the shares of the three classes."""
    from sklearn.datasets import load_digits

    found = load_digits()
    whole = found.images[found.target == int(DIGITS[0])].shape[0] // SHARES[0]
    chosen: list[tuple[str, bytes]] = []
    for digit, share in zip(DIGITS, SHARES, strict=True):
        images = found.images[found.target == int(digit)]
        for place in rng.permutation(len(images))[: whole * share]:
            chosen.append((digit, _png(images[place])))
    return [chosen[place] for place in rng.permutation(len(chosen))]


def _png(image: np.ndarray, side: int = SIDE) -> bytes:
    """An 8 × 8 picture with values 0 to 16 as a PNG of `side` × `side` grey pixels."""
    import cv2

    large = cv2.resize(image * (255 / 16), (side, side), interpolation=cv2.INTER_CUBIC)
    encoded, data = cv2.imencode(".png", np.clip(np.rint(large), 0, 255).astype(np.uint8))
    if not encoded:
        raise FatalError("OpenCV could not encode a picture as PNG.", fix="reinstall opencv-python-headless.")
    return bytes(data.tobytes())


def _plate(rng: np.random.Generator, number: int, pictures: list[tuple[str, bytes]]) -> Plate:
    sku = f"plate-{number:04d}"
    mine = pictures[(number - 1) * PHOTOS : number * PHOTOS]
    photos = tuple(
        Photo(f"/photos/{sku}-{place}.png", label, body) for place, (label, body) in enumerate(mine, start=1)
    )
    reviews = tuple(
        Review(AUTHORS[int(rng.integers(len(AUTHORS)))], str(int(rng.integers(3, 6))), OPINIONS[int(opinion)])
        for opinion in rng.permutation(len(OPINIONS))[: int(rng.integers(0, 4))]
    )
    digits = "".join(photo.label or "" for photo in photos)
    price = f"{int(rng.integers(1200, 9800)) / 100:.2f}"
    return Plate(sku, f"Number plate {digits}", price, f"Hand-written, enamel, No. {digits}.", photos, reviews)


def _soil(shelf: Shelf) -> None:
    """Spoil the first dozen plates, each in its own way."""
    plates, planted = shelf.plates, shelf.planted

    def photo(plate: int, kind: str, rules: tuple[str, ...], where: str, **change: object) -> None:
        first, *others = plates[plate].photos
        plates[plate] = replace(plates[plate], photos=(replace(first, **change), *others))  # type: ignore[arg-type]
        planted.extend(SitePlanted("pictures", first.path, kind, rule, where) for rule in rules)

    def product(plate: int, kind: str, rule: str, **change: object) -> None:
        plates[plate] = replace(plates[plate], **change)  # type: ignore[arg-type]
        planted.append(SitePlanted("products", plates[plate].sku, kind, rule, "collect"))

    def review(plate: int, kind: str, rule: str, where: str, text: Review) -> None:
        plates[plate] = replace(plates[plate], reviews=(text, *plates[plate].reviews))
        planted.append(SitePlanted("reviews", f"{plates[plate].sku}-review-1", kind, rule, where))

    body = plates[0].photos[0].body
    photo(0, "badly_encoded", ("image: truncated",), "collect", body=body[: len(body) * 2 // 3])
    photo(1, "badly_encoded", ("image: not_an_image",), "collect", body=b"<html>Service unavailable</html>")
    photo(2, "missing", ("label_present",), "gate", label=None)
    photo(3, "out_of_range", ("label_known",), "gate", label="O")
    photo(
        4, "duplicate", ("picture_unique",), "gate", body=plates[5].photos[0].body, label=plates[5].photos[0].label
    )
    planted.append(SitePlanted("pictures", plates[5].photos[0].path, "duplicate", "picture_unique", "gate"))
    tiny = _png(np.arange(64.0).reshape(8, 8) / 4, side=4)
    photo(6, "out_of_range", ("width_in_range", "height_in_range"), "gate", body=tiny)
    product(7, "missing", "price: decimal_parsing", price="call us")
    product(8, "impossible", "price: greater_than", price="-5.00")
    product(9, "badly_encoded", "name: badly_encoded", name="Número à vendre", encoding="latin-1", reviews=())
    review(10, "script", "escaped", "shown", Review("Mallory", "5", "Nice <script>alert(1)</script> plate."))
    review(11, "out_of_range", "stars: less_than_equal", "collect", Review("Zoë", "11", "Eleven of five!"))
    planted.append(SitePlanted("pages", "/plates/plate-0000", "missing", "status: 404", "collect"))
