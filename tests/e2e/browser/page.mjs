// Looks at a gateway's dashboard in Chromium as an operator does: page.mjs URL FOLDER. Says {"ok": true} or what it missed,
// and leaves pictures in FOLDER. The gateway and what happens in it are test_dashboard_page.py's.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [url, folder] = process.argv.slice(2);
const PATIENCE = 20000 * Number(process.env.SLUICE_TIME_FACTOR ?? 1);
const HOSTILE = '<img src=x onerror="window.hacked=1">';

const browser = await chromium.launch({ executablePath: process.env.SLUICE_CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, colorScheme: "light" });
const page = await context.newPage();
page.setDefaultTimeout(PATIENCE);
const complaints = [];
page.on("console", (message) => { if (message.type() === "error") complaints.push(message.text()); });
page.on("pageerror", (error) => complaints.push(String(error)));
const elsewhere = [];
page.on("request", (request) => { if (!request.url().startsWith(url)) elsewhere.push(request.url()); });

// Waits until `check`, run in the page with `argument`, is true; `what` for whoever reads why it is not.
async function until(what, check, argument) {
  await page.waitForFunction(check, argument).catch(async () => {
    throw new Error(`not seen: ${what}\n${(await page.locator("body").innerText()).slice(0, 3000)}`);
  });
}
const view = (name) => page.getByRole("navigation", { name: "Views" }).getByRole("link", { name }).click();
const asked = (title) => until(`the question: ${title}`, (wanted) => document.querySelector("#ask").open && document.querySelector("#ask-title").textContent === wanted, title);
const inTable = (caption) => page.getByRole("table", { name: caption });

async function overview() {
  await page.goto(url);
  await until("rates of the chain", () => {
    const row = [...document.querySelectorAll("#chains tbody tr")].find((one) => one.cells[0].textContent === "temperature");
    return row && [2, 3, 4].every((i) => parseFloat(row.cells[i].textContent) > 0);
  });
  await until("rates on the arrows", () => {
    const rates = [...document.querySelectorAll("#flow .rate")].map((one) => parseFloat(one.textContent));
    return rates.length === 5 && rates.every((one) => one > 0);
  });
  await until("what is stuck, and why", () => /Chain alarms is stuck: no worker serves it; 5 messages wait/.test(document.querySelector("#waits").textContent));
  await until("the worker", () => document.querySelector("#workers tbody").textContent.includes("raw/e2e"));
  await until("the connection", () => document.querySelector("#connections tbody").textContent.includes("plant"));
  assert.match(await page.locator("#flow svg").getAttribute("aria-label"), /Chains \(alarms stuck/);
  await page.screenshot({ path: `${folder}/light.png` });
}

async function colours() {
  const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await back();
  await page.emulateMedia({ colorScheme: "dark" });
  assert.notEqual(await back(), light);
  await page.screenshot({ path: `${folder}/dark.png` });
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 390, height: 844 });
  await until("the path from top to bottom", () => document.querySelector("#flow svg.down"));
  for (const name of ["Dead letters", "Live tail", "Configuration", "Overview"]) {
    await view(name);
    const width = await page.evaluate(() => document.scrollingElement.scrollWidth);
    assert.ok(width <= 390, `${name} is ${width} wide`);
  }
  await page.screenshot({ path: `${folder}/phone.png`, fullPage: true });
  await page.setViewportSize({ width: 1360, height: 900 });
}

async function keyboard() {
  await page.goto(url);
  await until("the page", () => !document.querySelector("#overview").hidden);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Dead letters");
  assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "none");
  await page.keyboard.press("Enter");
  await until("the view that was chosen", () => !document.querySelector("#dead-letters").hidden);
  const nameless = await page.evaluate(() => [...document.querySelectorAll("input, select, button")]
    .filter((one) => one.checkVisibility() && !one.labels?.length && !one.textContent && !one.getAttribute("aria-label")).map((one) => one.outerHTML));
  assert.deepEqual(nameless, []);
  const shapeless = await page.evaluate(() => [...document.querySelectorAll("table")].filter((one) => !one.caption || !one.tHead || one.querySelectorAll("thead th:not([scope=col])").length).length);
  assert.equal(shapeless, 0);
  for (const role of ["banner", "navigation", "main"]) assert.equal(await page.getByRole(role).count(), 1, role);
}

// What axe-core can check of what people need who see little or nothing: the rules of WCAG 2.2, A and AA, in each view.
async function accessible() {
  const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const name of ["Overview", "Dead letters", "Live tail", "Configuration"]) {
      await view(name);
      await page.evaluate(axe);
      const { violations, passes } = await page.evaluate(() => window.axe.run());
      assert.ok(passes.length > 10, "it has looked");
      assert.deepEqual(violations.map((one) => `${name}, ${colorScheme}: ${one.help}: ${one.nodes.map((node) => node.html).join(" ")}`), []);
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
}

