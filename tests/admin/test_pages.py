"""Every list and page of the admin opens, finds and filters, and tells what it should."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agent.models import (
    ChatSession,
    Event,
    Memory,
    Message,
    ModelCall,
    PlanStep,
    Project,
    Run,
)
from tests.support.admin_site import (
    MODELS,
    WORDS,
    add_rows,
    admin_of,
    page,
    rows_shown,
    text_of,
)

# -- every list and page ---------------------------------------------------------------------------


def test_every_model_is_there_and_the_pages_bear_the_products_name(
    rows: ChatSession, client: Client
) -> None:
    text = client.get("/admin/").content.decode()
    assert "Samurai Agent" in text
    assert set(WORDS) == set(MODELS)
    for model in MODELS:
        assert page(model, "changelist") in text


@pytest.mark.parametrize("model", MODELS)
def test_a_list_shows_its_rows(rows: ChatSession, client: Client, model: type[Model]) -> None:
    assert rows_shown(client, model) == model._base_manager.count() > 0


@pytest.mark.parametrize("model", MODELS)
def test_a_list_is_searched(rows: ChatSession, client: Client, model: type[Model]) -> None:
    assert rows_shown(client, model, {"q": WORDS[model]}) == 1
    for text in ("nothing like this", "\"'%_\\", "🧠" * 50):
        assert rows_shown(client, model, {"q": text}) == 0


@pytest.mark.parametrize("model", MODELS)
def test_every_choice_of_every_filter_opens(
    rows: ChatSession, client: Client, model: type[Model]
) -> None:
    links = list(filter_links(client, model))
    assert len(links) >= 2
    for link in links:
        response = client.get(page(model, "changelist") + link)
        assert response.status_code == 200, link
        assert len(response.context["cl"].result_list) <= model._base_manager.count()


def filter_links(client: Client, model: type[Model]) -> Iterator[str]:
    changelist = client.get(page(model, "changelist")).context["cl"]
    for spec in changelist.filter_specs:
        yield from (choice["query_string"] for choice in spec.choices(changelist))


@pytest.mark.parametrize("model", MODELS)
def test_every_column_sorts(rows: ChatSession, client: Client, model: type[Model]) -> None:
    for number in range(1, len(admin_of(model).list_display) + 1):
        for order in (str(number), f"-{number}"):
            assert rows_shown(client, model, {"o": order}) == model._base_manager.count()


@pytest.mark.parametrize("model", [model for model in MODELS if admin_of(model).date_hierarchy])
def test_a_list_is_narrowed_by_date(rows: ChatSession, client: Client, model: type[Model]) -> None:
    field, year = admin_of(model).date_hierarchy, timezone.now().year
    for asked, shown in ((year, model._base_manager.exclude(**{field: None}).count()), (1999, 0)):
        assert rows_shown(client, model, {f"{field}__year": str(asked)}) == shown


@pytest.mark.parametrize("model", MODELS)
def test_a_rows_own_page_opens(rows: ChatSession, client: Client, model: type[Model]) -> None:
    for row in model._base_manager.all():
        response = client.get(page(model, "change", row.pk))
        assert response.status_code == 200, row


@pytest.mark.parametrize("model", MODELS)
def test_a_longer_list_needs_no_more_queries(
    rows: ChatSession, client: Client, model: type[Model]
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(page(model, "changelist"))
        return len(queries)

    before = queries()
    add_rows(rows)
    assert queries() == before


# -- what is read in them --------------------------------------------------------------------------


def test_a_run_tells_how_long_it_and_its_phases_took_and_what_it_used(
    rows: ChatSession, client: Client
) -> None:
    run = Run.objects.get()
    for address in (page(Run, "changelist"), page(Run, "change", run.pk)):
        assert "4.2 s" in text_of(client, address)
    assert "1234" in text_of(client, page(Run, "changelist"))
    assert "1.5 s" in text_of(client, page(Run, "change", run.pk))
    assert "2 min 5 s" in text_of(client, page(PlanStep, "changelist"))


def test_a_project_tells_how_much_it_has_up_to_a_thousand(
    rows: ChatSession, client: Client
) -> None:
    cells = 'field-session_count">1</td>', 'field-open_tasks">1</td>', 'field-memory_count">1</td>'
    assert all(cell in text_of(client, page(Project, "changelist")) for cell in cells)
    Memory.objects.bulk_create(Memory(project=rows.project, title="M") for _ in range(999))
    assert 'field-memory_count">1,000</td>' in text_of(client, page(Project, "changelist"))
    Memory.objects.create(project=rows.project, title="M")
    assert 'field-memory_count">over 1,000</td>' in text_of(client, page(Project, "changelist"))


def test_times_are_told_on_24_hours(rows: ChatSession, client: Client) -> None:
    Run.objects.update(created_at=datetime(2026, 11, 27, 17, 5, tzinfo=UTC))
    for address in (page(Run, "changelist"), page(Run, "change", Run.objects.get().pk)):
        assert "Nov 27, 2026, 17:05" in text_of(client, address)


def test_every_cell_of_a_list_names_its_column(rows: ChatSession, client: Client) -> None:
    text = text_of(client, page(Run, "changelist"))
    for name in ("Message", "Status", "Created at"):
        assert re.search(rf'<t[dh] data-label="{name}" class="field-', text), name
    assert '<td class="action-checkbox">' in text


def test_a_session_shows_its_runs_and_leads_to_its_log(rows: ChatSession, client: Client) -> None:
    text = text_of(client, page(ChatSession, "change", rows.pk))
    assert "Doctors publish free slots" in text
    link = page(Event, "changelist") + f"?session__id__exact={rows.pk}"
    assert f'href="{link}"' in text
    assert len(client.get(link).context["cl"].result_list) == Event.objects.count()
    other = ChatSession.objects.create(project=rows.project)
    assert rows_shown(client, Event, {"session__id__exact": str(other.pk)}) == 0


def test_a_long_session_shows_its_latest_runs_only(rows: ChatSession, client: Client) -> None:
    message = Message.objects.get()
    Run.objects.bulk_create(
        Run(session=rows, number=number, message=message) for number in range(2, 102)
    )
    with CaptureQueriesContext(connection) as queries:
        response = client.get(page(ChatSession, "change", rows.pk))
    assert len(queries) < 20
    (formset,) = response.context["inline_admin_formsets"]
    assert [form.original.number for form in formset][:2] == [101, 100]
    assert len(list(formset)) == 50


def test_an_event_is_told_in_its_own_words_and_shown_whole(
    rows: ChatSession, client: Client
) -> None:
    text = text_of(client, page(Event, "changelist"))
    for said in ("Doctors publish free slots", "🧠 Analyzing", "task created", "It broke", "Done"):
        assert said in text
    event = Event.objects.get(type="token")
    assert "&quot;offset&quot;: 0" in text_of(client, page(Event, "change", event.pk))


def test_what_a_model_wrote_is_never_markup(rows: ChatSession, client: Client) -> None:
    step = PlanStep.objects.get()
    text = text_of(client, page(PlanStep, "change", step.pk))
    assert "Calendar &lt;b&gt;" in text
    assert "<b>" not in text
    call = ModelCall.objects.get()
    text = text_of(client, page(ModelCall, "change", call.pk))
    assert "Make &lt;b&gt;a plan" in text
    assert "<b>" not in text


@pytest.mark.parametrize("model", MODELS)
def test_no_list_counts_its_whole_table(
    rows: ChatSession, client: Client, model: type[Model]
) -> None:
    with CaptureQueriesContext(connection) as queries:
        client.get(page(model, "changelist"))
    counting = [q["sql"] for q in queries if q["sql"].startswith("SELECT COUNT(")]
    assert counting
    assert [sql for sql in counting if "LIMIT" not in sql] == []
