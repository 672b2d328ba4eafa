import type { Host } from './core/host.ts';
import type { LogEvent } from './worker/deps.ts';

/** What a person is told: the end of a task, however it ended, and an agent that waits for somebody. */
const EVENTS = ['succeeded', 'failed', 'cancelled', 'timed_out', 'not_started', 'lost', 'waiting_input'];

const NOTIFY_MS = 10_000;

/**
 * A log that also runs the user's own command for what people want to know. The facts come as variables, so
 * that nothing of a task is ever read by the shell. A command that fails or hangs holds nothing up.
 *
 * @param command  shell line of the user's configuration; null for none
 */
export function notifying(
  host: Host,
  command: string | null,
  log: (event: LogEvent) => void,
): (event: LogEvent) => void {
  if (command === null || command === '') return log;
  return (event) => {
    log(event);
    if (!EVENTS.includes(event.event)) return;
    const env = {
      BERTH_EVENT: event.event,
      BERTH_TASK: event.task === undefined ? '' : String(event.task),
      BERTH_MESSAGE: event.message ?? '',
    };
    void host
      .exec({ argv: ['sh', '-c', command], cwd: null, env }, { timeoutMs: NOTIFY_MS })
      .then(({ exitCode, stderr }) => {
        if (exitCode !== 0)
          log({ event: 'notify_failed', message: `exit code ${exitCode}: ${stderr.trim()}` });
      });
  };
}
