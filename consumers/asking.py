"""Requests to brokers that aiokafka knows the form of, and has no method for."""

from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.api import Request, RequestStruct


class _Asked(Request[RequestStruct]):  # type: ignore[misc]  # aiokafka is not typed
    """A request of one version, with its fields as they go out."""

    API_KEY = -1

    def __init__(self, form: type[RequestStruct], fields: tuple[Any, ...]) -> None:
        self.API_KEY, self._CLASSES = form.API_KEY, (form,)
        self._fields = fields

    def build(self, request_struct_class: type[RequestStruct]) -> RequestStruct:
        return request_struct_class(*self._fields)


async def ask(admin: AIOKafkaAdminClient, form: type[RequestStruct], *fields: Any) -> dict[str, Any]:
    """Sends a request of this form, and gives the answer's fields; raises KafkaError where it does not get one."""
    answer = await admin._send_request(_Asked(form, fields))
    found: dict[str, Any] = answer.to_object()
    return found
