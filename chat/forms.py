"""The pages' forms."""

from __future__ import annotations

from django import forms

from chat.text_limit import TextLimit


class ProjectForm(forms.Form):
    # No `max_length`: the browser would cut a longer text without a word.
    name = forms.CharField(
        validators=[TextLimit(200)], widget=forms.TextInput(attrs={"dir": "auto"})
    )
    description = forms.CharField(
        required=False,
        validators=[TextLimit(100_000)],
        label="Description",
        help_text="A few sentences. The agent reads them before every plan.",
        widget=forms.Textarea(attrs={"rows": 4, "dir": "auto"}),
    )
