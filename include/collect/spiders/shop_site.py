"""The sample shop's site: products with their reviews and photos."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated

from pydantic import Field
from scrapy.http import HtmlResponse, Response

from include.collect.spiders.base import Finding, SiteSpider
from include.collect.spiders.records import Found, Page, Picture, Record, Text


class Product(Record):
    table = "products"
    key = "sku"

    sku: Text
    name: Text
    price: Annotated[Decimal, Field(gt=0, max_digits=10, decimal_places=2)]
    description: Text


class Review(Record):
    table = "reviews"
    key = "id"

    id: Text
    product: Text
    author: Text
    stars: Annotated[int, Field(ge=1, le=5)]
    text: Text


class ProductPicture(Record):
    table = "pictures"
    key = "path"

    path: Text
    product: Text
    label: Text | None
    image: Picture


class Spider(SiteSpider):
    models = (Page, Product, Review, ProductPicture)

    def read(self, page: HtmlResponse) -> Iterator[Finding]:
        sku = page.css("article.product::attr(data-sku)").get()
        if sku is None:
            return
        yield Found(
            Product,
            {
                "sku": sku,
                "name": page.css("h1::text").get(""),
                "price": page.css(".price::text").get("").removeprefix("€").removeprefix("EUR").strip(),
                "description": page.css(".description::text").get(""),
            },
        )
        for review in page.css("article.review"):
            yield Found(
                Review,
                {
                    "id": review.attrib.get("id", ""),
                    "product": sku,
                    "author": review.css(".author::text").get(""),
                    "stars": review.css(".stars::text").get(""),
                    "text": review.css(".text::text").get(""),
                },
            )
        for figure in page.css("figure.photo"):
            address, label = figure.css("img::attr(src)").get(""), figure.attrib.get("data-label")
            yield self.file(address, self.picture, sku=sku, label=label)

    def picture(self, response: Response, path: str, *, sku: str, label: str | None) -> Iterator[Found]:
        yield Found(ProductPicture, {"path": path, "product": sku, "label": label, "image": response.body})
