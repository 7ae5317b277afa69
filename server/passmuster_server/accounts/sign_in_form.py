"""The page that signs in, by link or by password: shown to visitors, and read back from them."""

from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from passmuster_server.accounts.cookies import Cookies
from passmuster_server.accounts.passkey_challenges import are_possible
from passmuster_server.web.forms import TOKEN_FIELD, form_token, read_form
from passmuster_server.web.pages import Pages
from passmuster_server.web.problems import RefusalError


class SignInForm:
    """Its forms are bound to a secret that each visitor gets with the page.

    `openid`: the organisation has a sign-in of its own.
    """

    def __init__(self, public_url: str, *, openid: bool) -> None:
        self._openid = openid
        self._passkeys = are_possible(public_url)
        self._public_url = public_url
        self._cookies = Cookies(public_url)
        self._pages = Pages(Path(__file__).parent / "templates")

    async def read(self, request: Request) -> Mapping[str, str] | Response:
        """Return the fields, or the page again for a form that is not this visitor's."""
        try:
            return await read_form(
                request, secret=self._cookies.visitor(request), public_url=self._public_url
            )
        except RefusalError as error:
            if error.problem.status != 403:
                raise
            return self.response(request, status=403, problem=error.problem.detail)

    def response(
        self,
        request: Request,
        *,
        status: int = 200,
        problem: str = "",
        email: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Return the page; `email` is whom the visitor is signed in as already."""
        response = Response()
        secret = self._cookies.visitor(request) or self._cookies.start_visit(response)
        page = self._pages.response(
            "sign_in.html",
            status=status,
            headers=headers,
            problem=problem,
            email=email,
            openid=self._openid,
            passkeys=self._passkeys,
            token_field=TOKEN_FIELD,
            token=form_token(secret),
        )
        page.raw_headers.extend(
            (name, value) for name, value in response.raw_headers if name == b"set-cookie"
        )
        return page
