// The page: who looks, which view, and the turn of looking again.
import { call, CallError, get, signedIn, signIn, signOut } from "./api.js";
import { say } from "./ask.js";
import { $, el, setText } from "./dom.js";
import * as letters from "./letters.js";
import * as live from "./live.js";
import * as tail from "./tail.js";
import * as trace from "./trace.js";
import { age, moment } from "./text.js";

const EVERY_MS = 2000;
const VIEWS = ["overview", "dead-letters", "tail", "message", "configuration"];

let timer = null;
let caller = null;
let view = "";

async function showConfiguration() {
  const { version, yaml } = await call("AdminService/GetConfiguration");
  $("version").replaceChildren(...[["Version", version.hash], ["Since", moment(version.sinceUnixMs)], ["From", version.source]]
    .flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
  setText($("yaml"), yaml);
}

const shows = { overview: live.show, "dead-letters": letters.show, tail: null, message: null, configuration: showConfiguration };

function tellGateway(status) {
  if (!status?.gateway) return;
  setText($("gateway"), `${status.gateway} · ${status.version} · up ${age(status.uptimeMs)}`);
  document.title = `${status.gateway} · Sluice`;
}

// Again and again while somebody looks; never two at once.
async function turn() {
  clearTimeout(timer);
  if (caller === null || document.hidden) return;
  const of = view;
  try {
    if (shows[of]) tellGateway(await shows[of]());
    if (of === view) say("");
  } catch (error) {
    if (error instanceof CallError && error.code === "UNAUTHENTICATED") return askWho(error.message);
    say(error.message);
  }
  clearTimeout(timer);
  timer = setTimeout(turn, EVERY_MS);
}

function go() {
  const [name, of] = location.hash.slice(1).split("/");
  const before = view;
  if (VIEWS.includes(name)) view = name;
  else if (before === "") view = "overview";
  else return;  // "#main"
  for (const one of VIEWS) $(one).hidden = one !== view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (view === "message") trace.lookAt(of ?? "");
  if (before !== "" && before !== view) $("main").focus();
  turn();
}

function askWho(why) {
  caller = null;
  clearTimeout(timer);
  for (const one of VIEWS) $(one).hidden = true;
  if (why) setText($("sign-in-why"), why);
  $("sign-in").hidden = false;
  $("token").focus();
}

async function enter() {
  try {
    const access = await get("access");
    if (access.tokens && !access.certificates && !signedIn()) return askWho("");
    caller = await get("caller");
  } catch (error) {
    if (error instanceof CallError && error.code === "UNAUTHENTICATED") {
      const had = signedIn();
      signOut();
      return askWho(had ? `The token was not taken: ${error.message}` : error.message);
    }
    return say(error.message);
  }
  $("sign-in").hidden = true;
  say("");
  setText($("who"), `You are ${caller.who === "anybody" ? "whoever reaches this page" : caller.who}: ${caller.role}`);
  if (signedIn()) {
    $("who").append(" ", el("button", { type: "button", onclick: () => { signOut(); location.reload(); } }, "Sign out"));
  }
  live.start(caller, turn);
  letters.start(caller);
  tail.start(caller);
  trace.start();
  addEventListener("hashchange", go);
  document.addEventListener("visibilitychange", turn);
  go();
}

$("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn($("token").value);
  // From the start: what was drawn for another must not stay.
  location.reload();
});

enter();
