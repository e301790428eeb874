"""Outgoing files against the published record layouts, read by an independent reader."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banking.rules.nacha import outgoing, records
from banking.rules.nacha.outgoing import Entry, Originator, Purpose
from banking.tests.nacha import published_layout

BROKER = Originator(
    company_name="BrokerPro",
    company_id="1234567890",
    destination="021000021",
    destination_name="First Example Bank",
    origin="1234567890",
    origin_name="BrokerPro Inc",
    odfi="021000021",
)
# Written by hand, field by field, from the published layouts.
WORKED_EXAMPLE = Path(__file__).parent / "worked_example.ach"
CREATED = datetime(2026, 3, 2, 16, 45, tzinfo=UTC)


def entry(purpose=Purpose.DEPOSIT, sequence=1, **changes):
    values = {
        "purpose": purpose,
        "account_type": "checking",
        "routing_number": "111000025",
        "account_number": "000123456789",
        "cents": 12_345,
        "identification": "01936F5D02A87D5",
        "name": "Ada Lovelace",
        "trace_number": BROKER.trace_number(sequence),
        **changes,
    }
    return Entry(**values)


def written(*entries, originator=BROKER, modifier="A"):
    return outgoing.file_text(
        originator,
        entries,
        created_at=CREATED,
        modifier=modifier,
        effective_date=date(2026, 3, 3),
    )


def test_a_file_stands_as_the_layouts_say_character_by_character():
    text = written(
        entry(),
        entry(Purpose.WITHDRAWAL, 2, account_type="savings", cents=5_000, name="Bob Archer"),
    )

    assert text == WORKED_EXAMPLE.read_text()


@pytest.mark.parametrize(
    ("purpose", "account_type", "code", "entry_class", "service", "description", "discretionary"),
    [
        (Purpose.DEPOSIT, "checking", "27", "WEB", "225", "DEPOSIT   ", "S "),
        (Purpose.DEPOSIT, "savings", "37", "WEB", "225", "DEPOSIT   ", "S "),
        (Purpose.WITHDRAWAL, "checking", "22", "PPD", "220", "WITHDRAWAL", "  "),
        (Purpose.WITHDRAWAL, "savings", "32", "PPD", "220", "WITHDRAWAL", "  "),
        (Purpose.MICRO_DEPOSIT, "checking", "22", "PPD", "220", "ACCTVERIFY", "  "),
        (Purpose.MICRO_DEPOSIT, "savings", "32", "PPD", "220", "ACCTVERIFY", "  "),
    ],
)
def test_each_purpose_has_its_codes(
    purpose, account_type, code, entry_class, service, description, discretionary
):
    _, [(header, [found])], _ = published_layout.read(
        written(entry(purpose, account_type=account_type))
    )

    assert (found["code"], found["discretionary"]) == (code, discretionary)
    assert (header["class"], header["service"]) == (entry_class, service)
    assert header["description"] == description
    assert header["status"] == "1"
    assert header["settlement"] == "   "
    assert header["effective"] == "260303"


@st.composite
def many_entries(draw):
    routing = st.sampled_from(["111000025", "021000021", "091000019", "322271627", "011401533"])
    drawn = draw(
        st.lists(
            st.tuples(
                st.sampled_from(Purpose),
                st.sampled_from(["checking", "savings"]),
                routing,
                st.from_regex(r"[0-9]{4,17}", fullmatch=True),
                st.integers(1, 100_000_000),
                st.text(max_size=150),
            ),
            min_size=1,
            max_size=30,
        )
    )
    drawn.sort(key=lambda one: list(Purpose).index(one[0]))
    return [
        entry(
            purpose,
            sequence,
            account_type=account_type,
            routing_number=bank,
            account_number=number,
            cents=cents,
            name=name,
        )
        for sequence, (purpose, account_type, bank, number, cents, name) in enumerate(drawn, 1)
    ]


@given(many_entries())
def test_whatever_is_sent_the_file_is_valid_and_has_it_once(entries):
    _, batches, control = published_layout.read(written(*entries))

    found = [one for _, batch in batches for one in batch]
    assert [
        (one["rdfi"] + one["check"], one["account"].strip(), int(one["amount"]), one["trace"])
        for one in found
    ] == [
        (each.routing_number, each.account_number, each.cents, each.trace_number)
        for each in entries
    ]
    assert int(control["debit"]) + int(control["credit"]) == sum(each.cents for each in entries)


def test_the_hash_keeps_the_ten_digits_on_the_right():
    many = [
        entry(sequence=number, routing_number="322271627", trace_number=BROKER.trace_number(number))
        for number in range(1, 401)
    ]

    _, _, control = published_layout.read(written(*many))

    assert control["hash"] == f"{32_227_162 * 400 % 10**10:010d}"
    assert 32_227_162 * 400 >= 10**10


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("José Ñuñez", "JOSE NUNEZ"),
        ("a\nb\tc", "A B C"),
        ("X" * 30, "X" * 22),
        ("李小龍", "CUSTOMER"),
        ("Ada Lovelace", "ADA LOVELACE"),
        ("1\r\n9" + "9" * 93, "1 " + "9" * 20),
        ("ﬁ", "FI"),
    ],
)
def test_a_name_stands_in_ascii_capitals_and_never_breaks_a_line(name, shown):
    _, [(_, [found])], _ = published_layout.read(written(entry(name=name)))

    assert found["name"].rstrip() == shown


@pytest.mark.parametrize("change", [{"cents": 10**10}, {"account_number": "1" * 18}])
def test_what_has_no_room_is_refused_without_the_value(change):
    with pytest.raises(records.Unprintable) as refusal:
        written(entry(**change))

    assert str(next(iter(change.values()))) not in str(refusal.value)


def test_the_layouts_have_no_gap_and_no_overlap():
    for layout in (
        records.FILE_HEADER,
        records.BATCH_HEADER,
        records.ENTRY,
        records.RETURN_ADDENDA,
        records.CHANGE_ADDENDA,
        records.BATCH_CONTROL,
        records.FILE_CONTROL,
    ):
        ends = [1, *(field.last for field in layout.fields)]
        assert [field.first for field in layout.fields] == [end + 1 for end in ends[:-1]]
        assert ends[-1] == 94


def test_the_number_of_an_account_is_not_in_the_text_of_an_entry():
    assert "000123456789" not in repr(entry())
