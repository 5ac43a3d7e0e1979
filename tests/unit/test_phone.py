"""Addresses: what clients may write, what providers may send, and what logs may show."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.phone import from_provider, mask, recipient, sender

# Of more than 200 regions; a few have no mobile network of their own.
EXAMPLES = (
    phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)
)
E164 = phonenumbers.PhoneNumberFormat.E164
MOBILES = [phonenumbers.format_number(number, E164) for number in EXAMPLES if number]


@pytest.mark.parametrize(
    "number",
    [
        pytest.param("+33612345678", id="a French mobile"),
        pytest.param("+14155552671", id="a North American number"),
        pytest.param("+390612345678", id="an Italian number, whose 0 belongs to it"),
        pytest.param("+2250123456789", id="an Ivorian number, whose 0 belongs to it"),
        pytest.param("+5491123456789", id="an Argentine mobile with its 9"),
        pytest.param("+6831234", id="a number of Niue, 7 digits"),
        pytest.param("+883510000000000", id="an international network, 15 digits"),
    ],
)
def test_a_recipient_is_returned_as_typed(number: str) -> None:
    assert recipient(number) == number


def test_a_mobile_of_every_region_is_a_recipient() -> None:
    assert [number for number in MOBILES if recipient(number) != number] == []


def test_a_number_outside_every_published_range_is_a_recipient() -> None:
    number = "+49151123456789"
    assert not phonenumbers.is_valid_number(phonenumbers.parse(number))
    assert recipient(number) == number


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        pytest.param("", "E.164", id="nothing"),
        pytest.param("+", "E.164", id="a lone plus"),
        pytest.param("33612345678", "E.164", id="no plus"),
        pytest.param("0033612345678", "E.164", id="00 for the plus"),
        pytest.param("0612345678", "E.164", id="a national number"),
        pytest.param("+33 6 12 34 56 78", "E.164", id="spaces"),
        pytest.param("+33-612345678", "E.164", id="a hyphen"),
        pytest.param(" +33612345678", "E.164", id="a space before"),
        pytest.param("+33612345678\n", "E.164", id="a line feed after"),
        pytest.param("++33612345678", "E.164", id="two pluses"),
        pytest.param("\N{FULLWIDTH PLUS SIGN}33612345678", "E.164", id="a plus that is not ASCII"),
        pytest.param("+٣٣٦١٢٣٤٥٦٧٨", "E.164", id="digits that are not ASCII"),
        pytest.param("+3361234567²", "E.164", id="a superscript digit"),
        pytest.param("+683123", "E.164", id="6 digits"),
        pytest.param("+8835100000000000", "E.164", id="16 digits"),
        pytest.param("+0612345678", "E.164", id="no country code begins with 0"),
        pytest.param("12345", "E.164", id="a short code"),
        pytest.param("Acme", "E.164", id="a name"),
        pytest.param("tel:+33612345678", "E.164", id="a URI"),
        pytest.param("+999123456789", "country code", id="an unknown country code"),
        pytest.param("+3361234567", "count the digits", id="a digit too few"),
        pytest.param("+336123456789", "count the digits", id="a digit too many"),
        pytest.param("+12530000", "count the digits", id="no area code"),
        pytest.param("+330612345678", "national prefix", id="the national 0 kept in France"),
        pytest.param("+4407911123456", "national prefix", id="the national 0 kept in Great Britain"),
        pytest.param("+789161234567", "national prefix", id="the national 8 kept in Russia"),
    ],
)
def test_what_is_no_recipient_is_refused_with_advice(value: str, advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        recipient(value)


@settings(deadline=None)  # a region's metadata is loaded at its first number
@given(st.from_regex(r"\+[0-9]{7,15}", fullmatch=True))
def test_a_recipient_is_a_possible_number_and_no_error_tells_it(number: str) -> None:
    try:
        assert recipient(number) == number
    except ValueError as error:
        # As a log would show it: with the exception behind it, where there is one.
        shown = f"{error!r} {error.__cause__!r} {error.__context__!r}"
        assert number[1:] not in shown and number[-4:] not in shown.replace("E.164", "")
    else:
        assert phonenumbers.is_possible_number(phonenumbers.parse(number))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("+33612345678", id="a phone number"),
        pytest.param("+999123456789", id="a number that metadata does not know: the account owns it"),
        pytest.param("112", id="a short code of 3 digits"),
        pytest.param("38200", id="a short code of 5 digits"),
        pytest.param("19012345", id="a short code of 8 digits"),
        pytest.param("01234", id="a short code that begins with 0"),
        pytest.param("A", id="one letter"),
        pytest.param("Acme", id="a name"),
        pytest.param("ACME-AD", id="a hyphen, which some countries ask of promotions"),
        pytest.param("M&Co. UK", id="an ampersand, a full stop and a space"),
        pytest.param("C+C_Cash", id="a plus and an underscore inside"),
        pytest.param("24hTaxi", id="digits first"),
        pytest.param("ElevenChars", id="11 characters"),
    ],
)
def test_a_sender_is_returned_as_typed(value: str) -> None:
    assert sender(value) == value


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="nothing"),
        pytest.param("12", id="2 digits"),
        pytest.param("123456789", id="9 digits without a plus"),
        pytest.param("33612345678", id="a number without its plus"),
        pytest.param("0612345678", id="a national number"),
        pytest.param("+0612345678", id="a national number after a plus"),
        pytest.param("+12345", id="a short code after a plus"),
        pytest.param("+33 612345678", id="a space in a number"),
        pytest.param("+33612E4567", id="a letter in a number"),
        pytest.param("TwelveChars!", id="12 characters"),
        pytest.param("TwelveLetter", id="12 letters"),
        pytest.param("12-34", id="no letter"),
        pytest.param("-_.&", id="neither letter nor digit"),
        pytest.param(" Acme", id="a space before"),
        pytest.param("Acme ", id="a space after"),
        pytest.param("Acme\n", id="a line feed after"),
        pytest.param("   ", id="spaces only"),
        pytest.param("Café", id="a letter that networks replace"),
        pytest.param("Acme!", id="an exclamation mark"),
        pytest.param("Асme", id="a Cyrillic letter that looks Latin"),
        pytest.param("١٢٣٤٥", id="digits that are not ASCII"),
    ],
)
def test_what_is_no_sender_is_refused_with_advice(value: str) -> None:
    with pytest.raises(ValueError, match=r"^Give as sender ") as refusal:
        sender(value)
    assert not value.strip() or value not in str(refusal.value)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        pytest.param("+33612345678", "+33612345678", id="E.164 stays"),
        pytest.param("33612345678", "+33612345678", id="digits get their plus"),
        pytest.param("376312345", "+376312345", id="9 digits get their plus"),
        pytest.param("883510000000000", "+883510000000000", id="15 digits get their plus"),
        pytest.param("0033612345678", "+33612345678", id="00 becomes a plus"),
        pytest.param("006831234", "+6831234", id="00 becomes a plus before a short number too"),
        pytest.param(" 33612345678", "+33612345678", id="a plus that a form turned into a space"),
        pytest.param("\t+33612345678\r\n", "+33612345678", id="white space goes"),
        pytest.param("38200", "38200", id="a short code stays"),
        pytest.param("19012345", "19012345", id="8 digits stay: they can be a short code"),
        pytest.param("00123", "00123", id="a short code that begins with 00 stays"),
        pytest.param("0612345678", "0612345678", id="a national number stays: its country is not known"),
        pytest.param("1234567890123456", "1234567890123456", id="16 digits stay: they are no phone number"),
        pytest.param(" Acme Co ", "Acme Co", id="a name keeps its inner space"),
        pytest.param("Банк", "Банк", id="a name in another script stays"),
        pytest.param("٣٣٦١٢٣٤٥٦٧٨", "٣٣٦١٢٣٤٥٦٧٨", id="digits that are not ASCII stay"),
        pytest.param("", "", id="nothing stays nothing"),
        pytest.param("anonymous", "anonymous", id="a word stays"),
    ],
)
def test_an_address_from_a_provider(value: str, read: str) -> None:
    assert from_provider(value) == read


@given(st.text(st.sampled_from("+0123456789 \tA") | st.characters(), max_size=20))
def test_reading_a_providers_address_never_raises_and_settles_at_once(value: str) -> None:
    read = from_provider(value)
    assert from_provider(read) == read == read.strip()


def test_a_mobile_of_every_region_reads_the_same_with_a_plus_and_00() -> None:
    assert [from_provider("00" + number[1:]) for number in MOBILES] == MOBILES
    assert [from_provider(number) for number in MOBILES] == MOBILES


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("+33612345689", "+336******89", id="a number keeps its beginning and two digits"),
        pytest.param("33612345689", "3361*****89", id="a number without its plus"),
        pytest.param("+12345678", "+123***78", id="9 characters"),
        pytest.param("+6831234", "******34", id="8 characters show two digits"),
        pytest.param("38200", "***00", id="a short code shows two digits"),
        pytest.param("Acme", "Acme", id="a name is no secret"),
        pytest.param("BUS123456", "BUS123456", id="a name with 6 digits is no secret"),
        pytest.param("BUS1234567", "BUS1****67", id="a name with 7 digits is masked"),
        pytest.param("0612O45689", "0612****89", id="a mistyped number is no name"),
        pytest.param("tel:+33612345689", "tel:**********89", id="a URI"),
        pytest.param("a text by mistake", "a te***********ke", id="what is too long for a name"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_a_masked_address(value: str, shown: str) -> None:
    assert mask(value) == shown


@given(st.from_regex(r"(\+|00)?[0-9]{7,15}", fullmatch=True) | st.text("+0123456789 -AO", max_size=25))
def test_a_mask_shows_at_most_six_digits(value: str) -> None:
    shown = mask(value)
    assert len(shown) == len(value)
    assert sum(map(str.isdigit, shown)) <= 6


def test_reading_and_masking_do_not_import_the_metadata() -> None:
    code = (
        "import sys; from chalicelib.phone import from_provider, mask, sender;"
        "mask(from_provider('33612345678')); sender('+33612345678'); sys.exit('phonenumbers' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True)
