"""Encodings, units and segments, against the standard's code table and a slow, obvious way of counting."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.encoding import Encoding, count_segments, encoding_of, split, units

# The code points of codes 0x00 to 0x7F but the escape, as 3GPP TS 23.038, 6.2.1 names the characters.
DEFAULT_CODE_POINTS = """
    40 A3 24 A5 E8 E9 F9 EC F2 C7 0A D8 F8 0D C5 E5   394 5F 3A6 393 39B 3A9 3A0 3A8 3A3 398 39E C6 E6 DF C9
    20 21 22 23 A4 25 26 27 28 29 2A 2B 2C 2D 2E 2F   30 31 32 33 34 35 36 37 38 39 3A 3B 3C 3D 3E 3F
    A1 41 42 43 44 45 46 47 48 49 4A 4B 4C 4D 4E 4F   50 51 52 53 54 55 56 57 58 59 5A C4 D6 D1 DC A7
    BF 61 62 63 64 65 66 67 68 69 6A 6B 6C 6D 6E 6F   70 71 72 73 74 75 76 77 78 79 7A E4 F6 F1 FC E0
"""
# Codes 0x0A 0x14 0x28 0x29 0x2F 0x3C 0x3D 0x3E 0x40 0x65 of the extension table, 6.2.1.1.
EXTENSION_CODE_POINTS = "0C 5E 7B 7D 5C 5B 7E 5D 7C 20AC"


def characters(code_points: str) -> str:
    return "".join(chr(int(code_point, 16)) for code_point in code_points.split())


DEFAULT = characters(DEFAULT_CODE_POINTS)
EXTENSION = characters(EXTENSION_CODE_POINTS)
EMOJI = "\N{GRINNING FACE}"


def texts_of_runs(characters: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts of several segments: runs of one character, since st.text() rarely is that long."""
    runs = st.tuples(characters, st.integers(1, 90)).map(lambda run: run[0] * run[1])
    return st.lists(runs, max_size=12).map("".join)


gsm_7_texts = texts_of_runs(st.sampled_from(DEFAULT) | st.sampled_from(EXTENSION))
# The first and last of the high and the low surrogates stand alone here; some come to stand side by side.
awkward = st.sampled_from("a€ж\ud7ff\ud800\udbff\udc00\udfff\ue000\uffff\U00010000\U0010ffff")
ucs_2_texts = texts_of_runs(awkward | st.just("\udbff\udc00") | st.characters())
any_texts = gsm_7_texts | ucs_2_texts


def slow_septets(text: str) -> int:
    return sum(1 if character in DEFAULT else 2 for character in text)


def slow_code_units(text: str) -> int:
    return sum(2 if ord(character) > 0xFFFF else 1 for character in text)


def slow_units(text: str, encoding: Encoding) -> int:
    return slow_septets(text) if encoding is Encoding.GSM_7 else slow_code_units(text)


def slow_split(text: str) -> list[str]:
    """Character by character: what stays together is a character, or two halves of a surrogate pair."""
    gsm_7 = all(character in DEFAULT + EXTENSION for character in text)
    encoding, alone, together = (Encoding.GSM_7, 160, 153) if gsm_7 else (Encoding.UCS_2, 70, 67)
    if slow_units(text, encoding) <= alone:
        return [text] if text else []
    atoms: list[str] = []
    for character in text:
        if atoms and is_high(atoms[-1]) and is_low(character):
            atoms[-1] += character
        else:
            atoms.append(character)
    segments = [""]
    for atom in atoms:
        if slow_units(segments[-1] + atom, encoding) > together:
            segments.append("")
        segments[-1] += atom
    return segments


def is_high(atom: str) -> bool:
    return len(atom) == 1 and 0xD800 <= ord(atom) <= 0xDBFF


def is_low(atom: str) -> bool:
    return len(atom) == 1 and 0xDC00 <= ord(atom) <= 0xDFFF


def test_the_alphabet_is_the_standards_and_nothing_more() -> None:
    assert (len(set(DEFAULT)), len(set(EXTENSION))) == (127, 10)
    in_gsm_7 = {chr(point) for point in range(0x110000) if encoding_of(chr(point)) is Encoding.GSM_7}
    assert in_gsm_7 == set(DEFAULT) | set(EXTENSION)


def test_characters_of_the_extension_table_take_two_septets() -> None:
    two_septets = {character for character in DEFAULT + EXTENSION if units(character) == 2}
    assert two_septets == set(EXTENSION)


