"""The form for dividends and splits, and the signed proof that its effects were confirmed."""

from typing import TYPE_CHECKING

from django import forms
from django.core import signing
from django.utils import timezone

from authentication.models import User
from be.kernel.refusals import Refusal
from exchange.corporate import workflow
from exchange.models import ActionKind, CorporateAction, Instrument

if TYPE_CHECKING:  # generic for the type checker only
    ActionModelForm = forms.ModelForm[CorporateAction]
    Select = forms.Select
else:
    from unfold.widgets import UnfoldAdminSelectWidget as Select

    ActionModelForm = forms.ModelForm

# The name of the hidden field that holds the proof.
CONFIRMED = "_confirmed"
# A preview that is older is shown again.
CONFIRM_WITHIN_SECONDS = 3600


class CorporateActionForm(ActionModelForm):
    """What an administrator may enter: dividends and splits of instruments other than bonds."""

    kind = forms.ChoiceField(
        choices=[(kind.value, kind.label) for kind in (ActionKind.DIVIDEND, ActionKind.SPLIT)],
        widget=Select,
    )

    class Meta:
        model = CorporateAction
        fields = (
            "instrument",
            "kind",
            "ex_date",
            "payable_date",
            "amount",
            "new_shares",
            "old_shares",
        )

    def clean_instrument(self) -> Instrument:
        instrument: Instrument = self.cleaned_data["instrument"]
        if instrument.is_bond:
            raise forms.ValidationError("What a bond pays is announced by itself.")
        return instrument

    def clean(self) -> None:
        """A split has one date: it is for those who hold the instrument when it is carried out."""
        super().clean()
        given = self.cleaned_data
        if given.get("kind") != ActionKind.SPLIT:
            return
        if given.get("payable_date") != given.get("ex_date"):
            self.add_error("payable_date", "A split is carried out on its ex-date.")
        if given.get("new_shares") == given.get("old_shares"):
            self.add_error("new_shares", "That changes nothing.")

    def _post_clean(self) -> None:
        """Check a well-formed action against the market and the calendar."""
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        try:
            workflow.check(self.instance, now=timezone.now())
        except Refusal as refusal:
            self.add_error(refusal.field, refusal.detail)

    def proof_for(self, user: User) -> str:
        """A signed token: `user` was shown the effects of exactly these values, now."""
        return signing.dumps(self._shown_to(user), salt=CONFIRMED)

    def is_confirmed_by(self, user: User) -> bool:
        """Whether the request carries the proof for exactly these values, and it is recent."""
        proof = self.data.get(CONFIRMED, "")
        try:
            shown = signing.loads(proof, salt=CONFIRMED, max_age=CONFIRM_WITHIN_SECONDS)
        except signing.BadSignature:
            return False
        return bool(shown == self._shown_to(user))

    def _shown_to(self, user: User) -> dict[str, str]:
        given = {name: str(value) for name, value in self.cleaned_data.items()}
        return {**given, "action": str(self.instance.pk), "user": str(user.pk)}
