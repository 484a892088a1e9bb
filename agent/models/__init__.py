"""The database models: projects, sessions, runs with their event log, tasks, memories. No rules."""

from agent.models.accounts import AccountDeletion, ApiToken, DeletedRuns, Feedback, ModelTokens
from agent.models.audit import AuditEntry
from agent.models.board import Task
from agent.models.memories import Memory, MemoryRevision, SearchEntry
from agent.models.plans import Approval, PlanRevision, PlanStep
from agent.models.projects import Invitation, Membership, Project, SwitchedOffTool
from agent.models.runs import Draft, Event, ModelCall, PhaseResult, Run, Steering
from agent.models.sessions import ApprovalMode, Batch, ChatSession, Message, MessageEntry
from agent.models.shared_links import SharedLink

__all__ = [
    "AccountDeletion",
    "ApiToken",
    "Approval",
    "ApprovalMode",
    "AuditEntry",
    "Batch",
    "ChatSession",
    "DeletedRuns",
    "Draft",
    "Event",
    "Feedback",
    "Invitation",
    "Membership",
    "Memory",
    "MemoryRevision",
    "Message",
    "MessageEntry",
    "ModelCall",
    "ModelTokens",
    "PhaseResult",
    "PlanRevision",
    "PlanStep",
    "Project",
    "Run",
    "SearchEntry",
    "SharedLink",
    "Steering",
    "SwitchedOffTool",
    "Task",
]
