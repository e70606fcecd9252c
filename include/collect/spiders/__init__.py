"""One spider a site, run as one child process a crawl: `python -m include.collect.spiders`, a job on stdin."""
