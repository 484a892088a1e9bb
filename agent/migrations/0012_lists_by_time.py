
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agent', '0011_text_keys'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name='approval',
            index=models.Index(fields=['requested_at'], name='approval_by_time'),
        ),
        migrations.AddIndex(
            model_name='chatsession',
            index=models.Index(fields=['-updated_at', 'id'], name='session_by_age'),
        ),
        migrations.AddIndex(
            model_name='memory',
            index=models.Index(fields=['-updated_at'], name='memory_by_change'),
        ),
        migrations.AddIndex(
            model_name='memoryrevision',
            index=models.Index(fields=['created_at'], name='revision_by_time'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(fields=['created_at', 'id'], name='message_by_age'),
        ),
        migrations.AddIndex(
            model_name='planrevision',
            index=models.Index(fields=['created_at'], name='plan_by_time'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(fields=['created_at'], name='run_by_time'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(condition=models.Q(('deleted_at', None), ('status__in', ['pending', 'in_progress', 'blocked'])), fields=['project', 'position', 'created_at', 'id'], name='task_open'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(fields=['-updated_at'], name='task_by_age'),
        ),
    ]
