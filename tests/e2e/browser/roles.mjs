// Signs in at a gateway's dashboard in Chromium: roles.mjs URL VIEWER OPERATOR, the two tokens. Says {"ok": true} or what it
// missed. The gateway and what happens in it are test_dashboard_page.py's.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [url, viewer, operator] = process.argv.slice(2);
const PATIENCE = 20000 * Number(process.env.SLUICE_TIME_FACTOR ?? 1);

const browser = await chromium.launch({ executablePath: process.env.SLUICE_CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
const context = await browser.newContext({ ignoreHTTPSErrors: true });
const page = await context.newPage();
page.setDefaultTimeout(PATIENCE);
const complaints = [];
page.on("pageerror", (error) => complaints.push(String(error)));

async function until(what, check, argument) {
  await page.waitForFunction(check, argument).catch(async () => {
    throw new Error(`not seen: ${what}\n${(await page.locator("body").innerText()).slice(0, 3000)}`);
  });
}
const view = (name) => page.getByRole("navigation", { name: "Views" }).getByRole("link", { name }).click();
const asksWho = () => until("the form", () => !document.querySelector("#sign-in").hidden && document.querySelector("#overview").hidden);

async function signIn(token) {
  await asksWho();
  await page.getByLabel("Bearer token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
}

const overview = () => until("chains and workers", () => document.querySelector("#chains tbody").textContent.includes("poison") && document.querySelector("#workers tbody").textContent.includes("raw/e2e"));
const deadLetters = async () => {
  await view("Dead letters");
  await until("the dead letter", () => document.querySelectorAll("#letters tbody tr").length === 1 && document.querySelector("#letters tbody").textContent.includes("poison/1"));
};
// The HTTP status of a call that the page's own script could make.
const asked = (path, body) => page.evaluate(async ([path, body]) => {
  const headers = { "Sluice-Dashboard": "1", "Content-Type": "application/json", Authorization: `Bearer ${sessionStorage.getItem("sluice-token")}` };
  const stop = new AbortController();
  const { status } = await fetch(`/api/${path}`, { method: "POST", headers, body: JSON.stringify(body), signal: stop.signal });
  stop.abort();
  return status;
}, [path, body]);

async function signsIn() {
  await page.goto(url);
  await asksWho();
  assert.equal(await page.evaluate(() => document.activeElement.id), "token");
  assert.equal(await page.getByLabel("Bearer token").getAttribute("type"), "password");
  await signIn("nonsense");
  await until("that it was not taken", () => /^The token was not taken/.test(document.querySelector("#sign-in-why").textContent));
  assert.equal(await page.evaluate(() => sessionStorage.length), 0, "what was not taken is not kept");
  await signIn(` ${viewer} `);
  await until("who it is", () => document.querySelector("#who").textContent.includes(": viewer"));
  assert.deepEqual(await page.evaluate(() => [location.search, document.cookie, localStorage.length, sessionStorage.length]), ["", "", 0, 1]);
}

async function looksOnly() {
  await overview();
  assert.equal(await page.locator("#overview button:visible").count(), 0);
  await deadLetters();
  const row = page.locator("#letters tbody tr").first();
  await row.getByRole("checkbox").check();
  assert.equal(await row.locator("button:visible").count(), 0);
  for (const id of ["replay-chosen", "replay-all", "purge-chosen", "purge-all"]) assert.ok(await page.locator(`#${id}`).isDisabled(), id);
  await view("Live tail");
  assert.ok(await page.getByLabel("Payloads").isDisabled());
  const id = await page.evaluate(async () => {
    const headers = { "Sluice-Dashboard": "1", "Content-Type": "application/json", Authorization: `Bearer ${sessionStorage.getItem("sluice-token")}` };
    return (await (await fetch("/api/AdminService/ListDeadLetters", { method: "POST", headers, body: "{}" })).json()).deadLetters[0].id;
  });
  assert.equal(await asked("TapService/Tail", {}), 200);
  const refused = [
    ["AdminService/GetDeadLetter", { id }], ["AdminService/ListDeadLetters", { payloadBytes: 8 }], ["TapService/Tail", { payloadBytes: 8 }],
    ["AdminService/ReplayDeadLetters", { selection: { ids: [id] } }], ["AdminService/PurgeDeadLetters", { selection: { filter: {} } }],
    ["LiveService/PauseChain", { chain: "poison" }], ["LiveService/DisconnectWorker", { worker: "raw/e2e" }],
  ];
  for (const [path, body] of refused) assert.equal(await asked(path, body), 403, path);
}

async function actsAsAnother() {
  await page.getByRole("button", { name: "Sign out" }).click();
  await asksWho();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  await page.goto(url);
  await signIn(operator);
  await until("who it is", () => document.querySelector("#who").textContent.includes(": operator"));
  await overview();
  assert.ok(await page.locator("#overview").getByRole("button", { name: "Pause" }).first().isVisible());
  await deadLetters();
  await page.locator("#letters tbody tr").first().getByRole("button", { name: "Look" }).click();
  await until("the payload", () => document.querySelector("#letter").open && document.querySelector("#letter-payload").textContent === "for operators");
}

try {
  await signsIn();
  await looksOnly();
  await actsAsAnother();
  assert.deepEqual(complaints, []);
  console.log(JSON.stringify({ ok: true }));
} catch (error) {
  console.log(JSON.stringify({ ok: false, missed: String(error.stack), complaints }));
} finally {
  await browser.close();
}
