"""A report is taken in: verified and checked, and handed to the write that accepts it."""

import asyncio
import contextlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from joserfc.jwk import ECKey

from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.report import REPORT_TYPE
from passmuster_server.clock import Clock
from passmuster_server.database import Ahead, Database, OverloadedError, Transaction
from passmuster_server.devices import jws
from passmuster_server.devices import store as device_store
from passmuster_server.devices.addresses import address_code
from passmuster_server.devices.agent_versions import require
from passmuster_server.devices.destination import check_destination
from passmuster_server.policy.document import BrowserAddress
from passmuster_server.policy.service import Policies
from passmuster_server.reports import store
from passmuster_server.reports.acceptance import Acceptance, Result, Told, answer_of
from passmuster_server.reports.refusals import bad_signature, unknown_device
from passmuster_server.reports.upload import read_upload
from passmuster_server.services import ReadingsListener
from passmuster_server.spans import Spans
from passmuster_server.web.problems import RETRY_AFTER_S, RefusalError

PATH = "/api/v1/reports"
METHOD = "POST"
MAX_KEYS = 50_000
MOST_UNDER_WAY = 2
"""Of one device: the one it waits for, and the same one again where it gave up waiting."""


@dataclass(frozen=True, slots=True)
class _Key:
    """The key that a device's reports are verified with, until it is rotated."""

    thumbprint: str
    key: ECKey


@dataclass(slots=True)
class Sent:
    """A signed upload as it came.

    `limits`: the agent understands what policy allows in seconds. `sender`: the version of the
    agent that sends it, where that is told; else it counts who made the newest record. `address`:
    from where it came, where that is known and policy compares it.
    """

    body: bytes
    limits: bool
    sender: str | None
    address: str | None


class Reports:
    """Takes reports in for one organisation, at any of `urls`."""

    def __init__(
        self,
        database: Database,
        policies: Policies,
        clock: Clock,
        *,
        organisation: str,
        urls: frozenset[str],
        oldest_agent: str,
        spans: Spans,
        on_readings: Sequence[ReadingsListener] = (),
    ) -> None:
        self._database = database
        self._policies = policies
        self._organisation = organisation
        self._urls = urls
        self._oldest_agent = oldest_agent
        self._server, self._hash_key = "", b""
        self._verify = spans.around_async("ingest verify", self._verified)
        self._acceptance = Acceptance(
            policies, clock, organisation=organisation, spans=spans, on_readings=on_readings
        )
        # Keys by device, as a rebuilt key costs more than the verification.
        self._keys: OrderedDict[str, _Key] = OrderedDict()
        self._under_way: Counter[str] = Counter()

    @property
    def compares_addresses(self) -> bool:
        """Whether policy asks from where a report comes."""
        return self._policies.current(self._organisation).addresses is BrowserAddress.SAME

    async def take_in(self, sent: Sent) -> bytes:
        """Return the answer to a signed upload, once all it says is durable.

        Raises `RefusalError` and `ContractError` with what is wrong, and `StoreUnavailableError`.
        """
        unverified = jws.read_header(sent.body, REPORT_TYPE)
        key, payload = await self._verify(unverified)
        device = unverified.key_id
        work = self._checked(unverified, key, payload, sent)
        self._take_place(device)
        try:
            result = await self._database.write(work, self._ahead(device))
        finally:
            self._leave_place(device)
        return answer_of(result)

    def begin(self, sent: Sent) -> "asyncio.Future[Result] | None":
        """Return what becomes of a signed upload, for `answer_of`; None: `take_in` has to be asked.

        So it has where the device's key is not known yet. Raises `ContractError` for what is no
        signed upload, and `SignatureError` where its key may have been rotated since. Whatever else
        `take_in` would raise is the future's: nobody verifies the same again.
        """
        unverified = jws.read_header(sent.body, REPORT_TYPE)
        device = unverified.key_id
        key = self._keys.get(device)
        if key is None:
            return None
        payload = jws.verified_payload(unverified, key.key)
        try:
            work = self._checked(unverified, key, payload, sent)
            self._take_place(device)
            try:
                future = self._database.queue_write(work, self._ahead(device))
            except OverloadedError:
                self._leave_place(device)
                raise
        except (RefusalError, ContractError, OverloadedError) as error:
            future = asyncio.get_running_loop().create_future()
            future.set_exception(error)
        else:
            future.add_done_callback(lambda _: self._leave_place(device))
        return future

    def _checked(
        self, unverified: jws.Unverified, key: _Key, payload: bytes, sent: Sent
    ) -> Callable[[Transaction], Result]:
        """Return what is to be written for a verified upload. Raises as `take_in` does."""
        received = read_upload(payload, unverified.key_id)
        check_destination(received.upload, server=self._server, method=METHOD, urls=self._urls)
        require(sent.sender or received.newest.agent_version, self._oldest_agent)
        signed = unverified.digest()
        told = Told(received, signed, key.thumbprint, sent.body, sent.limits, self._code_of(sent))
        return lambda transaction: self._acceptance.accept(transaction, told)

    def _ahead(self, device: str) -> Ahead:
        return Ahead(store.find_many_reporting, (self._organisation, device))

    def _take_place(self, device: str) -> None:
        """Let one laptop take no more of the queue than it has use for; its key has signed."""
        if self._under_way[device] >= MOST_UNDER_WAY:
            raise RefusalError(
                429,
                "too_many_reports",
                "Wait for the answer to the report before.",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        self._under_way[device] += 1

    def _leave_place(self, device: str) -> None:
        self._under_way[device] -= 1
        if not self._under_way[device]:
            del self._under_way[device]

    async def _verified(self, unverified: jws.Unverified) -> tuple[_Key, bytes]:
        """Return the payload and the key that has signed it, the newest one of the device."""
        device = unverified.key_id
        kept = self._keys.get(device)
        if kept is not None:
            with contextlib.suppress(jws.SignatureError):
                return kept, jws.verified_payload(unverified, kept.key)
        # A key that is not known yet, or was rotated since.
        key = await self._read_key(device)
        try:
            return key, jws.verified_payload(unverified, key.key)
        except jws.SignatureError:
            raise bad_signature() from None

    def _code_of(self, sent: Sent) -> str | None:
        """Return what is kept of an address: nothing, unless policy compares it."""
        if sent.address is None or not self.compares_addresses:
            return None
        return address_code(self._hash_key, sent.address)

    async def _read_key(self, device: str) -> _Key:
        row, organisation = await self._database.read(
            lambda connection: (
                device_store.find_device(connection, self._organisation, device),
                device_store.organisation_of(connection, self._organisation),
            )
        )
        self._server, self._hash_key = organisation.server_id, bytes(organisation.hash_key)
        if row is None:
            raise unknown_device()
        key = _Key(row.thumbprint, jws.import_key(device_store.public_key_of(row)))
        self._keys[device] = key
        if len(self._keys) > MAX_KEYS:
            self._keys.popitem(last=False)
        return key
