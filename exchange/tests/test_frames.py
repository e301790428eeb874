"""Frames compared with those of the websockets library."""

import pytest
from websockets.frames import Frame as Reference
from websockets.frames import Opcode

from exchange.streaming.rules.frames import Frame


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_frame_on_the_wire_is_the_one_that_the_websockets_library_makes(length):
    json = b"x" * length
    assert Frame(json).wire == Reference(Opcode.TEXT, json).serialize(mask=False)
    assert len(Frame(json)) == len(Frame(json).wire)


def test_the_text_of_a_frame_is_its_json_and_is_made_once():
    frame = Frame('{"message":"é"}'.encode())
    assert frame.text == '{"message":"é"}'
    assert frame.text is frame.text
    assert Frame(b"").text == ""
