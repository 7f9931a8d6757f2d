// Numbers and times for people.
export const number = (value) => Number(value ?? 0).toLocaleString("en");

export function rate(value) {
  const n = Number(value ?? 0);
  if (n === 0) return "0/s";
  if (n < 10) return `${n.toFixed(1)}/s`;
  return `${Math.round(n).toLocaleString("en")}/s`;
}

export function bytes(value) {
  let n = Number(value ?? 0);
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (n < 1024) return `${n < 10 && unit !== "B" ? n.toFixed(1) : Math.round(n)} ${unit}`;
    n /= 1024;
  }
  return `${n.toFixed(1)} TiB`;
}

// Milliseconds; nothing: "".
export function age(ms) {
  if (ms === undefined || ms === null || ms === "") return "";
  const s = Number(ms) / 1000;
  if (s < 1) return `${Math.round(Number(ms))} ms`;
  if (s < 120) return `${s < 10 ? s.toFixed(1) : Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} days`;
}

export const time = (unixMs) => new Date(Number(unixMs)).toLocaleTimeString("en-GB", { hour12: false }) + "." + String(Number(unixMs) % 1000).padStart(3, "0");
export const moment = (unixMs) => (Number(unixMs) > 0 ? new Date(Number(unixMs)).toISOString().replace("T", " ").slice(0, 19) + "Z" : "");

// Protobuf's JSON has bytes in base64: as text where it is text, else in hexadecimal.
export function payload(base64) {
  const raw = Uint8Array.from(atob(base64 ?? ""), (c) => c.charCodeAt(0));
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(raw);
    if (!/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(text)) return text;
  } catch {
    // It is no text.
  }
  return [...raw].map((b) => b.toString(16).padStart(2, "0")).join(" ");
}
