"""What the codes of returns and of notifications of change mean.

Source: Nacha Operating Rules, Appendix Four (Return Entries) and Appendix Five (Notification of
Change); published by banks and at https://achdevguide.nacha.org/ach-file-details.
"""

from dataclasses import dataclass

UNKNOWN = "returned_by_bank"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the bank has returned a payment.

    `code` is what the customer's program reads as `failure_reason`, `words` what a page may say.
    `ends_link`: nothing more may be sent to or taken from this account, until its owner has linked
    and verified it anew.
    """

    code: str
    words: str
    ends_link: bool = False


REASONS = {
    "R01": Reason("insufficient_funds_at_bank", "There was too little money in the bank account."),
    "R02": Reason("account_closed", "The bank account is closed.", ends_link=True),
    "R03": Reason("account_not_found", "The bank has no such account.", ends_link=True),
    "R04": Reason("invalid_account_number", "The account number is wrong.", ends_link=True),
    "R05": Reason(
        "not_authorized", "The bank account's owner says it was not authorized.", ends_link=True
    ),
    "R06": Reason("returned_by_request", "The bank has returned it at our bank's request."),
    "R07": Reason(
        "authorization_revoked", "The bank account's owner has revoked it.", ends_link=True
    ),
    "R08": Reason("payment_stopped", "The bank account's owner has stopped this payment."),
    "R09": Reason(
        "uncollected_funds", "The money in the bank account was not available to it yet."
    ),
    "R10": Reason(
        "not_authorized", "The bank account's owner says it was not authorized.", ends_link=True
    ),
    "R11": Reason("not_as_authorized", "It was not as the bank account's owner authorized it."),
    "R12": Reason("branch_sold", "The account is at another bank now.", ends_link=True),
    "R13": Reason("invalid_routing_number", "The routing number is wrong.", ends_link=True),
    "R14": Reason("account_holder_deceased", "The bank can't carry it out.", ends_link=True),
    "R15": Reason("account_holder_deceased", "The bank can't carry it out.", ends_link=True),
    "R16": Reason("account_frozen", "The bank account is frozen.", ends_link=True),
    "R17": Reason("rejected_by_bank", "The bank could not process it.", ends_link=True),
    "R20": Reason(
        "not_a_transaction_account", "The account does not take transfers.", ends_link=True
    ),
    "R21": Reason("rejected_by_bank", "The bank could not process it."),
    "R22": Reason("rejected_by_bank", "The bank could not process it."),
    "R23": Reason("refused_by_receiver", "The bank account's owner has refused the money."),
    "R24": Reason("duplicate_at_bank", "The bank has taken it for a duplicate."),
    "R29": Reason(
        "not_authorized", "The company that owns the account did not authorize it.", ends_link=True
    ),
    "R31": Reason("returned_by_request", "The bank has returned it, as was agreed."),
}

CHANGES = {
    "C01": "the account number is wrong",
    "C02": "the routing number is wrong",
    "C03": "routing and account number are wrong",
    "C04": "the account's owner has another name",
    "C05": "it is another type of account",
    "C06": "account number and type of account are wrong",
    "C07": "routing number, account number and type of account are wrong",
    "C09": "the individual identification is wrong",
    "C13": "the addenda have a wrong format",
}

# From R61 on, the two banks argue about a return (dishonored, contested); R80 to R85 are of
# international entries, which are not sent here.
FIRST_OF_DISPUTES, LAST_OF_DISPUTES = "R61", "R77"


def reason(code: str) -> Reason:
    """The reason of a return; of a code that is not in the table, that the bank has returned it."""
    return REASONS.get(code) or Reason(UNKNOWN, "The bank has returned it.")


def is_dispute(code: str) -> bool:
    """Whether it is no return, but a return that one of the banks does not accept."""
    return FIRST_OF_DISPUTES <= code <= LAST_OF_DISPUTES
