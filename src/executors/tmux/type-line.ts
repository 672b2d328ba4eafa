import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { BerthError } from '../../core/errors.ts';
import type { TmuxControl } from '../tmux-control.ts';
import { somebodyTypes } from './somebody.ts';

export interface ShellPane {
  readonly control: TmuxControl;
  readonly pane: string;
  /** The shell of the pane. */
  readonly shell: number;
}

const ACKNOWLEDGE_MS = 2_000;
const TRIES = 3;
const READY_MS = 10_000;

/**
 * Type one short line of ours at a shell's prompt, until the script in it has taken its start token. A line that
 * was lost (the screen does not show it) is typed again, which is harmless: the token is taken once. When it was
 * never taken, we take it, so that a line which arrives late starts nothing.
 *
 * @param line   of our own making: no text of a user is ever typed at a shell
 * @param token  file that the script makes first
 * @throws {BerthError} `SHELL_NOT_READY`: nothing ran and nothing will
 */
export async function typeLine(at: ShellPane, line: string, token: string): Promise<void> {
  if (!/^ sh [A-Za-z0-9/_.-]+$/.test(line))
    throw notReady('its run directory has a path that cannot be typed');
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const blocked = await whyNotNow(at);
    if (blocked !== null) return giveUp(token, blocked);
    // what somebody left on the line goes away, wherever the cursor is
    await at.control.run(['send-keys', '-t', at.pane, 'C-e', 'C-u']);
    await at.control.run(['send-keys', '-t', at.pane, '-l', '--', line]);
    await at.control.run(['send-keys', '-t', at.pane, 'Enter']);
    for (const deadline = Date.now() + ACKNOWLEDGE_MS; Date.now() < deadline; await delay(5)) {
      if (isThere(token)) return;
    }
    const screen = await at.control.run(['capture-pane', '-p', '-J', '-t', at.pane], { raw: true });
    if (screen.some((row) => row.includes(line.trim()))) return giveUp(token, 'something else read the line');
  }
  giveUp(token, 'it did not take the line that was typed');
}

/** Null when the shell itself has the terminal. Builtins look the same: the token is the proof. */
async function whyNotNow({ control, pane, shell }: ShellPane): Promise<string | null> {
  for (const deadline = Date.now() + READY_MS; ; await delay(50)) {
    const [line = ''] = await control.run([
      'display-message',
      '-p',
      '-t',
      pane,
      '#{pane_dead} #{pane_in_mode}',
    ]);
    const [dead, inMode] = line.split(' ');
    if (dead !== '0') return 'its pane is dead';
    if (inMode === '1') await control.run(['send-keys', '-t', pane, '-X', 'cancel']);
    const typing = await somebodyTypes(control, pane);
    if (inMode === '0' && !typing && hasTerminal(shell)) return null;
    if (Date.now() > deadline)
      return typing ? 'somebody types in it' : 'another program is in front of its shell';
  }
}

/** Whether the group of a process is the one that the terminal listens to; true where it cannot be known. */
function hasTerminal(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return group === foreground;
  } catch {
    return process.platform !== 'linux';
  }
}

/** Takes the token, or finds that the script was faster after all. */
function giveUp(token: string, reason: string): void {
  try {
    writeFileSync(token, '', { flag: 'wx', mode: 0o600 });
  } catch {
    return;
  }
  throw notReady(reason);
}

function isThere(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}

function notReady(reason: string): BerthError {
  return new BerthError(`The shell of the session was not ready: ${reason}.`, {
    code: 'SHELL_NOT_READY',
    hint: 'Nothing ran. Look at it with `berth session attach`, or leave --in-shell out to get a window.',
  });
}
