"""One reader after the other, each killed at a random moment or broken at a random step; servers that die, too."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from random import Random

import psycopg2

from include.core.failpoints import ACTIONS, COLLECTING, SWITCH, SWITCHED_ON

ROOT = Path(__file__).resolve().parents[2]


class Readers:
    """Keeps a reader at work between `resume` and `hold`, and kills it now and then."""

    def __init__(self, source, url, warehouse, seed):
        self._told = {"source": source.model_dump(mode="json"), "url": url, "warehouse": warehouse}
        self._random = Random(f"{seed} readers")  # noqa: S311
        self.counts, self.gave_up = Counter(), []
        self._process = None
        self._thread = None
        self._held = threading.Event()

    def resume(self):
        self._held.clear()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def hold(self):
        """Kill the reader, and start none."""
        self._held.set()
        self._thread.join()

    def _run(self):
        while not self._held.is_set():
            fault = None
            if self._random.random() < 0.4:
                step, action = self._random.choice(COLLECTING), self._random.choice(ACTIONS)
                fault = f"{step}={action}:{self._random.randint(1, 3)}"
            reader = subprocess.Popen(
                [sys.executable, "-m", "tests.soak.reader"], cwd=ROOT, env=os.environ | {SWITCH: SWITCHED_ON},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            reader.stdin.write(json.dumps(self._told | {"fault": fault, "parent": os.getpid()}) + "\n")
            reader.stdin.flush()
            self._held.wait(2 + self._random.random() * 3)
            self.counts["readers killed" if reader.poll() is None else "readers that had ended"] += 1
            reader.kill()
            printed, logged = reader.communicate()
            self._tally(printed)
            if reader.returncode not in (0, -signal.SIGKILL):
                self.gave_up.append(logged.strip()[-3000:])

    def _tally(self, printed):
        for line in printed.splitlines():
            told = json.loads(line)
            self.counts["runs"] += 1
            if "retried" in told:
                self.counts["runs that have to be tried again"] += 1
            else:
                self.counts["batches"] += told["batches"]
                self.counts["changes landed"] += told["changes"]


def crash(url):
    """Let a server crash and recover on its port, as when one of its processes dies; returns once it is up."""
    connection = psycopg2.connect(url)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
        os.kill(cursor.fetchone()[0], signal.SIGKILL)
    connection.close()
    ends = time.monotonic() + 60
    while True:
        time.sleep(0.2)
        try:
            psycopg2.connect(url).close()
            return
        except psycopg2.OperationalError:
            if time.monotonic() > ends:
                raise