@pytest.mark.parametrize(
    ("text", "encoding", "length"),
    [
        pytest.param("", Encoding.GSM_7, 0, id="an empty text is GSM-7 and has no length"),
        pytest.param("Ça va à Ålesund?\r\n", Encoding.GSM_7, 18, id="the capital cedilla is GSM-7"),
        pytest.param("garçon", Encoding.UCS_2, 6, id="the small cedilla is not GSM-7"),
        pytest.param("tu as reçu 5 €", Encoding.UCS_2, 14, id="in UCS-2 the euro is one unit"),
        pytest.param("5 €", Encoding.GSM_7, 4, id="in GSM-7 the euro is two septets"),
        pytest.param("it’s", Encoding.UCS_2, 4, id="a curly quote makes a text UCS-2"),
        pytest.param("`", Encoding.UCS_2, 1, id="not all of ASCII is GSM-7: the backquote"),
        pytest.param("\t", Encoding.UCS_2, 1, id="not all of ASCII is GSM-7: the tab"),
        pytest.param("\x1b", Encoding.UCS_2, 1, id="the escape is no character of its own"),
        pytest.param("\xa0", Encoding.UCS_2, 1, id="the no-break space is not GSM-7"),
        pytest.param("e\N{COMBINING ACUTE ACCENT}", Encoding.UCS_2, 2, id="a decomposed letter is not GSM-7"),
        pytest.param(EMOJI, Encoding.UCS_2, 2, id="an emoji is two code units"),
        pytest.param(json.loads(r'"\ud800"'), Encoding.UCS_2, 1, id="a lone high surrogate is one code unit"),
        pytest.param(json.loads(r'"\udc00"'), Encoding.UCS_2, 1, id="a lone low surrogate is one code unit"),
    ],
)
def test_encoding_and_units(text: str, encoding: Encoding, length: int) -> None:
    assert encoding_of(text) is encoding
    assert units(text) == length


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        pytest.param("", [], id="an empty text has no segments"),
        pytest.param("a" * 160, [160], id="160 septets are one segment"),
        pytest.param("a" * 161, [153, 8], id="161 septets are two segments"),
        pytest.param("a" * 306, [153, 153], id="306 septets fill two segments"),
        pytest.param("a" * 307, [153, 153, 1], id="307 septets are three segments"),
        pytest.param("€" * 80, [80], id="80 euros are 160 septets"),
        pytest.param("€" * 81, [76, 5], id="81 euros leave a septet free in the first of two segments"),
        pytest.param("a" * 159 + "€", [153, 7], id="a euro over the edge of 160 makes two segments"),
        pytest.param("a" * 152 + "€" + "a" * 152, [152, 152, 1], id="an escape pair kept whole can cost one"),
        pytest.param("ж" * 70, [70], id="70 code units are one segment"),
        pytest.param("ж" * 71, [67, 4], id="71 code units are two segments"),
        pytest.param(EMOJI * 35, [35], id="35 emoji are 70 code units"),
        pytest.param(EMOJI * 36, [33, 3], id="36 emoji leave a code unit free in the first of two segments"),
        pytest.param("ж" * 66 + EMOJI + "ж" * 66, [66, 66, 1], id="so can a surrogate pair"),
        pytest.param("\ud83d" * 71, [67, 4], id="lone high surrogates count one each"),
        pytest.param("\ude00" * 71, [67, 4], id="lone low surrogates count one each"),
        pytest.param("ж" * 66 + "\ud83d\ude00" + "ж" * 9, [66, 11], id="two loose halves stay together"),
        pytest.param("a" * 1530, [153] * 10, id="ten full segments"),
    ],
)
def test_segments(text: str, lengths: list[int]) -> None:
    assert [len(segment) for segment in split(text)] == lengths
    assert count_segments(text) == len(lengths)


@pytest.mark.parametrize("high", ["\ud7ff", "\ud800", "\udbff", "\udc00"])
@pytest.mark.parametrize("low", ["\udbff", "\udc00", "\udfff", "\ue000"])
def test_only_a_high_and_a_low_surrogate_stay_together(high: str, low: str) -> None:
    lengths = [len(segment) for segment in split("ж" * 66 + high + low + "ж" * 9)]
    assert lengths == ([66, 11] if is_high(high) and is_low(low) else [67, 10])


@given(any_texts)
def test_segments_are_those_of_the_slow_way(text: str) -> None:
    assert list(split(text)) == slow_split(text)


@given(any_texts)
def test_joined_segments_are_the_text(text: str) -> None:
    assert "".join(split(text)) == text


@given(gsm_7_texts)
def test_each_gsm_7_segment_has_room_for_its_septets(text: str) -> None:
    segments = split(text)
    assert all(0 < slow_septets(segment) <= (160 if len(segments) == 1 else 153) for segment in segments)


@given(ucs_2_texts)
def test_each_ucs_2_segment_has_room_for_its_code_units(text: str) -> None:
    segments = split(text + "ж")
    room = 140 if len(segments) == 1 else 134
    assert all(0 < len(segment.encode("utf-16-be", "surrogatepass")) <= room for segment in segments)


@given(texts_of_runs(st.just(EMOJI) | st.characters(codec="utf-16-be")))
def test_no_segment_ends_inside_a_surrogate_pair(text: str) -> None:
    for segment in split(text + "ж"):
        # The strict codec: half a pair at either end would not decode.
        assert segment.encode("utf-16-be").decode("utf-16-be") == segment


@given(any_texts)
def test_each_segment_but_the_last_is_as_full_as_it_can_be(text: str) -> None:
    encoding = encoding_of(text)
    segments = split(text)
    for segment, following in pairwise(segments):
        halves = len(following) > 1 and is_high(following[0]) and is_low(following[1])
        more = segment + following[: 2 if halves else 1]
        assert slow_units(more, encoding) > (153 if encoding is Encoding.GSM_7 else 67)


@given(any_texts)
def test_units_are_those_of_the_slow_way(text: str) -> None:
    assert units(text) == slow_units(text, encoding_of(text))


def test_the_encodings_are_named_as_everywhere() -> None:
    assert [encoding.value for encoding in Encoding] == ["GSM-7", "UCS-2"]


@pytest.mark.parametrize("encoding", Encoding)
def test_an_encoding_reads_as_its_value_everywhere(encoding: Encoding) -> None:
    assert str(encoding) == f"{encoding}" == encoding == encoding.value
    assert json.loads(json.dumps(encoding)) == encoding.value


def test_importing_the_module_needs_the_standard_library_only() -> None:
    code = "import chalicelib.encoding"
    # Without site, so without any package.
    subprocess.run([sys.executable, "-S", "-c", code], cwd=Path(__file__).parents[2], check=True)
