// Messages as they pass.
import { lines } from "./api.js";
import { $, el, setText, Table } from "./dom.js";
import { may } from "./state.js";
import { number, payload, time } from "./text.js";

const SHOWN = 200;
const KEPT = 2000;
const RATE = 100;
const PAYLOAD = 4096;

let caller = null;
let following = null;  // Aborts the tail that runs.
let events = [];       // The newest last.
let dropped = 0;
let drawn = false;
let serial = 0;

const step = (event) => event.step.replace("PASSING_STEP_", "").toLowerCase().replace("_", " ");

const columns = [
  { title: "Time", cell: (row) => time(row.atUnixMs) },
  { title: "Step", cell: step },
  { title: "Topic", cell: (row) => row.topic, class: "wide" },
  { title: "Chain", cell: (row) => row.chain },
  { title: "Worker", cell: (row) => row.worker },
  { title: "Attempt", cell: (row) => (row.attempt > 0 ? number(row.attempt) : ""), number: true },
  { title: "Outcome", cell: (row) => [row.outcome, row.detail].filter(Boolean).join(": "), class: "wide" },
];
const message = { title: "Message", node: true, cell: (row) => el("a", { href: `#message/${row().messageId}` }, row().messageId) };
const content = { title: "Payload", cell: (row) => (row.payload ? payload(row.payload) : `${number(row.payloadBytes)} bytes`), class: "wide" };

const table = new Table("What passes, the newest first", [...columns, content, message], "Nothing has passed yet.");

// Nobody can read or hit what moves.
const rests = () => following !== null && table.element.matches(":hover, :focus-within");

function render() {
  drawn = false;
  if (!rests()) table.show(events.slice(-SHOWN).reverse(), (row) => row.serial);
  const left = dropped > 0 ? `, ${number(dropped)} left out` : "";
  setText($("tail-said"), `${following ? "Following" : "Stopped"}: ${number(events.length)} lines${left}.${rests() ? " The table rests while you are in it." : ""}`);
}

// As often as the eye can follow, however fast lines come.
function renderSoon() {
  if (drawn) return;
  drawn = true;
  setTimeout(render, 200);
}

function take(response) {
  for (const event of response.events) events.push({ ...event, serial: String(serial++) });
  if (events.length > KEPT) events = events.slice(-KEPT);
  dropped += Number(response.dropped ?? 0);
  renderSoon();
}

async function follow(request) {
  following?.abort();
  const mine = new AbortController();
  following = mine;
  $("tail-stop").disabled = false;
  setText($("tail-said"), "Following: nothing has passed yet.");
  let said = "";
  try {
    await lines("TapService/Tail", { rate: RATE, ...request }, mine.signal, take);
  } catch (error) {
    said = error.message;
  }
  if (following !== mine) return;
  following = null;
  $("tail-stop").disabled = true;
  render();
  if (said) setText($("tail-said"), said);
}

function request(form) {
  const given = new FormData(form);
  const wanted = { topic: given.get("topic"), chain: given.get("chain"), worker: given.get("worker"), outcome: given.get("outcome") };
  if (given.get("step")) wanted.steps = [`PASSING_STEP_${given.get("step").toUpperCase().replace(" ", "_")}`];
  if (given.get("payload") && may(caller, "operator")) wanted.payloadBytes = PAYLOAD;
  return wanted;
}

export function start(who) {
  caller = who;
  $("tail-lines").append(table.element);
  for (const event of ["mouseleave", "focusout"]) table.element.addEventListener(event, renderSoon);
  $("tail-filter").elements.payload.disabled = !may(caller, "operator");
  $("tail-filter").addEventListener("submit", (event) => {
    event.preventDefault();
    events = [];
    dropped = 0;
    follow(request(event.target));
  });
  $("tail-stop").addEventListener("click", () => following?.abort());
}
