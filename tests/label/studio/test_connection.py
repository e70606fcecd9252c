"""Requests to a Label Studio (a stand-in): signed, tried again where that is safe, refused with the fix."""

import logging

import pytest

from include.core.errors import FatalError, RetriableError
from include.label.studio.connection import TRIES, Studio
from tests.label.studio.stand_in import REFRESH, TOKEN

BROKEN = (500, b"<html>a stack trace</html>", {"Content-Type": "text/html"})


def test_an_expired_token_is_fatal_and_says_how_to_get_another(stand_in):
    with Studio(stand_in.url, "an-old-token") as studio, pytest.raises(FatalError) as refused:
        studio.get("/api/projects/1/")
    assert "answered 401 to GET /api/projects/1/: Invalid token." in refused.value.problem
    assert refused.value.fix.startswith("make a new token in Label Studio")
    assert stand_in.paths("GET") == ["/api/projects/1/"]


def test_a_revoked_personal_token_is_fatal_too(stand_in):
    with Studio(stand_in.url, "an.old.token") as studio, pytest.raises(FatalError, match="Token is blacklisted"):
        studio.get("/api/projects/1/")


def test_a_personal_token_buys_an_access_token_and_another_when_that_ends(stand_in):
    with Studio(stand_in.url, REFRESH) as studio:
        assert studio.get("/api/projects/1/") == studio.get("/api/projects/1/") == {"task_number": 0}
        assert stand_in.access == ["access-0"]
        stand_in.access.append("another")  # so the one that the client holds has ended
        assert studio.get("/api/projects/1/") == {"task_number": 0}
    assert stand_in.access == ["access-0", "another", "access-2"]


def test_a_token_is_in_no_error_no_log_and_no_repr(stand_in, caplog):
    caplog.set_level(logging.DEBUG)
    stand_in.before = lambda method, path: BROKEN
    with Studio(stand_in.url, TOKEN, pause=lambda seconds: None) as studio:
        with pytest.raises(RetriableError) as refused:
            studio.get("/api/projects/1/")
        assert TOKEN not in f"{refused.value}{caplog.text}{studio!r}{vars(studio)!r}"


def test_no_token_is_told_before_anything_is_asked(stand_in):
    with pytest.raises(FatalError, match="There is no token"):
        Studio(stand_in.url, "")
    assert stand_in.asked == []


@pytest.mark.parametrize(
    "url",
    ["", "label-studio", "ftp://somewhere", "http://user:secret@somewhere", "http://somewhere/?token=secret"],
)
def test_what_is_no_address_is_told_without_its_secrets(url):
    with pytest.raises(FatalError, match="is no address of a Label Studio") as refused:
        Studio(url, TOKEN)
    assert "secret" not in str(refused.value)


def test_a_get_is_tried_again_with_longer_and_longer_pauses(stand_in, studio, pauses):
    answers = iter([BROKEN, BROKEN])
    stand_in.before = lambda method, path: next(answers, None)
    assert studio.get("/api/projects/1/") == {"task_number": 0}
    assert pauses == [0.5, 1.0]


def test_a_server_that_stays_broken_is_retriable_after_some_tries(stand_in, studio, pauses):
    stand_in.before = lambda method, path: BROKEN
    with pytest.raises(RetriableError, match="answered 500 to GET /api/projects/1/: Internal Server Error"):
        studio.get("/api/projects/1/")
    assert len(stand_in.asked) == TRIES
    assert pauses == [0.5, 1.0, 2.0, 4.0]


def test_a_busy_server_is_given_the_time_that_it_asks_for_but_not_for_ever(stand_in, studio, pauses):
    answers = iter([(429, b"{}", {"Retry-After": "7"}), (503, b"{}", {"Retry-After": "86400"})])
    stand_in.before = lambda method, path: next(answers, None)
    studio.get("/api/projects/1/")
    assert pauses == [7.0, 60.0]


def test_a_post_is_never_sent_twice(stand_in, studio, pauses):
    stand_in.before = lambda method, path: BROKEN
    with pytest.raises(RetriableError):
        studio.post("/api/projects/1/import", [])
    assert (stand_in.asked, pauses) == ([("POST", "/api/projects/1/import")], [])


def test_an_unreachable_server_is_retriable_and_says_how_to_start_it(pauses):
    with Studio("http://127.0.0.1:1", TOKEN, pause=pauses.append) as studio:
        with pytest.raises(RetriableError, match=r"gives no answer: .*`make labelstudio`"):
            studio.get("/api/projects/1/")
    assert len(pauses) == TRIES - 1


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((400, b'{"validation_errors": {"title": ["too short"]}}'), "too short"),
        ((403, b'{"detail": "You do not have permission"}'), "give the token's user the right"),
        ((404, b"<html></html>"), "it was deleted in Label Studio"),
        ((302, b""), "answered 302"),
        ((200, b"<html>please log in</html>"), "answered no JSON"),
    ],
)
def test_a_refusal_is_fatal_and_says_what_was_wrong(stand_in, studio, pauses, answer, told):
    stand_in.before = lambda method, path: (*answer, {"Location": "http://127.0.0.1:1/"})
    with pytest.raises(FatalError, match=told):
        studio.get("/api/projects/1/")
    assert (len(stand_in.asked), pauses) == (1, [])


def test_deleting_what_is_gone_is_no_error(stand_in, studio):
    stand_in.before = lambda method, path: (404, b"{}", {})
    studio.delete("/api/tasks/7/")


def test_a_download_that_is_cut_off_is_tried_again_from_its_start(stand_in, studio, pauses, tmp_path):
    answers = iter([(200, b"[1, 2", {"Content-Length": "9"})])
    stand_in.before = lambda method, path: next(answers, None)
    studio.download("/api/projects/1/export", {}, tmp_path / "export.json")
    assert (tmp_path / "export.json").read_text() == "[]"
    assert pauses == [0.5]
