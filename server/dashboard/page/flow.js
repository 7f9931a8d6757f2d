// The path of messages as a picture: a box for each stage, and an arrow to the next with its rate. The same stands below
// it in tables; for who cannot see it the picture has one sentence.
import { el, svg } from "./dom.js";
import { rate } from "./text.js";

const BOX = 148;
const LINE = 34;
const HEAD = 30;
const GAP = 76;

const cut = (text, most) => (text.length > most ? text.slice(0, most - 1) + "…" : text);
const label = (stage) => rate(stage.out);

function box(stage, x, y, width, height) {
  const parts = [
    svg("rect", { x, y, width, height, rx: 8, class: "box" }),
    svg("text", { x: x + 10, y: y + 20, class: "title" }, stage.title),
  ];
  stage.lines.forEach((line, i) => {
    const top = y + HEAD + i * LINE;
    parts.push(svg("rect", { x: x + 5, y: top, width: 4, height: LINE - 6, rx: 2, class: `level ${line.level}` }));
    const most = Math.floor((width - 22) / 7.2);
    const shown = svg("text", { x: x + 15, y: top + 12, class: "line" }, cut(line.text, most));
    shown.append(svg("title", {}, line.note ? `${line.text}: ${line.note}` : line.text));
    parts.push(shown);
    if (line.note) parts.push(svg("text", { x: x + 15, y: top + 26, class: `note ${line.level}` }, cut(line.note, Math.floor((width - 22) / 6.1))));
  });
  return svg("g", {}, ...parts);
}

const heightOf = (stage) => HEAD + Math.max(1, stage.lines.length) * LINE + 6;

function across(stages) {
  const height = Math.max(...stages.map(heightOf));
  const width = stages.length * BOX + (stages.length - 1) * GAP;
  const parts = [];
  stages.forEach((stage, i) => {
    const x = i * (BOX + GAP);
    parts.push(box(stage, x, 1, BOX, height - 2));
    if (i === stages.length - 1) return;
    const y = height / 2;
    parts.push(svg("line", { x1: x + BOX + 4, y1: y, x2: x + BOX + GAP - 10, y2: y, class: stage.out > 0 ? "arrow flows" : "arrow", "marker-end": "url(#head)" }));
    parts.push(svg("text", { x: x + BOX + GAP / 2, y: y - 10, class: "rate" }, label(stage)));
  });
  return { width, height, parts };
}

function down(stages) {
  const width = 340;
  const parts = [];
  let y = 1;
  stages.forEach((stage, i) => {
    const height = heightOf(stage);
    parts.push(box(stage, 1, y, width - 2, height));
    y += height;
    if (i === stages.length - 1) return;
    parts.push(svg("line", { x1: width / 2, y1: y + 4, x2: width / 2, y2: y + 26, class: stage.out > 0 ? "arrow flows" : "arrow", "marker-end": "url(#head)" }));
    parts.push(svg("text", { x: width / 2 + 14, y: y + 22, class: "rate beside" }, label(stage)));
    y += 38;
  });
  return { width, height: y + 2, parts };
}

const sentence = (stages) => stages.map((stage) => {
  const bad = stage.lines.filter((line) => line.level === "bad").map((line) => `${line.text} ${line.note ?? ""}`);
  return `${stage.title}${bad.length > 0 ? ` (${bad.join(", ")})` : ""}${stage.out === undefined ? "" : `, ${label(stage)} to`}`;
}).join(" ");

export function draw(place, stages) {
  const narrow = place.clientWidth > 0 && place.clientWidth < 760;
  const { width, height, parts } = (narrow ? down : across)(stages);
  const head = svg("defs", {}, svg("marker", { id: "head", viewBox: "0 0 10 10", refX: 8, refY: 5, markerWidth: 6, markerHeight: 6, orient: "auto-start-reverse" }, svg("path", { d: "M0 0L10 5L0 10z", class: "head" })));
  place.replaceChildren(svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": sentence(stages), class: narrow ? "down" : "across" }, head, ...parts));
}

export const key = () => el("p", { class: "key hint" }, "Rates are means of the last five to ten seconds; the last one is of replies that brokers have confirmed.");
