"""A Label Studio of one machine: its own virtual environment, SQLite, loopback only, silent to the outside."""

import os
import re
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from include.core.errors import FatalError
from include.local import processes
from include.local.home import PROJECT, Home, read_json, write_json
from include.local.processes import Child

NAME = "label-studio"
PROGRAM = PROJECT / ".venv-labelstudio" / "bin" / "label-studio"
USER = "sluice@example.org"
HEALTHY_WITHIN_SECONDS = 420.0
TELL_EVERY_SECONDS = 15.0
# What the server and its children may know of this process' environment: nothing of Airflow's or the warehouse's.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")
Say = Callable[[str], None]


class LabelStudio:
    """A server whose data lie under `place`; it goes on after this process ends, until `stop`."""

    def __init__(self, place: Home, say: Say, program: Path = PROGRAM) -> None:
        self.folder = place.path / "labelstudio"
        self._say = say
        self._program = program

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._known('port')}"

    @property
    def token(self) -> str:
        """The API token of the first user."""
        return str(self._known("token"))

    @property
    def password(self) -> str:
        return str(self._known("password"))

    def start(self, port: int | None = None) -> None:
        """Start the server and wait until it answers; one that runs already is left as it is.

        Raises FatalError if it is not installed, if it ends, if it does not answer in time, and if it does not
        know its token.
        """
        if not self._program.exists():
            raise FatalError(f"There is no {self._program}.", fix="install Label Studio by `make labelstudio`.")
        if self.running():
            return
        # Imported here: the stack itself imports much that only it needs.
        from include.local.stack import free_port

        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        state: dict[str, Any] = read_json(self.state) or {}
        first = "token" not in state
        # A legacy token has 40 characters at the most.
        state.setdefault("token", secrets.token_hex(20))
        state.setdefault("password", secrets.token_urlsafe(18))
        choose = "choose another: make labelstudio PORT=8082"
        state["port"] = free_port([port], choose) if port else free_port([state.get("port", 0), 0])
        # Known before it starts: a token that nobody knows would lock everybody out.
        write_json(self.state, state | {"children": []})
        child = processes.start(
            NAME, [str(self._program), "start", "--no-browser", "--internal-host", "127.0.0.1",
                   "--port", str(state["port"]), "--data-dir", str(self.folder / "data")],
            environment(self.folder / "data", state), self.folder, self.folder,
        )  # fmt: skip
        write_json(self.state, state | {"children": processes.to_json([child])})
        try:
            self._wait_until_healthy(child, first)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> bool:
        """Stop the server; False if none ran."""
        children = self._children()
        ran = any(child.members() for child in children)
        processes.stop(children)
        return ran

    def running(self) -> bool:
        return any(child.alive() for child in self._children())

    def _children(self) -> list[Child]:
        return processes.from_json((read_json(self.state) or {}).get("children", []))

    def _wait_until_healthy(self, child: Child, first: bool) -> None:
        takes = "up to 80 seconds the first time" if first else "some seconds"
        self._say(f"Starting Label Studio at {self.url} ({takes}) …")
        begun = told = time.monotonic()
        while (now := time.monotonic()) < begun + HEALTHY_WITHIN_SECONDS:
            processes.check_alive([child])
            # The token's answer proves that it is this server, and not another one at the same port.
            if answers(self.url, self.token):
                return
            if now >= told + TELL_EVERY_SECONDS:
                self._say(f"  waiting for Label Studio to answer: {now - begun:.0f} seconds so far …")
                told = now
            time.sleep(0.5)
        raise FatalError(
            f"Label Studio did not answer within {HEALTHY_WITHIN_SECONDS:.0f} seconds. The end of {child.log}:\n"
            f"{child.tail()}",
            fix="remove what the log complains about; a machine busy with other work may need another try.",
        )

    @property
    def state(self) -> Path:
        return self.folder / "labelstudio.json"

    def _known(self, name: str) -> str | int:
        state: dict[str, Any] = read_json(self.state) or {}
        if name not in state:
            raise FatalError("There is no Label Studio here yet.", fix="start it by `make labelstudio`.")
        found: str | int = state[name]
        return found


def environment(data: Path, state: Mapping[str, Any]) -> dict[str, str]:
    """What the server is started with: secrets travel here, since an argument list is open to every user."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    settings = {
        "BASE_DATA_DIR": str(data),
        "DJANGO_DB": "sqlite",
        "HOST": f"http://127.0.0.1:{state['port']}",
        "USERNAME": USER,
        "PASSWORD": str(state["password"]),
        "USER_TOKEN": str(state["token"]),
        # Without it, a preset token is not accepted.
        "ENABLE_LEGACY_API_TOKEN": "true",
        "DISABLE_SIGNUP_WITHOUT_LINK": "true",
        # Webhooks may call this machine.
        "SSRF_PROTECTION_ENABLED": "false",
        # Unset rather than empty, these would be the maker's own: errors and usage would be sent out.
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "DEBUG": "false",
    }
    return inherited | {f"LABEL_STUDIO_{name}": value for name, value in settings.items()}


def answers(url: str, token: str) -> bool:
    """Whether a Label Studio at `url` knows the token's user; FatalError if it answers that it does not."""
    try:
        answer = httpx.get(
            f"{url}/api/current-user/whoami", headers={"Authorization": f"Token {token}"}, timeout=20,
            trust_env=False,
        )  # fmt: skip
    except httpx.TransportError:
        return False
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise FatalError(
            f"Label Studio at {url} does not know the token that it was started with.",
            fix="its data are of another start: `make clean` removes them, and labels that were not taken back.",
        )
    return answer.is_success


def sign_up(url: str, token: str, email: str, password: str) -> str:
    """Make a second user, as a person would: by the invite link that the first one's token gives; its token.

    Raises FatalError if the server does not let it in, for instance because the address is taken.
    """
    signed = {"Authorization": f"Token {token}"}
    link = httpx.get(f"{url}/api/invite", headers=signed, timeout=60, trust_env=False).raise_for_status().json()
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as browser:
        page = browser.get(link["invite_url"]).text
        form = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        filled = {"email": email, "password": password, "csrfmiddlewaretoken": form[1] if form else ""}
        answer = browser.post(link["invite_url"], data=filled, headers={"Referer": url})
        # The page comes again if the form was not accepted.
        if not answer.is_redirect:
            raise FatalError(
                f"Label Studio did not sign up {email}: it answered {answer.status_code}.",
                fix="take an address that no user has yet, and a password of 8 characters or more.",
            )
        return str(browser.get("/api/current-user/token").raise_for_status().json()["token"])
