import type { OutputChunk } from '../../actions/deps.ts';
import { runNow } from '../../actions/foreground.ts';
import { show } from '../../actions/show.ts';
import { taskView } from '../../actions/task-rows.ts';
import { parseDuration } from '../../core/duration.ts';
import { exitCodeOf } from '../../core/task.ts';
import { defineCommand, JSON_FLAG } from '../command.ts';
import { CONTEXT_FLAGS } from '../context-flags.ts';
import { contextRequest, openMatters } from '../context-options.ts';
import { chunkLines } from '../log-lines.ts';
import { reportNotes, reportOutcome } from '../outcome-text.ts';
import type { Output } from '../output.ts';
import { runPayload } from '../payload.ts';
import { LIMIT_FLAGS } from '../queue-flags.ts';

export default defineCommand({
  name: 'run',
  details:
    "One argument with blanks is a shell line, more are an argument list. The exit code is the command's;\n124 timed out, 125 berth could not start it, 130 cancelled, 70 its end cannot be known.\nWith --idle-timeout it gets no terminal, because berth has to see the output.",
  arguments: { usage: 'CMD ARG...', min: 1, max: Number.POSITIVE_INFINITY, completes: 'command', rest: true },
  flags: {
    ...CONTEXT_FLAGS,
    ...LIMIT_FLAGS,
    stdin: { type: 'boolean', short: 'i', help: "give the command this program's stdin" },
    ...JSON_FLAG,
  },
  examples: [
    ['berth run --use-container -- pytest -q', "runs pytest in the project's own container"],
    ["berth run 'make clean && make'", 'runs a shell line on this machine'],
  ],

  async run({ deps, out, flags, args }) {
    const request = {
      payload: runPayload(args),
      context: await contextRequest(flags, deps),
      open: openMatters(flags),
      queue: {
        ...(flags.timeout !== null && { timeoutMs: parseDuration('--timeout', flags.timeout) }),
        ...(flags['idle-timeout'] !== null && {
          idleTimeoutMs: parseDuration('--idle-timeout', flags['idle-timeout']),
        }),
      },
    };
    // what passes by unseen cannot be missed
    const seen = flags.json || flags['idle-timeout'] !== null;
    const lines = chunkLines();
    const print = async (chunk: OutputChunk) =>
      flags.json ? out.value(lines(chunk)) : out.bytes(chunk.stream, chunk.bytes);
    const { id, outcome } = await runNow(deps, request, {
      started: () => undefined,
      resolved: (warnings) => void (flags.json || reportNotes(out, warnings)),
      stdin: stdinMode(flags.stdin, seen, out),
      output: seen ? print : null,
    });
    if (flags.json) await out.value(taskView(await show(deps, id), deps.runs.path));
    else await reportOutcome(out, id, outcome);
    return exitCodeOf(outcome);
  },
});

/** A terminal on both ends is handed over; other input is read only when asked, so that loops keep theirs. */
function stdinMode(asked: boolean, seen: boolean, out: Output): 'none' | 'forward' | 'terminal' {
  if (!seen && process.stdin.isTTY && out.columns !== null) return 'terminal';
  return asked ? 'forward' : 'none';
}
