import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { ProcessRef } from '../../core/host.ts';

/** Who reads what is typed in a pane. */
export interface InFront {
  /**
   * `shell`: the pane's own, on this machine. `client`: a program whose terminal is another one, with a shell at
   * its other end. `other`: anything else, which nothing is typed at.
   */
  readonly kind: 'shell' | 'client' | 'other';
  readonly process: Omit<ProcessRef, 'bootId'>;
  /** Its name, for messages. */
  readonly name: string;
}

const SHELLS = /^-?(?:ba|da|z|fi|a|k|mk|pdk|ya|c|tc|r?ba)?sh$|^-?(?:busybox|ksh93|nu|elvish|xonsh)$/;

/**
 * The program that the terminal of a pane listens to, as the kernel knows it; null where that cannot be known.
 *
 * @param pid  the first process of the pane
 */
export function inFront(pid: number): InFront | null {
  const first = statOf(pid);
  if (first === null) return null;
  const { foreground } = first;
  const front = foreground === pid ? first : statOf(foreground);
  if (front === null) return null;
  const process = { pid: foreground, startTime: front.startTime };
  const argv = argvOf(foreground);
  if (isClient(argv)) return { kind: 'client', process, name: basename(argv[0] ?? '') };
  const isShell = first.group === foreground && SHELLS.test(front.name);
  return { kind: isShell ? 'shell' : 'other', process, name: front.name };
}

/** Programs that put their own terminal at the end of ours, each with what must follow for a shell to be there. */
export function isClient(argv: readonly string[]): boolean {
  const [program = '', ...rest] = argv;
  const name = basename(program);
  if (name === 'ssh') return isLogin(rest);
  const words = rest.filter((word) => !word.startsWith('-'));
  const enters = /^(?:docker|podman|nerdctl|kubectl|oc|docker-compose)$/.test(name) && words.includes('exec');
  // a last word that is a shell: nothing else was given to run
  return enters && SHELLS.test(basename(words.at(-1) ?? ''));
}

/** `ssh HOST`, whatever its options: with a command behind it there is no shell to type at. */
function isLogin(words: readonly string[]): boolean {
  // options of ssh(1) that take the next word
  const takesNext = /^-[46AaCfGgKkMNnqsTtVvXxYy]*[BbcDEeFIiJLlmOoPpQRSWw]$/;
  let at = 0;
  while (words[at]?.startsWith('-')) at += takesNext.test(words[at] ?? '') ? 2 : 1;
  return words.length === at + 1;
}

interface Stat {
  readonly name: string;
  readonly group: number;
  /** Process group that the terminal listens to. */
  readonly foreground: number;
  readonly startTime: string;
}

/** proc(5), `/proc/PID/stat`. */
function statOf(pid: number): Stat | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const end = stat.lastIndexOf(')');
    const fields = stat.slice(end + 2).split(' ');
    return {
      name: stat.slice(stat.indexOf('(') + 1, end),
      group: Number(fields[2]),
      foreground: Number(fields[5]),
      startTime: fields[19] ?? '',
    };
  } catch {
    return null;
  }
}

function argvOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0$/, '').split('\0');
  } catch {
    return [];
  }
}
