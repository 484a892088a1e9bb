"""Who gets in where: one row for each method of each address, and for each frame of a client.

A row of `PAGES` or `API`: methods, the address as the URL configuration has it, and who gets in. Methods
that an address does not have are in no row. Everybody else finds nothing there, is told that the role is too
low, or has to sign in: see `outcome`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SAFE = ("GET",)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

# Who tries. `staff` has no permissions, `analyst` is staff that may view all runs, `invited` has not accepted
# an invitation yet: none of them is a member. `read` and `write` are programs with a token of the owner;
# `limited` has one for the project alone, `elsewhere` one for another project of the owner alone.
MEMBERS = frozenset({"viewer", "editor", "owner"})
PEOPLE = MEMBERS | {"stranger", "staff", "analyst", "invited"}
FREE = frozenset({"read", "write"})
PROGRAMS = FREE | {"limited", "elsewhere"}
ROLES = ("anonymous", "guest", *sorted(PEOPLE), *sorted(PROGRAMS))

WHO = {
    "nobody": frozenset[str](),  # it is not there, unless the operator switches it on
    "anybody": frozenset(ROLES),
    "guest": frozenset({"guest"}),
    "person": PEOPLE | PROGRAMS,
    "all projects": PEOPLE | FREE,
    "staff": frozenset({"staff", "analyst"}),
    "analyst": frozenset({"analyst"}),
    "viewer": MEMBERS | FREE | {"limited"},
    "editor": frozenset({"editor", "owner", "limited"}) | FREE,
    "owner": frozenset({"owner", "limited"}) | FREE,
    "owner, analyst": frozenset({"owner", "analyst", "limited"}) | FREE,
    "invited": frozenset({"invited"}),
    "has a factor": frozenset({"owner"}),  # a second factor, by which the person can confirm
    "self": frozenset({"owner"}) | FREE,  # of what belongs to the owner, not to the project
}

PAGES = """
GET       /                                                          person
*         favicon.ico                                                anybody
POST      theme/                                                     anybody
POST      projects/                                                  person
GET       projects/<uuid:project_id>/                                viewer
POST      projects/<uuid:project_id>/edit/                           owner
GET,POST  projects/<uuid:project_id>/delete/                         owner
GET,POST  projects/<uuid:project_id>/tasks/new/                      editor
GET,POST  projects/<uuid:project_id>/memories/new/                   editor
GET       projects/<uuid:project_id>/export/                         viewer
POST      projects/<uuid:project_id>/invitations/                    owner
POST      projects/<uuid:project_id>/invitations/<uuid:invitation_id>/withdraw/  owner
GET       invitations/<uuid:invitation_id>/                          invited
POST      invitations/<uuid:invitation_id>/accept/                   invited
POST      invitations/<uuid:invitation_id>/decline/                  invited
POST      projects/<uuid:project_id>/members/<str:username>/role/    owner
POST      projects/<uuid:project_id>/members/<str:username>/remove/  owner
GET,POST  projects/<uuid:project_id>/sessions/                       editor
GET       projects/<uuid:project_id>/tools/                          viewer
POST      projects/<uuid:project_id>/tools/<str:name>/switch/        owner
GET       projects/<uuid:project_id>/board/                          viewer
GET       sessions/<uuid:session_id>/                                viewer
GET,POST  sessions/<uuid:session_id>/settings/                       editor
POST      sessions/<uuid:session_id>/rename/                         editor
GET,POST  sessions/<uuid:session_id>/delete/                         owner
GET,POST  sessions/<uuid:session_id>/links/                          editor
POST      shared-links/<uuid:link_id>/revoke/                        editor
GET,POST  shared/<uuid:link_id>/                                     anybody
GET       shared/<uuid:link_id>/entries/                             guest
GET       shared/<uuid:link_id>/where/<str:name>/                    guest
GET       shared/<uuid:link_id>/board/                               guest
GET       shared/<uuid:link_id>/events/                              guest
GET       sessions/<uuid:session_id>/entries/                        viewer
GET       sessions/<uuid:session_id>/where/<str:name>/               viewer
GET       sessions/<uuid:session_id>/replay/                         viewer
GET       sessions/<uuid:session_id>/replay/board/                   viewer
POST      sessions/<uuid:session_id>/undo/                           editor
POST      sessions/<uuid:session_id>/retry/                          editor
POST      sessions/<uuid:session_id>/regenerate/                     editor
GET       runs/<uuid:run_id>/                                        viewer
GET       runs/<uuid:run_id>/compare/                                viewer
GET       runs/<uuid:run_id>/compare/<uuid:other_id>/                viewer
POST      runs/<uuid:run_id>/progress-opinion/                       viewer
GET       runs/<uuid:run_id>/capsule/                                owner
GET       runs/<uuid:run_id>/links/                                  editor
GET       runs/<uuid:run_id>/replay/                                 viewer
GET       analytics/                                                 analyst
GET       analytics/csv/                                             analyst
GET       projects/<uuid:project_id>/analytics/                      owner, analyst
GET       projects/<uuid:project_id>/analytics/csv/                  owner, analyst
GET       model/                                                     person
POST      model/                                                     staff
GET       tasks/<uuid:task_id>/                                      viewer
POST      tasks/<uuid:task_id>/                                      editor
POST      tasks/<uuid:task_id>/move/                                 editor
POST      tasks/<uuid:task_id>/delete/                               editor
GET       memories/<uuid:memory_id>/                                 viewer
POST      memories/<uuid:memory_id>/                                 editor
POST      memories/<uuid:memory_id>/delete/                          editor
POST      memories/<uuid:memory_id>/undo/                            editor
POST      memories/<uuid:memory_id>/revisions/<int:number>/use/      editor
GET,POST  tokens/                                                    person
POST      tokens/<uuid:token_id>/revoke/                             self
*         metrics                                                    nobody
*         measurements/                                              nobody
GET       waiting/                                                   person
GET       waiting/count/                                             person
POST      waiting/<uuid:run_id>/                                     editor
GET,POST  sign-in/<str:token>/                                       anybody
"""

# Of signing in and of one's own account: each page names no object and shows only what belongs to the person
# who asks. Keys and codes are the exception: they are found only by their owner. Pages that send mail need a
# mail server.
ACCOUNT = """
GET,POST,PUT  accounts/sign-in/                       anybody
POST          accounts/sign-out/                      anybody
GET,POST,PUT  accounts/sign-up/                       anybody
GET           accounts/inactive/                      anybody
GET,POST,PUT  accounts/second-factor/sign-in/         anybody
GET,POST,PUT  accounts/keys/sign-in/                  anybody
GET           account/data/                           person
POST          account/data/export/                    person
POST          account/data/delete/                    person
GET           accounts/                               person
GET,POST      accounts/sign-ins/                      person
GET,POST,PUT  accounts/confirm/                       has a factor
GET,POST,PUT  accounts/password/                      person
GET,POST,PUT  accounts/password/set/                  person
GET           accounts/second-factor/                 person
GET,POST,PUT  accounts/second-factor/confirm/         has a factor
GET,POST,PUT  accounts/second-factor/app/             person
GET,POST,PUT  accounts/second-factor/app/off/         self
GET           accounts/second-factor/codes/           self
GET,POST,PUT  accounts/second-factor/codes/new/       person
GET           accounts/second-factor/codes/file/      self
GET           accounts/keys/                          person
GET,POST,PUT  accounts/keys/new/                      person
GET,POST,PUT  accounts/keys/confirm/                  has a factor
GET,POST,PUT  accounts/keys/<int:pk>/                 self
GET,POST,DELETE  accounts/keys/<int:pk>/remove/       self
*             accounts/e-mail/                        nobody
*             accounts/e-mail/sent/                   nobody
*             accounts/e-mail/confirm/<str:key>/      nobody
*             accounts/reset/                         nobody
*             accounts/reset/sent/                    nobody
*             accounts/reset/done/                    nobody
*             accounts/^reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$  nobody
"""

API = """
GET              schema/                                          anybody
GET              docs/                                            anybody
GET              me/                                              person
GET              search/                                          person
GET              tools/                                           person
GET              tokens/                                          person
POST             tokens/                                          all projects
GET,DELETE       tokens/<uuid:token_id>/                          self
GET              analytics/                                       analyst
GET              projects/                                        person
POST             projects/                                        all projects
GET              projects/<uuid:project_id>/                      viewer
PATCH,DELETE     projects/<uuid:project_id>/                      owner
GET              projects/<uuid:project_id>/members/              viewer
GET,POST         projects/<uuid:project_id>/invitations/          owner
DELETE           projects/<uuid:project_id>/invitations/<uuid:invitation_id>/  owner
GET              invitations/                                     person
POST             invitations/<uuid:invitation_id>/accept/         invited
POST             invitations/<uuid:invitation_id>/decline/        invited
GET              projects/<uuid:project_id>/members/<username:username>/  viewer
PATCH,DELETE     projects/<uuid:project_id>/members/<username:username>/  owner
GET              projects/<uuid:project_id>/tools/                viewer
GET              projects/<uuid:project_id>/tools/<str:name>/     viewer
PATCH            projects/<uuid:project_id>/tools/<str:name>/     owner
GET              projects/<uuid:project_id>/analytics/            owner, analyst
POST             projects/<uuid:project_id>/chat/                 editor
POST             projects/<uuid:project_id>/chat-stream/          editor
GET              projects/<uuid:project_id>/sessions/             viewer
POST             projects/<uuid:project_id>/sessions/             editor
GET              projects/<uuid:project_id>/tasks/                viewer
POST             projects/<uuid:project_id>/tasks/                editor
GET              projects/<uuid:project_id>/memories/             viewer
POST             projects/<uuid:project_id>/memories/             editor
GET              sessions/<uuid:session_id>/                      viewer
PATCH            sessions/<uuid:session_id>/                      editor
DELETE           sessions/<uuid:session_id>/                      owner
GET              sessions/<uuid:session_id>/messages/             viewer
POST             sessions/<uuid:session_id>/messages/             editor
GET              sessions/<uuid:session_id>/runs/                 viewer
GET              sessions/<uuid:session_id>/events/               viewer
POST             sessions/<uuid:session_id>/undo/                 editor
GET,POST         sessions/<uuid:session_id>/shared-links/         editor
GET,DELETE       shared-links/<uuid:link_id>/                     editor
GET              runs/<uuid:run_id>/                              viewer
POST             runs/<uuid:run_id>/steer/                        editor
POST             runs/<uuid:run_id>/cancel/                       editor
POST             runs/<uuid:run_id>/retry/                        editor
POST             runs/<uuid:run_id>/regenerate/                   editor
POST             runs/<uuid:run_id>/approve/                      editor
POST             runs/<uuid:run_id>/reject/                       editor
POST             runs/<uuid:run_id>/edit-plan/                    editor
GET,POST         runs/<uuid:run_id>/feedback/                     viewer
GET              tasks/<uuid:task_id>/                            viewer
PATCH,DELETE     tasks/<uuid:task_id>/                            editor
GET              tasks/<uuid:task_id>/specification/              viewer
GET              memories/<uuid:memory_id>/                       viewer
PATCH,DELETE     memories/<uuid:memory_id>/                       editor
GET              memories/<uuid:memory_id>/revisions/             viewer
POST             memories/<uuid:memory_id>/undo/                  editor
POST             ag-ui/                                           person
GET              ag-ui/runs/<str:name>/events/                    self
*                                                                 nobody
"""

# The frames of a client, and who may send them. Whoever may not watch the session cannot connect.
FRAMES = """
ack        viewer
ping       viewer
message    editor
steer      editor
cancel     editor
approve    editor
reject     editor
edit_plan  editor
"""


@dataclass(frozen=True, slots=True)
class Row:
    method: str
    route: str  # as the URL configuration has it, with `api/` in front
    who: str

    def __str__(self) -> str:
        return f"{self.method} /{self.route}"

    @property
    def is_api(self) -> bool:
        return self.route.startswith("api/")

    @property
    def names_an_object(self) -> bool:
        return "<uuid:" in self.route or self.who == "self"

    def outcome(self, role: str) -> str:
        """Returns what the role meets: `in`, `sign in`, `too low` or `none`."""
        is_unknown = role in ("anonymous", "guest") or (role in PROGRAMS and not self.is_api)
        if self.who == "nobody":
            return "none"
        if self.who in ("anybody", "guest"):
            return "in" if role in WHO[self.who] else "none"
        if is_unknown:
            return "sign in"
        if role == "read" and self.method not in SAFE:
            return "too low"
        if role in WHO[self.who]:
            return "in"
        sees = {"self": frozenset({"owner"}), "invited": WHO["invited"]}.get(self.who, MEMBERS)
        return "too low" if role in sees or not self.names_an_object else "none"


def rows() -> Iterator[Row]:
    for table, prefix in ((PAGES, ""), (ACCOUNT, ""), (API, "api/")):
        for line in table.strip().splitlines():
            yield from _rows(line, prefix)


def _rows(line: str, prefix: str) -> Iterator[Row]:
    methods, rest = line.split(maxsplit=1)
    route, who = _parts(rest)
    for method in METHODS if methods == "*" else methods.split(","):
        yield Row(method, prefix + route, who)


def _parts(text: str) -> tuple[str, str]:
    route, _, who = text.partition(" ")
    if not who:  # the address of every other path is empty
        return "", route
    return route.removeprefix("/"), who.strip()


def frames() -> dict[str, frozenset[str]]:
    """Returns who may send each type of frame."""
    guests = frozenset({"guest"})
    found = {}
    for line in FRAMES.strip().splitlines():
        kind, who = line.split()
        found[kind] = WHO[who] | guests if who == "viewer" else WHO[who] - {"read"}
    return found
