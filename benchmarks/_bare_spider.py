"""Bare Scrapy with Sluice's settings for the benchmark `crawl`: the same items as JSON lines, and nothing else."""

import json
import sys
from pathlib import Path

import scrapy
from scrapy.crawler import CrawlerProcess

# What Sluice asks of Scrapy (include/collect/spiders/__main__.py), where bare Scrapy has it too.
SETTINGS = {
    "ROBOTSTXT_OBEY": True,
    "DOWNLOAD_DELAY": 0,
    "DOWNLOAD_DELAY_JITTER": 0,
    "CONCURRENT_REQUESTS": 8,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 4,
    "AUTOTHROTTLE_ENABLED": True,
    "AUTOTHROTTLE_START_DELAY": 0,
    "AUTOTHROTTLE_MAX_DELAY": 30.0,
    "AUTOTHROTTLE_TARGET_CONCURRENCY": 2.0,
    "COOKIES_ENABLED": False,
    "TELNETCONSOLE_ENABLED": False,
    "LOG_LEVEL": "WARNING",
}


class BareSpider(scrapy.Spider):
    name = "bare"

    def parse(self, response):
        yield {"path": response.url, "size": len(response.body)}
        sku = response.css("article.product::attr(data-sku)").get()
        yield {
            "sku": sku,
            "name": response.css("h1::text").get(""),
            "price": response.css(".price::text").get("").removeprefix("€").strip(),
            "description": response.css(".description::text").get(""),
        }
        for review in response.css("article.review"):
            yield {
                "id": review.attrib.get("id", ""),
                "product": sku,
                "author": review.css(".author::text").get(""),
                "stars": review.css(".stars::text").get(""),
                "text": review.css(".text::text").get(""),
            }
        for link in response.css("a::attr(href)").getall():
            yield response.follow(link)


def main() -> None:
    url, target = json.loads(sys.stdin.readline())
    feeds = {Path(target): {"format": "jsonlines"}}
    process = CrawlerProcess(SETTINGS | {"FEEDS": feeds})
    process.crawl(BareSpider, start_urls=[url])
    process.start()


if __name__ == "__main__":
    main()
