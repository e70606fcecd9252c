"""Sheets of a round: whose lines leave when they are to be forgotten, and what stays."""

import pytest

from include.label.hand_over import Sheets, clear

PLACE = "labelling/reviews/run"


@pytest.fixture
def files(tmp_path):
    """Writes files of the round; a file without content is not there after all."""
    folder = tmp_path / PLACE
    folder.mkdir(parents=True)

    def write(**texts):
        for name, text in texts.items():
            (folder / name.replace("__", ".")).write_text(text)
        return folder

    return write


def test_lines_leave_every_sheet_and_one_without_a_line_left_goes(files, tmp_path):
    folder = files(
        items__csv="key,label\r\n1,\r\n2,\r\n", ann__csv="key,label\r\n2,pos\r\n", bob__csv="key,label\r\n1,x\r\n"
    )
    sheets = Sheets(tmp_path)
    assert sheets.holding(PLACE, lambda key: key == "2") == 2
    assert sheets.forget(PLACE, lambda key: key == "2") == 2
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "items.csv": b"key,label\r\n1,\r\n", "bob.csv": b"key,label\r\n1,x\r\n",
    }  # fmt: skip
    assert sheets.holding(PLACE, lambda key: key == "2") == sheets.forget(PLACE, lambda key: key == "2") == 0


def test_what_is_no_sheet_goes_with_a_round_that_showed_them_and_stays_with_any_other(files, tmp_path):
    folder = files(items__csv="key,label\n1,\n2,\n", notes__txt="2 is odd", torn__jsonl='{"key"')
    sheets = Sheets(tmp_path)
    assert sheets.forget(PLACE, lambda key: key == "3") == 0
    assert len(list(folder.iterdir())) == 3
    assert sheets.forget(PLACE, lambda key: key == "2") == 1
    assert [path.name for path in folder.iterdir()] == ["items.csv"]


def test_a_place_without_a_folder_holds_nothing(tmp_path):
    assert Sheets(tmp_path).forget(PLACE, lambda key: True) == 0


def test_rounds_at_some_places_keep_their_sheets_when_all_others_are_cleared(files, tmp_path):
    folder = files(items__csv="key,label\n1,\n")
    assert (clear(tmp_path, "reviews", but=[PLACE]), clear(tmp_path, "reviews")) == (0, 1)
    assert not list(folder.iterdir())
