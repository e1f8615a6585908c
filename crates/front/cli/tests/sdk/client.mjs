// Drives the published SDK through a list of steps, as a program that uses it would, and prints what each of them gave.
//
//   node client.mjs STEPS     STEPS is JSON: {codex, steps: [{op, thread, …}]}; see tests/program/sdk.rs
//
// Output: one JSON list with an entry for each step: {ok: …} or {error: {name, message}}, and the thread's id.
import { Codex } from "@openai/codex-sdk";

const { codex: options, steps } = JSON.parse(process.argv[2]);
const codex = new Codex(options);
const threads = new Map();

function threadOf(step) {
  if (!threads.has(step.thread)) {
    const made = step.resume ? codex.resumeThread(step.resume, step.options) : codex.startThread(step.options);
    threads.set(step.thread, made);
  }
  return threads.get(step.thread);
}

async function perform(step) {
  const abort = new AbortController();
  const turn = { ...step.turn, ...(step.abortAt ? { signal: abort.signal } : {}) };
  if (step.op === "run") return await threadOf(step).run(step.input, turn);
  // "stream": every event; with `abortAt`, aborts at the first event that starts an item of this type.
  const events = [];
  try {
    for await (const event of (await threadOf(step).runStreamed(step.input, turn)).events) {
      events.push(event);
      if (event.type === "item.started" && event.item.type === step.abortAt) abort.abort();
    }
  } catch (error) {
    error.events = events;
    throw error;
  }
  return events;
}

const results = [];
for (const step of steps) {
  let result;
  try {
    result = { ok: await perform(step) };
  } catch (error) {
    result = { error: { name: error.name, message: error.message, events: error.events } };
  }
  results.push({ ...result, thread: threads.get(step.thread)?.id ?? null });
}
console.log(JSON.stringify(results));
