"""All tables of a new database at once. A database that has some of the replaced migrations gets the others.

Left out: what the replaced migrations did to stored rows only.
"""

from django.conf import settings
from django.db import migrations

from .tables import (
    accounts,
    attached,
    audit,
    board,
    events,
    memories,
    plans,
    projects,
    runs,
    search,
    sessions,
    shared_links,
)
from .tables.rendered_once import RenderedOnce

# Each after those that its foreign keys refer to.
PARTS = (
    projects,
    board,
    sessions,
    runs,
    events,
    plans,
    memories,
    search,
    shared_links,
    accounts,
    audit,
)


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        # Altering the users afterwards would make the classes of all models here anew, each time.
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    replaces = [
        ("agent", "0001_initial"),
        ("agent", "0002_search_index"),
        ("agent", "0003_run_counted"),
        ("agent", "0004_session_approval"),
        ("agent", "0005_approval_preview"),
        ("agent", "0006_task_position"),
        ("agent", "0007_session_task"),
        ("agent", "0008_run_replanned"),
        ("agent", "0009_event_changes"),
        ("agent", "0010_plain_help_texts"),
        ("agent", "0011_text_keys"),
        ("agent", "0012_lists_by_time"),
        ("agent", "0013_search_by_project"),
        ("agent", "0014_drafts"),
        ("agent", "0015_search_one_index"),
        ("agent", "0016_step_created"),
        ("agent", "0017_plan_open_points"),
        ("agent", "0018_task_number"),
        ("agent", "0019_task_number_required"),
        ("agent", "0020_task_planning"),
        ("agent", "0021_model_calls"),
        ("agent", "0022_steering"),
        ("agent", "0023_run_left_open"),
        ("agent", "0024_approval_comments"),
        ("agent", "0025_sub_steps"),
        ("agent", "0026_switched_off_tools"),
        ("agent", "0027_step_untrusted"),
        ("agent", "0028_shared_links"),
        ("agent", "0029_batches"),
        ("agent", "0030_message_index"),
        ("agent", "0031_event_by_object"),
        ("agent", "0032_token_expiry"),
        ("agent", "0033_origin_of_runs"),
        ("agent", "0034_analytics_figures"),
        ("agent", "0035_plan_estimate"),
        ("agent", "0036_feedback_by_time"),
        ("agent", "0037_pruning"),
        ("agent", "0038_invitations"),
        ("agent", "0039_pruned_rows"),
        ("agent", "0040_quotas"),
        ("agent", "0041_audit_log"),
        ("agent", "0042_account_deletion"),
        ("agent", "0043_tokens_of_deleted_projects"),
        ("agent", "0044_run_states"),
        ("agent", "0045_tokens_of_a_project"),
        ("agent", "0046_events_without_key_of_run"),
    ]
    operations = [
        RenderedOnce([operation for part in PARTS for operation in part.TABLES]),
        RenderedOnce(
            [*projects.COLUMNS, *sessions.COLUMNS, *runs.COLUMNS, attached.ATTACHED],
        ),
    ]
