"""The Django application of the agent. Loads the tools of other packages, has the process measure if that is
wanted, and connects the queue's workers when the engine is Procrastinate.
"""

from django.apps import AppConfig


class AgentConfig(AppConfig):
    name = "agent"
    verbose_name = "Samurai Agent"

    def ready(self) -> None:
        from django.conf import settings
        from django.core import checks
        from django.db.models.signals import pre_delete

        from agent.accounts import quotas, sign_in_events
        from agent.event_log import log, recent_events
        from agent.runs import wake
        from agent.tools import loading

        checks.register(loading.check)
        loading.load_entry_points()
        sign_in_events.listen()
        pre_delete.connect(quotas.keep_runs_of, sender="agent.ChatSession")
        log.listen(recent_events.on_commit)
        if settings.SAMURAI_ENGINE == "procrastinate":
            from agent.engine.procrastinate import Workers

            wake.register(Workers(), remote=True)
        if settings.SAMURAI_METRICS_TOKEN:
            from agent.runs import drafts, measuring
            from agent.support import metric_files, metrics

            folder = metric_files.folder()
            metrics.start(folder, metric_files.Process(folder))
            log.listen(measuring.on_commit)
            drafts.listen(measuring.on_drafts)
