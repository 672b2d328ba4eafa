import type { Deps } from '../actions/deps.ts';
import { logs } from '../actions/logs.ts';
import { taskView } from '../actions/task-rows.ts';
import { wait } from '../actions/wait.ts';
import { exitCodeOf } from '../core/task.ts';
import { chunkLines } from './log-lines.ts';
import { reportNotes, reportOutcome } from './outcome-text.ts';
import type { Output } from './output.ts';

/** Print the output of a task until it ends, then answer its exit code. */
export async function follow(deps: Deps, out: Output, id: number): Promise<number> {
  const lines = chunkLines();
  for await (const chunk of logs(deps, { id, attempt: null, follow: true })) {
    if (out.json) await out.value(lines(chunk));
    else await out.bytes(chunk.stream, chunk.bytes);
  }
  let exitCode = 0;
  for await (const { task, outcome } of wait(deps, { ids: [id], timeoutMs: null })) {
    if (out.json) await out.value(taskView(task, deps.runs.path));
    else {
      await reportNotes(out, task.attempts.at(-1)?.context?.warnings ?? []);
      await reportOutcome(out, id, outcome);
    }
    exitCode = exitCodeOf(outcome);
  }
  return exitCode;
}
