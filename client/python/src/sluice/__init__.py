"""Workers for Sluice, a gateway that hands MQTT messages to rule chains over gRPC.

from sluice import Reply, Worker

worker = Worker("gateway.example:7443")

@worker.chain("temperature")
def check(message):
    return Reply(payload=b"seen " + message.topic.encode())

worker.run_until_signal()
"""

from sluice._context import AsyncContext, Context
from sluice._handlers import Call, Handler, Middleware
from sluice._message import DataType, Message
from sluice._options import Event, EventKind, Options, Tls, log_event
from sluice._reply import Drop, HandlerResult, ItemResult, Outcome, Reject, Reply, ResultCode, Retry, SettleException, Settlement
from sluice._status import DrainTimeoutError, Error, OptionsError, SendError, Status, StatusCode, StoppedError, WorkerStateError
from sluice._worker import Stats, Worker

__all__ = [
    "AsyncContext",
    "Call",
    "Context",
    "DataType",
    "DrainTimeoutError",
    "Drop",
    "Error",
    "Event",
    "EventKind",
    "Handler",
    "HandlerResult",
    "ItemResult",
    "Message",
    "Middleware",
    "Options",
    "OptionsError",
    "Outcome",
    "Reject",
    "Reply",
    "ResultCode",
    "Retry",
    "SendError",
    "SettleException",
    "Settlement",
    "Stats",
    "Status",
    "StatusCode",
    "StoppedError",
    "Tls",
    "Worker",
    "WorkerStateError",
    "log_event",
]
