// Dead letters: looking at them, replaying and purging them.
import { call } from "./api.js";
import { ask } from "./ask.js";
import { $, el, setText, Table } from "./dom.js";
import { may } from "./state.js";
import { bytes, moment, number, payload } from "./text.js";

const PAGE = 50;
let caller = null;
let filter = {};
let letters = [];
let next = "";
const chosen = new Set();

const kind = (letter) => (letter.kind === "DEAD_LETTER_KIND_REPLY" ? "reply" : "message");
const said = (text) => setText($("letters-said"), text);

async function look(id) {
  try {
    const { deadLetter } = await call("AdminService/GetDeadLetter", { id });
    const fields = {
      "Id": deadLetter.id, "What": kind(deadLetter), "Answers": deadLetter.answers, "Topic": deadLetter.topic, "Chain": deadLetter.chain,
      "Route": deadLetter.route, "Connection": deadLetter.connection, "QoS": deadLetter.qos, "Retained": deadLetter.retain ? "yes" : "no",
      "Received": moment(deadLetter.receivedUnixMs), "Died": moment(deadLetter.diedUnixMs), "Attempts": deadLetter.attempts,
      "Reason": deadLetter.reason, "Worker": deadLetter.worker, "Content type": deadLetter.contentType, "Response topic": deadLetter.responseTopic,
      "User properties": (deadLetter.userProperties ?? []).map((one) => `${one.name ?? one.key}: ${one.value}`).join("\n"), "Size": bytes(deadLetter.payloadBytes),
    };
    $("letter-fields").replaceChildren(...Object.entries(fields).filter(([, value]) => value !== "" && value !== undefined)
      .flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
    setText($("letter-payload"), payload(deadLetter.payload));
    $("letter").showModal();
  } catch (error) {
    said(error.message);
  }
}

const table = new Table("Dead letters, the oldest first", [
  { title: "Chosen", node: true, cell: (row) => el("input", {
    type: "checkbox", "aria-label": `Choose ${row().id}`,
    onchange: (event) => { if (event.target.checked) chosen.add(row().id); else chosen.delete(row().id); allow(); },
  }) },
  { title: "Died", cell: (row) => moment(row.diedUnixMs) },
  { title: "What", cell: kind },
  { title: "Chain", cell: (row) => row.chain },
  { title: "Topic", cell: (row) => row.topic, class: "wide" },
  { title: "Reason", cell: (row) => row.reason, class: "wide" },
  { title: "Attempts", cell: (row) => number(row.attempts), number: true },
  { title: "Worker", cell: (row) => row.worker },
  { title: "Size", cell: (row) => bytes(row.payloadBytes), number: true },
  { title: "Acts", node: true, cell: (row) => {
    const button = el("button", { type: "button", onclick: () => look(row().id) }, "Look");
    button.hidden = !may(caller, "operator");
    return button;
  } },
], "There are no dead letters that match.");

function allow() {
  $("replay-chosen").disabled = chosen.size === 0 || !may(caller, "operator");
  $("purge-chosen").disabled = chosen.size === 0 || !may(caller, "admin");
  $("replay-all").disabled = letters.length === 0 || !may(caller, "operator");
  $("purge-all").disabled = letters.length === 0 || !may(caller, "admin");
}

function render() {
  table.show(letters, (row) => row.id);
  $("letters-more").hidden = next === "";
  allow();
}

async function page(token) {
  const answer = await call("AdminService/ListDeadLetters", { filter, pageSize: PAGE, pageToken: token });
  letters = token === "" ? answer.deadLetters : [...letters, ...answer.deadLetters];
  next = answer.deadLetters.length < PAGE ? "" : answer.nextPageToken;
  for (const id of chosen) if (!letters.some((one) => one.id === id)) chosen.delete(id);
  render();
}

// Asks how many it would be before it asks whether.
async function act(method, done, selection, title, text, yes) {
  try {
    const would = await call(`AdminService/${method}`, { selection, dryRun: true });
    const count = number(would[done]);
    const answer = await ask({ title: title(count), text, yes });
    if (!answer.yes) return said("Nothing was done.");
    const result = await call(`AdminService/${method}`, { selection });
    const failed = (result.failures ?? []).map((one) => one.message);
    chosen.clear();
    await page("");
    said(`${number(result[done])} ${done}.${Number(result.failed ?? 0) > 0 ? ` ${number(result.failed)} not: ${failed[0]}` : ""}${result.stopped ? ` Stopped: ${result.stopped}` : ""}`);
  } catch (error) {
    said(error.message);
  }
}

const replay = (selection) => act("ReplayDeadLetters", "replayed", selection, (n) => `Replay ${n} dead letters?`,
  "Messages go back to their chains, replies to their broker. What has gone leaves the dead letters.", "Replay");
const purge = (selection) => act("PurgeDeadLetters", "purged", selection, (n) => `Purge ${n} dead letters?`,
  "They are removed for good, with their payloads. Nothing brings them back.", "Purge for good");

export function start(who) {
  caller = who;
  $("letters").append(table.element);
  $("replay-chosen").addEventListener("click", () => replay({ ids: [...chosen] }));
  $("purge-chosen").addEventListener("click", () => purge({ ids: [...chosen] }));
  $("replay-all").addEventListener("click", () => replay({ filter }));
  $("purge-all").addEventListener("click", () => purge({ filter }));
  $("letters-more").addEventListener("click", () => page(next).catch((error) => said(error.message)));
  $("letters-filter").addEventListener("submit", (event) => {
    event.preventDefault();
    const given = new FormData(event.target);
    filter = { chain: given.get("chain"), topic: given.get("topic"), reason: given.get("reason") };
    chosen.clear();
    said("");
    page("").catch((error) => said(error.message));
  });
  allow();
}

// Only the first page is looked at anew: whoever reads further down keeps what is there.
export async function show() {
  const status = await call("AdminService/GetStatus");
  setText($("letters-sum"), `${number(status.deadLetters.messages)} in the database, ${bytes(status.deadLetters.bytes)}${status.deadLetters.trouble ? `; ${status.deadLetters.trouble}` : ""}.`);
  if (letters.length <= PAGE) await page("");
  return status;
}
