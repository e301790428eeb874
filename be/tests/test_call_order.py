"""The recorder of calls sees what a debugger would step into, in any thread."""

import threading

from banking.rules.assets import USD
from be.kernel import formats
from be.tests.call_order import modules_called


def test_modules_are_named_once_in_the_order_of_their_first_call():
    with modules_called() as names:
        formats.plain(USD.amount(100))
        formats.plain(USD.amount(200))
    USD.units_up(USD.amount(1))
    assert names == ["banking.rules.assets", "be.kernel.formats"]


def test_calls_in_a_thread_that_starts_in_the_block_are_seen():
    with modules_called() as names:
        thread = threading.Thread(target=lambda: USD.amount(1))
        thread.start()
        thread.join()
    assert names == ["banking.rules.assets"]
