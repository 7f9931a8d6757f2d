// The overview: chains, workers and connections as they are now, and what an operator does to them.
import { call } from "./api.js";
import { ask, say } from "./ask.js";
import { $, el, Table } from "./dom.js";
import { draw, key } from "./flow.js";
import { chainState, connectionState, may, stages, troubles, windowFull } from "./state.js";
import { age, bytes, number, rate } from "./text.js";

const MOST_WORKERS = 200;
let caller = null;
let refresh = () => {};

// A button that asks before it acts, for operators alone.
function act(name, row, question) {
  const button = el("button", {
    type: "button",
    onclick: async () => {
      const { title, text, reason, run } = question(row());
      const answer = await ask({ title, text, yes: name, reason });
      if (!answer.yes) return;
      try {
        await run(answer.reason);
        say("");
      } catch (error) {
        say(`${name}: ${error.message}`);
      }
      refresh();
    },
  }, name);
  button.hidden = !may(caller, "operator");
  return button;
}

const column = (title, cell, more = {}) => ({ title, cell, ...more });
const count = (title, field) => column(title, (row) => number(row[field]), { number: true });
const acts = (cell, update) => ({ title: "Acts", cell, node: true, update });

const pauseButton = (row) => act("Pause", row, (chain) => ({
  title: `Pause the chain ${chain.name}?`, reason: true,
  text: "Its messages wait, in memory and in the journal, until it is resumed. What workers hold goes on.",
  run: (reason) => call("LiveService/PauseChain", { chain: chain.name, reason }),
}));
const resumeButton = (row) => act("Resume", row, (chain) => ({
  title: `Resume the chain ${chain.name}?`, text: "Its messages are delivered again.",
  run: () => call("LiveService/ResumeChain", { chain: chain.name }),
}));

const chains = new Table("Chains", [
  column("Chain", (row) => row.name),
  column("State", chainState),
  column("In", (row) => rate(row.arrivalRate), { number: true }),
  column("Delivered", (row) => rate(row.deliveryRate), { number: true }),
  column("Settled", (row) => rate(row.settleRate), { number: true }),
  count("Waiting", "waiting"),
  count("On disk", "onDisk"),
  count("In flight", "inFlight"),
  column("Oldest", (row) => age(row.oldestMs), { number: true }),
  count("Workers", "workers"),
  acts((row) => el("span", { class: "acts" }, pauseButton(row), resumeButton(row)), (cell, row) => {
    cell.firstChild.hidden = !may(caller, "operator") || Boolean(row.pause);
    cell.lastChild.hidden = !may(caller, "operator") || !row.pause;
  }),
], "There is no chain.");

const workers = new Table("Workers", [
  column("Worker", (row) => row.worker),
  column("State", (row) => (windowFull(row) ? `${row.state}, full` : row.state)),
  column("Chains", (row) => row.chains.join(", ")),
  column("In flight", (row) => (Number(row.windowMessages) > 0 ? `${number(row.inFlight)} of ${number(row.windowMessages)}` : number(row.inFlight)), { number: true }),
  column("Oldest", (row) => age(row.oldestDeliveryMs), { number: true }),
  column("Delivered", (row) => rate(row.deliveryRate), { number: true }),
  column("Settled", (row) => rate(row.settleRate), { number: true }),
  column("Retried, rejected", (row) => `${number(row.counts?.retried)}, ${number(row.counts?.rejected)}`, { number: true }),
  column("Expired", (row) => number(row.counts?.leasesExpired), { number: true }),
  column("Who", (row) => row.principal || "nobody asked"),
  column("From, with", (row) => [row.peer, row.sdk].filter(Boolean).join(", ")),
  acts((row) => el("span", { class: "acts" },
    act("Drain", row, (worker) => ({
      title: `Drain ${worker.worker}?`, reason: true,
      text: "It gets nothing more on this stream, settles what it holds, and goes within a minute. A worker that runs on connects again.",
      run: (reason) => call("LiveService/DrainWorker", { worker: worker.session, reason }),
    })),
    act("Disconnect", row, (worker) => ({
      title: `Disconnect ${worker.worker}?`, reason: true,
      text: "Its stream ends at once. What it has not settled goes to others; a message of QoS 0 that it may have seen is dropped.",
      run: (reason) => call("LiveService/DisconnectWorker", { worker: worker.session, reason }),
    })))),
], "No worker is connected.");

const connections = new Table("Connections to brokers", [
  column("Connection", (row) => row.name),
  column("State", connectionState),
  column("Server", (row) => row.server),
  column("In", (row) => `${rate(row.receiveRate)}, ${bytes(row.receiveByteRate)}/s`, { number: true }),
  count("Received", "received"),
  column("Out", (row) => `${rate(row.publishRate)}, ${bytes(row.publishByteRate)}/s`, { number: true }),
  count("Confirmed", "published"),
  column("Outbox", (row) => `${number(row.outboxMessages)} of ${number(row.outboxMaxMessages)}`, { number: true }),
  column("Why", (row) => row.links.map((link) => link.detail).filter(Boolean).join("; ")),
  acts((row) => act("Reconnect", row, (connection) => ({
    title: `Make the connection ${connection.name} anew?`,
    text: "It is closed and opened again, with the passwords and certificates that its files have now.",
    run: () => call("AdminService/ReconnectConnection", { connection: connection.name }),
  }))),
], "No connection is configured.");

export function start(who, again) {
  caller = who;
  refresh = again;
  $("flow").after(key());
  $("chains").append(chains.element);
  $("workers").append(workers.element);
  $("connections").append(connections.element);
}

function tell(found) {
  const list = $("waits");
  const texts = found.length === 0 ? [{ bad: false, text: "Nothing is full, and nothing waits for long." }] : found.slice(0, 20);
  // Spoken when what is wrong changes, not when a number in it does.
  const about = texts.map((one) => one.text.replace(/[\d.,]+( (ms|s|min|h|days|B|KiB|MiB|GiB))?/g, "")).join("\n");
  if (list.dataset.about === about) {
    texts.forEach((one, i) => { list.setAttribute("aria-live", "off"); list.children[i].textContent = one.text; });
    return;
  }
  list.setAttribute("aria-live", "polite");
  list.dataset.about = about;
  list.replaceChildren(...texts.map((one) => el("li", { class: one.bad ? "bad" : found.length === 0 ? "ok" : "warn" }, one.text)));
}

export async function show() {
  const [status, chainList, workerList, connectionList] = await Promise.all([
    call("AdminService/GetStatus"), call("LiveService/ListChains"), call("LiveService/ListWorkers", { limit: MOST_WORKERS }), call("LiveService/ListConnections"),
  ]);
  const now = { status, chains: chainList.chains, workers: workerList.workers, connections: connectionList.connections };
  draw($("flow"), stages(now));
  tell(troubles(now));
  chains.show(now.chains, (row) => row.name);
  workers.show(now.workers, (row) => row.session);
  connections.show(now.connections, (row) => row.name);
  return status;
}
