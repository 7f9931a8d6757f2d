// What the gateway's answers mean: pure functions of them.
import { age, bytes, number } from "./text.js";

export const ROLES = ["none", "viewer", "operator", "admin"];
export const may = (caller, role) => ROLES.indexOf(caller?.role ?? "none") >= ROLES.indexOf(role);

const waiting = (chain) => Number(chain.waiting) + Number(chain.onDisk);

export function chainState(chain) {
  if (chain.pause) return "paused";
  if (Number(chain.workers) > 0) return "served";
  return waiting(chain) > 0 ? "stuck" : "no worker";
}

const isEgress = (link) => link.name.endsWith("(replies)");

export function connectionState(connection) {
  if (connection.links.some((link) => !link.ready)) return "not ready";
  if (connection.outboxFull) return "outbox full";
  return connection.links.some((link) => link.detail !== "") ? "rests" : "ready";
}

export const windowFull = (worker) => Number(worker.windowMessages) > 0 && Number(worker.inFlight) >= Number(worker.windowMessages);

// What waits or is full, and why: [{bad, text}], the worst first.
export function troubles({ status, chains, workers, connections }) {
  const found = [];
  const add = (bad, text) => found.push({ bad, text });
  if (status.draining) add(true, "The gateway drains: it takes nothing more from brokers.");
  for (const item of status.readiness.filter((one) => !one.ready && !one.name.startsWith("connection "))) {
    add(true, `${item.name} is not ready: ${item.detail || "no reason given"}`);
  }
  for (const connection of connections) {
    for (const link of connection.links) {
      if (!link.ready) add(true, `Connection ${link.name} is not ready: ${link.detail || "it connects"}`);
      else if (link.detail !== "") add(false, `Connection ${link.name}: ${link.detail}`);
    }
    if (connection.outboxFull) {
      add(true, `The outbox of ${connection.name} is full: ${number(connection.outboxMessages)} replies (${bytes(connection.outboxBytes)}) wait for its broker, so nothing that replies there is delivered.`);
    }
  }
  for (const chain of chains) {
    const state = chainState(chain);
    const held = `${number(waiting(chain))} messages wait, the oldest for ${age(chain.oldestMs) || "some time"}`;
    if (state === "stuck") add(true, `Chain ${chain.name} is stuck: no worker serves it; ${held}.`);
    if (state === "paused") add(false, `Chain ${chain.name} is paused by ${chain.pause.by}${chain.pause.reason ? `: ${chain.pause.reason}` : ""}; ${number(waiting(chain))} messages wait.`);
    if (state === "served" && waiting(chain) > 0 && Number(chain.oldestMs ?? 0) > 10000) {
      add(false, `Chain ${chain.name} lags: ${held}; its workers settle ${Math.round(chain.settleRate)} a second.`);
    }
  }
  for (const worker of workers) {
    if (worker.state === "not reading") add(true, `Worker ${worker.worker} does not take what the gateway sends.`);
    if (worker.state === "draining") add(false, `Worker ${worker.worker} drains: it gets nothing more.`);
    if (windowFull(worker) && Number(worker.oldestDeliveryMs ?? 0) > 10000) {
      add(false, `Worker ${worker.worker} holds as much as it takes at once (${number(worker.inFlight)}), the oldest for ${age(worker.oldestDeliveryMs)}.`);
    }
  }
  if (status.deadLetters.trouble) add(true, `Dead letters cannot be written: ${status.deadLetters.trouble}`);
  if (!status.journal.persistent) add(false, "The journal is in memory: a gateway that is killed loses what it holds.");
  return found.sort((a, b) => Number(b.bad) - Number(a.bad));
}

const sum = (items, field) => items.reduce((total, item) => total + Number(item[field] ?? 0), 0);

// The stages of the path, in order: what stands in each box, and the rate on the arrow that leads to the next.
export function stages({ status, chains, workers, connections }) {
  const shown = (items, line) => {
    const all = items.map(line);
    return all.length <= 5 ? all : [...all.slice(0, 4), { text: `and ${all.length - 4} more`, level: all.slice(4).some((one) => one.level === "bad") ? "bad" : "ok" }];
  };
  const level = (state) => ({ stuck: "bad", "not ready": "bad", "outbox full": "bad", "not reading": "bad", paused: "warn", rests: "warn", "no worker": "warn", draining: "warn" })[state] ?? "ok";
  const kept = Number(status.journal.messages);
  return [
    {
      title: "Brokers", out: sum(connections, "receiveRate"),
      lines: shown(connections, (one) => ({ text: one.name, note: connectionState(one), level: level(connectionState(one)) })),
    },
    {
      title: status.journal.persistent ? "Journal" : "Journal (memory)", out: sum(chains, "arrivalRate"),
      lines: [
        { text: `${number(kept)} unsettled`, level: "ok" },
        { text: `${number(sum(chains, "onDisk"))} on disk alone`, level: "ok" },
        { text: `${bytes(status.journal.liveBytes)} alive`, level: "ok" },
      ],
    },
    {
      title: "Chains", out: sum(chains, "deliveryRate"),
      lines: shown([...chains].sort((a, b) => waiting(b) - waiting(a)), (one) => {
        const state = chainState(one);
        const waits = waiting(one);
        return { text: one.name, note: waits > 0 ? `${state}, ${number(waits)} wait` : state, level: level(state) };
      }),
    },
    {
      title: "Workers", out: sum(workers, "settleRate"),
      lines: workers.length === 0 ? [{ text: "none connected", level: "warn" }] : shown([...workers].sort((a, b) => Number(b.inFlight) - Number(a.inFlight)), (one) => ({
        text: one.worker, note: `${number(one.inFlight)} in flight${one.state === "open" ? "" : `, ${one.state}`}`, level: level(one.state),
      })),
    },
    {
      title: "Outbox", out: sum(connections, "publishRate"),
      lines: shown(connections, (one) => ({
        text: one.name, note: one.outboxFull ? `full: ${number(one.outboxMessages)}` : `${number(one.outboxMessages)} of ${number(one.outboxMaxMessages)}`, level: one.outboxFull ? "bad" : "ok",
      })),
    },
    {
      title: "Brokers", lines: shown(connections, (one) => {
        const egress = one.links.find(isEgress);
        const ready = egress === undefined || egress.ready;
        return { text: one.name, note: ready ? "takes replies" : "away", level: ready ? "ok" : "bad" };
      }),
    },
  ];
}
