// Calls of the gateway, in protobuf's JSON. The token of whoever has signed in stays in this tab.
const KEY = "sluice-token";

export class CallError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

export const signedIn = () => sessionStorage.getItem(KEY) !== null;
export const signIn = (token) => sessionStorage.setItem(KEY, token.trim());
export const signOut = () => sessionStorage.removeItem(KEY);

function headers(more) {
  const token = sessionStorage.getItem(KEY);
  return { "Sluice-Dashboard": "1", ...more, ...(token === null ? {} : { Authorization: `Bearer ${token}` }) };
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(`/api/${path}`, { cache: "no-store", credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new CallError("UNAVAILABLE", "The gateway does not answer.");
  }
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  throw new CallError(said.code ?? "UNKNOWN", said.message ?? `HTTP ${response.status}`);
}

export const get = async (path) => (await request(path, { headers: headers({}) })).json();

const post = (path, body, signal) => request(path, { method: "POST", headers: headers({ "Content-Type": "application/json" }), body: JSON.stringify(body ?? {}), signal });

// "LiveService/ListWorkers".
export const call = async (path, body) => (await post(path, body)).json();

// Hands each line to `line` until `signal` aborts, which is no error.
export async function lines(path, body, signal, line) {
  try {
    const reader = (await post(path, body, signal)).body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) throw new CallError("UNAVAILABLE", "The connection was lost.");
      const parts = (rest + value).split("\n");
      rest = parts.pop();
      for (const part of parts.filter((text) => text !== "")) {
        const object = JSON.parse(part);
        if (object.end !== undefined) {
          if (object.end.code === "OK") return;
          throw new CallError(object.end.code, object.end.message);
        }
        line(object);
      }
    }
  } catch (error) {
    if (signal.aborted) return;
    throw error instanceof CallError ? error : new CallError("UNAVAILABLE", "The connection was lost.");
  }
}
