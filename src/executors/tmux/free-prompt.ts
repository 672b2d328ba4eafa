import { setTimeout as delay } from 'node:timers/promises';
import { BerthError } from '../../core/errors.ts';
import type { TmuxControl } from '../tmux-control.ts';
import { somebodyTypes } from './somebody.ts';

const PATIENCE_MS = 10_000;

/**
 * Wait until a line may be typed in a pane: it is alive, out of copy mode, no program fills its screen, nobody
 * types, and the right program is in front.
 *
 * @param inTheWay  what is in front instead, in words; null when it is the right one
 * @returns         why not, or null
 */
export async function whyNotFree(
  control: TmuxControl,
  pane: string,
  inTheWay: () => string | null | Promise<string | null>,
): Promise<string | null> {
  const format = '#{pane_dead} #{pane_in_mode} #{alternate_on}';
  for (const deadline = Date.now() + PATIENCE_MS; ; await delay(50)) {
    const [line = ''] = await control.run(['display-message', '-p', '-t', pane, format]);
    const [dead, inMode, fullScreen] = line.split(' ');
    if (dead !== '0') return 'its pane is dead';
    if (inMode === '1') await control.run(['send-keys', '-t', pane, '-X', 'cancel']);
    const typing = await somebodyTypes(control, pane);
    const other = fullScreen === '1' ? 'a program fills its screen' : await inTheWay();
    if (inMode === '0' && !typing && other === null) return null;
    if (Date.now() > deadline) return typing ? 'somebody types in it' : (other ?? 'it stays in copy mode');
  }
}

/** Type one line of ours; what somebody left on the line goes away, wherever the cursor is. */
export async function typeAtPrompt(control: TmuxControl, pane: string, line: string): Promise<void> {
  await control.run(['send-keys', '-t', pane, 'C-e', 'C-u']);
  await control.run(['send-keys', '-t', pane, '-l', '--', line]);
  await control.run(['send-keys', '-t', pane, 'Enter']);
}

/** Nothing ran, and nothing will. */
export function notReady(reason: string): BerthError {
  return new BerthError(`The shell of the session was not ready: ${reason}.`, {
    code: 'SHELL_NOT_READY',
    hint: 'Nothing ran. Look at it with `berth session attach`, or leave --in-shell out to get a window.',
  });
}
