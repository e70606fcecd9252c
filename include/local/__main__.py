"""The commands of one machine: `python -m include.local run | up | down | clean | labelstudio | psql`."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import psycopg2

from include.core.errors import FatalError, SluiceError
from include.local import airflow, mishaps, shop
from include.local.home import Home, home, load_secrets, only_one
from include.local.label_studio import USER, LabelStudio
from include.local.postgres import EmbeddedPostgres
from include.local.stack import WAREHOUSE_LOGIN, Stack


def run(place: Home, options: argparse.Namespace) -> int:
    """Do the main job once and stop everything again; 0 only if all that was promised happened."""
    from include.local.job import do_the_job

    with _stack(place, "run", keep=False) as stack:
        stack.start("run", None)
        return do_the_job(stack)


def up(place: Home, options: argparse.Namespace) -> int:
    with _stack(place, "up", keep=True) as stack:
        stack.start("up", options.port)
        print(
            f"\nSluice is up.\n  web UI    {stack.server}\n  user      {airflow.ADMIN}\n"
            f"  password  {stack.secrets['admin']}\n"
            "\nTrigger the DAGs collect_… there. `make psql` opens the warehouse, `make down` stops everything."
        )
    return 0


def down(place: Home, options: argparse.Namespace) -> int:
    if not place.path.exists():
        print("Nothing runs.")
        return 0
    with only_one(place, "down"):
        stack = Stack(place, print)
        runs = stack.take_over() or stack.postgres.running()
        stack.stop()
        runs = LabelStudio(place, print).stop() or runs
        print("Everything is stopped." if runs else "Nothing runs.")
    return 0


def clean(place: Home, options: argparse.Namespace) -> int:
    if place.path.exists():
        with only_one(place, "clean"):
            stack = Stack(place, print)
            stack.take_over()
            stack.stop()
            stack.postgres.destroy()
            LabelStudio(place, print).stop()
        shutil.rmtree(place.path)
    print(f"{place.path} is gone.")
    return 0


def labelstudio(place: Home, options: argparse.Namespace) -> int:
    """Start Label Studio beside whatever else runs, and leave it running."""
    place.make()
    with only_one(place, "labelstudio"):
        server = LabelStudio(place, print)
        server.start(options.port)
    print(
        f"\nLabel Studio is up.\n  web UI    {server.url}\n  user      {USER}\n  password  {server.password}\n"
        f"\nIts API token is in {server.state}. `make down` stops it."
    )
    return 0


def psql(place: Home, options: argparse.Namespace) -> int:
    """Open the warehouse (or the shop, as its owner) in psql, with the server started for as long as it takes."""
    postgres = EmbeddedPostgres(place.postgres)
    if not (place.postgres / "postgres.json").exists():
        raise FatalError("There is no warehouse yet.", fix="run `make run` first.")
    secrets = load_secrets(place)
    user, password = {
        "warehouse": (WAREHOUSE_LOGIN, secrets["warehouse"]),
        "shop": (shop.OWNER, secrets["shop"]),
    }[options.database]
    was_running = postgres.running()
    postgres.start()
    # The password travels in the environment: an argument list is open to every user of the machine.
    environment = os.environ | {
        "PGHOST": "127.0.0.1", "PGPORT": str(postgres.port), "PGUSER": user, "PGPASSWORD": password,
        "PGDATABASE": options.database,
    }  # fmt: skip
    command = [str(postgres.binary("psql")), "-v", "ON_ERROR_STOP=1"]
    if options.command:
        command += ["-c", options.command]
    try:
        # Ctrl-C belongs to psql: it cancels a query there.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return subprocess.run(command, env=environment, check=False, restore_signals=True).returncode
    finally:
        if not was_running:
            postgres.stop()


@contextmanager
def _stack(place: Home, what: str, *, keep: bool) -> Iterator[Stack]:
    """A stack to start, stopped at the end, on an error, on Ctrl-C and on SIGTERM; kept at the end if `keep`."""
    from include.local.progress import say

    place.make()
    with only_one(place, what):
        stack = Stack(place, say)
        if stack.take_over():
            if stack.mode == "up" and not stack.dead():
                raise FatalError(
                    f"Sluice is already up at {stack.server} (user {airflow.ADMIN}, password in {place.secrets}).",
                    fix="use it there, or stop it with `make down` first.",
                )
            say("Stopping what an earlier command left behind …")
            stack.stop()
            stack = Stack(place, say)
        previous = signal.signal(signal.SIGTERM, _interrupt)
        done = False
        try:
            yield stack
            done = True
        finally:
            if not (keep and done):
                # From here on a second Ctrl-C must not leave half of it running.
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                stack.stop()
                signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGTERM, previous)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _port(text: str) -> int:
    if not text.isdigit() or not 1024 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 1024 to 65535, not {text!r}")
    return int(text)


def _tell(error: SluiceError) -> int:
    print(f"\n{error.problem}" + (f"\nFix: {error.fix}" if error.fix else ""), file=sys.stderr)
    return 1


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m include.local", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for command in (run, up, down, clean, labelstudio, psql):
        child = commands.add_parser(command.__name__)
        child.set_defaults(command_function=command)
        if command in (up, labelstudio):
            child.add_argument("--port", type=_port, default=8080 if command is up else None)
        if command is psql:
            child.add_argument("-c", "--command", default="")
            child.add_argument("-d", "--database", choices=["warehouse", shop.DATABASE], default="warehouse")
    options = parser.parse_args(arguments)
    try:
        return int(options.command_function(home(), options))
    except SluiceError as error:
        return _tell(error)
    except OSError as error:
        return _tell(mishaps.of_system(error))
    except psycopg2.Error as error:
        return _tell(mishaps.of_database(error, EmbeddedPostgres(home().postgres).log))
    except KeyboardInterrupt:
        print("\nInterrupted; everything is stopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
