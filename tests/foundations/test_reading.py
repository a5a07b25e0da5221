"""Foreign text as it is shown, and files that are not what their names say."""

from __future__ import annotations

import os
import subprocess

import pytest

from foundations import reading
from foundations.errors import UserError

HOSTILE = (
    "\x1b]0;title\x07\x1b[2J",
    "two\nlines\r\x85\u2028\u2029",
    "right \u202e to left \u2066",
    "zero\u200bwidth\ufeff",
    "\x9b31m one byte of C1",
    os.fsdecode(b"not UTF-8 \xff\xfe"),
    "half a pair \ud800",
    "\0",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_reaches_the_terminal_but_signs(text):
    shown = reading.printable(text)
    assert shown.isprintable()
    assert len(shown.splitlines()) == 1
    shown.encode("utf-8")


def test_ordinary_text_stays_as_it_is():
    for text in ("results/a b", "größe", "日本語", "$\\foo$", "it's"):
        assert reading.printable(text) == text
    assert reading.printable(12) == "12"


def test_long_text_is_cut():
    shown = reading.printable("\x1b" * (5 << 20), 100)
    assert len(shown) == 100
    assert shown.endswith("...")
    assert reading.printable("x" * 100, 100) == "x" * 100


def test_values_that_have_no_text():
    assert reading.printable(10**5000) == "<int>"


@pytest.mark.parametrize(
    "word", [word for word in HOSTILE if "\0" not in word and "\ud800" not in word]
)
def test_a_command_can_be_pasted(word):
    words = ["printf", "%s|", word, "it's \\ $HOME `x`", "plain", word + "'\\"]
    line = reading.pasteable(words)
    assert line.isprintable()
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True)
    assert done.stdout == b"".join(os.fsencode(word) + b"|" for word in words[2:])


def test_an_error_is_told_by_its_first_line():
    assert reading.reason(ValueError("\n\nfirst\x1b[2J\nsecond")) == "first\\x1b[2J"
    assert reading.reason(MemoryError()) == "MemoryError"


def not_a_file(path):
    os.mkfifo(path)


def a_folder(path):
    path.mkdir()


def latin_1(path):
    path.write_bytes('{"name": "größe"}'.encode("latin-1"))


def nested(path):
    path.write_text("[" * 1_000_000)


def many_digits(path):
    path.write_text("9" * 10_000)


@pytest.mark.parametrize("make", [not_a_file, a_folder, latin_1, nested, many_digits])
def test_what_is_no_json_is_named_in_a_line(tmp_path, make):
    path = tmp_path / "run\x1b.json"
    make(path)
    with (
        pytest.raises(UserError, match=r"run\\x1b\.json: no record \(") as raised,
        reading.file_errors(path, "no record"),
    ):
        reading.load_json(path)
    assert str(raised.value).isprintable()


def test_a_text_larger_than_asked_for_is_not_read(tmp_path):
    path = tmp_path / "long"
    path.write_text("x" * 101)
    assert reading.read_text(path, 101) == "x" * 101
    with pytest.raises(ValueError, match="larger than 100 bytes"):
        reading.read_text(path, 100)


@pytest.mark.parametrize("make", [not_a_file, a_folder, latin_1])
def test_what_is_no_archive_is_named_in_a_line(tmp_path, make):
    path = tmp_path / "labels.npz"
    make(path)
    with (
        pytest.raises(UserError, match=r"labels\.npz: no labels \("),
        reading.open_npz(path, "no labels"),
    ):
        raise AssertionError("opened")
