"""What the SDK's users do to take annotations back: list every task. Runs in Label Studio's own environment."""

import json
import os
import sys
import time

from label_studio_sdk import LabelStudio


def main(url: str, project: str, *page_sizes: str) -> None:
    """Prints, for each page size (0: the SDK's own), the seconds and how many annotations were listed."""
    client = LabelStudio(base_url=url, api_key=os.environ["SLUICE_BENCH_TOKEN"], timeout=600)
    found = []
    for size in map(int, page_sizes):
        begun = time.perf_counter()
        listed = list(
            client.tasks.list(project=int(project), fields="all", **({"page_size": size} if size else {}))
        )
        found.append((time.perf_counter() - begun, sum(len(task.annotations) for task in listed)))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
