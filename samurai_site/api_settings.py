"""How the API and its schema work here, whatever the environment says. `samurai_site.settings` has these."""

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        # The first class determines the status without credentials: 401 here, 403 for sessions.
        "chat.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "chat.api.authentication.MayWrite",
    ],
    "DEFAULT_PARSER_CLASSES": ["chat.api.parsing.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_THROTTLE_CLASSES": ["chat.api.throttling.PersonThrottle"],
    "NUM_PROXIES": 0,  # the server program reads X-Forwarded-For, if a proxy that it trusts sent it
    "EXCEPTION_HANDLER": "chat.api.errors.handle",
    "DEFAULT_SCHEMA_CLASS": "chat.api.schema.ApiSchema",
    "URL_FORMAT_OVERRIDE": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Samurai Agent",
    "DESCRIPTION": "A planning-first agent: send messages, follow runs, approve plans.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "TAGS": [
        {"name": "projects", "description": "Projects and their members."},
        {
            "name": "chat",
            "description": "A message and its answer in one request, waiting or streamed.",
        },
        {"name": "sessions", "description": "Conversations: their messages, runs and event logs."},
        {
            "name": "runs",
            "description": "What the agent does for a message: progress, plan, approval, retry.",
        },
        {"name": "tasks", "description": "The tasks on a project's board."},
        {"name": "memories", "description": "What the agent remembers of a project."},
        {"name": "search", "description": "One search over everything that you may view."},
        {"name": "analytics", "description": "Figures of the runs of a period."},
        {"name": "tools", "description": "What plans can do."},
        {"name": "account", "description": "The current user and the access tokens."},
        {"name": "ag-ui", "description": "The agent by the AG-UI protocol, for its clients."},
    ],
    "SCHEMA_PATH_PREFIX": "/api/",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "MemoryKind": "agent.models.Memory.Kind",
        "RunStatus": "agent.models.Run.Status",
        "StepStatus": "agent.models.PlanStep.Status",
        "TaskStatus": "agent.models.Task.Status",
        "ApprovalStatus": "agent.models.Approval.Status",
        "ApprovalMode": "agent.models.ApprovalMode",
        "Scope": "agent.models.ApiToken.Scope",
        "Role": "agent.models.projects.Role",
    },
}