// What a screen reader says, in the order of the page.
async function heard() {
  await view("Overview");
  const said = await page.locator("body").ariaSnapshot();
  for (const part of [/link "Skip to the content"/, /navigation "Views"/, /main/, /img "[^"]*Chains \(alarms stuck/, /table "Chains"/, /columnheader "Waiting"/, /button "Pause"/]) assert.match(said, part);
  assert.ok(said.indexOf("Chain alarms is stuck") < said.indexOf('table "Chains"'), "what is wrong comes first");
}

async function deadLetters() {
  await view("Dead letters");
  const rows = inTable("Dead letters, the oldest first").locator("tbody tr");
  await until("two dead letters", () => document.querySelectorAll("#letters tbody tr").length === 2);
  assert.equal(await rows.first().locator("td").nth(4).textContent(), `poison/${HOSTILE}`);
  assert.match(await rows.first().innerText(), /<b>no such sensor<\/b>/);
  await page.screenshot({ path: `${folder}/letters.png` });

  await rows.first().getByRole("button", { name: "Look" }).click();
  await until("the payload as text", () => document.querySelector("#letter").open && document.querySelector("#letter-payload").textContent === "<script>window.hacked=1</script>");
  await page.locator("#letter").getByRole("button", { name: "Close" }).click();

  await page.getByRole("button", { name: "Purge all that match" }).click();
  await asked("Purge 2 dead letters?");
  await page.getByRole("button", { name: "No, leave it" }).click();
  await until("that nothing was done", () => document.querySelector("#letters-said").textContent === "Nothing was done.");

  await rows.first().getByRole("checkbox").check();
  await page.getByRole("button", { name: "Replay chosen" }).click();
  await asked("Replay 1 dead letters?");
  await page.locator("#ask").getByRole("button", { name: "Replay" }).click();
  await until("the replay", () => document.querySelector("#letters-said").textContent === "1 replayed.");
  await until("one dead letter less", () => document.querySelectorAll("#letters tbody tr").length === 1);
}

async function tail() {
  await view("Live tail");
  await page.locator("#tail-filter").getByLabel("Topic filter").fill("load/#");
  await page.getByRole("button", { name: "Follow" }).click();
  await until("lines", () => document.querySelectorAll("#tail-lines tbody tr").length > 20);
  await until("the topic as text", (topic) => [...document.querySelectorAll("#tail-lines tbody td")].some((cell) => cell.textContent === topic), `load/${HOSTILE}`);
  await page.screenshot({ path: `${folder}/tail.png` });
  await page.locator("#tail-lines caption").hover();
  await until("that the table rests", () => document.querySelector("#tail-said").textContent.includes("rests"));
  await page.locator("#tail-lines tbody tr").first().getByRole("link").click();
  await until("its steps", () => /received.*delivered.*settled.*replied/s.test(document.querySelector("#message-steps tbody").textContent));
  await until("where it stands", () => /It is (done|settled)/.test(document.querySelector("#message-fields").textContent));
  await page.screenshot({ path: `${folder}/message.png` });
  await page.locator("#topic-form").getByLabel("Topic filter").fill("alarm/#");
  await page.getByRole("button", { name: "Find the newest" }).click();
  await until("messages that wait", () => document.querySelectorAll("#message-list tbody tr").length === 5 && /waiting/.test(document.querySelector("#message-list tbody").textContent));
  await view("Live tail");
  await page.getByRole("button", { name: "Stop" }).click();
  await until("that it stopped", () => document.querySelector("#tail-said").textContent.startsWith("Stopped"));
}

async function acts() {
  await view("Overview");
  const alarms = inTable("Chains").getByRole("row", { name: /^alarms/ });
  await alarms.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("textbox", { name: "Why" }).fill("<i>bad deploy</i>");
  await page.locator("#ask").getByRole("button", { name: "Pause" }).click();
  await until("the pause and its reason", () => document.querySelector("#waits").textContent.includes("<i>bad deploy</i>"));
  await alarms.getByRole("button", { name: "Resume" }).click();
  await page.locator("#ask").getByRole("button", { name: "Resume" }).click();
  await until("that it goes on", () => !document.querySelector("#waits").textContent.includes("paused"));
}

async function configuration() {
  await view("Configuration");
  await until("the configuration", () => document.querySelector("#yaml").textContent.includes("temperature"));
  const text = await page.locator("#configuration").innerText();
  assert.match(text, /\(secret\)/);
  assert.doesNotMatch(text, /hunter2/);
  assert.match(text, /Version\s+[0-9a-f]{12}/);
}

try {
  await overview();
  await colours();
  await keyboard();
  await accessible();
  await heard();
  await deadLetters();
  await tail();
  await acts();
  await configuration();
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.equal(await page.locator("main img, main script").count(), 0);
  assert.deepEqual(complaints, []);
  assert.deepEqual(elsewhere, []);
  console.log(JSON.stringify({ ok: true }));
} catch (error) {
  await page.screenshot({ path: `${folder}/failed.png` }).catch(() => {});
  console.log(JSON.stringify({ ok: false, missed: String(error.stack), complaints }));
} finally {
  await browser.close();
}
