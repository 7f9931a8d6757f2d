// Makes elements. What devices, workers and brokers have said gets in as text only: nothing here parses HTML.
const SVG = "http://www.w3.org/2000/svg";

export const $ = (id) => document.getElementById(id);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

export const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// A real table whose rows stay where they are while their cells change, so that nobody loses the place or the focus.
// `columns`: [{title, number: true if it is one, cell(row) → text or a node that is made once, node: true of the latter}].
export class Table {
  constructor(caption, columns, empty) {
    this.columns = columns;
    this.rows = new Map();
    this.body = el("tbody");
    this.none = el("p", { class: "hint" }, empty);
    const heads = columns.map((column) => el("th", { scope: "col", class: column.number ? "number" : null }, column.title));
    this.table = el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, ...heads)), this.body);
    this.element = el("div", { class: "table", role: "region", "aria-label": caption, tabindex: "0" }, this.table, this.none);
    this.show([], () => "");
  }

  // In the order of `items`; `key` tells one from another.
  show(items, key) {
    const kept = new Map();
    let place = null;
    for (const item of items) {
      const id = key(item);
      const row = this.rows.get(id) ?? this.#make(item);
      row.item = item;
      this.columns.forEach((column, i) => {
        if (!column.node) setText(row.cells[i], column.cell(item));
        else column.update?.(row.cells[i].firstChild, item);
      });
      kept.set(id, row);
      this.rows.delete(id);
      const wanted = place === null ? this.body.firstChild : place.nextSibling;
      if (wanted !== row.element) this.body.insertBefore(row.element, wanted);
      place = row.element;
    }
    for (const row of this.rows.values()) row.element.remove();
    this.rows = kept;
    this.none.hidden = items.length > 0;
    this.table.hidden = items.length === 0;
  }

  items() {
    return [...this.rows.values()].map((row) => row.item);
  }

  #make(item) {
    const row = { item };
    row.cells = this.columns.map((column, i) => {
      const cell = el(i === 0 && !column.node ? "th" : "td", { class: column.number ? "number" : column.class, scope: i === 0 && !column.node ? "row" : null });
      // The item of the row changes, the node does not.
      if (column.node) cell.append(column.cell(() => row.item));
      return cell;
    });
    row.element = el("tr", {}, ...row.cells);
    return row;
  }
}
