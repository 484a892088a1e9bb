"""The pages' forms."""

from __future__ import annotations

from django import forms


class ProjectForm(forms.Form):
    name = forms.CharField(max_length=200)
    description = forms.CharField(
        required=False,
        label="Description",
        help_text="A few sentences. The agent reads them before every plan.",
        widget=forms.Textarea(attrs={"rows": 4}),
    )
