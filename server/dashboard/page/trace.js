// What has become of one message, or of the newest of a topic.
import { call } from "./api.js";
import { $, el, setText, Table } from "./dom.js";
import { bytes, moment, number } from "./text.js";

const LAST = 20;

const STATES = {
  TRACE_STATE_UNSPECIFIED: "It stands nowhere, and its last step was not kept.",
  TRACE_STATE_ON_DISK: "It is in the journal alone, until its chain's queue has room",
  TRACE_STATE_WAITING: "It waits in its chain's queue",
  TRACE_STATE_DELAYED: "Its retry is not due yet",
  TRACE_STATE_PARKED: "It is set aside: the connection of its replies has no room for them",
  TRACE_STATE_WITH_WORKER: "A worker has it",
  TRACE_STATE_SETTLING: "It is settled, and the journal is being told",
  TRACE_STATE_UNCONFIRMED: "It is settled, and a broker has not confirmed a reply to it",
  TRACE_STATE_DONE: "It is done: settled, and its replies are confirmed",
  TRACE_STATE_DEAD_LETTER: "It, or a reply to it, is a dead letter",
  TRACE_STATE_DROPPED: "It was dropped",
};

const micro = (step) => Number(step.atUnixUs);
const clock = (us) => `${new Date(us / 1000).toLocaleTimeString("en-GB", { hour12: false })}.${String(us % 1_000_000).padStart(6, "0")}`;
const after = (us) => (us < 1000 ? `${us} µs` : us < 1_000_000 ? `${(us / 1000).toFixed(1)} ms` : `${(us / 1_000_000).toFixed(2)} s`);

const messages = new Table("Messages, the oldest first", [
  { title: "Message", node: true, cell: (row) => el("a", { href: `#message/${row().messageId}` }, row().messageId) },
  { title: "Received", cell: (row) => moment(row.receivedUnixMs) },
  { title: "Topic", cell: (row) => row.topic, class: "wide" },
  { title: "Chain", cell: (row) => row.chain },
  { title: "State", cell: (row) => row.state.replace("TRACE_STATE_", "").toLowerCase().replaceAll("_", " ") },
  { title: "Steps", cell: (row) => number(row.steps.length), number: true },
], "No message of it is known.");

const steps = new Table("Its steps", [
  { title: "Time", cell: (row) => clock(micro(row)) },
  { title: "After", cell: (row) => (row.before === undefined ? "" : `+${after(micro(row) - row.before)}`), number: true },
  { title: "Step", cell: (row) => row.kind.replace("TRACE_STEP_KIND_", "").toLowerCase().replace("_", " ") },
  { title: "Worker", cell: (row) => row.worker },
  { title: "Attempt", cell: (row) => (row.attempt > 0 ? number(row.attempt) : ""), number: true },
  { title: "Outcome", cell: (row) => [row.outcome, row.detail].filter(Boolean).join(": "), class: "wide" },
  { title: "Reply", cell: (row) => [row.topic, row.connection && `to ${row.connection}`].filter(Boolean).join(" "), class: "wide" },
], "No step of it was kept.");

function showOne(message) {
  const fields = {
    "Where it stands": [STATES[message.state] ?? message.state, message.stateDetail].filter(Boolean).join(": "), "Worker": message.worker,
    "Topic": message.topic, "Chain": message.chain, "Connection": message.connection, "QoS": message.qos, "Received": moment(message.receivedUnixMs),
    "Since": moment(message.stateSinceUnixMs), "Due": moment(message.dueUnixMs), "Attempts": message.attempts, "Payload": bytes(message.payloadBytes),
    "In the journal": message.journaled ? "yes" : "no", "Replies not confirmed": number(message.repliesUnconfirmed),
  };
  $("message-fields").replaceChildren(...Object.entries(fields).filter(([, value]) => value !== "")
    .flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
  steps.show(message.steps.map((step, i) => ({ ...step, id: String(i), before: i === 0 ? undefined : micro(message.steps[i - 1]) })), (row) => row.id);
}

// `id` or the newest of `topic`; the view has one of the two.
async function find(request) {
  const one = request.messageId !== undefined;
  $("message-one").hidden = true;
  messages.element.hidden = true;
  try {
    const answer = await call("TraceService/Trace", request);
    if (one) showOne(answer.messages[0]);
    else messages.show(answer.messages, (row) => row.messageId);
    $("message-one").hidden = !one;
    messages.element.hidden = one;
    const since = Number(answer.completeSinceUnixMs);
    setText($("message-said"), since === 0 ? "This gateway keeps no steps (tracing in the configuration)."
      : `Steps${answer.oneIn > 1 ? ` of one message in ${answer.oneIn}` : ""} are kept since ${moment(since)}.${answer.more ? " There are older messages, too." : ""}`);
  } catch (error) {
    setText($("message-said"), error.message);
  }
}

export function lookAt(id) {
  $("message-form").elements.id.value = id;
  if (id !== "") find({ messageId: id });
}

export function start() {
  $("message-list").append(messages.element);
  $("message-steps").append(steps.element);
  messages.element.hidden = true;
  $("message-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const id = new FormData(event.target).get("id").trim();
    if (location.hash === `#message/${id}`) lookAt(id);
    else location.hash = `#message/${id}`;
  });
  $("topic-form").addEventListener("submit", (event) => {
    event.preventDefault();
    find({ topic: new FormData(event.target).get("topic").trim(), last: LAST });
  });
}
