import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Help texts in plain words; no table changes."""

    dependencies = [
        ('agent', '0009_event_changes'),
    ]

    operations = [
        migrations.AlterField(
            model_name='approval',
            name='digest',
            field=models.CharField(blank=True, help_text='Of the plan that was shown. The approval is valid for no other plan.', max_length=64),
        ),
        migrations.AlterField(
            model_name='approval',
            name='effects',
            field=models.JSONField(blank=True, default=list, help_text='The changes of each step, as shown to the person.'),
        ),
        migrations.AlterField(
            model_name='chatsession',
            name='approval',
            field=models.CharField(choices=[('auto', 'Auto'), ('required', 'Required')], default='auto', help_text='For all messages of the session. A message may require approval, but not waive it.', max_length=10),
        ),
        migrations.AlterField(
            model_name='chatsession',
            name='task',
            field=models.ForeignKey(blank=True, help_text='The task that the session is about. “It” in a message means this task.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='agent.task'),
        ),
        migrations.AlterField(
            model_name='chatsession',
            name='updated_at',
            field=models.DateTimeField(auto_now_add=True, help_text='Time of the latest message.'),
        ),
        migrations.AlterField(
            model_name='event',
            name='body',
            field=models.TextField(help_text='The frame as sent to clients, as JSON.'),
        ),
        migrations.AlterField(
            model_name='message',
            name='client_id',
            field=models.UUIDField(blank=True, editable=False, help_text="The sender's id of the message: a repeated request creates no second message.", null=True),
        ),
        migrations.AlterField(
            model_name='planrevision',
            name='digest',
            field=models.CharField(help_text="SHA-256 of the steps' actions.", max_length=64),
        ),
        migrations.AlterField(
            model_name='project',
            name='board_version',
            field=models.PositiveBigIntegerField(default=0, editable=False, help_text='Incremented by each change of a task or memory.'),
        ),
        migrations.AlterField(
            model_name='project',
            name='description',
            field=models.TextField(blank=True, help_text='The agent reads it before every plan.'),
        ),
        migrations.AlterField(
            model_name='run',
            name='counted',
            field=models.BooleanField(default=True, editable=False, help_text="Counts towards the user's messages per minute. Runs of a batch do not."),
        ),
        migrations.AlterField(
            model_name='run',
            name='given',
            field=models.JSONField(blank=True, default=dict, editable=False, help_text='project_context and conversation_history, if the caller passed them'),
        ),
        migrations.AlterField(
            model_name='run',
            name='number',
            field=models.PositiveIntegerField(help_text="1 for the session's first run. Runs execute in this order."),
        ),
        migrations.AlterField(
            model_name='run',
            name='partial',
            field=models.TextField(blank=True, help_text='The beginning of an answer that was cut off.'),
        ),
        migrations.AlterField(
            model_name='run',
            name='replanned',
            field=models.BooleanField(default=False, editable=False, help_text='After a failed step, a new plan for the rest was attempted. At most once per run.'),
        ),
        migrations.AlterField(
            model_name='searchentry',
            name='neighbours',
            field=models.TextField(blank=True, help_text='Text of the source messages. Weighs less than the body.'),
        ),
        migrations.AlterField(
            model_name='task',
            name='position',
            field=models.BigIntegerField(default=0, help_text='Order on the board, ascending, with gaps.'),
        ),
    ]
