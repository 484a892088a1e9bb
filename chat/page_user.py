"""For whom a page was made. Another person may sign in with the same browser while the page is open:
then nothing that the page still asks for is done, because it would be done in that person's name.

A page sends the id of its user with each request, in the header `X-Page-User`, or in the query as
`page_user` where a browser sends no headers: with forms, sockets and event streams.
"""

from __future__ import annotations

from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponseBase

from chat import middleware
from chat.error_pages import OTHER_USER, respond

PARAMETER, HEADER = "page_user", "X-Page-User"


def is_other(page_user: str | None, signed_in: int | str | None) -> bool:
    """Tells whether the page was made for another user than the one who is signed in now.

    It is not if one of them is unknown: a program names no page, and the view tells who is signed out.
    """
    return page_user is not None and signed_in is not None and page_user != str(signed_in)


@middleware.refuses
def page_user_middleware(request: HttpRequest) -> HttpResponseBase | None:
    """Refuses the requests of pages that were made for another user. The header tells a script, whatever it
    accepts.
    """
    page_user = request.headers.get(HEADER, request.GET.get(PARAMETER))
    if page_user is None or not is_other(page_user, request.session.get(SESSION_KEY)):
        return None
    response = respond(request, OTHER_USER)
    response[HEADER] = "other"
    return response
