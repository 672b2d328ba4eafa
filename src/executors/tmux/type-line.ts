import { existsSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { TmuxControl } from '../tmux-control.ts';
import { notReady, typeAtPrompt, whyNotFree } from './free-prompt.ts';
import { inFront } from './in-front.ts';

export interface ShellPane {
  readonly control: TmuxControl;
  readonly pane: string;
  /** The shell of the pane. */
  readonly shell: number;
}

const ACKNOWLEDGE_MS = 2_000;
const SLOW_MS = 8_000;
const TRIES = 3;

/**
 * Type one short line of ours at a shell's prompt, until the script in it has taken its start token. A line that
 * was lost (the screen does not show it) is typed again, which is harmless: the token is taken once. When it was
 * never taken, we take it, so that a line which arrives late starts nothing.
 *
 * @param script  path of what is run; of our own making: no text of a user is ever typed at a shell
 * @param token   file that the script makes first
 * @throws {BerthError} `SHELL_NOT_READY`: nothing ran and nothing will
 */
export async function typeLine(at: ShellPane, script: string, token: string): Promise<void> {
  const { control, pane } = at;
  if (!isTypable(script)) throw notReady('its run directory has a path that cannot be typed');
  // the leading blank keeps it out of most histories; a path is no alias
  const line = ` /bin/sh ${script}`;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const blocked = await whyNotFree(control, pane, () => inTheWay(at.shell));
    if (blocked !== null) return giveUp(token, blocked);
    await typeAtPrompt(control, pane, line);
    if (await isTaken(token, ACKNOWLEDGE_MS)) return;
    const screen = await control.run(['capture-pane', '-p', '-J', '-t', pane], { raw: true });
    if (!screen.some((row) => row.includes(line.trim()))) continue;
    // it arrived: the machine may be slow
    if (await isTaken(token, SLOW_MS)) return;
    return giveUp(token, 'something else read the line');
  }
  giveUp(token, 'it did not take the line that was typed');
}

async function isTaken(token: string, withinMs: number): Promise<boolean> {
  for (const deadline = Date.now() + withinMs; Date.now() < deadline; await delay(5)) {
    if (existsSync(token)) return true;
  }
  return false;
}

/** Whether a path means itself in any shell, and in a command of tmux. */
export function isTypable(path: string): boolean {
  return /^[A-Za-z0-9/_.-]+$/.test(path);
}

/** Null when the shell itself has the terminal. Builtins look the same: the token is the proof. */
function inTheWay(shell: number): string | null {
  const front = inFront(shell);
  if (front === null) return process.platform === 'linux' ? 'its shell is gone' : null;
  return front.kind === 'shell' ? null : `another program is in front of its shell (${front.name})`;
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
