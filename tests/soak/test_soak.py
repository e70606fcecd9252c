"""The soak in short: `make soak` runs it for minutes."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_writers_alterations_killed_readers_and_killed_servers_leave_every_proof_standing():
    ended = subprocess.run(
        [sys.executable, "-m", "tests.soak", "--seconds", "6", "--round", "3", "--seed", "7"],
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    assert "held with seed 7" in ended.stdout
    assert " at a pause: 0 rows missing, extra or different of " in ended.stdout
